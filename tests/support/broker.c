#include "support/broker.h"

#include "support/planted.h"
#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 128

static void free_handle(uv_handle_t *h) {
  free(h);
}

/* Connections. */

static void on_link_closed(uv_handle_t *h) {
  struct broker_link *l = (struct broker_link *)(void *)h;
  um_buf_done(&l->in);
  free(l);
}

static void forget(struct broker_link *l) {
  struct broker_link **at = &l->broker->links;
  while (*at != l)
    at = &(*at)->next;
  *at = l->next;
  if (l->broker->link == l)
    l->broker->link = NULL;
}

static void close_link(struct broker_link *l) {
  if (l->closing)
    return;
  l->closing = true;
  forget(l);
  uv_close((uv_handle_t *)&l->tcp, on_link_closed);
}

static int fd_of(const struct broker_link *l) {
  uv_os_fd_t fd;
  int r = uv_fileno((const uv_handle_t *)&l->tcp, &fd);
  cr_assert_eq(r, 0);
  return fd;
}

/* Never uv_write: it would raise SIGPIPE in the process under test. */
void broker_sends(struct broker_link *l, const void *data, size_t len) {
  const char *at = data;
  while (len > 0) {
    ssize_t n = send(fd_of(l), at, len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
      return;
    cr_assert(n > 0, "the client does not read: %s", strerror(errno));
    at += n;
    len -= (size_t)n;
  }
}

/* What a server answers when nothing is the matter. */

static void answer(struct broker_link *l, const char *line) {
  size_t len;
  uint8_t *bytes = packet_text_bytes(line, l->version, &len);
  cr_assert(bytes != NULL, "not a packet: %s", line);
  broker_sends(l, bytes, len);
  free(bytes);
}

static void answer_filters(struct broker_link *l, const char *type,
                           const struct words *w) {
  char line[TEXT_MAX] = "";
  const char *list = words_value(w, "filters");
  text_add(line, "%s id=%s", type, words_value(w, "id"));
  if (l->version == UM_V5 || type[0] == 'S')
    text_add(line, " reasons=");
  for (const char *c = list; c != NULL && strchr(line, '=') != NULL; c++) {
    const char *colon = strchr(c, ':');
    if (l->version == UM_V5 || type[0] == 'S')
      text_add(line, "%s%02x", c == list ? "" : ",",
               type[0] == 'S' && colon != NULL ? colon[1] - '0' : 0);
    c = strchr(c, ',');
    if (c == NULL)
      break;
  }
  answer(l, line);
}

static void answer_publish(struct broker_link *l, const struct words *w,
                           const char *text) {
  const char *id = words_value(w, "id");
  uint64_t qos = words_number(w, "qos", 0);
  char line[64];
  if (qos == 0 && l->broker->echo)
    answer(l, text);
  if (qos == 0)
    return;
  snprintf(line, sizeof line, "%s id=%s", qos == 1 ? "PUBACK" : "PUBREC", id);
  answer(l, line);
}

static void answer_politely(struct broker_link *l, const char *text) {
  static struct words w;
  static char copy[TEXT_MAX];
  char line[64];
  snprintf(copy, sizeof copy, "%s", text);
  words_split(&w, copy);
  const char *type = w.word[0];
  if (strcmp(type, "CONNECT") == 0)
    answer(l, "CONNACK");
  else if (strcmp(type, "PUBLISH") == 0)
    answer_publish(l, &w, copy);
  else if (strcmp(type, "SUBSCRIBE") == 0)
    answer_filters(l, "SUBACK", &w);
  else if (strcmp(type, "UNSUBSCRIBE") == 0)
    answer_filters(l, "UNSUBACK", &w);
  else if (strcmp(type, "PINGREQ") == 0 && !l->broker->mute)
    answer(l, "PINGRESP");
  else if (strcmp(type, "PUBREC") == 0 || strcmp(type, "PUBREL") == 0) {
    snprintf(line, sizeof line, "%s id=%s",
             strcmp(type, "PUBREC") == 0 ? "PUBREL" : "PUBCOMP",
             words_value(&w, "id"));
    answer(l, line);
  } else if (strcmp(type, "DISCONNECT") == 0) {
    close_link(l);
  }
}

/* Reading. */

static const char *next_of(struct broker_link *l) {
  static char text[TEXT_MAX];
  size_t body;
  if (l->in.len == 0)
    return NULL;
  uint8_t *data = um_buf_head(&l->in);
  size_t len = packet_text_length(data, l->in.len, &body);
  if (len == 0)
    return NULL;
  if (data[0] == UVMQTT_CONNECT << 4)
    l->version = data[body + 6];
  bool good = packet_text_of(data, len, l->version, text);
  cr_assert(good, "the client sent nonsense: %s", text);
  l->broker->heard[data[0] >> 4]++;
  um_buf_consume(&l->in, len);
  return text + strlen("-> ");
}

static void serve(struct broker_link *l) {
  const char *text;
  while (!l->closing && (text = next_of(l)) != NULL)
    answer_politely(l, text);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *ret) {
  static char buffer[65536];
  (void)h;
  (void)size;
  *ret = uv_buf_init(buffer, sizeof buffer);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  struct broker_link *l = (struct broker_link *)(void *)s;
  struct broker *b = l->broker;
  if (n < 0) {
    l->ended = true;
    l->end = (int)n;
    uv_read_stop(s);
    if (b->polite)
      close_link(l);
    return;
  }
  if (b->bytes != NULL) {
    b->bytes(l, (const uint8_t *)buf->base, (size_t)n);
    return;
  }
  l->in.secret = true; /* else our copies would be taken for the client's */
  int r = um_buf_append(&l->in, buf->base, (size_t)n);
  cr_assert_eq(r, 0);
  if (b->polite)
    serve(l);
}

void broker_reads(struct broker_link *l) {
  uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read);
}

void broker_moves_on(struct broker *b) {
  struct broker_link *l = b->links;
  if (!b->in_turn || b->link == NULL || !b->link->ended || b->link == l)
    return;
  while (l->next != b->link)
    l = l->next;
  b->link = l;
}

static void on_connection(uv_stream_t *listener, int status) {
  struct broker *b = listener->data;
  struct broker_link *l = calloc(1, sizeof *l);
  cr_assert_eq(status, 0);
  l->broker = b;
  um_buf_init(&l->in, SIZE_MAX, NULL);
  uv_tcp_init(b->loop, &l->tcp);
  l->tcp.data = b;
  uv_unref((uv_handle_t *)&l->tcp); /* never holds the client's loop */
  l->next = b->links;
  b->links = l;
  if (b->link == NULL || !b->in_turn)
    b->link = l;
  b->accepted++;
  int r = uv_accept(listener, (uv_stream_t *)&l->tcp);
  cr_assert_eq(r, 0);
  uv_tcp_nodelay(&l->tcp, 1);
  if (!b->deaf)
    broker_reads(l);
}

/* Listening. */

void broker_listens_at(struct broker *b, const char *ip) {
  struct sockaddr_in at;
  int size = sizeof at;
  b->listener = calloc(1, sizeof *b->listener);
  uv_tcp_init_ex(b->loop, b->listener, AF_INET);
  uv_unref((uv_handle_t *)b->listener);
  b->listener->data = b;
  if (b->rcvbuf != 0)
    uv_recv_buffer_size((uv_handle_t *)b->listener, &b->rcvbuf);
  uv_ip4_addr(ip, b->port, &at);
  int r = uv_tcp_bind(b->listener, (struct sockaddr *)&at, 0);
  cr_assert_eq(r, 0);
  r = uv_listen((uv_stream_t *)b->listener, BACKLOG, on_connection);
  cr_assert_eq(r, 0, "listen: %s", uv_strerror(r));
  uv_tcp_getsockname(b->listener, (struct sockaddr *)&at, &size);
  b->port = ntohs(at.sin_port);
  snprintf(b->url, sizeof b->url, "mqtt://%s:%u", ip, b->port);
}

void broker_listens(struct broker *b) {
  broker_listens_at(b, "127.0.0.1");
}

void broker_refuses(struct broker *b) {
  if (b->listener != NULL)
    uv_close((uv_handle_t *)b->listener, free_handle);
  b->listener = NULL;
}

void broker_open(struct broker *b, uv_loop_t *loop) {
  b->loop = loop;
  broker_listens(b);
}

void broker_close(struct broker *b) {
  broker_refuses(b);
  while (b->links != NULL)
    close_link(b->links);
}

/* The conversation. */

const char *broker_next(struct broker *b) {
  return b->link == NULL ? NULL : next_of(b->link);
}

static bool has_word(const struct words *w, const char *word) {
  for (size_t i = 0; i < w->n; i++)
    if (strcmp(w->word[i], word) == 0)
      return true;
  return false;
}

/* What every CONNECT carries is no matter of the tests that do not ask. */
static void drop_planted(struct words *w) {
  size_t n = 0;
  for (size_t i = 0; i < w->n; i++)
    if (!planted_word(w->word[i]))
      w->word[n++] = w->word[i];
  w->n = n;
}

bool broker_matches(const char *got, const char *expected) {
  static struct words g, e;
  words_split(&g, got);
  words_split(&e, expected);
  drop_planted(&g);
  bool open = e.n > 0 && strcmp(e.word[e.n - 1], "...") == 0;
  size_t n = open ? e.n - 1 : e.n;
  for (size_t i = 0; i < n; i++)
    if (!has_word(&g, e.word[i]))
      return false;
  return open || n == g.n;
}

void broker_says(struct broker *b, const char *line) {
  cr_assert(b->link != NULL, "nobody to say this to: %s", line);
  answer(b->link, line);
}

void broker_finishes(struct broker *b) {
  shutdown(fd_of(b->link), SHUT_WR);
}

void broker_hangs_up(struct broker *b) {
  close_link(b->link);
}

void broker_resets(struct broker *b) {
  struct linger now = {1, 0};
  setsockopt(fd_of(b->link), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close_link(b->link);
}

/* On a thread. */

static void on_stop(uv_async_t *stop) {
  struct broker_thread *t = stop->data;
  broker_close(&t->b);
  uv_close((uv_handle_t *)stop, NULL);
}

static void turn(void *arg) {
  struct broker_thread *t = arg;
  uv_run(&t->loop, UV_RUN_DEFAULT);
}

void broker_start(struct broker_thread *t) {
  memset(t, 0, sizeof *t);
  uv_loop_init(&t->loop);
  uv_async_init(&t->loop, &t->stop, on_stop);
  t->stop.data = t;
  t->b.polite = true;
  broker_open(&t->b, &t->loop);
  int r = uv_thread_create(&t->thread, turn, t);
  cr_assert_eq(r, 0);
}

void broker_stop(struct broker_thread *t) {
  uv_async_send(&t->stop);
  uv_thread_join(&t->thread);
  cr_assert_eq(uv_loop_close(&t->loop), 0);
}
