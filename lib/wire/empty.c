/* filled in by the next commits */ typedef int um_wire_empty;
