/* session/auth.h: enhanced authentication (4.12): CONNECT names a method, then
 * server and user talk in AUTH packets until CONNACK, and again, on the user's
 * wish, while online. What is said is the user's business; whose turn it is and
 * for how long is decided here. Part of the session. */
#ifndef UM_SESSION_AUTH_H
#define UM_SESSION_AUTH_H

#include "session/op.h"

struct um_session;

/* More AUTH 0x18 in one exchange: UVMQTT_EAUTH, 0x8C. */
#define UM_AUTH_ROUNDS_MAX 16u

enum um_auth_turn {
  UM_AUTH_NOBODY, /* no exchange.          next: START, SERVER               */
  UM_AUTH_START,  /* inside event START.   next: NOBODY                      */
  UM_AUTH_SERVER, /* we spoke last.        next: USER, NOBODY                */
  UM_AUTH_USER,   /* AUTH 0x18 came.       next: SERVER, NOBODY              */
};

struct um_auth {
  uint8_t turn;
  uint8_t rounds;        /* AUTH 0x18 that came in this exchange */
  int error;             /* of START: its answer could not be kept */
  struct um_op *first;   /* the answer to START, for CONNECT; NULL: none */
  struct um_op *request; /* the re-authentication under way; NULL: none */
};

/* For the owner. Without a method: the first does nothing, the others
 * are UVMQTT_ENOTSUP. */

/* Before um_session_up: event START, inside which um_session_auth says what
 * CONNECT will carry. 0, or UM_ENOMEM when that could not be kept. */
int um_session_ask(struct um_session *s);
/* Answers the latest event: START inside it, CONTINUE inside it or later.
 * data.data NULL: no Authentication Data; properties: neither that nor the
 * method. 0, UVMQTT_ESTALE (no question is open), UVMQTT_ETOOBIG (for the
 * server's Maximum Packet Size), UM_ENOMEM. */
int um_session_auth(struct um_session *s, uint64_t now, uvmqtt_bytes_t data,
                    const uvmqtt_property_t *properties, size_t n);
/* AUTH 0x19. 0, UM_ENOTCONN (not UP), UM_EALREADY (one is under way),
 * UVMQTT_ETOOBIG, UM_ENOMEM. Completes after event SUCCESS or when the
 * connection ends. */
int um_session_reauthenticate(struct um_session *s, uint64_t now,
                              uvmqtt_bytes_t data,
                              const uvmqtt_property_t *properties, size_t n,
                              uvmqtt_request_cb cb, void *arg,
                              uint64_t *ret_id);

/* For the session. */

/* The properties of CONNECT: at most so many, and so many written. */
size_t um_auth_room(const struct um_session *s);
size_t um_auth_properties(const struct um_session *s, uvmqtt_property_t *list);
/* CONNECT is encoded, or could not be (r): the server's turn. */
void um_auth_greeted(struct um_session *s, int r);
/* A CONNACK that accepts: 0 or UVMQTT_EPROTOCOL; then event SUCCESS. */
int um_auth_check_connack(const struct um_session *s,
                          const struct um_packet *p);
void um_auth_accepted(struct um_session *s, const struct um_packet *p);
int um_recv_auth(struct um_session *s, struct um_packet *p);
/* Overwrites the Authentication Data where it was received. */
void um_auth_wipe_received(const struct um_packet *p);
/* The connection ended; state and ending still say how. code: as for
 * um_session_down. */
void um_auth_down(struct um_session *s, int code);
/* The request, if there is one, joins those that are cancelled next. */
void um_auth_join(struct um_session *s);
void um_auth_done(struct um_session *s);

#endif
