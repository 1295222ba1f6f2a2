/* site.h: a broker to test against, and in which version.
 *
 *   static void echoes(struct host *h, const struct site *s) { ... }
 *   TEST_ON_ALL(exchange, echoes)
 *
 * makes one test for each site; a site whose broker is not there is skipped by
 * name. */
#ifndef E2E_SITE_H
#define E2E_SITE_H

#include "e2e/host.h"
#include <uvmqtt.h>

struct site {
  const char *name;
  const char *url_variable; /* NULL: url */
  const char *url;
  uvmqtt_protocol_t version; /* asked for */
  uint8_t speaks;            /* what comes of it */
  bool login;                /* wants a user name */
};

extern const struct site mosquitto_5, mosquitto_311, ejabberd_5, ejabberd_311,
    aedes;

#define TEST_ON(suite, behaviour, site)                                        \
  Test(suite, behaviour##_on_##site) {                                         \
    site_run(&site, behaviour);                                                \
  }

#define TEST_ON_5(suite, behaviour)                                            \
  TEST_ON(suite, behaviour, mosquitto_5)                                       \
  TEST_ON(suite, behaviour, ejabberd_5)

#define TEST_ON_ALL(suite, behaviour)                                          \
  TEST_ON_5(suite, behaviour)                                                  \
  TEST_ON(suite, behaviour, mosquitto_311)                                     \
  TEST_ON(suite, behaviour, ejabberd_311)                                      \
  TEST_ON(suite, behaviour, aedes)

void site_run(const struct site *s,
              void (*behaviour)(struct host *, const struct site *));

/* "mqtt://127.0.0.1:PORT", and the port. */
const char *site_url(const struct site *s);
int site_port(const struct site *s);
/* The same with the planted login in it, for other programs: a site without
 * .login lets in anybody. */
const char *site_url_planted(const struct site *s);

/* For another listener of a broker's. Below the range that the kernel gives to
 * outgoing connections: one of those could take it first. Each call another. */
unsigned site_free_port(void);

/* Names that no other test uses, in static memory for a few calls. */
const char *unique(const char *name);

/* A mosquitto of the test's own, which it may stop and start. */
struct broker {
  char directory[256];
  char url[64];
  struct site site; /* speaks 5.0 */
  struct program program;
};

/* conf: lines of mosquitto.conf. Skips the test when there is no broker. */
void broker_start(struct host *h, struct broker *b, const char *conf);
void broker_end(struct host *h, struct broker *b);

/* Under way until program_ended(&b->program): the loop goes on meanwhile.
 * restart is a SIGTERM and a start with the same port and state. */
void broker_kill(struct host *h, struct broker *b);
void broker_restart(struct host *h, struct broker *b);

/* Tests that need no site, only a broker of their own. */
void alone(void (*behaviour)(struct host *));

#endif
