#include "e2e/site.h"

#include "support/planted.h"
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const struct site mosquitto_5 = {.name = "mosquitto",
                                 .url_variable = "UVMQTT_MOSQUITTO_URL",
                                 .version = UVMQTT_VERSION_5,
                                 .speaks = 5};
const struct site mosquitto_311 = {.name = "mosquitto",
                                   .url_variable = "UVMQTT_MOSQUITTO_URL",
                                   .version = UVMQTT_VERSION_311,
                                   .speaks = 4};
const struct site ejabberd_5 = {.name = "ejabberd",
                                .url_variable = "UVMQTT_EJABBERD_URL",
                                .version = UVMQTT_VERSION_5,
                                .speaks = 5,
                                .login = true};
const struct site ejabberd_311 = {.name = "ejabberd",
                                  .url_variable = "UVMQTT_EJABBERD_URL",
                                  .version = UVMQTT_VERSION_311,
                                  .speaks = 4,
                                  .login = true};
/* Knows 3.1.1 only and says so: each client falls back. */
const struct site aedes = {.name = "aedes",
                           .url_variable = "UVMQTT_AEDES_URL",
                           .version = UVMQTT_VERSION_ANY,
                           .speaks = 4};

const char *site_url(const struct site *s) {
  return s->url_variable == NULL ? s->url : getenv(s->url_variable);
}

const char *site_url_planted(const struct site *s) {
  static char url[200];
  snprintf(url, sizeof url, "mqtt://" PLANTED_USER ":" PLANTED_PASSWORD "@%s",
           site_url(s) + strlen("mqtt://"));
  return url;
}

int site_port(const struct site *s) {
  return atoi(strrchr(site_url(s), ':') + 1);
}

void site_run(const struct site *s,
              void (*behaviour)(struct host *, const struct site *)) {
  struct host h;
  if (site_url(s) == NULL)
    cr_skip_test("no %s here (%s is not set)", s->name, s->url_variable);
  host_open(&h);
  behaviour(&h, s);
  host_close(&h);
}

void alone(void (*behaviour)(struct host *)) {
  struct host h;
  if (getenv("UVMQTT_BROKER_CTL") == NULL)
    cr_skip_test("cannot start brokers (UVMQTT_BROKER_CTL is not set)");
  host_open(&h);
  behaviour(&h);
  host_close(&h);
}

static bool is_free(unsigned port) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((uint16_t)port)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  int r = bind(fd, (struct sockaddr *)&a, sizeof a);
  close(fd);
  return r == 0;
}

unsigned site_free_port(void) {
  static unsigned next;
  if (next == 0)
    next = (unsigned)(uv_hrtime() / 1000 % 11000);
  do
    next++;
  while (!is_free(20000 + next));
  return 20000 + next;
}

const char *unique(const char *name) {
  static char memory[16][96];
  static unsigned next;
  char *ret = memory[next++ % 16];
  snprintf(ret, sizeof memory[0], "e2e/%d/%s", (int)getpid(), name);
  return ret;
}

static const char *control(void) {
  return getenv("UVMQTT_BROKER_CTL");
}

static void make_directory(struct broker *b) {
  const char *tmp = getenv("TMPDIR");
  snprintf(b->directory, sizeof b->directory, "%s/uvmqtt-e2e-XXXXXX",
           tmp == NULL ? "/tmp" : tmp);
  cr_assert_not_null(mkdtemp(b->directory));
}

void broker_start(struct host *h, struct broker *b, const char *conf) {
  int port = 0;
  make_directory(b);
  const char *argv[] = {control(), "start", "mosquitto", b->directory, NULL};
  setenv("UVMQTT_BROKER_CONF", conf, 1);
  program_run(h, &b->program, argv);
  cr_assert_eq(sscanf(b->program.text, "PORT=%d", &port), 1);
  snprintf(b->url, sizeof b->url, "mqtt://127.0.0.1:%d", port);
  b->site = (struct site){.name = "an own mosquitto",
                          .url = b->url,
                          .version = UVMQTT_VERSION_5,
                          .speaks = 5};
}

void broker_end(struct host *h, struct broker *b) {
  const char *stop[] = {control(), "stop", b->directory, "KILL", NULL};
  const char *wipe[] = {"/bin/rm", "-rf", b->directory, NULL};
  program_run(h, &b->program, stop);
  program_run(h, &b->program, wipe);
}

void broker_kill(struct host *h, struct broker *b) {
  const char *argv[] = {control(), "stop", b->directory, "KILL", NULL};
  program_start(h, &b->program, argv);
}

void broker_restart(struct host *h, struct broker *b) {
  const char *argv[] = {control(), "restart", b->directory, NULL};
  program_start(h, &b->program, argv);
}
