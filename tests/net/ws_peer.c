#include "ws_peer.h"
#include "base/base64.h"
#include <criterion/criterion.h>
#include <string.h>

static um_layer *const layers[] = {um_ws_new};

void ws_accept_of(struct tower *t, char *ret_accept) {
  cr_assert(ws_accept_to(&t->m->out, ret_accept));
}

void ws_answer(struct tower *t, const char *format) {
  char accept[UM_BASE64_SIZE(20)], text[1024];
  ws_accept_of(t, accept);
  um_buf_consume(&t->m->out, t->m->out.len);
  snprintf(text, sizeof text, format, accept);
  tower_feed_text(t, text);
}

void ws_greet(struct tower *t) {
  ws_answer(t, "HTTP/1.1 101 Switching Protocols\r\n"
               "Upgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: %s\r\n"
               "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
}

static void read_on(struct tower *t) {
  tower_read(t, true);
}

void ws_open(struct tower *t, bool on) {
  tower_init(t);
  if (on)
    t->on[CONNECTED] = read_on;
  tower_up(t, layers, 1);
  ws_greet(t);
  cr_assert_eq(t->count[CONNECTED], 1);
}

static void put_byte(struct um_buf *to, uint64_t byte) {
  uint8_t b = (uint8_t)byte;
  cr_assert_eq(um_buf_append(to, &b, 1), 0);
}

static void put_length(struct um_buf *to, uint64_t len) {
  unsigned bytes = len < 126 ? 0 : len < 65536 ? 2 : 8;
  put_byte(to, bytes == 0 ? len : bytes == 2 ? 126 : 127);
  while (bytes-- > 0)
    put_byte(to, len >> (8 * bytes));
}

void ws_put(struct um_buf *to, unsigned first_byte, const void *data,
            size_t len) {
  put_byte(to, first_byte);
  put_length(to, len);
  cr_assert_eq(um_buf_append(to, data, len), 0);
}

void ws_say(struct tower *t, unsigned first_byte, const char *text) {
  struct um_buf b;
  um_buf_init(&b, SIZE_MAX, NULL);
  ws_put(&b, first_byte, text, strlen(text));
  tower_feed(t, um_buf_head(&b), b.len);
  um_buf_done(&b);
}

static uint64_t take(struct um_buf *from, size_t n) {
  uint64_t value = 0;
  cr_assert_geq(from->len, n, "the frame is cut short");
  for (size_t i = 0; i < n; i++)
    value = value << 8 | um_buf_head(from)[i];
  um_buf_consume(from, n);
  return value;
}

void ws_hear(struct tower *t, struct ws_frame *ret) {
  struct um_buf *out = &t->m->out;
  ret->first_byte = (unsigned)take(out, 1);
  uint64_t len = take(out, 1);
  cr_assert(len & 0x80, "clients must mask");
  len &= 0x7F;
  if (len >= 126)
    len = take(out, len == 126 ? 2 : 8);
  for (size_t i = 0; i < 4; i++)
    ret->key[i] = (uint8_t)take(out, 1);
  um_buf_init(&ret->data, SIZE_MAX, NULL);
  for (uint64_t i = 0; i < len; i++)
    put_byte(&ret->data, take(out, 1) ^ ret->key[i % 4]);
}

void ws_hears(struct tower *t, unsigned first_byte, const void *data,
              size_t len) {
  struct ws_frame f;
  ws_hear(t, &f);
  cr_assert_eq(f.first_byte, first_byte, "%02x", f.first_byte);
  cr_assert_eq(f.data.len, len);
  cr_assert(len == 0 || memcmp(um_buf_head(&f.data), data, len) == 0);
  um_buf_done(&f.data);
}

void ws_hears_close(struct tower *t, unsigned code) {
  uint8_t body[] = {(uint8_t)(code >> 8), (uint8_t)code};
  ws_hears(t, CLOSE, body, sizeof body);
  tower_hears(t, "", 0);
}
