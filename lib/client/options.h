/* client/options.h: the user's options, checked, completed with the defaults
 * and copied. */
#ifndef UM_CLIENT_OPTIONS_H
#define UM_CLIENT_OPTIONS_H

#include "client/servers.h"
#include "client/shared.h"
#include "client/socket.h"
#include "client/url.h"
#include "client/way.h"
#include <uvmqtt/client.h>

struct um_options {
  struct um_shared *shared; /* shared, see shared.h */
  struct um_identity who;   /* its memory is ours */
  struct um_op *will; /* ops only for their copying, of no pool; `who` points */
  struct um_op *properties; /* into them */
  struct um_url url;
  struct um_servers servers;       /* beside it */
  struct um_way *way;              /* NULL: nothing but the URL was said */
  struct um_socket_wishes *socket; /* NULL: none */
  uvmqtt_tls_t *tls; /* our reference; NULL when the URL is without TLS */
};

/* The errors of uvmqtt_new. *ret needs um_options_done on success only. */
int um_options_read(const uvmqtt_options_t *from, struct um_options *ret);
/* All of it or, with an error of uvmqtt_go, nothing. *ret_moved: the URL leads
 * to another host or port now. */
int um_options_change(struct um_options *o, const uvmqtt_change_t *change,
                      bool *ret_moved);
void um_options_done(struct um_options *o); /* wipes the secrets */

#endif
