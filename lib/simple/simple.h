/* simple/simple.h: what a simple client is made of. It lives on the public
 * interface alone: a private loop and one uvmqtt_t for each connect. A robust
 * one is a simple one that judges the end of a connection otherwise. */
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
  uvmqtt_simple_log_cb log;
  void *log_arg;
  uvmqtt_tls_t *ssl; /* NULL: clear text */
};

struct uvmqtt_simple_s {
  uv_loop_t loop;
  struct um_settings settings;
  uvmqtt_simple_cb cb;
  void *arg;
  uvmqtt_t *m;  /* NULL before connect; kept when the connection is lost, for
                   its last error */
  bool turning; /* the loop runs: no call may wait */

  /* robust: */
  bool lasting; /* a lost connection comes back, so calls need not be online */
  bool wanted;  /* it does: connected once, and neither left nor given up */
  /* Is the connection's end the end of what waits? Why, or 0. */
  int (*judge)(struct uvmqtt_simple_s *c, const uvmqtt_disconnect_t *d);

  /* the call that waits */
  uv_timer_t timer; /* its bound */
  bool timed_out;
  uint64_t awaited; /* request, 0: none */
  bool connecting;  /* the connection itself */
  bool done;        /* what it waits for has come: */
  int status;       /* of the request, or Session Present */
  int lost;         /* why the connection ended, 0: it did not */

  bool one_message; /* the next message is the last for this call */
  bool paused;      /* it came: nothing more is read till the next call */
  bool gone;        /* disconnect was called since the call began */
  bool leaving;     /* and is not finished */
  int left;         /* how it finished */

  bool warned;    /* of credentials in clear text */
  int failed;     /* what the latest call that failed answered */
  char text[512]; /* the same in words, when asked for */
};

/* simple.c. */
int um_simple_init(struct uvmqtt_simple_s *c,
                   const uvmqtt_simple_options_t *options);
/* Every call that waits begins and ends with these. begin: UV_EINVAL,
 * UVMQTT_EDEADLOCK, UV_ENOTCONN. end returns r when all is told. */
int um_simple_begin(struct uvmqtt_simple_s *c);
int um_simple_end(struct uvmqtt_simple_s *c, int r);
/* Makes c->m for one connect. */
void um_simple_listen(struct uvmqtt_simple_s *c, uvmqtt_options_t *options);
int um_simple_open(struct uvmqtt_simple_s *c, const uvmqtt_options_t *options);
/* Waits for the connection that was asked for: Session Present. */
int um_simple_await(struct uvmqtt_simple_s *c, int timeout_ms);
int um_simple_leave(struct uvmqtt_simple_s *c);
int um_simple_publish(struct uvmqtt_simple_s *c,
                      const uvmqtt_message_t *message, int timeout_ms);

/* say.c. */
/* Keeps what went wrong for uvmqtt_simple_error_text; returns r. */
int um_simple_note(struct uvmqtt_simple_s *c, int r);
void um_simple_warn(struct uvmqtt_simple_s *c, const uvmqtt_transition_t *step);

/* options.c. All return 0, or what uvmqtt_new would refuse. */
/* A struct of the user's that begins with its size becomes ours: shorter than
 * ours (but least) the rest is zero, longer must be zero behind ours. */
int um_simple_take(const void *from, size_t least, void *ret, size_t size);
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
