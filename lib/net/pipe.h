/* net/pipe.h: a stream over a unix socket. um_route's server has the path in
 * `host`, or "@name" for an abstract one (Linux); its port is ignored. */
#ifndef UM_NET_PIPE_H
#define UM_NET_PIPE_H

#include "net/route.h"
#include <sys/socket.h>
#include <sys/un.h>

um_layer um_pipe_new; /* 0, UV_ENOMEM, UVMQTT_EPATH; keeps no path */

/* 0, or UVMQTT_EPATH: not a path or "@name", or longer than sockets take (107
 * bytes on Linux). */
int um_pipe_check(const char *path);

/* The system's part. */

/* 0: it cannot be said in an address. */
socklen_t um_pipe_address(const char *path, struct sockaddr_un *ret);
int um_pipe_socket(void); /* non-blocking, close-on-exec; -1 and errno */

#endif
