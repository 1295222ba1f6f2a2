/* filled in by the next commits */ typedef int um_base_empty;
