/* filled in by the next commits */ typedef int um_client_empty;
