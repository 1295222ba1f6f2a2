#include "sim/net.h"

#include "sim/world.h"

void net_init(struct world *w) {
  memset(&w->net, 0, sizeof w->net);
}

static void forget(struct conn *c) {
  bytes_done(&c->pipe[UP].flight);
  bytes_done(&c->pipe[DOWN].flight);
  bytes_done(&c->peer.rx);
  free(c->arrivals);
  memset(c, 0, sizeof *c);
}

void net_done(struct world *w) {
  for (size_t i = 0; i < CONNS_MAX; i++)
    forget(&w->net.conns[i]);
}

struct conn *net_find(struct world *w, uint64_t id) {
  for (size_t i = 0; i < CONNS_MAX; i++)
    if (w->net.conns[i].used && w->net.conns[i].id == id)
      return &w->net.conns[i];
  return NULL;
}

static void maybe_forget(struct conn *c) {
  if (!c->client_here && !c->broker_here)
    forget(c);
}

static uint64_t latency(struct world *w) {
  return range(w, w->climate.latency / 2, w->climate.latency);
}

static void deliver(struct world *w, void *arg, uint64_t id);
static void deliver_down(struct world *w, void *arg, uint64_t id);

static void arm(struct world *w, struct conn *c, enum direction d,
                uint64_t when) {
  struct pipe *p = &c->pipe[d];
  bool pending = p->flight.len != 0 || (p->fin && !p->ended);
  if (p->armed || !pending || p->dark || (d == DOWN && !c->reading))
    return;
  p->armed = true;
  if (when < p->stalled)
    when = p->stalled;
  at(w, when, d == UP ? deliver : deliver_down, NULL, c->id);
}

/* Connecting. */

static void connected(struct world *w, void *arg, uint64_t id) {
  struct conn *c = net_find(w, id);
  (void)arg;
  if (c == NULL || !c->client_here)
    return;
  c->connected = c->broker_here = true;
  broker_accept(w, c);
  driver_connected(w);
}

static void refused(struct world *w, void *arg, uint64_t id) {
  struct conn *c = net_find(w, id);
  (void)arg;
  if (c != NULL && c->client_here)
    driver_ended(w, UM_ECONNREFUSED);
}

/* The oldest one that only the broker still holds makes room. */
static struct conn *free_conn(struct world *w) {
  struct conn *best = NULL;
  for (size_t i = 0; i < CONNS_MAX; i++) {
    struct conn *c = &w->net.conns[i];
    if (!c->used)
      return c;
    if (!c->client_here && (best == NULL || c->id < best->id))
      best = c;
  }
  broker_lost(w, best);
  forget(best);
  return best;
}

uint64_t net_connect(struct world *w) {
  struct conn *c = free_conn(w);
  uint64_t now = w->clock.now;
  c->used = c->client_here = true;
  c->id = ++w->net.next_id;
  c->window = w->climate.window;
  c->server = link_target(&w->driver);
  if (now < w->net.black_until)
    return c->id; /* the SYN is lost */
  bool refuse = now < w->net.refusing_until;
  at(w, now + latency(w), refuse ? refused : connected, NULL, c->id);
  return c->id;
}

/* Bytes. */

static void push(struct world *w, struct conn *c, enum direction d,
                 const void *data, size_t len) {
  if (c->pipe[d].dark && d == DOWN)
    return;
  bytes_add(&c->pipe[d].flight, data, len);
  arm(w, c, d, w->clock.now + latency(w));
}

size_t net_send(struct world *w, struct conn *c, const uint8_t *data,
                size_t len) {
  size_t held = c->pipe[UP].flight.len;
  size_t room = held < c->window ? c->window - held : 0;
  size_t n = len < room ? len : room;
  push(w, c, UP, data, n);
  return n;
}

void net_broker_send(struct world *w, struct conn *c, const struct bytes *b,
                     const struct arrival *a) {
  if (c->n_arrivals == c->cap_arrivals) {
    c->cap_arrivals = c->cap_arrivals == 0 ? 16 : 2 * c->cap_arrivals;
    c->arrivals = realloc(c->arrivals, c->cap_arrivals * sizeof *a);
    if (c->arrivals == NULL)
      abort();
  }
  c->arrivals[c->n_arrivals++] = *a;
  push(w, c, DOWN, bytes_head(b), b->len);
}

/* How much comes at once: often all, often a byte or two. */
static size_t segment(struct world *w, size_t len) {
  size_t n = len;
  if (chance(w, w->climate.splits))
    n = (size_t)(chance(w, 700) ? range(w, 1, 3) : range(w, 1, 1500));
  return n < len ? n : len;
}

static uint64_t gap(struct world *w) {
  return chance(w, w->climate.splits) ? roll(w, w->climate.latency / 4 + 2) : 0;
}

static bool ready(struct world *w, struct conn *c, enum direction d) {
  struct pipe *p = &c->pipe[d];
  p->armed = false;
  if (p->dark)
    return false;
  if (w->clock.now >= p->stalled)
    return true;
  arm(w, c, d, p->stalled);
  return false;
}

static void end_pipe(struct world *w, struct conn *c, enum direction d) {
  uint64_t id = c->id;
  c->pipe[d].ended = true;
  if (d == UP && c->broker_here)
    broker_ended(w, c);
  else if (d == DOWN && c->client_here)
    driver_ended(w, UM_EOF);
  c = net_find(w, id);
  if (c != NULL)
    maybe_forget(c);
}

/* One segment; what the receiver does may change everything. */
static void deliver_segment(struct world *w, struct conn *c, enum direction d) {
  struct pipe *p = &c->pipe[d];
  uint64_t id = c->id;
  size_t n = segment(w, p->flight.len);
  uint8_t *copy = malloc(n); /* exactly: a sanitizer sees reads beyond */
  if (copy == NULL)
    abort();
  memcpy(copy, bytes_head(&p->flight), n);
  bytes_drop(&p->flight, n);
  if (d == UP && c->broker_here)
    broker_bytes(w, c, copy, n);
  else if (d == DOWN && c->client_here)
    driver_bytes(w, copy, n);
  free(copy);
  c = net_find(w, id);
  if (c == NULL)
    return;
  arm(w, c, d, w->clock.now + gap(w));
  if (d == UP && c->client_here)
    driver_writable(w);
}

static void deliver_any(struct world *w, uint64_t id, enum direction d) {
  struct conn *c = net_find(w, id);
  if (c == NULL || !ready(w, c, d))
    return;
  if (d == DOWN && !c->reading)
    return; /* armed again when it reads */
  if (c->pipe[d].flight.len != 0)
    deliver_segment(w, c, d);
  else if (c->pipe[d].fin && !c->pipe[d].ended)
    end_pipe(w, c, d);
}

static void deliver(struct world *w, void *arg, uint64_t id) {
  (void)arg;
  deliver_any(w, id, UP);
}

static void deliver_down(struct world *w, void *arg, uint64_t id) {
  (void)arg;
  deliver_any(w, id, DOWN);
}

void net_read(struct world *w, struct conn *c, bool on) {
  c->reading = on;
  arm(w, c, DOWN, w->clock.now);
}

/* Ending. */

static void reset_client(struct world *w, void *arg, uint64_t id) {
  struct conn *c = net_find(w, id);
  (void)arg;
  if (c != NULL && c->client_here && c->connected)
    driver_ended(w, UM_ECONNRESET);
}

static void reset_broker(struct world *w, void *arg, uint64_t id) {
  struct conn *c = net_find(w, id);
  (void)arg;
  if (c == NULL || !c->broker_here)
    return;
  broker_ended(w, c);
  c = net_find(w, id);
  if (c != NULL)
    maybe_forget(c);
}

static void drop_flight(struct conn *c) {
  bytes_clear(&c->pipe[UP].flight);
  bytes_clear(&c->pipe[DOWN].flight);
  c->pipe[UP].dark = c->pipe[DOWN].dark = true;
}

void net_finish(struct world *w, struct conn *c) {
  if (c->pipe[UP].fin)
    return;
  c->pipe[UP].fin = true;
  arm(w, c, UP, w->clock.now + latency(w));
}

/* Unread bytes turn the end into a reset, which may overtake what was sent. */
void net_close(struct world *w, struct conn *c) {
  c->client_here = false;
  bool unread = c->pipe[DOWN].flight.len != 0;
  if (!c->broker_here) {
    forget(c);
    return;
  }
  if (unread && chance(w, 500)) {
    drop_flight(c);
    at(w, w->clock.now + latency(w), reset_broker, NULL, c->id);
  } else {
    net_finish(w, c);
  }
}

void net_broker_close(struct world *w, struct conn *c, bool reset) {
  c->broker_here = false;
  if (!c->client_here) {
    forget(c);
    return;
  }
  if (reset) {
    drop_flight(c);
    at(w, w->clock.now + latency(w), reset_client, NULL, c->id);
  } else if (!c->pipe[DOWN].fin) {
    c->pipe[DOWN].fin = true;
    arm(w, c, DOWN, w->clock.now + latency(w));
  }
}

/* Faults. */

void net_stall(struct world *w, struct conn *c, enum direction d,
               uint64_t until) {
  (void)w;
  c->pipe[d].stalled = until;
}

void net_darken(struct world *w, struct conn *c, enum direction d) {
  (void)w;
  c->pipe[d].dark = true;
}

void net_heal(struct world *w) {
  struct net *n = &w->net;
  n->refusing_until = n->black_until = 0;
  for (size_t i = 0; i < CONNS_MAX; i++) {
    struct conn *c = &n->conns[i];
    bool dark = c->pipe[UP].dark || c->pipe[DOWN].dark || c->peer.mute;
    for (int d = UP; d <= DOWN; d++) {
      c->pipe[d].stalled = 0;
      c->pipe[d].armed = false; /* for the end of the stall */
      if (c->used)
        arm(w, c, (enum direction)d, w->clock.now);
    }
    if (!c->used || !(dark || !c->connected))
      continue;
    drop_flight(c);
    at(w, w->clock.now + latency(w), reset_broker, NULL, c->id);
    at(w, w->clock.now + latency(w), reset_client, NULL, c->id);
  }
}
