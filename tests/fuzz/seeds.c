/* seeds VECTORS DECODE_CORPUS FRAME_CORPUS: the vectors as fuzzer inputs. */
#include "wire/packet.h"
#include "wire/vectors.h"

#include <stdio.h>
#include <string.h>

struct folders {
  const char *decode, *frame;
  int failed;
};

static const char *name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static void write_seed(struct folders *to, const char *folder,
                       const struct vector *v, uint8_t second, size_t skip) {
  char path[1024];
  uint8_t conditions = (uint8_t)((v->version == UM_V5) | v->from << 1);
  snprintf(path, sizeof path, "%s/%.40s-%d-%d%d", folder, name_of(v->file),
           v->line, v->version, v->from);
  FILE *f = fopen(path, "wb");
  if (f == NULL) {
    perror(path);
    to->failed = 1;
    return;
  }
  fputc(conditions, f);
  fputc(second, f);
  fwrite(v->bytes + skip, 1, v->len - skip, f);
  fclose(f);
}

static void seed(const struct vector *v, void *arg) {
  struct folders *to = arg;
  if (v->len > 2000)
    return;
  write_seed(to, to->frame, v, (uint8_t)(v->len / 2), 0);
  if (v->len >= 2 && v->bytes[1] == v->len - 2)
    write_seed(to, to->decode, v, v->bytes[0], 2);
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  struct folders to = {argv[2], argv[3], 0};
  int n = vectors_in(argv[1], seed, &to);
  return n <= 0 || to.failed;
}
