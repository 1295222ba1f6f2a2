/* session/session.h: what MQTT demands, without a socket, a clock or a loop.
 *
 * In: bytes, how many bytes were written, the time, link up and down, store
 * done, requests. Out: bytes in `out`, events, store operations, one deadline.
 *
 * Who calls: client/pump.c. In its words: um_session_up, then for every chunk
 * um_session_feed, before every write um_session_drain, after it
 * um_session_written; when um_session_deadline has passed um_session_tick; and
 * um_session_settle whenever the stack is ours, so that completions are
 * delivered. Then take what is in session->out.
 *
 * Events run inside feed and settle only (and `commit` at the end of every
 * call). settle delivers what was due when it was called; while callbacks make
 * more due, um_session_unsettled stays true. Requests may be made inside
 * events. To end things inside an event call um_session_halt; feed and settle
 * then return at once.
 */
#ifndef UM_SESSION_SESSION_H
#define UM_SESSION_SESSION_H

#include "session/acklist.h"
#include "session/alias.h"
#include "session/auth.h"
#include "session/chunk.h"
#include "session/commons.h"
#include "session/counters.h"
#include "session/filters.h"
#include "session/inbox.h"
#include "session/journal.h"
#include "session/keepalive.h"
#include "session/limits.h"
#include "session/outbox.h"
#include "session/receipt.h"
#include "session/requester.h"
#include "session/spoken.h"
#include "session/subs.h"
#include "wire/frame.h"
#include <uvmqtt/options.h>

/* A message is encoded only while fewer bytes than this wait for the kernel. */
#define UM_OUT_ENOUGH 65536u
#define UM_REASON_STRING_MAX 256u

enum um_session_state {
  UM_SESSION_DOWN,     /* no connection.           next: GREETING             */
  UM_SESSION_GREETING, /* CONNECT encoded.         next: UP, FAILED, DOWN     */
  UM_SESSION_UP,      /* CONNACK came.            next: LEAVING, FAILED, DOWN */
  UM_SESSION_LEAVING, /* DISCONNECT encoded: nothing more is sent, what comes
                         is discarded.            next: DOWN                 */
  UM_SESSION_FAILED,  /* feed or tick gave an error. next: DOWN              */
};

/* Who connects, and what CONNECT tells of it. Borrowed for the life of the
 * session; the owner may change values between connections. Strings are
 * checked. */
struct um_identity {
  const char *client_id;
  const char *username;         /* NULL: none */
  uvmqtt_bytes_t password;      /* data is NULL: none */
  const char *auth_method;      /* NULL: none; else events->auth is not NULL */
  const uvmqtt_message_t *will; /* NULL: none */
  const uvmqtt_property_t *properties; /* User Properties of CONNECT */
  size_t n_properties;
  uint64_t seed; /* random: makes Correlation Data of ours hard to guess */
  bool withheld; /* this server may know neither user name nor password, method
                    nor Will */
};

/* How; many sessions may have the same. Borrowed as well, and not changed but
 * between connections. */
struct um_session_config {
  uvmqtt_protocol_t version;
  uvmqtt_session_mode_t mode;
  uvmqtt_session_lost_t lost;
  uint32_t session_expiry;
  uint16_t keep_alive;
  uint16_t receive_maximum;
  uint16_t max_inflight; /* 0: what the server allows */
  uint32_t maximum_packet_size;
  uint16_t topic_alias_maximum;      /* inbound */
  uint16_t topic_alias_out;          /* outbound, as the server allows */
  bool request_response_information; /* 5.0 */
  bool no_problem_information;       /* 5.0 */
  bool drop_properties;
  size_t queue_messages;
  uint64_t queue_bytes;
  uvmqtt_overflow_t overflow;     /* not changed later */
  uint64_t high_water, low_water; /* of the bytes held; high 0: no event */
  bool refuse_offline_qos0;
  bool manual_ack;
  bool trace;
  uint32_t chunk_threshold; /* 0: none is handed out in parts */
};

struct um_session_events {
  void (*connected)(void *up, const uvmqtt_connack_t *connack);
  void (*message)(void *up, const uvmqtt_message_t *message);
  void (*chunk)(void *up, const uvmqtt_chunk_t *chunk); /* with a threshold */
  void (*completed)(void *up, uvmqtt_request_cb cb, void *arg,
                    const uvmqtt_result_t *result); /* cb is not NULL */
  void (*notice)(void *up, const uvmqtt_notice_t *notice);
  void (*auth)(void *up, const uvmqtt_auth_t *auth);
  void (*water)(void *up, bool high); /* inside settle only */
  /* With config->trace, where a packet is made or was read: inside any call. */
  void (*trace)(void *up, const uvmqtt_trace_t *trace);
  um_commit_fn commit; /* NULL: memory store */
};

/* Why feed or tick failed, for the error object. Valid until the next opening
 * or up. */
struct um_ending {
  int code;
  uint8_t reason;         /* from the server's CONNACK or DISCONNECT; 0: none */
  bool retry_now;         /* falling back to 3.1.1: no back-off */
  char *reason_string;    /* less than UM_REASON_STRING_MAX, cut at a character;
                             NULL: none, or no memory for it */
  char *server_reference; /* with reason 0x9C or 0x9D; NULL: none */
};

struct um_session {
  const struct um_session_config *config;
  const struct um_identity *who;
  const struct um_session_events *events;
  void *up;
  uint64_t now;
  enum um_session_state state;
  bool halted;       /* um_session_halt was called inside an event */
  bool paused;       /* by the user; holds up nothing before CONNACK */
  uint16_t last_pid; /* of an outbox that has gone */
  uint8_t version;   /* spoken, or to be spoken to `server` */
  bool heard;        /* a byte came on this connection */
  bool have_session; /* a CONNACK accepted us once */
  bool clean_sent;   /* in the CONNECT of this connection */
  bool force_clean;  /* after SESSION_MISMATCH: the next CONNECT */
  bool forgotten;    /* state was given up with a clean CONNECT; CONNACK will
                        report it with what was lost: */
  bool lenient;      /* the server broke our Receive Maximum in this session:
                        see deliver.c */
  bool given_up;     /* the store failed, and all that was held has ended */
  bool fell_back;    /* VERSION_FALLBACK is due in settle */
  bool rearm;        /* the deadline moved to a later time worth a timer */
  bool restore_due;  /* subscriptions are lost and no ops made for them yet */
  bool high;         /* on_water was told so last */
  uint32_t lost_messages;
  uint32_t receipts_ended; /* so many of the oldest are over: with 0 up to */
  uint64_t receipts_taken; /* here, with this after it: */
  int receipts_status;
  char *assigned_id;          /* by the server, NULL: config's is used */
  char *response_information; /* of the latest CONNACK; NULL: none */
  uint64_t server;            /* reached last; a number for each */
  struct um_spoken *spoken;   /* which of them speak 3.1.1 only */
  uint64_t next_id;
  uint64_t appended; /* bytes put into out since up */
  uint64_t taken;    /* of which the kernel took */
  uint64_t ping_end; /* where the unanswered PINGREQ ends */
  struct um_buf out; /* ready to be written; the owner empties it */
  struct um_frame frame;
  struct um_buf *later; /* came while paused, not parsed yet; NULL: nothing */
  struct um_commons *commons;
  struct um_journal journal;
  struct um_outbox *outbox; /* um_outbox_none until something is asked for, and
                               again when nothing was for a Keep Alive */
  struct um_inbox inbox;
  struct um_acklist *unacked; /* manual_ack: of QoS 1, of QoS 2; NULL: not
                                 needed yet */
  struct um_chunk *chunk;     /* NULL: no message came in parts yet */
  struct um_receipts receipts;
  struct um_subs subs;
  struct um_filters *filters;     /* NULL: no handler was asked for yet */
  struct um_requester *requester; /* NULL: no um_session_request yet */
  struct um_list due;             /* see inner.h */
  struct um_keepalive keepalive;
  struct um_limits limits;
  struct um_auth auth;
  struct um_alias_in alias_in;
  struct um_alias_out alias_out;
  struct um_ending ending;
  struct um_counters counters;
};

/* Before anything is put into the outbox: makes it. UM_ENOMEM. */
int um_session_need_outbox(struct um_session *s);

/* All of these must outlive the session. */
void um_session_init(struct um_session *s,
                     const struct um_session_config *config,
                     const struct um_identity *who,
                     const struct um_session_events *events, void *up,
                     struct um_commons *commons);
/* Frees all; requests still held are forgotten without completion. */
void um_session_done(struct um_session *s);

/* An attempt to connect begins: what is known of an earlier ending is void. */
void um_session_opening(struct um_session *s);
/* Which server CONNECT is about to go to, as a number for each; 0 before the
 * first call. What is known of it decides the version. Only DOWN. */
void um_session_reached(struct um_session *s, uint64_t server);
/* The transport is connected: encodes CONNECT. UM_ENOMEM, UVMQTT_ESTORE. */
int um_session_up(struct um_session *s, uint64_t now);
/* The transport is gone. code: why, UM_EOF or UM_ECONNRESET when the peer
 * closed it (that counts for the fall-back), anything else, 0 when we did.
 * Completes nothing by itself: call settle. ending.retry_now may be set, and
 * `version` may have changed. */
void um_session_down(struct um_session *s, uint64_t now, int code);

/* 0, or an error that ended the connection: UVMQTT_EMALFORMED, _EPROTOCOL,
 * _ETOOBIG, _EQUOTA, _ETOPICALIAS, _EAUTH (a DISCONNECT with the right reason
 * is in out for 5.0, nothing for 3.1.1), UVMQTT_EREFUSED, _EVERSION,
 * _EDISCONNECTED, _ENOCLIENTID, UM_ENOMEM; details in ending. Write out once
 * more, close, call down. The chunk is overwritten in place. */
int um_session_feed(struct um_session *s, uint64_t now, uint8_t *data,
                    size_t len);
/* No packet behind the one being delivered is looked at until resume and then
 * read_on; what comes meanwhile is kept, so stop reading while
 * um_session_paused. Legal inside events, lasts across connections. */
void um_session_pause(struct um_session *s, uint64_t now);
void um_session_resume(struct um_session *s, uint64_t now);
bool um_session_paused(const struct um_session *s); /* wants no bytes now */
int um_session_read_on(struct um_session *s, uint64_t now); /* as feed */
/* Moves waiting requests into out while it holds less than UM_OUT_ENOUGH. 0, or
 * UM_ENOMEM or UVMQTT_ESTORE when the journal could not be kept: as an error of
 * feed. */
int um_session_drain(struct um_session *s, uint64_t now);
/* The kernel took n more bytes. */
void um_session_written(struct um_session *s, size_t n);
/* The same, some time after the write: see um_keepalive_busy. */
void um_session_wrote(struct um_session *s, uint64_t now, size_t n);
/* 0 or UVMQTT_EKEEPALIVE: the server is gone. May encode PINGREQ. What has run
 * out of time finishes; the connection may be down. */
int um_session_tick(struct um_session *s, uint64_t now);
uint64_t um_session_deadline(const struct um_session *s); /* UM_NEVER */
/* Delivers the completions that are due. */
void um_session_settle(struct um_session *s);
bool um_session_unsettled(const struct um_session *s); /* settle has work */
void um_session_halt(struct um_session *s);
/* The store answered for this batch and all before it: 0. Or it has failed, a
 * negative status: from now on nothing leaves that is to be stored first, and
 * no acknowledgement; the next drain, or feed, ends the connection with
 * UVMQTT_ESTORE, as does every later up; the next settle completes with it all
 * that is held; requests are refused with it. Legal anywhere. */
void um_session_stored(struct um_session *s, uint64_t batch, int status);

/* Requests; arguments are checked by the caller with wire/packet.h. 0 or
 * UVMQTT_EFULL, UM_ENOTCONN (refuse_offline_qos0), UVMQTT_ESTORE, UM_ENOMEM.
 * Nothing completes inside. */
int um_session_publish(struct um_session *s, uint64_t now,
                       const uvmqtt_message_t *m, uvmqtt_request_cb cb,
                       void *arg, uint64_t *ret_id);
int um_session_subscribe(struct um_session *s, uint64_t now,
                         const uvmqtt_subscription_t *filters, size_t n,
                         const uvmqtt_property_t *properties,
                         size_t n_properties, uvmqtt_request_cb cb, void *arg,
                         uint64_t *ret_id);
int um_session_unsubscribe(struct um_session *s, uint64_t now,
                           const char *const *filters, size_t n,
                           const uvmqtt_property_t *properties,
                           size_t n_properties, uvmqtt_request_cb cb, void *arg,
                           uint64_t *ret_id);
/* 0, UM_ENOENT or UM_EALREADY: see uvmqtt_cancel. */
int um_session_cancel(struct um_session *s, uint64_t now, uint64_t id);
/* Acknowledges a message, with uvmqtt_ack's errors; UVMQTT_ESTALE also when
 * not UP. Legal inside events. */
int um_session_ack(struct um_session *s, uint64_t now, uint64_t token,
                   uint8_t reason);
/* 0, UVMQTT_ECONFLICT, UVMQTT_EFULL or UM_ENOMEM: see uvmqtt_handle. ret may be
 * NULL. */
int um_session_handle(struct um_session *s, uint64_t now,
                      const uvmqtt_subscription_t *filter, uint32_t identifier,
                      uvmqtt_handler_cb cb, void *arg, uvmqtt_request_cb done,
                      void *done_arg, uvmqtt_handler_t **ret);
/* 0, UM_ENOENT, UVMQTT_EFULL or UM_ENOMEM. */
int um_session_unhandle(struct um_session *s, uint64_t now,
                        uvmqtt_handler_t *handler, uvmqtt_request_cb done,
                        void *done_arg);
/* 0, UVMQTT_ENOTSUP, UVMQTT_ECONFLICT, UVMQTT_EPROPERTY, UVMQTT_ETOPIC,
 * UVMQTT_EFULL or UM_ENOMEM: see uvmqtt_request. */
int um_session_request(struct um_session *s, uint64_t now,
                       const uvmqtt_message_t *m, const char *reply_topic,
                       uint32_t timeout, uvmqtt_reply_cb cb, void *arg,
                       uint64_t *ret_id);
/* answer is checked here, for most of it comes from the request. */
int um_session_respond(struct um_session *s, uint64_t now,
                       const uvmqtt_message_t *request,
                       const uvmqtt_message_t *answer, uvmqtt_request_cb cb,
                       void *arg, uint64_t *ret_id);
/* Only UP: a PINGREQ now, whatever the keep alive says; else UM_ENOTCONN. */
int um_session_ping(struct um_session *s, uint64_t now);
/* The same; without any byte within so many ms the server is gone. */
int um_session_probe(struct um_session *s, uint64_t now, uint64_t within);
/* Encodes DISCONNECT when UP; else does nothing. KEEP adds Session Expiry
 * Interval 0 unless properties has one. */
void um_session_leave(struct um_session *s, uint64_t now, uint8_t reason,
                      const uvmqtt_property_t *properties, size_t n_properties);
/* What may be said of them, NULL for none. */
static inline const char *um_session_auth_method(const struct um_session *s) {
  return s->who->withheld ? NULL : s->who->auth_method;
}
/* The identifier in use. */
const char *um_session_client_id(const struct um_session *s);
/* Is there nothing that could be sent now: not waiting, not in out, not held?
 */
bool um_session_flushed(const struct um_session *s);
/* Does no request wait, be it to be sent or to be answered? */
bool um_session_drained(const struct um_session *s);
/* How many do. */
size_t um_session_left(const struct um_session *s);
/* All requests finish with this status; settle delivers. */
void um_session_cancel_all(struct um_session *s, int status);

#endif
