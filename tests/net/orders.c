#include "orders.h"
#include <criterion/criterion.h>

static void walk_close(struct rig *r) {
  rig_walk(r);
  rig_close(r);
}

static void close_walk(struct rig *r) {
  rig_close(r);
  rig_walk(r);
}

static void walk_turn_close(struct rig *r) {
  rig_walk(r);
  rig_turn(r, 1);
  rig_close(r);
}

static void walk_turns_close_walk(struct rig *r) {
  rig_walk(r);
  rig_turn(r, 4);
  rig_close(r);
  rig_walk(r);
}

static void close_turn_walk(struct rig *r) {
  rig_close(r);
  rig_turn(r, 1);
  rig_walk(r);
}

static void walk_use_close(struct rig *r) {
  rig_walk(r);
  rig_read(r, false);
  rig_read(r, true);
  r->s->ops->ref(r->s, false);
  r->s->ops->ref(r->s, true);
  r->s->ops->tick(r->s);
  r->s->ops->finish(r->s);
  rig_close(r);
}

static void walk_every_turn(struct rig *r) {
  for (int i = 0; i < 3; ++i) {
    rig_walk(r);
    rig_turn(r, 1);
  }
  rig_close(r);
  for (int i = 0; i < 3; ++i) {
    rig_walk(r);
    rig_turn(r, 1);
  }
}

static void in_a_close_callback(uv_handle_t *h) {
  struct rig *r = h->data;
  rig_walk(r);
  rig_close(r);
}

static void walk_close_in_close_callback(struct rig *r) {
  static uv_idle_t first, second;
  uv_idle_init(&r->loop, &first);
  uv_idle_init(&r->loop, &second);
  second.data = r;
  uv_close((uv_handle_t *)&first, NULL);
  uv_close((uv_handle_t *)&second, in_a_close_callback);
  rig_turn(r, 1);
}

void (*const orders[ORDERS])(struct rig *) = {
    rig_close,
    walk_close,
    close_walk,
    walk_turn_close,
    close_turn_walk,
    walk_use_close,
    walk_turns_close_walk,
    walk_every_turn,
    walk_close_in_close_callback,
};
