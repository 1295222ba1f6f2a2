/* sim/app.h: a program that uses the client, by chance: requests, calls inside
 * callbacks, pauses, leaving and coming back, closing and beginning anew.
 * app.c is its life, sim/asking.c what it asks for, sim/hearing.c what it is
 * told. */
#ifndef SIM_APP_H
#define SIM_APP_H

#include "sim/bytes.h"
#include "sim/driver.h"
#include "sim/ledger.h"

struct world;

#define HANDLERS_MAX 8
#define TOKENS_MAX 64

struct handling { /* a handler */
  uvmqtt_handler_t *h;
  uint32_t serial;  /* 0: none */
  uint32_t request; /* whose completion says whether it was granted */
  unsigned filter;
  uint32_t identifier;
  bool no_local;
};

struct token { /* a message to be acknowledged */
  uint64_t token, conn;
  uint32_t number;
  uint8_t qos;
  bool used;
};

struct app {
  unsigned acted;
  bool in_call; /* a call of ours into the library has not returned */
  bool paused;
  bool unsure; /* the broker's session may not be the one we believe in */
  bool ended;  /* closed for good */
  uint64_t left_at;
  bool knocked;         /* connect was called after the store had failed */
  bool left;            /* a disconnect is under way, whose end we will hear */
  bool high;            /* as on_water said last */
  size_t blocks_before; /* memory when the client object was made */
  uint32_t first_request; /* of this client object */
  /* What we believe the broker knows: by filter, the latest request of ours
   * that was granted; 0: none, 1: subscribed. */
  bool subscribed[FILTERS], unknown[FILTERS];
  uint32_t sub_request[FILTERS]; /* which request says so, + 1 */

  struct handling handlers[HANDLERS_MAX];
  uint32_t handler_serial;
  struct { /* one message on its way through the handlers */
    bool open;
    uint32_t number;
    uint32_t expected[HANDLERS_MAX]; /* serial by place, 0: none */
    unsigned called;                 /* bit per place */
    uint32_t last;                   /* serial of the latest one called */
  } dispatch;

  struct token tokens[TOKENS_MAX];
  unsigned n_tokens;  /* ever; the latest TOKENS_MAX are kept */
  struct bytes parts; /* of a large message */
  size_t parts_total; /* 0: none is coming */
  struct {
    bool open;
    uint64_t conn;
    uint8_t said; /* by the server */
  } auth;
};

void app_start(struct world *w);
void app_done(struct world *w);
void app_act(struct world *w);
void app_heal(struct world *w); /* online and reading again */
/* Everything accepted has completed. */
bool app_satisfied(struct world *w);

/* From the driver. */
void app_connected(struct world *w);
void app_disconnected(struct world *w, int code);
void app_message(struct world *w, const uvmqtt_message_t *m);
void app_chunk(struct world *w, const uvmqtt_chunk_t *c);
void app_completed(struct world *w, uint32_t number,
                   const uvmqtt_result_t *result);
void app_notice(struct world *w, const uvmqtt_notice_t *n);
void app_auth(struct world *w, const uvmqtt_auth_t *a);
void app_water(struct world *w, bool high);
void app_left(struct world *w, const struct leave *leave, int status,
              size_t n_left);
uvmqtt_redirect_verdict_t app_redirected(struct world *w);
void app_closed(struct world *w);

/* Between its parts. */
void app_reenter(struct world *w); /* a callback may ask for something */
void app_ask(struct world *w);     /* something, by chance */
void app_subscribe(struct world *w);
void app_ack_some(struct world *w);
void app_answer(struct world *w, const uvmqtt_message_t *question,
                uint32_t number);
void app_heard(uvmqtt_t *m, const uvmqtt_message_t *message, void *arg);
void app_replied(uvmqtt_t *m, int status, const uvmqtt_message_t *reply,
                 void *arg);
void app_refused(struct world *w, uint32_t request); /* a handler is gone */
/* All handlers that should have been called have been. */
void app_dispatched(struct world *w);

#endif
