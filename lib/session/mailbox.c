#include "session/mailbox.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/mutant.h"
#include "session/session.h"
#include "wire/topic.h"
#include <string.h>

#define OWN_PREFIX "uvmqtt/reply/"

struct um_mailbox *um_mailbox_find(const struct um_session *s,
                                   const char *topic) {
  const struct um_list *all = &s->requester->mailboxes;
  struct um_list *l;
  for (l = all->next; l != all; l = l->next) {
    struct um_mailbox *b = um_list_of(l, struct um_mailbox, link);
    if (strcmp(b->topic, topic) == 0)
      return b;
  }
  return NULL;
}

static struct um_mailbox *make(struct um_session *s, const char *topic) {
  size_t len = strlen(topic) + 1;
  struct um_mailbox *b = um_calloc(1, sizeof *b + len);
  if (b == NULL)
    return NULL;
  b->topic = memcpy(b + 1, topic, len);
  b->session = s;
  um_list_init(&b->waiting);
  um_list_init(&b->sent);
  um_list_push(&s->requester->mailboxes, &b->link);
  return b;
}

struct um_mailbox *um_mailbox_at(struct um_session *s, const char *topic) {
  struct um_mailbox *b = um_mailbox_find(s, topic);
  return b != NULL ? b : make(s, topic);
}

bool um_mailbox_is_open(const struct um_mailbox *b) {
  if (UM_MUTANT(69)) /* asks before the answer could come */
    return b->handler != NULL;
  return b->open && um_subs_find(&b->session->subs, b->topic) != NULL;
}

static bool is_wild(char c) {
  return c == '+' || c == '#' || c == '%';
}

/* '+' and '#' may be in a Client Identifier, but not in a topic. */
static void escape(const char *from, char *to) {
  static const char digits[] = "0123456789ABCDEF";
  for (; *from != '\0'; from++) {
    unsigned char c = (unsigned char)*from;
    *to++ = is_wild(*from) ? '%' : *from;
    if (!is_wild(*from))
      continue;
    *to++ = digits[c >> 4];
    *to++ = digits[c & 15];
  }
  *to = '\0';
}

static char *topic_of_client_id(const char *client_id) {
  char *topic = um_malloc(sizeof OWN_PREFIX + 3 * strlen(client_id));
  if (topic == NULL)
    return NULL;
  memcpy(topic, OWN_PREFIX, sizeof OWN_PREFIX);
  escape(client_id, topic + sizeof OWN_PREFIX - 1);
  return topic;
}

/* "<information>/reply": it is the basis of a topic (3.2.2.3.14). */
static char *topic_of_information(const char *information) {
  size_t len = strlen(information);
  const char *tail =
      len != 0 && information[len - 1] == '/' ? "reply" : "/reply";
  char *topic = um_malloc(len + strlen(tail) + 1);
  if (topic == NULL)
    return NULL;
  memcpy(topic, information, len + 1);
  memcpy(topic + len, tail, strlen(tail) + 1);
  return topic;
}

int um_mailbox_own_topic(const struct um_session *s, char **ret) {
  const char *basis = s->response_information;
  bool usable = basis != NULL && *basis != '\0';
  char *topic = usable ? topic_of_information(basis)
                       : topic_of_client_id(um_session_client_id(s));
  if (topic == NULL)
    return UM_ENOMEM;
  if (!um_topic_name_valid(topic, strlen(topic)) || um_topic_is_shared(topic)) {
    um_free(topic);
    return UVMQTT_ETOPIC;
  }
  *ret = topic;
  return 0;
}

void um_mailboxes_done(struct um_list *mailboxes) {
  while (!um_list_empty(mailboxes)) {
    struct um_list *link = mailboxes->next;
    um_list_remove(link);
    um_free(um_list_of(link, struct um_mailbox, link));
  }
}
