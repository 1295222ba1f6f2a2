/* filled in by the next commits */ typedef int um_simple_empty;
