#include "net/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

void um_http_init(struct um_http *h) {
  memset(h, 0, sizeof *h);
  um_buf_init(&h->head, UM_HTTP_HEAD_MAX, NULL);
}

void um_http_done(struct um_http *h) {
  um_buf_done(&h->head);
}

/* Characters. */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_token_char(char c) {
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || is_digit(c) ||
         (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_length(const char *s) {
  size_t n = 0;
  while (is_token_char(s[n]))
    n++;
  return n;
}

static bool is_control(uint8_t c) {
  return (c < ' ' && c != '\t') || c == 0x7F;
}

/* Reading. */

static int bad(struct um_http *h, const char *why) {
  h->why = why;
  return UV_EPROTO;
}

static const char version[] = "HTTP/1.";

#define TLS_ALERT 0x15

/* Seen at the first byte: who speaks something else may never end a line. */
static bool is_foreign(const struct um_http *h, uint8_t c) {
  return h->lines == 0 && h->column < sizeof version - 1 &&
         c != (uint8_t)version[h->column];
}

static const char *foreign(const struct um_http *h, uint8_t c) {
  return h->column == 0 && c == TLS_ALERT ? "the answer is TLS, not HTTP"
                                          : "the answer is not HTTP/1.1";
}

/* "HTTP/1.1 101 Switching Protocols" */
static int read_status(struct um_http *h, const char *line) {
  size_t n = sizeof version - 1;
  if (!is_digit(line[n]) || line[n + 1] != ' ')
    return bad(h, "the answer is not HTTP/1.1");
  const char *s = line + n + 2;
  if (!is_digit(s[0]) || !is_digit(s[1]) || !is_digit(s[2]) || s[0] == '0' ||
      (s[3] != ' ' && s[3] != '\0'))
    return bad(h, "the answer has no HTTP status");
  h->status = (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
  return 0;
}

static int read_header(struct um_http *h, const char *line) {
  size_t n = token_length(line);
  if (n == 0 || line[n] != ':')
    return bad(h, "a line of the answer is no HTTP header");
  return 0;
}

static int put(struct um_http *h, uint8_t c) {
  if (h->head.len == UM_HTTP_HEAD_MAX)
    return bad(h, "the head of the answer is too long");
  h->column++;
  return um_buf_append(&h->head, &c, 1);
}

/* RFC 9110, 15.2: "wait, the answer is still being made". 101 is an answer. */
static bool is_interim(int status) {
  return status < 200 && status != 101;
}

static int end_head(struct um_http *h) {
  if (!is_interim(h->status))
    return 1;
  if (h->interim++ == UM_HTTP_INTERIM_MAX)
    return bad(h, "too many interim answers");
  um_buf_consume(&h->head, h->head.len);
  h->lines = 0;
  return 0;
}

static int end_line(struct um_http *h) {
  size_t n = h->column;
  if (n == 0)
    return end_head(h);
  if (h->lines == UM_HTTP_LINES_MAX)
    return bad(h, "the answer has too many headers");
  int r = put(h, '\0');
  if (r)
    return r;
  const char *line = (const char *)um_buf_head(&h->head) + h->head.len - n - 1;
  h->column = 0;
  return h->lines++ == 0 ? read_status(h, line) : read_header(h, line);
}

static int step(struct um_http *h, uint8_t c) {
  if (is_foreign(h, c))
    return bad(h, foreign(h, c));
  if (h->cr) {
    h->cr = false;
    return c == '\n' ? end_line(h) : bad(h, "CR without LF in the answer");
  }
  if (c == '\r') {
    h->cr = true;
    return 0;
  }
  if (is_control(c))
    return bad(h, "control characters in the head of the answer");
  if (h->column == 0 && (c == ' ' || c == '\t'))
    return bad(h, "a folded header in the answer");
  return put(h, c);
}

int um_http_feed(struct um_http *h, const uint8_t *data, size_t len,
                 size_t *ret_used) {
  int r = 0;
  size_t i = 0;
  while (i < len && r == 0)
    r = step(h, data[i++]);
  *ret_used = i;
  return r;
}

/* Asking. */

/* The first line is the status. NULL after the last. */
static const char *next_line(const struct um_http *h, const char *line) {
  const char *end = (const char *)um_buf_head(&h->head) + h->head.len;
  line += strlen(line) + 1;
  return line == end ? NULL : line;
}

const char *um_http_phrase(const struct um_http *h) {
  const char *line = (const char *)um_buf_head(&h->head);
  size_t n = strlen("HTTP/1.1 101 ");
  return strlen(line) > n ? line + n : "";
}

/* Of this line if it has this name. */
static const char *value_in(const char *line, const char *name) {
  size_t n = strlen(name);
  if (strncasecmp(line, name, n) != 0 || line[n] != ':')
    return NULL;
  return line + n + 1 + strspn(line + n + 1, " \t");
}

const char *um_http_value(const struct um_http *h, const char *name,
                          unsigned *ret_count) {
  const char *line = (const char *)um_buf_head(&h->head), *first = NULL;
  unsigned n = 0;
  while ((line = next_line(h, line)) != NULL) {
    const char *value = value_in(line, name);
    if (value != NULL && n++ == 0)
      first = value;
  }
  if (ret_count != NULL)
    *ret_count = n;
  return first;
}

static bool list_has(const char *list, const char *token) {
  size_t n = strlen(token);
  while (*list != '\0') {
    list += strspn(list, " \t,");
    size_t len = strcspn(list, " \t,");
    if (len == n && strncasecmp(list, token, n) == 0)
      return true;
    list += len;
  }
  return false;
}

bool um_http_has_token(const struct um_http *h, const char *name,
                       const char *token) {
  const char *line = (const char *)um_buf_head(&h->head);
  while ((line = next_line(h, line)) != NULL) {
    const char *value = value_in(line, name);
    if (value != NULL && list_has(value, token))
      return true;
  }
  return false;
}

/* Writing. */

int um_http_line(struct um_buf *to, const char *const *parts) {
  int r = 0;
  for (; r == 0 && *parts != NULL; parts++)
    r = um_buf_append(to, *parts, strlen(*parts));
  return r ? r : um_buf_append(to, "\r\n", 2);
}

void um_http_authority(const char *host, uint16_t port, uint16_t otherwise,
                       char *ret, size_t size) {
  bool six = strchr(host, ':') != NULL;
  size_t len = six ? strcspn(host, "%") : strlen(host);
  int n = snprintf(ret, size, six ? "[%.*s]" : "%.*s", (int)len, host);
  if (port != otherwise && n > 0 && (size_t)n < size)
    snprintf(ret + n, size - (size_t)n, ":%u", (unsigned)port);
}

static bool is_ours(const char *name) {
  static const char *const names[] = {"Host", "Connection", "Upgrade",
                                      "Content-Length", "Transfer-Encoding"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcasecmp(name, names[i]) == 0)
      return true;
  return strncasecmp(name, "Sec-WebSocket-", 14) == 0;
}

bool um_http_legal_header(const uvmqtt_header_t *h) {
  if (h->name == NULL || h->value == NULL || *h->name == '\0' ||
      h->name[token_length(h->name)] != '\0' || is_ours(h->name))
    return false;
  for (const char *c = h->value; *c != '\0'; c++)
    if (is_control((uint8_t)*c))
      return false;
  return true;
}

bool um_http_is_login(const char *name) {
  static const char *const names[] = {"Authorization", "Cookie",
                                      "Proxy-Authorization"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcasecmp(name, names[i]) == 0)
      return true;
  return false;
}

bool um_http_legal_path(const char *path) {
  if (*path != '/')
    return false;
  for (const char *c = path; *c != '\0'; c++)
    if ((uint8_t)*c <= ' ' || (uint8_t)*c >= 0x7F || *c == '#')
      return false;
  return true;
}
