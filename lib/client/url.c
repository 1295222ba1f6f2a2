#include "client/url.h"

#include "base/alloc.h"
#include "base/err.h"
#include "net/http.h"
#include "net/pipe.h"
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define PORT_MAX 65535u
#define HOST_MAX 253u

static const struct scheme {
  const char *prefix;
  uint16_t port;
  enum um_transport transport;
  const char *path; /* NULL: its URLs have none */
} schemes[] = {
    {"mqtt://", 1883, UM_TRANSPORT_TCP, NULL},
    {"unix:", 0, UM_TRANSPORT_UNIX, NULL},
    {"ws://", 80, UM_TRANSPORT_WS, "/mqtt"},
    {"wss://", 443, UM_TRANSPORT_WSS, "/mqtt"},
    {"mqtts://", 8883, UM_TRANSPORT_TLS, NULL},
};

/* In whatever case [RFC 3986, 3.1]. */
static bool begins_with(const char *text, const char *prefix) {
  return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* NULL when it is none of ours. */
static const struct scheme *scheme_of(const char *text) {
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    if (begins_with(text, schemes[i].prefix))
      return &schemes[i];
  return NULL;
}

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place. False: not two hex digits, or a NUL that would end the string. */
static bool percent_decode(char *s) {
  char *to = s;
  for (; *s != '\0'; s++, to++) {
    *to = *s;
    if (*s != '%')
      continue;
    int high = hex(s[1]), low = high < 0 ? -1 : hex(s[2]);
    if (low < 0 || high + low == 0)
      return false;
    *to = (char)(high << 4 | low);
    s += 2;
  }
  *to = '\0';
  return true;
}

static bool parse_port(const char *s, uint16_t *ret) {
  unsigned long n = 0;
  if (*s == '\0')
    return false;
  for (; *s != '\0'; s++) {
    if (*s < '0' || *s > '9')
      return false;
    n = n * 10 + (unsigned long)(*s - '0');
    if (n > PORT_MAX)
      return false;
  }
  *ret = (uint16_t)n;
  return n != 0;
}

/* In "mqtt://host/@other" others would find another host than we do. */
static bool parse_user(char *s, struct um_url *u) {
  char *colon = strchr(s, ':');
  if (strpbrk(s, "/?#\\") != NULL)
    return false;
  if (colon != NULL) {
    *colon = '\0';
    u->password = colon + 1;
    if (!percent_decode(colon + 1))
      return false;
  }
  u->username = s;
  return percent_decode(s);
}

/* An address of IPv6, which alone has colons and brackets around it. */
static bool is_ipv6(const char *host) {
  return strchr(host, ':') != NULL;
}

/* "host", "host:port", "[::1]", "[::1]:port" */
static bool parse_host_port(char *s, struct um_url *u) {
  bool bracket = *s == '[';
  char *end = bracket ? strchr(s, ']') : s + strcspn(s, ":");
  if (end == NULL)
    return false;
  char *rest = end + bracket;
  bool has_port = *rest == ':';
  if (*rest != '\0' && !has_port)
    return false;
  u->host = s + bracket;
  *end = '\0';
  if (bracket != is_ipv6(u->host))
    return false;
  return !has_port || parse_port(rest + 1, &u->port);
}

static bool parse_authority(char *s, struct um_url *u) {
  char *at = strrchr(s, '@');
  if (at == NULL)
    return parse_host_port(s, u);
  *at = '\0';
  return parse_user(s, u) && parse_host_port(at + 1, u);
}

static bool legal_host(const char *host) {
  size_t len = strlen(host);
  if (len == 0 || len > HOST_MAX)
    return false;
  for (const char *c = host; *c != '\0'; c++)
    if ((unsigned char)*c <= ' ' || *c == 0x7F)
      return false;
  return strpbrk(host, "/?#@\\\"<>") == NULL;
}

/* "mqtt://host/" is the same as without the slash. */
static void cut_slash(char *s) {
  size_t len = strlen(s);
  if (len != 0 && s[len - 1] == '/')
    s[len - 1] = '\0';
}

/* The path keeps its percent signs; the slash it begins with goes to its
 * place by a step to the left, as the authority needs a NUL. */
static bool cut_path(char **s, const char *otherwise, struct um_url *u) {
  char *text = *s, *path = text + strcspn(text, "/?");
  u->path = otherwise;
  if (*path == '\0')
    return true;
  if (*path == '?')
    return false; /* "ws://host?x": write "ws://host/?x" */
  memmove(text - 1, text, (size_t)(path - text));
  path[-1] = '\0';
  *s = text - 1;
  u->path = path;
  u->own_path = true;
  return um_http_legal_path(path);
}

static bool parse_scheme(char **s, struct um_url *u) {
  const struct scheme *scheme = scheme_of(*s);
  if (scheme == NULL)
    return false;
  *s += strlen(scheme->prefix);
  u->transport = scheme->transport;
  u->port = u->default_port = scheme->port;
  if (scheme->path != NULL)
    return cut_path(s, scheme->path, u);
  if (scheme->transport != UM_TRANSPORT_UNIX)
    cut_slash(*s);
  return true;
}

/* The host, with what surrounds it. */
static bool parse_host(char *s, struct um_url *u) {
  if (!parse_authority(s, u))
    return false;
  bool six = is_ipv6(u->host);
  return percent_decode(u->host) && legal_host(u->host) &&
         is_ipv6(u->host) == six;
}

/* "unix:/path", "unix:///path", "unix:@name" */
static int parse_socket(char *s, struct um_url *u) {
  u->host = strncmp(s, "///", 3) == 0 ? s + 2 : s;
  if (strncmp(u->host, "//", 2) == 0)
    return UVMQTT_EPATH; /* "unix://run/x" names a host */
  return percent_decode(u->host) ? um_pipe_check(u->host) : UVMQTT_EURL;
}

static int parse(char *text, struct um_url *u) {
  char *s = text;
  if (!parse_scheme(&s, u))
    return UVMQTT_EURL;
  if (u->transport == UM_TRANSPORT_UNIX)
    return parse_socket(s, u);
  return parse_host(s, u) ? 0 : UVMQTT_EURL;
}

void um_url_done(struct um_url *u) {
  um_wipe(u->memory, u->size);
  um_free(u->memory);
  memset(u, 0, sizeof *u);
}

int um_url_parse(const char *text, struct um_url *ret) {
  struct um_url u = {.size = strlen(text) + 1};
  u.memory = um_memdup(text, u.size);
  if (u.memory == NULL)
    return UM_ENOMEM;
  int r = parse(u.memory, &u);
  if (r)
    um_url_done(&u);
  else
    *ret = u;
  return r;
}

static const struct proxy_scheme {
  const char *prefix;
  uint16_t port;
  enum um_proxy_kind kind;
} proxy_schemes[] = {
    {"socks5h://", 1080, UM_PROXY_SOCKS5},
    {"socks5://", 1080, UM_PROXY_SOCKS5_LOCAL},
    {"http://", 8080, UM_PROXY_HTTP},
};

static const struct proxy_scheme *proxy_scheme_of(const char *text) {
  size_t n = sizeof proxy_schemes / sizeof proxy_schemes[0];
  for (const struct proxy_scheme *s = proxy_schemes; s < proxy_schemes + n; s++)
    if (begins_with(text, s->prefix))
      return s;
  return NULL;
}

static bool fits_socks5(const char *s) { /* RFC 1929 */
  return s == NULL || strlen(s) <= UINT8_MAX;
}

/* Can the proxy be told this? A colon ends the user name of HTTP (RFC 7617). */
static bool legal_login(const struct um_url *u, enum um_proxy_kind kind) {
  if (u->username == NULL)
    return true;
  if (*u->username == '\0')
    return false;
  if (kind == UM_PROXY_HTTP)
    return strchr(u->username, ':') == NULL;
  return fits_socks5(u->username) && fits_socks5(u->password);
}

int um_url_parse_proxy(const char *text, struct um_url *ret,
                       enum um_proxy_kind *ret_kind) {
  const struct proxy_scheme *scheme = proxy_scheme_of(text);
  if (scheme == NULL)
    return UVMQTT_EURL;
  struct um_url u = {.size = strlen(text) + 1, .port = scheme->port};
  u.memory = um_memdup(text, u.size);
  if (u.memory == NULL)
    return UM_ENOMEM;
  char *s = u.memory + strlen(scheme->prefix);
  cut_slash(s);
  if (!parse_host(s, &u) || !legal_login(&u, scheme->kind)) {
    um_url_done(&u);
    return UVMQTT_EURL;
  }
  *ret = u;
  *ret_kind = scheme->kind;
  return 0;
}

static int take_reference(struct um_url *u) {
  bool good = parse_host_port(u->memory, u) && legal_host(u->host);
  if (!good)
    um_url_done(u);
  return good ? 0 : UVMQTT_EURL;
}

int um_url_elsewhere(const struct um_url *from, const char *reference,
                     struct um_url *ret) {
  if (from->transport == UM_TRANSPORT_UNIX)
    return UVMQTT_EURL; /* a host is nothing we could reach */
  size_t len = strcspn(reference, " ");
  size_t path_size = from->path == NULL ? 0 : strlen(from->path) + 1;
  struct um_url u = {.size = len + 1 + path_size,
                     .transport = from->transport,
                     .port = from->default_port,
                     .default_port = from->default_port};
  u.memory = um_calloc(1, u.size);
  if (u.memory == NULL)
    return UM_ENOMEM;
  memcpy(u.memory, reference, len);
  if (path_size > 0)
    u.path = memcpy(u.memory + len + 1, from->path, path_size);
  int r = take_reference(&u);
  if (r == 0)
    *ret = u;
  return r;
}
