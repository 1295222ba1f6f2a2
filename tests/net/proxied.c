#include "proxied.h"
#include <criterion/criterion.h>

static void read_on(struct tower *t) {
  tower_read(t, true);
}

void proxied_open(struct tower *t, um_layer *const *layers, const char *host,
                  const char *user, const char *password) {
  tower_init(t);
  t->on[CONNECTED] = read_on;
  t->server.host = host;
  t->proxy.username = user;
  t->proxy.password = password;
  tower_up(t, layers, 1);
}

void proxied_works(struct tower *t) {
  cr_assert_eq(t->count[CONNECTED], 1);
  cr_assert_eq(tower_write(t, "abc", 3), 0);
  cr_assert_eq(t->taken, 3);
  HEARS(t, "abc");
  SAYS(t, "def");
  tower_got_text(t, "def");
  memstream_end(t->m, UV_EOF);
  cr_assert_eq(t->status, UV_EOF);
  tower_done(t);
}
