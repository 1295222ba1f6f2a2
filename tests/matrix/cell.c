/* One cell of the matrix: everything that must work over one way to one broker.
 *
 *   cell URL VERSION QOS [CA [CERTIFICATE KEY]]
 *
 * Subscribes, publishes five short messages and one of 20 KiB, receives all
 * of them in order, leaves. VERSION is 4 or 5. UVMQTT_CELL_USER and _PASSWORD
 * are the credentials, if any. Ends with 0, or says in one line what is
 * wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>
#include <uvmqtt/tls.h>

#define SHORT 5u
#define LARGE (20u << 10) /* more than a TLS record */
#define BOUND 15000u      /* ms */

static struct {
  uv_loop_t loop;
  uv_timer_t bound;
  char topic[64];
  uint8_t version, qos;
  unsigned heard, acknowledged;
  char *large;
  char complaint[512];
} cell;

static void give_up(uvmqtt_t *m);

static void complain(uvmqtt_t *m, const char *what, const char *why) {
  if (cell.complaint[0] == '\0')
    snprintf(cell.complaint, sizeof cell.complaint, "%s: %s", what, why);
  give_up(m);
}

static void give_up(uvmqtt_t *m) {
  uvmqtt_close(m, NULL, NULL);
  if (!uv_is_closing((uv_handle_t *)&cell.bound))
    uv_close((uv_handle_t *)&cell.bound, NULL);
}

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)arg;
  if (result->status)
    complain(m, "disconnect", uvmqtt_strerror(result->status));
  else
    give_up(m);
}

static void leave_when_all_is_done(uvmqtt_t *m) {
  if (cell.heard == SHORT + 1 && cell.acknowledged == SHORT + 1)
    uvmqtt_disconnect(m, NULL, on_left, NULL);
}

static void on_published(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  (void)arg;
  if (result->status) {
    complain(m, "publish", uvmqtt_strerror(result->status));
    return;
  }
  cell.acknowledged++;
  leave_when_all_is_done(m);
}

static uvmqtt_message_t message_of(unsigned i) {
  static const char *const texts[SHORT] = {"one", "two", "", "four", "five"};
  uvmqtt_message_t m = {.topic = cell.topic, .qos = cell.qos};
  m.payload.data = i < SHORT ? texts[i] : cell.large;
  m.payload.len = i < SHORT ? strlen(texts[i]) : LARGE;
  return m;
}

static void on_message(uvmqtt_t *m, const uvmqtt_message_t *got) {
  uvmqtt_message_t expected = message_of(cell.heard);
  if (strcmp(got->topic, cell.topic) != 0 || got->qos != cell.qos)
    complain(m, "received", "another topic or QoS");
  else if (got->payload.len != expected.payload.len ||
           memcmp(got->payload.data, expected.payload.data,
                  expected.payload.len) != 0)
    complain(m, "received", "another payload");
  else if (++cell.heard == SHORT + 1)
    leave_when_all_is_done(m);
}

static void on_subscribed(uvmqtt_t *m, const uvmqtt_result_t *result,
                          void *arg) {
  (void)arg;
  if (result->status) {
    complain(m, "subscribe", uvmqtt_strerror(result->status));
    return;
  }
  if (result->reasons[0] != cell.qos)
    complain(m, "subscribe", "granted another QoS");
  for (unsigned i = 0; i <= SHORT; i++) {
    uvmqtt_message_t message = message_of(i);
    uvmqtt_publish(m, &message, on_published, NULL, NULL);
  }
}

static void on_connect(uvmqtt_t *m, const uvmqtt_connack_t *connack) {
  uvmqtt_subscription_t s = {.filter = cell.topic, .qos = cell.qos};
  if (connack->version != cell.version)
    complain(m, "connect", "another protocol version");
  uvmqtt_subscribe(m, &s, 1, NULL, 0, on_subscribed, NULL, NULL);
}

static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  if (d->error->code)
    complain(m, uvmqtt_err_name(d->error->code), d->error->hint);
}

static void on_bound(uv_timer_t *timer) {
  complain(timer->data, "nothing more came",
           uvmqtt_state_name(uvmqtt_state(timer->data)));
}

static int load(uvmqtt_tls_t *tls, int argc, char **argv) {
  int r = 0;
  if (argc > 4)
    r = uvmqtt_tls_load_verify_locations(tls, argv[4]);
  if (r == 0 && argc > 6)
    r = uvmqtt_tls_load_cert_chain(tls, argv[5], argv[6]);
  if (r)
    fprintf(stderr, "%s: %s\n", uvmqtt_err_name(r), uvmqtt_tls_error(tls));
  return r;
}

static int start(const char *url, uvmqtt_tls_t *tls) {
  const char *password = getenv("UVMQTT_CELL_PASSWORD");
  uvmqtt_options_t o = {UVMQTT_OPTIONS_INIT,
                        .url = url,
                        .tls = tls,
                        .version = cell.version,
                        .session = UVMQTT_SESSION_CLEAN,
                        .username = getenv("UVMQTT_CELL_USER"),
                        .reconnect_max = UVMQTT_OFF,
                        .on_connect = on_connect,
                        .on_message = on_message,
                        .on_disconnect = on_disconnect};
  uvmqtt_t *m;
  if (password != NULL)
    o.password = (uvmqtt_bytes_t){password, strlen(password)};
  int r = uvmqtt_new(&cell.loop, &o, &m);
  if (r) {
    uv_close((uv_handle_t *)&cell.bound, NULL);
    return r;
  }
  cell.bound.data = m;
  uv_timer_start(&cell.bound, on_bound, BOUND, 0);
  return uvmqtt_connect(m);
}

static int run(const char *url, uvmqtt_tls_t *tls) {
  uv_loop_init(&cell.loop);
  uv_timer_init(&cell.loop, &cell.bound);
  snprintf(cell.topic, sizeof cell.topic, "matrix/%d", (int)uv_os_getpid());
  int r = start(url, tls);
  uv_run(&cell.loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&cell.loop))
    snprintf(cell.complaint, sizeof cell.complaint, "the loop is not empty");
  if (r)
    snprintf(cell.complaint, sizeof cell.complaint, "%s", uvmqtt_strerror(r));
  return cell.complaint[0] != '\0' || cell.heard != SHORT + 1;
}

int main(int argc, char **argv) {
  uvmqtt_tls_t *tls = NULL;
  if (argc < 4)
    return 2;
  cell.version = (uint8_t)atoi(argv[2]);
  cell.qos = (uint8_t)atoi(argv[3]);
  cell.large = malloc(LARGE);
  if (cell.large == NULL)
    return 2;
  for (unsigned i = 0; i < LARGE; i++)
    cell.large[i] = (char)(i * 7 + i / 251);
  if (argc > 4 && uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &tls) != 0)
    return 2;
  int failed = tls != NULL && load(tls, argc, argv) != 0;
  if (!failed)
    failed = run(argv[1], tls);
  if (failed)
    fprintf(stderr, "%s\n", cell.complaint);
  uvmqtt_tls_free(tls);
  free(cell.large);
  return failed;
}
