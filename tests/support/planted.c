#define _GNU_SOURCE /* memmem */
#include "support/planted.h"

#include "support/learnt.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* The forms of a marker. */

enum { PLAIN, HEX, UPPER_HEX, PERCENT, UPPER_PERCENT, BASE64, FORMS = 8 };
#define FORM_MAX 64

struct marker {
  const char *text;
  char forms[FORMS][FORM_MAX];
};

static struct marker secret = {.text = PLANTED_SECRET},
                     payload = {.text = PLANTED_PAYLOAD};

static void spell(const char *text, const char *format, char *ret) {
  for (; *text != '\0'; text++)
    ret += snprintf(ret, 4, format, (unsigned char)*text);
}

/* The k-th six bits. */
static char sextet(const uint8_t *p, size_t k) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t byte = k * 6 / 8, shift = k * 6 % 8;
  unsigned two = (unsigned)p[byte] << 8 | p[byte + 1];
  return letters[two >> (10 - shift) & 63];
}

/* What is of the marker alone when so many bytes stand before it. */
static void spell_base64(const char *text, size_t before, char *ret) {
  uint8_t bytes[FORM_MAX] = {0};
  size_t len = strlen(text), end = (before + len) * 8 / 6;
  memcpy(bytes + before, text, len);
  for (size_t k = (before * 8 + 5) / 6; k < end; k++)
    *ret++ = sextet(bytes, k);
}

static void spell_all(struct marker *m) {
  static const char *const formats[] = {"%c", "%02x", "%02X", "%%%02x",
                                        "%%%02X"};
  for (size_t i = PLAIN; i < BASE64; i++)
    spell(m->text, formats[i], m->forms[i]);
  for (size_t i = BASE64; i < FORMS; i++)
    spell_base64(m->text, i - BASE64, m->forms[i]);
}

static void spell_both(void) {
  spell_all(&secret);
  spell_all(&payload);
}

static bool holds(const void *p, size_t len, const char *form) {
  return memmem(p, len, form, strlen(form)) != NULL;
}

static bool has(const struct marker *m, const void *p, size_t len) {
  static uv_once_t once = UV_ONCE_INIT;
  if (len < sizeof PLANTED_SECRET - 1) /* no form is shorter */
    return false;
  uv_once(&once, spell_both);
  for (size_t i = 0; i < FORMS; i++)
    if (holds(p, len, m->forms[i]))
      return true;
  return false;
}

bool planted_secret_in(const void *p, size_t len) {
  return has(&secret, p, len);
}

bool planted_in(const void *p, size_t len) {
  return has(&secret, p, len) || has(&payload, p, len);
}

bool planted_word(const char *word) {
  return planted_in(word, strlen(word)) || strstr(word, PLANTED_TOPIC) != NULL;
}

static bool tells(const char *text) {
  size_t len = strlen(text);
  return planted_in(text, len) || learnt_in(LEARNT_SECRET, text, len) != NULL ||
         learnt_in(LEARNT_PAYLOAD, text, len) != NULL;
}

void planted_look(const char *where, const char *text) {
  if (text == NULL || !tells(text))
    return;
  fprintf(stderr, "a secret is out, in %s: %s\n", where, text);
  abort();
}

/* Each test is a process of its own. */

static unsigned off;

void planted_off(unsigned what) {
  off |= what;
}

bool planted_is_on(unsigned what) {
  return (off & what) == 0;
}
