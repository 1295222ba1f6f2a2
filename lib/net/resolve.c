#include "net/resolve.h"

#include "base/alloc.h"
#include <assert.h>
#include <string.h>

enum { KNOWN_MAX = 64 };

struct name;

/* A running look-up cannot be called back: whoever is left frees it. */
struct lookup {
  uv_getaddrinfo_t req;
  struct um_handles *held; /* they wait for it; NULL: nobody does */
  struct name *name;       /* NULL: nobody wants to know any more */
};

struct name {
  struct um_list link;
  struct um_list queries;
  struct lookup *lookup; /* NULL: none is under way */
  bool answering;
  size_t n;
  struct um_address *found; /* when it was last known */
  char host[];
};

static struct um_resolver *of(struct um_names *n) {
  return (struct um_resolver *)n;
}

static struct name *name_at(struct um_list *link) {
  return um_list_of(link, struct name, link);
}

static struct name *find(struct um_resolver *r, const char *host) {
  for (struct um_list *at = r->known.next; at != &r->known; at = at->next)
    if (strcmp(name_at(at)->host, host) == 0)
      return name_at(at);
  return NULL;
}

static void forget(struct um_resolver *r, struct name *name) {
  um_list_remove(&name->link);
  r->n_known--;
  um_free(name->found);
  um_free(name);
}

static bool is_idle(const struct name *name) {
  return name->lookup == NULL && !name->answering &&
         um_list_empty(&name->queries);
}

/* For the last one, which is not to go. */
static void make_room(struct um_resolver *r) {
  struct um_list *at = r->known.next;
  while (at->next != &r->known && r->n_known > KNOWN_MAX) {
    struct name *name = name_at(at);
    at = at->next;
    if (is_idle(name))
      forget(r, name);
  }
}

static struct name *add(struct um_resolver *r, const char *host) {
  size_t size = strlen(host) + 1;
  struct name *name = um_calloc(1, sizeof *name + size);
  if (name == NULL)
    return NULL;
  memcpy(name->host, host, size);
  um_list_init(&name->queries);
  um_list_push(&r->known, &name->link);
  r->n_known++;
  make_room(r);
  return name;
}

static struct name *known(struct um_resolver *r, const char *host) {
  struct name *name = find(r, host);
  if (name == NULL)
    return add(r, host);
  um_list_remove(&name->link);
  um_list_push(&r->known, &name->link);
  return name;
}

/* Answers. */

static int keep(struct name *name, const struct addrinfo *info) {
  struct um_address found[UM_ADDRESSES], *copy;
  size_t n = um_address_order(info, found, UM_ADDRESSES);
  if (n == 0)
    return UV_EAI_ADDRFAMILY;
  copy = um_memdup(found, n * sizeof *found);
  if (copy == NULL)
    return UV_ENOMEM;
  um_free(name->found);
  name->found = copy;
  name->n = n;
  return 0;
}

/* Those who ask again meanwhile wait for the next answer. */
static void answer(struct name *name, int status) {
  struct um_list now;
  um_list_init(&now);
  um_list_splice(&now, &name->queries);
  name->answering = true;
  while (!um_list_empty(&now)) {
    struct um_query *q = um_list_of(now.next, struct um_query, link);
    um_list_remove(&q->link);
    q->answered(q, status, name->found, status == 0 ? name->n : 0);
  }
  name->answering = false;
}

static void on_resolved(uv_getaddrinfo_t *req, int status,
                        struct addrinfo *info) {
  struct lookup *l = (struct lookup *)req;
  struct um_handles *held = l->held;
  struct name *name = l->name;
  um_free(l);
  if (name != NULL) {
    name->lookup = NULL;
    if (status == 0)
      status = keep(name, info);
  }
  uv_freeaddrinfo(info);
  if (name != NULL)
    answer(name, status);
  if (held != NULL)
    um_handles_release(held); /* may free the resolver */
}

/* Questions. */

static int look_up(struct um_resolver *r, struct name *name) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC,
                           .ai_socktype = SOCK_STREAM,
                           .ai_flags = AI_ADDRCONFIG};
  struct lookup *l = um_calloc(1, sizeof *l);
  int result;
  if (l == NULL)
    return UV_ENOMEM;
  result = uv_getaddrinfo(r->handles->turns->loop, &l->req, on_resolved,
                          name->host, NULL, &hints);
  if (result) {
    um_free(l);
    return result;
  }
  l->name = name;
  name->lookup = l;
  return 0;
}

static int ask(struct um_names *names, struct um_query *q) {
  struct um_resolver *r = of(names);
  struct name *name = known(r, q->host);
  int result = 0;
  if (name == NULL)
    return UV_ENOMEM;
  if (name->lookup == NULL)
    result = look_up(r, name);
  if (result == 0)
    um_list_push(&name->queries, &q->link);
  return result;
}

/* One that is still queued is taken back and comes at once. */
static bool take_back(struct um_resolver *r, struct name *name) {
  struct lookup *l = name->lookup;
  if (uv_cancel((uv_req_t *)&l->req) != 0)
    return false;
  l->held = r->handles;
  l->name = NULL;
  name->lookup = NULL;
  um_handles_hold(r->handles);
  return true;
}

/* One that runs goes on: the next who asks will have its answer. */
static void drop(struct um_names *names, struct um_query *q) {
  struct name *name = find(of(names), q->host);
  um_list_remove(&q->link);
  if (name != NULL && name->lookup != NULL && um_list_empty(&name->queries))
    take_back(of(names), name);
}

static size_t last(struct um_names *names, const char *host,
                   struct um_address ret[UM_ADDRESSES]) {
  const struct name *name = find(of(names), host);
  if (name == NULL || name->n == 0)
    return 0;
  memcpy(ret, name->found, name->n * sizeof *ret);
  return name->n;
}

void um_resolver_init(struct um_resolver *r, struct um_handles *handles) {
  *r = (struct um_resolver){.names = {ask, drop, last}, .handles = handles};
  um_list_init(&r->known);
}

void um_resolver_close(struct um_resolver *r) {
  while (!um_list_empty(&r->known)) {
    struct name *name = name_at(r->known.next);
    assert(um_list_empty(&name->queries) && !name->answering);
    if (name->lookup != NULL && !take_back(r, name))
      name->lookup->name = NULL;
    forget(r, name);
  }
}
