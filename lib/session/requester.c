#include "session/requester.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/enquiry.h"
#include "session/pending.h"
#include "session/send.h"
#include "wire/topic.h"
#include <assert.h>
#include <string.h>

#define REPLY_QOS 2u /* the responder chooses */

static struct um_request *request_of(struct um_list *link) {
  return um_list_of(link, struct um_request, link);
}

static struct um_requester *make_requester(void) {
  struct um_requester *r = um_calloc(1, sizeof *r);
  if (r == NULL)
    return NULL;
  um_list_init(&r->mailboxes);
  um_list_init(&r->homeless);
  um_list_init(&r->requests);
  um_list_init(&r->timers);
  return r;
}

/* Time. */

static struct um_request *first_timer(const struct um_session *s) {
  const struct um_requester *r = s->requester;
  if (r == NULL || um_list_empty(&r->timers))
    return NULL;
  return um_list_of(r->timers.next, struct um_request, timer);
}

/* Most have the same time-out: the end is the place to look. */
static void start_timer(struct um_requester *q, struct um_request *r,
                        uint64_t deadline) {
  struct um_list *at = &q->timers;
  um_list_remove(&r->timer);
  r->deadline = deadline;
  while (at->prev != &q->timers &&
         um_list_of(at->prev, struct um_request, timer)->deadline > deadline)
    at = at->prev;
  um_list_insert(at, &r->timer);
}

uint64_t um_requester_deadline(const struct um_session *s) {
  const struct um_request *first = first_timer(s);
  return first == NULL ? UM_NEVER : first->deadline;
}

/* The answer may have come already: no verdict before the owner had a chance to
 * read. */
static void time_out(struct um_session *s, struct um_request *r) {
  if (s->state != UM_SESSION_UP || r->overdue) {
    um_enquiry_fail(s, r, UM_ETIMEDOUT);
    return;
  }
  r->overdue = true;
  start_timer(s->requester, r, s->now + 1);
}

void um_requester_tick(struct um_session *s) {
  struct um_request *r;
  while ((r = first_timer(s)) != NULL && r->deadline <= s->now)
    time_out(s, r);
}

/* Publishing. */

static void on_published(struct um_session *s, struct um_inner *inner,
                         const uvmqtt_result_t *result) {
  struct um_request *r = um_list_of(inner, struct um_request, published);
  r->publish_id = 0;
  if (r->over) {
    um_enquiry_release(s, r);
  } else if (result->status) {
    um_enquiry_end(s, r);
    um_enquiry_tell(s, r, s->halted ? UM_ECANCELED : result->status, NULL);
  }
}

/* What is left of its times, which ran while the message waited here. */
static int count_down(uint64_t waited, uvmqtt_message_t *m,
                      uvmqtt_property_t *p, size_t n) {
  if (m->timeout != 0 && waited >= m->timeout)
    return UM_ETIMEDOUT;
  if (m->timeout != 0)
    m->timeout -= (uint32_t)waited;
  for (size_t i = 0; i < n; i++) {
    if (p[i].id != UVMQTT_PROPERTY_MESSAGE_EXPIRY_INTERVAL || waited < 1000)
      continue;
    if (waited / 1000 >= p[i].value.num)
      return UVMQTT_EEXPIRED;
    p[i].value.num -= (uint32_t)(waited / 1000);
  }
  return 0;
}

/* 3.1.1 has nowhere to say where the answer shall go. */
static size_t add_own(const struct um_session *s, struct um_request *r,
                      uvmqtt_property_t *list, size_t n) {
  r->bare = s->version == UM_V311;
  if (r->bare)
    return n;
  list[n].id = UVMQTT_PROPERTY_RESPONSE_TOPIC;
  list[n++].value.str = r->mailbox->topic;
  list[n].id = UVMQTT_PROPERTY_CORRELATION_DATA;
  list[n++].value.bin = (uvmqtt_bytes_t){r->correlation, UM_CORRELATION_SIZE};
  return n;
}

static int publish_with(struct um_session *s, struct um_request *r,
                        const uvmqtt_message_t *from,
                        uvmqtt_property_t *properties) {
  uvmqtt_message_t m = *from;
  size_t n = from->n_properties;
  if (n != 0)
    memcpy(properties, from->properties, n * sizeof *properties);
  int status = count_down(s->now - r->asked_at, &m, properties, n);
  if (status)
    return status;
  m.properties = properties;
  m.n_properties = add_own(s, r, properties, n);
  return um_session_publish(s, s->now, &m, um_inner, &r->published,
                            &r->publish_id);
}

/* On 3.1.1 only the topic tells what a message answers. */
static int publish(struct um_session *s, struct um_request *r,
                   const uvmqtt_message_t *m) {
  assert(m != NULL);
  if (s->version == UM_V311 && !um_list_empty(&r->mailbox->sent))
    return UVMQTT_ECONFLICT;
  uvmqtt_property_t *p = um_calloc(m->n_properties + 2, sizeof *p);
  if (p == NULL)
    return UM_ENOMEM;
  int status = publish_with(s, r, m, p);
  um_free(p);
  if (status == 0) {
    um_list_remove(&r->link);
    um_list_push(&r->mailbox->sent, &r->link);
  }
  return status;
}

static void publish_held(struct um_session *s, struct um_request *r) {
  int status = publish(s, r, &r->held->u.message);
  if (status)
    um_enquiry_fail(s, r, status);
  else
    um_enquiry_drop_message(s, r);
}

/* Mailboxes. */

static void on_reply(uvmqtt_t *m, const uvmqtt_message_t *reply, void *arg);

static void on_granted(struct um_session *s, struct um_inner *inner,
                       const uvmqtt_result_t *result) {
  struct um_mailbox *b = um_list_of(inner, struct um_mailbox, granted);
  b->open = result->status == 0;
  if (!b->open)
    b->handler = NULL; /* refused: it is gone */
  while (!um_list_empty(&b->waiting)) {
    struct um_request *r = request_of(b->waiting.next);
    if (b->open)
      publish_held(s, r);
    else
      um_enquiry_fail(s, r, result->status);
  }
}

static int subscribe(struct um_session *s, struct um_mailbox *b) {
  uvmqtt_subscription_t o = {.filter = b->topic, .qos = REPLY_QOS};
  if (b->handler != NULL && (um_mailbox_is_open(b) || !b->open))
    return 0; /* granted, or asked for */
  uvmqtt_handler_t *old = b->handler;
  b->granted.completed = on_granted;
  int r = um_session_handle(s, s->now, &o, 0, on_reply, b, um_inner,
                            &b->granted, &b->handler);
  if (r)
    return r;
  b->open = false;
  if (old != NULL)
    um_session_unhandle(s, s->now, old, NULL, NULL);
  return 0;
}

static int own_mailbox(struct um_session *s, struct um_mailbox **ret) {
  char *topic;
  if (s->requester->own == NULL) {
    int r = um_mailbox_own_topic(s, &topic);
    if (r)
      return r;
    s->requester->own = um_mailbox_at(s, topic);
    um_free(topic);
  }
  *ret = s->requester->own;
  return *ret == NULL ? UM_ENOMEM : 0;
}

/* From a request to a mailbox. */

static int put_into(struct um_session *s, struct um_request *r,
                    struct um_mailbox *b) {
  r->mailbox = b;
  um_list_remove(&r->link);
  um_list_push(&b->waiting, &r->link);
  return subscribe(s, b);
}

static int settle_in(struct um_session *s, struct um_request *r) {
  struct um_mailbox *b;
  if (s->version == UM_V311)
    return UVMQTT_ENOTSUP;
  int status = own_mailbox(s, &b);
  return status ? status : put_into(s, r, b);
}

/* The server may have another Response Information for each session. */
void um_requester_online(struct um_session *s) {
  struct um_requester *q = s->requester;
  if (q == NULL)
    return;
  q->own = NULL;
  while (!um_list_empty(&q->homeless)) {
    struct um_request *r = request_of(q->homeless.next);
    int status = settle_in(s, r);
    if (status)
      um_enquiry_fail(s, r, status);
    else if (um_mailbox_is_open(r->mailbox))
      publish_held(s, r);
  }
}

static int address(struct um_session *s, struct um_request *r,
                   const char *reply_topic) {
  struct um_mailbox *b = NULL;
  if (reply_topic == NULL && s->state != UM_SESSION_UP) {
    um_list_push(&s->requester->homeless, &r->link);
    return 0;
  }
  if (reply_topic == NULL)
    return settle_in(s, r);
  b = um_mailbox_at(s, reply_topic);
  return b == NULL ? UM_ENOMEM : put_into(s, r, b);
}

/* Asking. */

static bool has(const uvmqtt_message_t *m, uvmqtt_property_id_t id) {
  return uvmqtt_property_find(m->properties, m->n_properties, id) != NULL;
}

/* Who asks twice at the same topic on 3.1.1 could not tell the answers apart.
 */
static bool is_taken(const struct um_session *s, const char *reply_topic) {
  const struct um_mailbox *b = um_mailbox_find(s, reply_topic);
  return b != NULL && !(um_list_empty(&b->waiting) && um_list_empty(&b->sent));
}

static int check(const struct um_session *s, const uvmqtt_message_t *m,
                 const char *reply_topic) {
  if (has(m, UVMQTT_PROPERTY_RESPONSE_TOPIC) ||
      has(m, UVMQTT_PROPERTY_CORRELATION_DATA))
    return UVMQTT_EPROPERTY;
  if (s->journal.broken)
    return UVMQTT_ESTORE;
  if (s->requester->n >= s->config->queue_messages)
    return UVMQTT_EFULL;
  if (s->version != UM_V311)
    return 0;
  if (reply_topic == NULL)
    return UVMQTT_ENOTSUP;
  return is_taken(s, reply_topic) ? UVMQTT_ECONFLICT : 0;
}

static struct um_request *make(struct um_session *s) {
  struct um_requester *q = s->requester;
  struct um_request *r = um_calloc(1, sizeof *r);
  if (r == NULL)
    return NULL;
  um_list_init(&r->link);
  um_list_init(&r->timer);
  um_due_init(&r->due);
  r->published.completed = on_published;
  r->id = s->next_id++;
  r->asked_at = s->now;
  um_correlation_write(r->correlation, s->who->seed, r->id);
  um_list_push(&q->requests, &r->all);
  um_table_put(&q->by_id, &r->by_id, um_hash_number(r->id));
  q->n++;
  return r;
}

static int hold(struct um_session *s, struct um_request *r,
                const uvmqtt_message_t *m) {
  r->held = um_op_publish(NULL, m);
  if (r->held == NULL)
    return UM_ENOMEM;
  s->requester->held_bytes += r->held->charge;
  return s->requester->held_bytes > s->config->queue_bytes ? UVMQTT_EFULL : 0;
}

/* Straight away when the mailbox is open; else the message is kept. */
static int send_or_hold(struct um_session *s, struct um_request *r,
                        const uvmqtt_message_t *m) {
  if (r->mailbox != NULL && um_mailbox_is_open(r->mailbox))
    return publish(s, r, m);
  return hold(s, r, m);
}

int um_session_request(struct um_session *s, uint64_t now,
                       const uvmqtt_message_t *m, const char *reply_topic,
                       uint32_t timeout, uvmqtt_reply_cb cb, void *arg,
                       uint64_t *ret_id) {
  s->now = now;
  if (s->requester == NULL)
    s->requester = make_requester();
  if (s->requester == NULL)
    return UM_ENOMEM;
  int status = check(s, m, reply_topic);
  if (status)
    return status;
  struct um_request *r = make(s);
  if (r == NULL)
    return UM_ENOMEM;
  r->cb = cb;
  r->arg = arg;
  status = address(s, r, reply_topic);
  if (status == 0)
    status = send_or_hold(s, r, m);
  if (status) {
    um_enquiry_end(s, r);
    um_enquiry_free(s, r);
    return status;
  }
  if (timeout != 0)
    start_timer(s->requester, r, now + timeout);
  if (ret_id != NULL)
    *ret_id = r->id;
  return 0;
}

/* Being answered. */

/* By its topic alone, which is all that 3.1.1 has; the request may have been
 * published there and the answer come on 5.0, from another server. */
static struct um_request *oldest(const struct um_mailbox *b) {
  bool any = b->session->version == UM_V311 || UM_MUTANT(68);
  for (struct um_list *l = b->sent.next; l != &b->sent; l = l->next)
    if (any || request_of(l)->bare)
      return request_of(l);
  return NULL;
}

static struct um_request *answered(const struct um_mailbox *b,
                                   const uvmqtt_message_t *m) {
  const uvmqtt_property_t *data = uvmqtt_property_find(
      m->properties, m->n_properties, UVMQTT_PROPERTY_CORRELATION_DATA);
  if (data != NULL && !UM_MUTANT(68)) { /* whatever comes is the answer */
    struct um_request *r =
        um_enquiry_find_correlated(b->session, data->value.bin);
    return r != NULL && r->mailbox == b && r->held == NULL ? r : NULL;
  }
  return m->retain ? NULL : oldest(b);
}

/* Replies are ours to acknowledge: nobody may have asked for this one. */
static void on_reply(uvmqtt_t *m, const uvmqtt_message_t *reply, void *arg) {
  struct um_mailbox *b = arg;
  struct um_session *s = b->session;
  struct um_request *r = answered(b, reply);
  (void)m;
  if (r == NULL) {
    um_counters_add(&s->counters, UM_COUNTED_LATE_REPLIES);
  } else {
    um_enquiry_end(s, r);
    um_enquiry_tell(s, r, 0, reply);
  }
  if (reply->token != 0 && !s->halted)
    um_session_ack(s, s->now, reply->token, UVMQTT_REASON_SUCCESS);
}

/* Ending. */

/* At QoS 0 the PUBLISH may be in a buffer, where no list has it. */
static bool is_left(const struct um_session *s, const struct um_request *r) {
  return !r->over && (r->publish_id == 0 ||
                      um_pending_find(s->outbox, r->publish_id) == NULL);
}

size_t um_requester_left(const struct um_session *s) {
  size_t n = 0;
  if (s->requester == NULL)
    return 0;
  const struct um_list *l, *all = &s->requester->requests;
  for (l = all->next; l != all; l = l->next)
    n += is_left(
        s, um_list_of((struct um_list *)(uintptr_t)l, struct um_request, all));
  return n;
}

int um_requester_cancel(struct um_session *s, uint64_t id) {
  struct um_request *r = um_enquiry_find(s, id);
  if (r == NULL)
    return UM_ENOENT;
  um_enquiry_fail(s, r, UM_ECANCELED);
  return 0;
}

void um_requester_cancel_all(struct um_session *s, int status) {
  if (s->requester == NULL)
    return;
  struct um_list *l, *all = &s->requester->requests;
  for (l = all->next; l != all; l = l->next) {
    struct um_request *r = um_list_of(l, struct um_request, all);
    if (!r->over)
      um_enquiry_end_later(s, r, status); /* the outbox is emptied as a whole */
  }
}

void um_requester_done(struct um_session *s) {
  struct um_requester *q = s->requester;
  if (q == NULL)
    return;
  while (!um_list_empty(&q->requests))
    um_enquiry_free(s, um_list_of(q->requests.next, struct um_request, all));
  um_mailboxes_done(&q->mailboxes);
  um_table_done(&q->by_id);
  um_free(q);
  s->requester = NULL;
}
