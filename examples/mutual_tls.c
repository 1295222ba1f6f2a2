/* TLS with both sides showing a certificate: the server's is verified with a CA
 * of your own, the client's says who we are. Publishes one message at QoS 1.
 *
 *   mutual_tls URL CA CERTIFICATE KEY [TOPIC TEXT]
 *
 *   mutual_tls mqtts://broker.example ca.pem me.pem me.key
 */
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>
#include <uvmqtt/tls.h>

static int status = 1;

static void on_left(uvmqtt_t *m, const uvmqtt_result_t *result, void *arg) {
  (void)result, (void)arg;
  uvmqtt_close(m, NULL, NULL);
}

static void on_published(uvmqtt_t *m, const uvmqtt_result_t *result,
                         void *arg) {
  (void)arg;
  status = result->status != 0;
  printf("%s\n", status ? uvmqtt_strerror(result->status) : "published");
  uvmqtt_disconnect(m, NULL, on_left, NULL);
}

/* What is wrong with a certificate does not mend itself: say it and stop. */
static void on_disconnect(uvmqtt_t *m, const uvmqtt_disconnect_t *d) {
  if (d->error->code == 0)
    return;
  printf("%s: %s\n", uvmqtt_phase_name(d->error->phase), d->error->hint);
  uvmqtt_close(m, NULL, NULL);
}

static int load(uvmqtt_tls_t *tls, char **files) {
  int r = uvmqtt_tls_load_verify_locations(tls, files[0]);
  if (r == 0)
    r = uvmqtt_tls_load_cert_chain(tls, files[1], files[2]);
  if (r)
    fprintf(stderr, "%s\n", uvmqtt_tls_error(tls));
  return r;
}

static int publish(uvmqtt_t *m, const char *topic, const char *text) {
  uvmqtt_message_t message = {
      .topic = topic, .payload = {text, strlen(text)}, .qos = 1};
  return uvmqtt_publish(m, &message, on_published, NULL, NULL);
}

int main(int argc, char **argv) {
  uvmqtt_tls_t *tls;
  uvmqtt_t *m;
  if (argc < 5) {
    fprintf(stderr, "mutual_tls URL CA CERTIFICATE KEY [TOPIC TEXT]\n");
    return 2;
  }
  if (uvmqtt_tls_new(UVMQTT_TLS_CLIENT, &tls) || load(tls, argv + 2))
    return 1;
  uvmqtt_options_t options = {UVMQTT_OPTIONS_INIT, .url = argv[1], .tls = tls,
                              .on_disconnect = on_disconnect};
  int r = uvmqtt_new(uv_default_loop(), &options, &m);
  uvmqtt_tls_free(tls); /* the client has its own reference */
  if (r == 0)
    r = publish(m, argc > 5 ? argv[5] : "mutual/tls",
                argc > 6 ? argv[6] : "hello");
  if (r == 0)
    r = uvmqtt_connect(m);
  if (r)
    fprintf(stderr, "%s\n", uvmqtt_strerror(r));
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return status;
}
