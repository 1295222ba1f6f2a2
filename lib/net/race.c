#include "net/race.h"

#include "base/alloc.h"
#include "net/grudge.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/verdict.h"
#include <assert.h>
#include <string.h>
#include <uvmqtt/message.h>

enum {
  FLYING_MAX = 16, /* attempts at once */
  ROUND = 2,       /* addresses of a server before it is the next one's turn */
};

#define NEVER UINT64_MAX

struct entrant {
  struct um_query query; /* first */
  struct um_race *race;
  char *host;
  bool asking;
  uint64_t deadline; /* of the answer */
  struct um_address *addresses;
  size_t n;
  uint32_t tried; /* a bit for each address */
};

/* One address being tried. Lives until on_connect, which always comes; the
 * handle lives on when it has won. */
struct attempt {
  uv_tcp_t *tcp;
  uv_connect_t req;
  struct um_race *race; /* NULL: given up */
  struct um_address to;
  size_t server;
  uint64_t deadline;
};

struct um_race {
  struct um_handles *handles;
  struct um_stream *stream;
  const struct um_race_up *up;
  void *arg;
  struct um_names *names;
  struct um_grudges *grudges;
  const struct um_socket_options *socket;
  uint32_t address_timeout, attempt_delay, resolve_timeout;
  uint64_t next_at;          /* not before, unless nothing else is under way */
  struct um_verdict verdict; /* when all is lost */
  struct attempt *flying[FLYING_MAX];
  size_t n_flying;
  size_t n;
  struct entrant entrants[];
};

/* The loop's idea of now is as old as the host's slowest callback. */
static uint64_t now_of(const struct um_race *r) {
  uint64_t now = uv_now(r->handles->turns->loop), clock = uv_hrtime() / 1000000;
  return clock > now ? clock : now;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* What failed. */

static void note_address(struct um_race *r, const struct um_address *a,
                         int status) {
  char text[sizeof r->verdict.address];
  um_address_print(a, text, sizeof text);
  um_verdict_note(&r->verdict, status, UVMQTT_PHASE_CONNECT, text);
  if (r->grudges != NULL && !um_verdict_is_ours(status))
    um_grudge_bear(r->grudges, text, now_of(r));
}

/* What is next. */

struct candidate {
  size_t server, index;
  uint64_t since; /* when it failed last; 0: not of late */
};

static uint64_t failed_at(const struct um_race *r, const struct um_address *a) {
  char text[sizeof r->verdict.address];
  if (r->grudges == NULL)
    return 0;
  um_address_print(a, text, sizeof text);
  return um_grudge_since(r->grudges, text, now_of(r));
}

static bool is_before(const struct candidate *a, const struct candidate *b) {
  if (a->since != b->since)
    return a->since < b->since;
  if (a->index / ROUND != b->index / ROUND)
    return a->index / ROUND < b->index / ROUND;
  return a->server != b->server ? a->server < b->server : a->index < b->index;
}

static bool pick_of(const struct um_race *r, size_t server,
                    struct candidate *best, bool any) {
  const struct entrant *e = &r->entrants[server];
  for (size_t i = 0; i < e->n; i++) {
    struct candidate c = {.server = server, .index = i};
    if (e->tried >> i & 1)
      continue;
    c.since = failed_at(r, &e->addresses[i]);
    if (!any || is_before(&c, best))
      *best = c;
    any = true;
  }
  return any;
}

static bool pick(const struct um_race *r, struct candidate *ret) {
  bool any = false;
  for (size_t i = 0; i < r->n; i++)
    any = pick_of(r, i, ret, any);
  return any;
}

static bool is_asking(const struct um_race *r, size_t before) {
  for (size_t i = 0; i < before; i++)
    if (r->entrants[i].asking)
      return true;
  return false;
}

static bool is_due(const struct um_race *r, const struct candidate *c,
                   uint64_t now) {
  if (r->n_flying == FLYING_MAX)
    return false;
  return now >= r->next_at || (r->n_flying == 0 && !is_asking(r, c->server));
}

/* Attempts. */

static void drop(struct um_race *r, struct attempt *a) {
  size_t i = 0;
  while (r->flying[i] != a)
    i++;
  r->flying[i] = r->flying[--r->n_flying];
  a->race = NULL;
}

static void give_up(struct um_race *r, struct attempt *a, int status) {
  drop(r, a);
  note_address(r, &a->to, status);
  um_handle_close(a->tcp);
}

static void on_connect(uv_connect_t *req, int status);

/* The hook is the user's: he may have closed all handles in it. */
static int dial(struct um_race *r, struct attempt *a) {
  int result = um_socket_prepare(r->socket, a->tcp, a->to.u.any.sa_family);
  if (result == 0 && !um_handle_open(a->tcp))
    result = UV_ECANCELED;
  if (result == 0)
    result = uv_tcp_connect(&a->req, a->tcp, &a->to.u.any, on_connect);
  return result;
}

static int open_socket(struct um_race *r, int family, uv_tcp_t **ret) {
  uv_tcp_t *tcp = um_handle_alloc(sizeof *tcp);
  if (tcp == NULL)
    return UV_ENOMEM;
  int result = uv_tcp_init_ex(r->handles->turns->loop, tcp, (unsigned)family);
  if (result) {
    um_handle_free(tcp);
    return result;
  }
  um_handles_add(r->handles, tcp);
  *ret = tcp;
  return 0;
}

static struct attempt *make_attempt(struct um_race *r,
                                    const struct candidate *c, uint64_t now) {
  struct attempt *a = um_calloc(1, sizeof *a);
  if (a == NULL)
    return NULL;
  a->to = r->entrants[c->server].addresses[c->index];
  a->req.data = a;
  a->race = r;
  a->server = c->server;
  a->deadline = now + r->address_timeout;
  return a;
}

static int open_attempt(struct um_race *r, const struct candidate *c,
                        uint64_t now) {
  struct attempt *a = make_attempt(r, c, now);
  if (a == NULL)
    return UV_ENOMEM;
  int result = open_socket(r, a->to.u.any.sa_family, &a->tcp);
  if (result == 0 && (result = dial(r, a)) != 0)
    um_handle_close(a->tcp);
  if (result)
    um_free(a);
  else
    r->flying[r->n_flying++] = a;
  return result;
}

static void start(struct um_race *r, const struct candidate *c, uint64_t now) {
  struct entrant *e = &r->entrants[c->server];
  const struct um_address *to = &e->addresses[c->index];
  struct um_stream *s = r->stream;
  int result;
  e->tried |= 1u << c->index;
  s->phase = UVMQTT_PHASE_CONNECT;
  um_address_print(to, s->address, sizeof s->address);
  result = open_attempt(r, c, now);
  if (result)
    note_address(r, to, result);
  else
    r->next_at = now + r->attempt_delay;
}

static uint64_t deadline_of(const struct um_race *r) {
  struct candidate c;
  uint64_t d = NEVER;
  for (size_t i = 0; i < r->n_flying; i++)
    d = least(d, r->flying[i]->deadline);
  for (size_t i = 0; i < r->n; i++)
    if (r->entrants[i].asking)
      d = least(d, r->entrants[i].deadline);
  if (r->n_flying < FLYING_MAX && pick(r, &c))
    d = least(d, r->next_at);
  return d;
}

/* Starts all that is due. An error: nothing is under way and nothing left.
 * Calls nobody but the hook. */
static int advance(struct um_race *r) {
  struct candidate c;
  uint64_t now = now_of(r);
  while (pick(r, &c) && is_due(r, &c, now))
    start(r, &c, now);
  r->stream->deadline = deadline_of(r);
  if (r->n_flying > 0 || is_asking(r, r->n) || pick(r, &c))
    return 0;
  r->stream->phase = r->verdict.phase;
  memcpy(r->stream->address, r->verdict.address, sizeof r->verdict.address);
  return r->verdict.status;
}

/* In a callback of the loop; may free the race. */
static void go_on(struct um_race *r) {
  int result = advance(r);
  if (result)
    r->up->lost(r->arg, result);
  else
    r->stream->up->progress(r->stream->up_arg);
}

static int peer_of(const uv_tcp_t *tcp, struct um_address *ret) {
  int size = sizeof *ret;
  return uv_tcp_getpeername(tcp, &ret->u.any, &size);
}

static void drop_all(struct um_race *r) {
  for (size_t i = 0; i < r->n; i++)
    if (r->entrants[i].asking)
      r->names->drop(r->names, &r->entrants[i].query);
  for (size_t i = 0; i < r->n; i++)
    r->entrants[i].asking = false;
  for (; r->n_flying > 0; r->n_flying--) {
    struct attempt *a = r->flying[r->n_flying - 1];
    a->race = NULL;
    um_handle_close(a->tcp);
  }
}

static void win(struct um_race *r, const struct attempt *a,
                const struct um_address *peer) {
  struct um_stream *s = r->stream;
  drop_all(r);
  s->loopback = um_address_is_loopback(peer);
  s->server = (uint32_t)a->server;
  s->phase = UVMQTT_PHASE_CONNECT;
  um_address_print(&a->to, s->address, sizeof s->address);
  um_socket_tune(r->socket, a->tcp);
  r->up->won(r->arg, a->tcp);
}

/* It is in the air no more. */
static void land(struct um_race *r, const struct attempt *a, int status) {
  struct um_address peer;
  bool open = um_handle_open(a->tcp); /* else the host has closed it */
  if (open && status == 0)
    status = peer_of(a->tcp, &peer);
  if (open && status == 0) {
    win(r, a, &peer);
    return;
  }
  um_handle_close(a->tcp);
  if (!open) {
    r->up->lost(r->arg, UV_ECANCELED);
    return;
  }
  note_address(r, &a->to, status);
  r->next_at = 0;
  go_on(r);
}

static void on_connect(uv_connect_t *req, int status) {
  struct attempt *a = req->data, landed = *a;
  struct um_race *r = a->race; /* NULL: given up already */
  if (r != NULL)
    drop(r, a);
  um_free(a);
  if (r != NULL)
    land(r, &landed, status);
}

/* Names. */

static int take_addresses(struct entrant *e, const struct um_address *found,
                          size_t n) {
  e->addresses = um_memdup(found, n * sizeof *found);
  if (e->addresses == NULL)
    return UV_ENOMEM;
  e->n = n;
  for (size_t i = 0; i < n; i++)
    um_address_set_port(&e->addresses[i], e->query.port);
  return 0;
}

/* A resolver that does not answer does not make the last answer wrong. */
static size_t last_good(struct um_race *r, const struct entrant *e, int status,
                        struct um_address ret[UM_ADDRESSES]) {
  if (status != UV_ETIMEDOUT && status != UV_EAI_AGAIN)
    return 0;
  return r->names->last(r->names, e->host, ret);
}

static void settle(struct um_race *r, struct entrant *e, int status,
                   const struct um_address *found, size_t n) {
  struct um_address last[UM_ADDRESSES];
  e->asking = false;
  if (status != 0) {
    n = last_good(r, e, status, last);
    found = last;
  }
  if (n > 0)
    status = take_addresses(e, found, n < UM_ADDRESSES ? n : UM_ADDRESSES);
  if (status)
    um_verdict_note(&r->verdict, status, UVMQTT_PHASE_RESOLVE, "");
}

static void on_answered(struct um_query *q, int status,
                        const struct um_address *found, size_t n) {
  struct entrant *e = (struct entrant *)q;
  settle(e->race, e, status, found, n);
  go_on(e->race);
}

static int ask(struct um_race *r, struct entrant *e) {
  int result;
  if (r->names == NULL)
    return UV_EAI_FAIL;
  e->query.host = e->host;
  e->query.answered = on_answered;
  e->deadline = now_of(r) + r->resolve_timeout;
  result = r->names->ask(r->names, &e->query);
  e->asking = result == 0;
  return result;
}

static void enter(struct um_race *r, struct entrant *e) {
  struct um_address a;
  int result = um_address_parse(e->host, e->query.port, &a);
  if (result == 0)
    result = take_addresses(e, &a, 1);
  else if (result == UV_EINVAL)
    result = ask(r, e);
  if (result)
    um_verdict_note(&r->verdict, result, UVMQTT_PHASE_RESOLVE, "");
}

/* From outside. */

int um_race_start(struct um_race *r) {
  r->stream->phase = UVMQTT_PHASE_RESOLVE;
  r->next_at = now_of(r) + r->attempt_delay;
  for (size_t i = 0; i < r->n; i++)
    enter(r, &r->entrants[i]);
  return advance(r);
}

/* The host may have kept the loop so long that the timer ran before sockets
 * with good news were looked at: the verdict waits until they were. */
void um_race_tick(struct um_race *r) {
  if (uv_now(r->handles->turns->loop) < r->stream->deadline)
    return;
  r->stream->deadline = NEVER;
  um_handles_turn(r->handles, r->up->turn);
}

static void judge_names(struct um_race *r, uint64_t now) {
  for (size_t i = 0; i < r->n; i++) {
    struct entrant *e = &r->entrants[i];
    if (!e->asking || now < e->deadline)
      continue;
    r->names->drop(r->names, &e->query);
    settle(r, e, UV_ETIMEDOUT, NULL, 0);
  }
}

void um_race_judge(struct um_race *r) {
  uint64_t now = now_of(r);
  judge_names(r, now);
  for (size_t i = r->n_flying; i-- > 0;)
    if (now >= r->flying[i]->deadline)
      give_up(r, r->flying[i], UV_ETIMEDOUT);
  go_on(r);
}

static int add_entrants(struct um_race *r, const struct um_route *route) {
  for (size_t i = 0; i < route->n_servers; i++) {
    struct entrant *e = &r->entrants[i];
    e->race = r;
    e->query.port = route->servers[i].port;
    um_list_init(&e->query.link);
    e->host = um_strdup(route->servers[i].host);
    if (e->host == NULL)
      return UV_ENOMEM;
    r->n++;
  }
  return 0;
}

int um_race_new(const struct um_route *route, struct um_handles *handles,
                struct um_stream *stream, const struct um_race_up *up,
                void *arg, struct um_race **ret) {
  struct um_race *r =
      um_calloc(1, sizeof *r + route->n_servers * sizeof r->entrants[0]);
  if (r == NULL)
    return UV_ENOMEM;
  r->handles = handles;
  r->stream = stream;
  r->up = up;
  r->arg = arg;
  r->names = route->names;
  r->grudges = route->grudges;
  r->socket = route->socket;
  r->address_timeout = route->address_timeout;
  r->attempt_delay = route->attempt_delay;
  r->resolve_timeout = route->resolve_timeout;
  if (add_entrants(r, route)) {
    um_race_free(r);
    return UV_ENOMEM;
  }
  *ret = r;
  return 0;
}

void um_race_free(struct um_race *r) {
  if (r == NULL)
    return;
  drop_all(r);
  for (size_t i = 0; i < r->n; i++) {
    um_free(r->entrants[i].addresses);
    um_free(r->entrants[i].host);
  }
  um_free(r);
}
