#include "base/err.h"
#include "support/suite.h"
#include "wire/build.h"
#include "wire/differ.h"
#include "wire/property.h"
#include "wire/reference.h"

#include <ctype.h>
#include <stdlib.h>

SUITE(property);

/* A value of the type; number is for the numeric ones. */
static void value(struct build *b, const struct ref_property *r,
                  uint32_t number) {
  if (strchr("124", r->type)) {
    for (int shift = (r->type - '1') * 8; shift >= 0; shift -= 8)
      build_u8(b, number >> shift & 0xFF);
  } else if (r->type == 'v')
    build_varint(b, number);
  else
    build_text(b, "x");
  if (r->type == 'p')
    build_text(b, "y");
}

static struct build one(const struct ref_property *r, uint32_t number) {
  struct build b = {.len = 0};
  build_u8(&b, r->id);
  value(&b, r, number);
  return b;
}

/* CONNECT with data needs a method; nothing else depends on another. */
static void company(struct build *b, int type, unsigned id) {
  if (type == 1 && id == 22) {
    build_u8(b, 21);
    build_text(b, "m");
  }
}

static void compare(int type, uint8_t from, const struct build *properties,
                    const char *name, const char *what, bool *ret_accepted) {
  struct build packet = build_with_properties(type, properties);
  char *wrong = differ(packet.bytes, packet.len, UM_V5, from, VERDICT_EXACT,
                       ret_accepted);
  cr_expect_null(wrong, "%s in %d, %s: %s", name, type, what, wrong);
  free(wrong);
}

static void each_cell(void (*cell)(const struct ref_property *, int, uint8_t)) {
  for (size_t i = 0; i < 27; i++)
    for (int type = 0; type < 16; type++)
      for (uint8_t from = UM_CLIENT; from <= UM_SERVER; from++)
        cell(&ref_properties[i], type, from);
}

static int accepted_cells;

static void alone(const struct ref_property *r, int type, uint8_t from) {
  struct build b = one(r, 1);
  bool accepted;
  company(&b, type, r->id);
  compare(type, from, &b, r->name, "alone", &accepted);
  accepted_cells += accepted && type != 12 && type != 13;
}

/* N37. 64 pairs of property and packet stand in table 2-4, counting the Will.
 * Those of types that both sides send count twice. */
Test(property, is_accepted_exactly_where_the_standard_allows_it) {
  each_cell(alone);
  int expected = 0;
  for (size_t i = 0; i < 27; i++)
    for (const char *w = ref_properties[i].where; *w; w++)
      expected += strchr("NPRLMDX", *w) ? 2 : 1;
  /* Subscription Identifier, Session Expiry, Server Reference: one side */
  cr_assert_eq(accepted_cells, expected - 3);
}

static void twice(const struct ref_property *r, int type, uint8_t from) {
  struct build b = one(r, 1), again = one(r, 1);
  build_raw(&b, again.bytes, again.len);
  company(&b, type, r->id);
  compare(type, from, &b, r->name, "twice", NULL);
}

/* N38 */
Test(property, may_be_repeated_exactly_where_the_standard_allows_it) {
  each_cell(twice);
}

static void numbers(const struct ref_property *r, int type, uint8_t from) {
  static const uint32_t probes[] = {0,     1,     2,         127,       128,
                                    255,   256,   65535,     16383,     16384,
                                    65536, 99999, 268435455, UINT32_MAX};
  for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
    if (r->type == 'v' && probes[i] > 268435455)
      continue;
    struct build b = one(r, probes[i]);
    company(&b, type, r->id);
    compare(type, from, &b, r->name, "number", NULL);
  }
}

/* N33 N41 N42 N61 */
Test(property, is_refused_when_out_of_range) {
  each_cell(numbers);
}

static void truncated(const struct ref_property *r, int type, uint8_t from) {
  struct build full = one(r, 1);
  for (size_t len = 1; len < full.len; len++) {
    struct build b = full;
    b.len = len;
    compare(type, from, &b, r->name, "truncated", NULL);
  }
}

/* N40 */
Test(property, is_malformed_when_truncated) {
  each_cell(truncated);
}

/* N39 */
Test(property, with_an_undefined_id_is_malformed) {
  for (unsigned id = 0; id < 256; id++) {
    struct build b = {.len = 0};
    build_varint(&b, id);
    build_u8(&b, 1);
    compare(UVMQTT_CONNACK, UM_SERVER, &b, "id", "any", NULL);
    cr_assert_eq(um_property_rule(id) == NULL,
                 strcmp(uvmqtt_property_name((uvmqtt_property_id_t)id), "?") ==
                     0);
  }
}

Test(property, has_the_name_of_the_standard) {
  for (size_t i = 0; i < 27; i++) {
    const struct ref_property *r = &ref_properties[i];
    const char *name = uvmqtt_property_name((uvmqtt_property_id_t)r->id);
    cr_assert_eq(strlen(name), strlen(r->name));
    for (size_t k = 0; name[k]; k++)
      cr_assert_eq(name[k] == ' ' ? '-' : tolower((unsigned char)name[k]),
                   r->name[k], "%s", name);
  }
}

Test(property, find_returns_the_first_of_its_id) {
  uvmqtt_property_t p[] = {UVMQTT_CONTENT_TYPE("a"),
                           UVMQTT_USER_PROPERTY("k", "1"),
                           UVMQTT_USER_PROPERTY("k", "2")};
  cr_assert_eq(uvmqtt_property_find(p, 3, UVMQTT_PROPERTY_USER_PROPERTY),
               &p[1]);
  cr_assert_null(uvmqtt_property_find(p, 3, UVMQTT_PROPERTY_TOPIC_ALIAS));
  cr_assert_null(uvmqtt_property_find(NULL, 0, UVMQTT_PROPERTY_TOPIC_ALIAS));
}

/* --- what a caller passes -------------------------------------------------*/

static int check(uvmqtt_property_t p, uint8_t in) {
  return um_check_properties(&p, 1, in);
}

static uvmqtt_property_t sample(const struct ref_property *r) {
  uvmqtt_property_t p = {(uvmqtt_property_id_t)r->id, {.num = 1}};
  if (r->type == 's')
    p.value.str = "x";
  else if (r->type == 'b')
    p.value.bin = (uvmqtt_bytes_t){"x", 1};
  else if (r->type == 'p')
    p = (uvmqtt_property_t)UVMQTT_USER_PROPERTY("k", "v");
  return p;
}

/* A client may pass exactly what decoding accepts from a client. */
Test(property, of_a_caller_is_checked_by_the_same_table) {
  for (size_t i = 0; i < 27; i++)
    for (int type = 0; type < 16; type++) {
      const struct ref_property *r = &ref_properties[i];
      uvmqtt_property_t p[] = {sample(r), sample(r)};
      bool may = strchr(r->where, ref_letter(type)) != NULL;
      if ((type == 3 && r->id == 11) || (type == 14 && r->id == 28))
        may = false;
      bool often = may && strchr(r->often, ref_letter(type));
      cr_expect_eq(um_check_properties(p, 1, (uint8_t)type),
                   may ? 0 : UVMQTT_EPROPERTY, "%s in %d", r->name, type);
      cr_expect_eq(um_check_properties(p, 2, (uint8_t)type),
                   often ? 0 : UVMQTT_EPROPERTY, "%s in %d", r->name, type);
    }
}

Test(property, of_a_caller_out_of_range_is_refused) {
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, 0),
                     UVMQTT_PUBLISH),
               UVMQTT_EPROPERTY); /* [MQTT-3.3.2-8/5] */
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_PROPERTY_NUM(
                         SUBSCRIPTION_IDENTIFIER, 268435456),
                     UVMQTT_SUBSCRIBE),
               UVMQTT_EPROPERTY);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_PROPERTY_NUM(TOPIC_ALIAS, 65536),
                     UVMQTT_PUBLISH),
               UVMQTT_EPROPERTY);
  uvmqtt_property_t unknown = {(uvmqtt_property_id_t)0x7F, {.num = 0}};
  cr_assert_eq(check(unknown, UVMQTT_PUBLISH), UVMQTT_EPROPERTY);
  cr_assert_eq(um_check_properties(NULL, 1, UVMQTT_PUBLISH), UM_EINVAL);
  cr_assert_eq(um_check_properties(NULL, 0, UVMQTT_PUBLISH), 0);
}

/* [MQTT-3.3.2-13/5] [MQTT-3.3.2-14/5] [MQTT-3.3.2-19/5] [MQTT-1.5.7-1/5] */
Test(property, of_a_caller_with_bad_text_is_refused) {
  char *longest = malloc(65537);
  memset(longest, 'x', 65536);
  longest[65536] = '\0';
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_RESPONSE_TOPIC("a/#"), 3),
               UVMQTT_EPROPERTY);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_RESPONSE_TOPIC("\xff"), 3),
               UVMQTT_EUTF8);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_CONTENT_TYPE("\xc0\x80"), 3),
               UVMQTT_EUTF8);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_CONTENT_TYPE(NULL), 3),
               UVMQTT_EPROPERTY);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_USER_PROPERTY("k", "\xff"), 3),
               UVMQTT_EUTF8);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_USER_PROPERTY(longest, ""), 3),
               UVMQTT_EPROPERTY);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_CORRELATION_DATA("", 65536), 3),
               UVMQTT_EPROPERTY);
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_CORRELATION_DATA(NULL, 1), 3),
               UVMQTT_EPROPERTY);
  longest[65535] = '\0';
  cr_assert_eq(check((uvmqtt_property_t)UVMQTT_USER_PROPERTY(longest, ""), 3),
               0);
  free(longest);
}
