/* simple/simple.h: what a simple client is made of. It lives on the public
 * interface alone: a private loop and one uvmqtt_t for each connect. */
#ifndef UM_SIMPLE_SIMPLE_H
#define UM_SIMPLE_SIMPLE_H

#include <uv.h>
#include <uvmqtt/simple.h>

/* What a client is made from, again for each connect. All copied. */
struct um_settings {
  char *url;
  char *client_id; /* NULL until the first connect made one up */
  char *user;
  char *password;
  char *will_topic; /* NULL: no Will */
  void *will_payload;
  size_t will_len;
  uint8_t will_qos;
  bool will_retain;
  uint16_t keepalive;
  uvmqtt_protocol_t version;
  int timeout_ms;
};

struct uvmqtt_simple_s {
  uv_loop_t loop;
  struct um_settings settings;
  uvmqtt_simple_cb cb;
  void *arg;
  uvmqtt_t *m;  /* NULL before connect; kept when the connection is lost, for
                   its last error */
  bool turning; /* the loop runs: no call may wait */

  /* the call that waits */
  uv_timer_t timer; /* its bound */
  bool timed_out;
  uint64_t awaited; /* request, 0: none */
  bool done;        /* what it waits for has come: */
  int status;       /* of the request, or Session Present */
  int lost;         /* why the connection ended, 0: it did not */

  bool one_message; /* the next message is the last for this call */
  bool paused;      /* it came: nothing more is read till the next call */
  bool leaving;     /* disconnect was called and is not finished */
  int left;         /* how it finished */
};

/* options.c. All return 0, or what uvmqtt_new would refuse. */
int um_settings_read(struct um_settings *s,
                     const uvmqtt_simple_options_t *options);
int um_settings_will(struct um_settings *s, const char *topic,
                     uvmqtt_bytes_t payload, bool retain, uint8_t qos);
/* Borrows from s and *will, which must live until the options were used. */
void um_settings_write(const struct um_settings *s, uvmqtt_message_t *will,
                       uvmqtt_options_t *ret);
void um_settings_done(struct um_settings *s);
/* An uvmqtt_options_t timeout for a timeout_ms of ours. */
uint32_t um_timeout_option(int timeout_ms);

/* turn.c. */
/* Turns the loop until done, lost, leaving or timeout_ms has passed (below 0:
 * never). 0: done; else why not. Reads on if paused. */
int um_simple_wait(struct uvmqtt_simple_s *c, int timeout_ms);
/* One turn without waiting in which what is to be sent is, and nothing is
 * delivered. */
void um_simple_flush(struct uvmqtt_simple_s *c);
/* Turns the loop until a disconnect that was begun is finished. */
int um_simple_finish_leaving(struct uvmqtt_simple_s *c);
/* Cuts the connection, if any; afterwards there is no uvmqtt_t. */
void um_simple_drop(struct uvmqtt_simple_s *c);
/* Closes what handles are left, and the loop. */
void um_simple_close_loop(struct uvmqtt_simple_s *c);

#endif
