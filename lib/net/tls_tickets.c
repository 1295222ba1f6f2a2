#include "net/tls_tickets.h"

#include "base/alloc.h"
#include <string.h>

struct ticket {
  struct um_list link;
  SSL_SESSION *session;
  uint64_t generation;
  uint16_t port;
  char *name;  /* after the host */
  char host[]; /* and its NUL */
};

static struct ticket *at(struct um_list *link) {
  return um_list_of(link, struct ticket, link);
}

void um_tls_tickets_init(struct um_tls_tickets *t) {
  um_list_init(&t->list);
  t->n = 0;
}

static void drop(struct um_tls_tickets *t, struct ticket *old) {
  um_list_remove(&old->link);
  SSL_SESSION_free(old->session);
  um_free(old);
  t->n--;
}

void um_tls_tickets_clear(struct um_tls_tickets *t) {
  while (!um_list_empty(&t->list))
    drop(t, at(t->list.next));
}

bool um_tls_tickets_put(struct um_tls_tickets *t,
                        const struct um_tls_ticket_key *key,
                        SSL_SESSION *session) {
  size_t len = strlen(key->host) + 1, name_len = strlen(key->name) + 1;
  struct ticket *new = um_malloc(sizeof *new + len + name_len);
  if (new == NULL)
    return false;
  if (t->n == UM_TLS_TICKETS_MAX)
    drop(t, at(t->list.next));
  new->session = session;
  new->generation = key->generation;
  new->port = key->port;
  new->name = new->host + len;
  memcpy(new->host, key->host, len);
  memcpy(new->name, key->name, name_len);
  um_list_push(&t->list, &new->link);
  t->n++;
  return true;
}

static bool fits(const struct ticket *t, const struct um_tls_ticket_key *key) {
  return t->generation == key->generation && t->port == key->port &&
         strcmp(t->host, key->host) == 0 && strcmp(t->name, key->name) == 0;
}

static bool is_single_use(const SSL_SESSION *session) {
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static SSL_SESSION *take(struct um_tls_tickets *t, struct ticket *found) {
  SSL_SESSION *session = found->session;
  if (!is_single_use(session))
    return SSL_SESSION_dup(session);
  SSL_SESSION_up_ref(session);
  drop(t, found);
  return session;
}

SSL_SESSION *um_tls_tickets_take(struct um_tls_tickets *t,
                                 const struct um_tls_ticket_key *key) {
  for (struct um_list *i = t->list.prev; i != &t->list; i = i->prev)
    if (fits(at(i), key))
      return take(t, at(i));
  return NULL;
}

static bool is_same(const SSL_SESSION *a, const SSL_SESSION *b) {
  unsigned n = 0, m = 0;
  const unsigned char *x = SSL_SESSION_get_id(a, &n);
  const unsigned char *y = SSL_SESSION_get_id(b, &m);
  return n == m && memcmp(x, y, n) == 0;
}

void um_tls_tickets_forget(struct um_tls_tickets *t,
                           const SSL_SESSION *session) {
  for (struct um_list *i = t->list.next, *next; i != &t->list; i = next) {
    next = i->next;
    if (is_same(at(i)->session, session))
      drop(t, at(i));
  }
}
