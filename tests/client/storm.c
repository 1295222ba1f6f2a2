/* Many threads publish through one remote while its client closes at a random
 * moment. Every message that was accepted must complete once.
 *
 *   storm PRODUCERS MESSAGES ROUNDS [URL [SEED]]
 *
 * A program and not a suite, so that it can run under ThreadSanitizer, which
 * Criterion's forks do not bear. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>
#include <uvmqtt/remote.h>

#define PRODUCERS_MAX 64

static unsigned long n_messages;
static atomic_ulong n_accepted, n_refused;
static unsigned long n_done, n_cancelled; /* the loop's thread */
static bool closed;

static void fail(const char *what) {
  fprintf(stderr, "storm: %s\n", what);
  exit(1);
}

static void on_done(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  unsigned char *mark = arg;
  (void)m;
  if (closed)
    fail("a completion after close");
  if (++*mark != 1)
    fail("a second completion");
  n_done++;
  n_cancelled += result->status == UV_ECANCELED;
}

struct producer {
  uv_thread_t thread;
  uvmqtt_remote_t *remote;
  unsigned char *marks; /* one a message: how often it completed */
};

static void produce(void *arg) {
  struct producer *p = arg;
  unsigned long accepted = 0, refused = 0;
  for (unsigned long i = 0; i < n_messages; i++) {
    uvmqtt_message_t m = {
        .topic = "storm", .payload = {&i, sizeof i}, .qos = (uint8_t)(i % 2)};
    int r = uvmqtt_remote_publish(p->remote, &m, 1000, on_done, &p->marks[i]);
    if (r == 0)
      accepted++;
    else if (r == UV_ECANCELED || r == UVMQTT_EFULL)
      refused++;
    else
      fail(uvmqtt_err_name(r));
  }
  atomic_fetch_add(&n_accepted, accepted);
  atomic_fetch_add(&n_refused, refused);
  uvmqtt_remote_unref(p->remote);
}

static void on_closed(void *arg) {
  (void)arg;
  closed = true;
}

static void on_timer(uv_timer_t *timer) {
  uvmqtt_close(timer->data, on_closed, NULL);
  uv_close((uv_handle_t *)timer, NULL);
}

static void start(struct producer *p, uvmqtt_remote_t *remote) {
  p->remote = uvmqtt_remote_ref(remote);
  p->marks = calloc(n_messages, 1);
  if (p->marks == NULL || uv_thread_create(&p->thread, produce, p) != 0)
    fail("no memory or no thread");
}

/* Without a server what is accepted stays in the queue, or is dropped from it,
 * until the client closes. */
static void run_round(unsigned n_producers, unsigned ms, const char *url) {
  static struct producer producers[PRODUCERS_MAX];
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT, .url = url,
                        .overflow = UVMQTT_OVERFLOW_DROP_OLDEST,
                        .queue_messages = 1000};
  uv_loop_t loop;
  uv_timer_t timer;
  uvmqtt_t *m;
  uvmqtt_remote_t *remote;
  closed = false;
  n_done = n_cancelled = 0;
  atomic_store(&n_accepted, 0);
  atomic_store(&n_refused, 0);
  uv_loop_init(&loop);
  if (uvmqtt_new(&loop, &o, &m) || uvmqtt_remote_open(m, NULL, &remote))
    fail("no client");
  uvmqtt_connect(m);
  uv_timer_init(&loop, &timer);
  timer.data = m;
  uv_timer_start(&timer, on_timer, ms, 0);
  for (unsigned i = 0; i < n_producers; i++)
    start(&producers[i], remote);
  uvmqtt_remote_unref(remote);
  uv_run(&loop, UV_RUN_DEFAULT);
  for (unsigned i = 0; i < n_producers; i++) {
    uv_thread_join(&producers[i].thread);
    free(producers[i].marks);
  }
  if (uv_loop_close(&loop) != 0)
    fail("the loop is not empty");
  if (!closed || n_done != atomic_load(&n_accepted))
    fail("an accepted message did not complete");
}

int main(int argc, char **argv) {
  if (argc < 4)
    fail("usage: storm PRODUCERS MESSAGES ROUNDS [URL [SEED]]");
  unsigned producers = (unsigned)atoi(argv[1]),
           rounds = (unsigned)atoi(argv[3]);
  n_messages = strtoul(argv[2], NULL, 10);
  const char *url = argc > 4 ? argv[4] : "mqtt://127.0.0.1:1"; /* nobody */
  unsigned seed = argc > 5 ? (unsigned)atoi(argv[5]) : (unsigned)uv_hrtime();
  srand(seed);
  if (producers == 0 || producers > PRODUCERS_MAX)
    fail("1 to 64 producers");
  for (unsigned i = 0; i < rounds; i++) {
    unsigned ms = (unsigned)rand() % (argc > 4 ? 5000 : 300);
    run_round(producers, ms, url);
    printf("closed after %u ms: %lu accepted, %lu cancelled, %lu refused\n", ms,
           n_done, n_cancelled, atomic_load(&n_refused));
    fflush(stdout);
  }
  printf("rounds=%u violations=0 seed=%u\n", rounds, seed);
  return 0;
}
