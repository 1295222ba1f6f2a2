#include "client/lookup.h"

#include "base/alloc.h"
#include "client/client.h"
#include <string.h>

/* Kept until the loop runs: a call of the user calls nobody back. */
struct answer {
  struct um_list link;
  uint64_t id;
  int status;
  size_t n;
  struct um_address found[];
};

static struct um_query *query_at(struct um_list *link) {
  return um_list_of(link, struct um_query, link);
}

static struct answer *answer_at(struct um_list *link) {
  return um_list_of(link, struct answer, link);
}

static struct um_query *find(struct um_lookups *l, uint64_t id) {
  for (struct um_list *at = l->asked.next; at != &l->asked; at = at->next)
    if (query_at(at)->id == id)
      return query_at(at);
  return NULL;
}

/* For the race. */

static int ask(struct um_names *names, struct um_query *q) {
  struct um_lookups *l = (struct um_lookups *)names;
  q->id = ++l->last_id;
  um_list_push(&l->unasked, &q->link);
  um_loop_mark(l->client->loop, l->client);
  return 0;
}

static void drop(struct um_names *names, struct um_query *q) {
  (void)names;
  um_list_remove(&q->link);
}

static size_t last(struct um_names *names, const char *host,
                   struct um_address ret[UM_ADDRESSES]) {
  (void)names; /* what is old is the user's to know */
  (void)host;
  (void)ret;
  return 0;
}

int um_lookups_make(uvmqtt_t *m) {
  if (m->options.shared->on_resolve == NULL)
    return 0;
  struct um_lookups *l = um_calloc(1, sizeof *l);
  if (l == NULL)
    return UV_ENOMEM;
  l->names = (struct um_names){ask, drop, last};
  l->client = m;
  um_list_init(&l->unasked);
  um_list_init(&l->asked);
  um_list_init(&l->answers);
  m->lookups = l;
  return 0;
}

static void forget(struct answer *a) {
  um_list_remove(&a->link);
  um_free(a);
}

void um_lookups_done(struct um_lookups *l) {
  if (l == NULL)
    return;
  while (!um_list_empty(&l->answers))
    forget(answer_at(l->answers.next));
  um_free(l);
}

/* Service. */

static void ask_user(uvmqtt_t *m, struct um_query *q) {
  uvmqtt_lookup_t lookup = {.host = q->host, .port = q->port, .id = q->id};
  um_list_remove(&q->link);
  um_list_push(&m->lookups->asked, &q->link);
  m->options.shared->on_resolve(m, &lookup);
}

static void pass_on(struct um_lookups *l, struct answer *a) {
  struct um_query *q = find(l, a->id);
  if (q != NULL) { /* the attempt may be over meanwhile */
    um_list_remove(&q->link);
    q->answered(q, a->status, a->found, a->n);
  }
  forget(a);
}

void um_lookups_serve(uvmqtt_t *m) {
  struct um_lookups *l = m->lookups;
  if (l == NULL)
    return;
  while (!m->closing && !um_list_empty(&l->unasked))
    ask_user(m, query_at(l->unasked.next));
  while (!m->closing && !um_list_empty(&l->answers))
    pass_on(l, answer_at(l->answers.next));
}

/* The user. */

static int read_addresses(const char *const *addresses, struct answer *ret) {
  for (size_t i = 0; i < ret->n; i++)
    if (addresses[i] == NULL ||
        um_address_parse(addresses[i], 0, &ret->found[i]) != 0)
      return UV_EINVAL;
  return 0;
}

static int make_answer(struct um_lookups *l, uint64_t id,
                       const char *const *addresses, size_t n, int status) {
  struct answer *a = um_calloc(1, sizeof *a + n * sizeof a->found[0]);
  int r = a == NULL ? UV_ENOMEM : 0;
  if (r)
    return r;
  um_list_init(&a->link);
  a->id = id;
  a->status = status;
  a->n = n;
  r = read_addresses(addresses, a);
  if (r)
    um_free(a);
  else
    um_list_push(&l->answers, &a->link);
  return r;
}

static bool is_answered(struct um_lookups *l, uint64_t id) {
  for (struct um_list *at = l->answers.next; at != &l->answers; at = at->next)
    if (answer_at(at)->id == id)
      return true;
  return false;
}

int uvmqtt_resolved(uvmqtt_t *m, uint64_t id, const char *const *addresses,
                    size_t n, int status) {
  int r = um_usable(m);
  if (r)
    return r;
  if (status > 0 || (status == 0) != (n > 0 && addresses != NULL))
    return UV_EINVAL;
  if (m->lookups == NULL || find(m->lookups, id) == NULL ||
      is_answered(m->lookups, id))
    return UVMQTT_ESTALE;
  if (status != 0)
    n = 0;
  if (n > UM_ADDRESSES)
    n = UM_ADDRESSES;
  r = make_answer(m->lookups, id, addresses, n, status);
  if (r == 0)
    um_loop_mark(m->loop, m);
  return r;
}
