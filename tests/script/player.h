/* script/player.h: a session on a stage of its own: what goes in, what comes
 * out, and the words for it. The parts that know the words are witness (what
 * happens), config, requests, steps and questions. */
#ifndef SCRIPT_PLAYER_H
#define SCRIPT_PLAYER_H

#include "script/lines.h"
#include "session/session.h"
#include "support/packets.h"

#define REQUESTS_MAX 3000 /* of one conversation */
#define HOOKS_MAX 64
#define OWNED_MAX 64
#define TOKENS_MAX 200
#define WHOLE 0
#define EACH_BYTE SIZE_MAX

struct request {
  struct player *player;
  char name[24];
  uint64_t id;
  bool accepted;
  int completions;
};

struct hook {
  char event[40];
  char step[400];
};

struct chunk {
  uint8_t *data;
  size_t len;
};

struct player {
  const char *path;
  const char *title;
  int line, step_line;
  size_t cut; /* offset in all input, WHOLE or EACH_BYTE */
  size_t fed; /* input so far */
  bool uncut; /* "whole:" was said */
  bool trace, failed;
  /* allocation failure */
  bool starving;
  bool ended; /* an error ended the connection; wait for the next up */
  uint64_t fail_in;
  int inside; /* depth of calls into the session */

  struct um_session s;
  struct um_session_config config;
  struct um_identity who;
  struct um_commons commons;
  struct um_session_events events;
  uvmqtt_message_t will;
  struct text_properties will_properties, properties;
  char *owned[OWNED_MAX]; /* strings of the config */
  size_t n_owned;
  bool begun;
  bool late_store;
  uint64_t now;
  int result; /* of the step */
  bool result_named, requesting;
  bool kernel_stopped;
  size_t seen; /* bytes of out already told */
  uint64_t committed, answered;
  struct request *requests;
  size_t n_requests;
  struct hook hooks[HOOKS_MAX];
  size_t n_hooks;
  uint64_t tokens[TOKENS_MAX]; /* in the order in which they came */
  size_t n_tokens;
  uint8_t *parts; /* of the message that comes in chunks */
  size_t n_parts, parts_total;
  struct lines expected, observed;
};

/* The conversation went wrong; the first time it is told on stderr. */
void player_fail(struct player *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void player_observe(struct player *p, const char *text);
void player_compare(struct player *p); /* at the end of a step */

/* Around each call into the session. */
void player_enter(struct player *p);
void player_leave(struct player *p);

void player_begin(struct player *p); /* with the first step but "config" */
/* Tells the packets that have come into out since it was looked at last. */
void player_tell_sent(struct player *p);
void player_kernel_takes(struct player *p, size_t n);
/* What the client's pump does when the stack is its own. */
void player_pump(struct player *p);
void player_down(struct player *p, int code);

struct chunk player_chunk(struct player *p, const char *line); /* to be freed */
/* Cut as this play wants it. */
void player_feed(struct player *p, const uint8_t *data, size_t len);

#endif
