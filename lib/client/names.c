/* Texts for codes, states and phases. */
#include <string.h>
#include <uv.h>
#include <uvmqtt.h>

struct name {
  int code;
  const char *name;
  const char *text;
};

static const struct name names[] = {
#define X(name, number, text) {number, "UVMQTT_" #name, text},
    UVMQTT_ERRNO_MAP(X)
#undef X
#define X(name, text) {UV_##name, #name, text},
        UV_ERRNO_MAP(X)
#undef X
};

static const struct name *find(int code) {
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].code == code)
      return &names[i];
  return NULL;
}

const char *uvmqtt_strerror(int err) {
  const struct name *n = find(err);
  if (err == 0)
    return "success";
  return n == NULL ? "unknown error" : n->text;
}

const char *uvmqtt_err_name(int err) {
  const struct name *n = find(err);
  if (err == 0)
    return "OK";
  return n == NULL ? "UNKNOWN" : n->name;
}

const char *uvmqtt_phase_name(uvmqtt_phase_t phase) {
  static const char *const texts[] = {
#define X(name, text) [UVMQTT_PHASE_##name] = text,
      UVMQTT_PHASE_MAP(X)
#undef X
  };
  size_t i = (size_t)phase;
  return i < sizeof texts / sizeof texts[0] ? texts[i] : "?";
}

const char *uvmqtt_state_name(uvmqtt_state_t state) {
  static const char *const texts[] = {
#define X(name, text) [UVMQTT_STATE_##name] = text,
      UVMQTT_STATE_MAP(X)
#undef X
  };
  size_t i = (size_t)state;
  return i < sizeof texts / sizeof texts[0] ? texts[i] : "?";
}

const char *uvmqtt_version(void) {
  return UVMQTT_VERSION_STRING;
}
