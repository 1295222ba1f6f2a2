/* session/journal.h: what must be durable, and the bytes that wait for it.
 *
 * The write-ahead rules R1 to R17: a mechanism says what it wants stored, then
 * encodes the packet that depends on it into um_journal_out(). While the store
 * has not answered for that batch the bytes are held back; when it has, they
 * go to the out buffer in order. PINGREQ, acknowledgements of QoS 1 and QoS 0
 * messages wait for nothing.
 *
 * A store that cannot make a batch durable has failed for good (D03 of
 * research/reliability.md): what it holds is not known, so no byte that depends
 * on it may leave, and nothing more is handed to it.
 *
 * With the memory store (no commit hook) there is nothing to wait for and
 * nothing is recorded. */
#ifndef UM_SESSION_JOURNAL_H
#define UM_SESSION_JOURNAL_H

#include "session/op.h"

enum um_store_kind {
  UM_STORE_PUT_OUT,   /* message: a new outgoing QoS 1 or 2 message, QUEUED */
  UM_STORE_SET_OUT,   /* seq, pid, state: SENT, RELEASED, or QUEUED again */
  UM_STORE_DEL_OUT,   /* seq */
  UM_STORE_PUT_IN_ID, /* pid: a QoS 2 message was received */
  UM_STORE_DEL_IN_ID, /* pid: and released */
  UM_STORE_NEW_EPOCH, /* a new session: all in-ids are void */
  UM_STORE_META,      /* client_id, version, session_may_exist */
};

struct um_store_op {
  enum um_store_kind kind;
  uint64_t seq; /* the op's id; order of sequence is order of sending */
  uint16_t pid;
  uint8_t state;                   /* enum um_op_state */
  const uvmqtt_message_t *message; /* PUT_OUT; valid during commit */
  const char *client_id;           /* META; valid during commit */
  uint8_t version;
  bool session_may_exist;
};

/* The store's side: make ops[0..n) durable as one transaction, batches in
 * order, then call um_session_stored(batch, 0): inside this call or later. With
 * a negative status it gives up: it is not called again. */
typedef void (*um_commit_fn)(void *up, const struct um_store_op *ops, size_t n,
                             uint64_t batch);

struct um_journal {
  um_commit_fn commit; /* NULL: memory store */
  void *up;
  struct um_buf *out; /* where released bytes go */
  size_t max_held;
  struct um_ledger *ledger; /* NULL: nothing was recorded yet */
  bool failed; /* no memory for a record: the connection must end */
  bool broken; /* the store failed, for ever; then `failed`, too */
};

struct um_ledger {
  struct um_buf held;
  struct um_store_op *ops; /* the batch being put together */
  size_t n, cap;
  uint64_t batch;  /* number of that batch, from 1 */
  uint64_t stored; /* greatest batch known durable */
  struct um_mark { /* held bytes up to `end` wait for `batch` */
    uint64_t batch;
    size_t end;
  } * marks;
  size_t n_marks, cap_marks;
};

void um_journal_init(struct um_journal *j, um_commit_fn commit, void *up,
                     struct um_buf *out, size_t max_held);
void um_journal_done(struct um_journal *j);

/* Room for n more records, so that as many puts cannot fail. UM_ENOMEM. */
int um_journal_reserve(struct um_journal *j, size_t n);
void um_journal_put(struct um_journal *j, const struct um_store_op *op);
/* The buffer for bytes that depend on everything put so far; NULL when memory
 * is out, now or since the connection began. */
struct um_buf *um_journal_out(struct um_journal *j);
/* Call after encoding into um_journal_out(). */
void um_journal_mark(struct um_journal *j);
/* Hands the batch to the store. At the end of every call into the session. */
void um_journal_commit(struct um_journal *j);
void um_journal_stored(struct um_journal *j, uint64_t batch);
/* The store failed: held bytes go, nothing is recorded or let out any more. */
void um_journal_break(struct um_journal *j);
/* Why um_journal_out gave NULL: UVMQTT_ESTORE or UM_ENOMEM. */
int um_journal_error(const struct um_journal *j);
/* The next connection may try again what failed for want of memory. */
void um_journal_new_connection(struct um_journal *j);
/* What is put into um_journal_out() next has secrets in it. */
void um_journal_guard(struct um_journal *j);
size_t um_journal_held(const struct um_journal *j); /* bytes */
/* The connection is gone: held bytes go with it, records stay. */
void um_journal_drop(struct um_journal *j);

#endif
