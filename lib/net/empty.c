/* filled in by the next commits */ typedef int um_net_empty;
