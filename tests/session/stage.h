/* session/stage.h: a session with handlers and requests on it. A test reads as
 * a conversation in the words of support/packets.h; everything the session
 * calls back is a line of the log. Each test ends with stage_close, which
 * checks that every done came once. */
#ifndef SESSION_STAGE_H
#define SESSION_STAGE_H

#include "session/requester.h"
#include "session/session.h"
#include "support/packets.h"

#define DONES_MAX 256

struct stage {
  struct um_session session;
  struct um_session_config config;
  struct um_identity who;
  struct um_commons commons;
  uint64_t now;
  char log[TEXT_MAX];
  bool quiet; /* no log */
  /* Inside each callback, after its line was written: that line. */
  void (*hook)(struct stage *st, const char *line);
  /* Instead of a line, for what no handler matches. */
  void (*on_message)(struct stage *st, const uvmqtt_message_t *m);
  int result;              /* for them to keep something */
  unsigned asked, told;    /* completions owed and heard */
  unsigned n[DONES_MAX];   /* of each */
  uint8_t reply_qos;       /* of stage_reply; its id is 9 */
  uint8_t correlation[64]; /* of the last request heard */
  size_t correlation_len;
};

/* version 4 or 5. */
void stage_open(struct stage *st, uint8_t version);
void stage_close(struct stage *st);
/* up, CONNECT whatever it says, this CONNACK; drops the line it logs. */
void stage_online(struct stage *st, const char *connack);
void stage_begin(struct stage *st); /* 5.0, online */
void stage_down(struct stage *st);

#define SAYS(st, line) stage_says(st, line)
#define HEARS(st, line) stage_hears(st, line, __LINE__)
#define LOGS(st, text) stage_logs(st, text, __LINE__)
/* Completions are settled, what waits is sent. */
void stage_says(struct stage *st, const char *line);
/* Whatever comes of it. */
void stage_tries(struct stage *st, const char *line);
/* The next packet sent; "" for none. */
void stage_hears(struct stage *st, const char *line, int at);
/* All lines since the last look. */
void stage_logs(struct stage *st, const char *text, int at);
void stage_pass(struct stage *st, uint64_t ms); /* tick and settle */
void stage_settle(struct stage *st);

/* name is what the log says, and must be static. filter as in
 * support/packets.h: "a/+:1n", with an identifier "a/+:1=7". */
int stage_handle(struct stage *st, const char *name, const char *filter,
                 uvmqtt_handler_t **ret);
/* The same without done. */
int stage_handle_mute(struct stage *st, const char *name, const char *filter,
                      uvmqtt_handler_t **ret);
/* A handler whose SUBSCRIBE (with this id) was granted. */
void stage_granted(struct stage *st, const char *name, const char *filter,
                   unsigned id, uvmqtt_handler_t **ret);
int stage_unhandle(struct stage *st, const char *name, uvmqtt_handler_t *h);
/* Logs "NAME reply PAYLOAD" or "NAME ENAME". */
int stage_request(struct stage *st, const char *name, const char *topic,
                  uint8_t qos, const char *reply_topic, uint32_t timeout,
                  uint64_t *ret_id);
/* For tests that make the call themselves; st.asked counts. */
void stage_reply_cb(uvmqtt_t *m, int status, const uvmqtt_message_t *reply,
                    void *arg);
void *stage_ticket(unsigned i, const char *name);
/* Says a PUBLISH at this topic with the last Correlation Data heard. */
void stage_reply(struct stage *st, const char *topic, const char *payload);

/* Lives through it again and again, each time with another allocation failing,
 * or all from there on. Returns how many allocations it takes. */
uint64_t stage_starve(struct stage *st, void (*live)(void));

#endif
