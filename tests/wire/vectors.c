#include "wire/vectors.h"
#include "support/hex.h"
#include "wire/packet.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
  struct vector v;
  char version[8], from[8];
  int (*state)(struct parser *, const char *line);
  void (*cb)(const struct vector *, void *);
  void *arg;
  int calls;
};

static int read_title(struct parser *p, const char *line);

static int call_back(struct parser *p) {
  for (p->v.version = UM_V311; p->v.version <= UM_V5; p->v.version++)
    for (p->v.from = UM_CLIENT; p->v.from <= UM_SERVER; p->v.from++) {
      if (p->version[0] != 'a' && p->version[0] - '0' != p->v.version)
        continue;
      if (p->from[0] != 'a' && (p->from[0] == 's') != (p->v.from == UM_SERVER))
        continue;
      p->cb(&p->v, p->arg);
      p->calls++;
    }
  p->state = read_title;
  return 0;
}

static int read_expectation(struct parser *p, const char *line) {
  if (*line == '\0')
    return call_back(p);
  if (strncmp(line, "=> ", 3) != 0 && strncmp(line, "~> ", 3) != 0)
    return -1;
  p->v.canonical &= *line == '=';
  size_t used = strlen(p->v.expect);
  int n =
      snprintf(p->v.expect + used, sizeof p->v.expect - used, "%s\n", line + 3);
  return n > 0 && (size_t)n < sizeof p->v.expect - used ? 0 : -1;
}

static int read_bytes(struct parser *p, const char *line) {
  if (*line != ' ') {
    p->state = read_expectation;
    return *line == '\0' ? -1 : read_expectation(p, line);
  }
  long n = hex_read(line, p->v.bytes + p->v.len, VECTOR_MAX - p->v.len);
  if (n < 0)
    return -1;
  p->v.len += (size_t)n;
  return 0;
}

static int read_conditions(struct parser *p, const char *line) {
  int n = sscanf(line, "version %7s from %7s limit %zu", p->version, p->from,
                 &p->v.limit);
  p->state = read_bytes;
  return n >= 2 && strchr("45a", p->version[0]) && strchr("csa", p->from[0])
             ? 0
             : -1;
}

static int read_title(struct parser *p, const char *line) {
  if (*line == '\0')
    return 0;
  snprintf(p->v.title, sizeof p->v.title, "%s", line);
  p->v.limit = VECTOR_MAX;
  p->v.len = 0;
  p->v.expect[0] = '\0';
  p->v.canonical = true;
  p->state = read_conditions;
  return 0;
}

static int read_file(struct parser *p, FILE *f) {
  char line[4096];
  int err = 0;
  while (err == 0 && fgets(line, sizeof line, f)) {
    p->v.line++;
    line[strcspn(line, "\n")] = '\0';
    if (line[0] != '#')
      err = p->state(p, line);
  }
  if (err == 0 && p->state == read_expectation)
    err = call_back(p);
  if (err || p->state != read_title) {
    fprintf(stderr, "%s:%d: not understood\n", p->v.file, p->v.line);
    return -1;
  }
  return p->calls;
}

int vectors_each(const char *path, void (*cb)(const struct vector *, void *),
                 void *arg) {
  struct parser *p = calloc(1, sizeof *p);
  FILE *f = fopen(path, "r");
  if (f == NULL || p == NULL) {
    perror(path);
    free(p);
    return -1;
  }
  *p = (struct parser){.state = read_title, .cb = cb, .arg = arg};
  p->v.file = path;
  p->v.bytes = malloc(VECTOR_MAX);
  int n = p->v.bytes ? read_file(p, f) : -1;
  free(p->v.bytes);
  free(p);
  fclose(f);
  return n;
}

int vectors_in(const char *folder, void (*cb)(const struct vector *, void *),
               void *arg) {
  int sum = 0;
  DIR *dir = opendir(folder);
  if (dir == NULL)
    return -1;
  for (struct dirent *e; (e = readdir(dir)) != NULL && sum >= 0;) {
    char path[1024];
    if (strstr(e->d_name, ".txt") == NULL)
      continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    int n = vectors_each(path, cb, arg);
    sum = n < 0 ? -1 : sum + n;
  }
  closedir(dir);
  return sum;
}
