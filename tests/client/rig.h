/* client/rig.h: one loop, a scripted peer, and a client that writes down all
 * it says. Guards hold in every test: no callback inside a call of ours, none
 * after the close callback, each request completes once. */
#ifndef CLIENT_RIG_H
#define CLIENT_RIG_H

#include "support/broker.h"
#include <uvmqtt.h>

#define LOG_MAX 16384
#define REQUESTS_MAX 64

/* What a client says; also the index of the hooks. */
enum heard {
  CONNECTED,
  MESSAGE,
  DISCONNECTED,
  STATE,
  NOTICE,
  COMPLETED, /* of publish, subscribe, unsubscribe */
  LEFT,      /* of uvmqtt_disconnect */
  CLOSED,
  HEARDS
};

struct rig;

struct guest {
  struct rig *rig;
  uvmqtt_t *m; /* NULL when closed */
  bool closing, closed;
  unsigned n[HEARDS];
  void (*on[HEARDS])(struct guest *g); /* what the test does in there */
  char log[LOG_MAX];    /* a line for each, see rig.c; tests clear it */
  char states[1024];    /* of on_state alone: "connecting online ..." */
  int64_t retry_in;     /* as last told */
  uvmqtt_error_t error; /* as last told; address and texts below */
  char address[64], hint[256], reason_string[256];
  uint32_t attempt;
  bool was_online;
  int left;                 /* what LEFT said */
  int status[REQUESTS_MAX]; /* of completions, by the number we gave */
  unsigned completions[REQUESTS_MAX];
  unsigned requests;            /* accepted */
  unsigned order[REQUESTS_MAX]; /* in which they completed */
  unsigned n_order;
  bool quiet;     /* writes no log: for floods */
  unsigned total; /* of all callbacks; close_at of them: close in it */
  unsigned close_at;
  unsigned closed_after; /* n_order when it was closed */
  void *arg;
};

struct rig {
  uv_loop_t loop;
  uv_timer_t guard;
  bool late;
  bool in_call;
  bool turning; /* uv_run returns after the first callback */
  bool crowded; /* other handles than ours and one client's are expected */
  struct broker b;
  struct guest g; /* most tests need one */
};

void rig_open(struct rig *r);
/* Closes client and peer, runs the loop dry; uv_loop_close() must be 0. */
void rig_close(struct rig *r);

/* options: url, callbacks and data are filled in, but on_message only when it
 * is NULL. NULL: defaults. */
void guest_open(struct rig *r, struct guest *g,
                const uvmqtt_options_t *options);
int guest_try(struct rig *r, struct guest *g,
              const uvmqtt_options_t *options); /* what uvmqtt_new says */
void guest_close(struct guest *g);              /* asks; the loop does it */
/* Is it a handle of the test's and not of a client's? */
bool rig_owns(const struct rig *r, const uv_handle_t *h);

/* Around each call of ours: no callback may come inside. */
#define IN_CALL(r, result, call)                                               \
  do {                                                                         \
    (r)->in_call = true;                                                       \
    result = (call);                                                           \
    (r)->in_call = false;                                                      \
  } while (0)

/* Turns the loop until it holds; fails the test after ten seconds. */
#define UNTIL(r, condition)                                                    \
  for (rig_arm(r); !(condition);)                                              \
  rig_turn(r, #condition, __FILE__, __LINE__)
void rig_arm(struct rig *r);
void rig_turn(struct rig *r, const char *awaited, const char *file, int line);
void rig_rest(struct rig *r, unsigned ms); /* turns for so long */
uint64_t rig_clock(void);                  /* ms, real */

/* The conversation, see support/broker.h. */
#define HEARS(r, expected) rig_hears(r, expected, __FILE__, __LINE__)
#define SAYS(r, line) broker_says(&(r)->b, line)
void rig_hears(struct rig *r, const char *expected, const char *file, int line);
void rig_hears_end(struct rig *r); /* FIN or RST, and not a byte before */
void rig_hears_nothing(struct rig *r, unsigned ms);
/* CONNECT is heard and CONNACK (or what it says) said, and on_connect came. */
void rig_online(struct rig *r, const uvmqtt_options_t *options,
                const char *connack);

/* Calls, with what they return. */
int guest_connect(struct guest *g);
int guest_publish(struct guest *g, const char *topic, const char *payload,
                  uint8_t qos);
int guest_subscribe(struct guest *g, const char *filter, uint8_t qos);
int guest_unsubscribe(struct guest *g, const char *filter);
int guest_leave(struct guest *g, uvmqtt_disconnect_mode_t mode,
                uint32_t timeout);
uvmqtt_stats_t guest_stats(const struct guest *g);
/* A completion callback that notes; its arg is rig_request(g, n). */
uvmqtt_request_cb guest_completed(void);

/* Every accepted request completed exactly once. */
void guest_all_completed(const struct guest *g);

#endif
