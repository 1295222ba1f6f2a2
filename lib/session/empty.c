/* filled in by the next commits */ typedef int um_session_empty;
