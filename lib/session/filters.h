/* session/filters.h: the filters that have handlers, to be found by their text,
 * by the topics they match and by their identifier. Pure bookkeeping.
 *
 * A filter is attached while it has handlers. One without stays as long as
 * SUBSCRIBEs for it are not answered, found by nobody but them. */
#ifndef UM_SESSION_FILTERS_H
#define UM_SESSION_FILTERS_H

#include "session/inner.h"
#include "session/op.h"
#include "session/trie.h"

/* One filter with at least one handler, or with SUBSCRIBEs not yet answered. */
struct um_filter {
  struct um_trie_leaf leaf;
  struct um_list link;                /* of the attached or the parted */
  struct um_table_link by_identifier; /* when it has one */
  struct um_list handlers;            /* in the order they were added */
  struct um_inner asked;              /* what SUBSCRIBEs complete to */
  size_t n_asked;                     /* SUBSCRIBEs not yet complete */
  struct um_op *op;    /* the newest of them, if it may still be changed */
  uint64_t op_id;      /* the newest of them; 0: it is complete */
  uint8_t op_qos;      /* of it */
  uint64_t for_whom;   /* the newest not answered that makes the server send
                          retained messages somebody wants; 0: none */
  uint64_t current;    /* the one granted whose retained messages come now */
  uint64_t settled_at; /* ms; by then they have come */
  bool granted;        /* the server said yes at least once */
  uint8_t reason;      /* with which QoS, last */
  bool attached;       /* in the trie and in the list */
  bool identified;     /* the server knows the identifier */
  uint32_t identifier; /* 0: none */
  bool no_local, retain_as_published;
  char *text; /* behind this struct */
};

struct uvmqtt_handler_s {
  struct um_list link;      /* of its filter, or among those without one */
  struct um_list hit;       /* of those that get the message at hand */
  struct um_filter *filter; /* NULL: it has none any more */
  uint64_t order;           /* in which it was added */
  uint64_t asked;           /* the request that done waits for; 0: none */
  uint64_t retained; /* the SUBSCRIBE whose retained messages are its own; 0:
                        none */
  uint8_t qos, retain_handling;
  bool refused; /* and kept because nobody heard of it */
  uvmqtt_handler_cb cb;
  void *arg;
  uvmqtt_request_cb done;
  void *done_arg;
  uvmqtt_request_cb bye; /* of uvmqtt_unhandle */
  void *bye_arg;
  struct um_due due;
};

struct um_filters {
  struct um_trie trie;
  struct um_table identifiers;
  struct um_list list;   /* attached */
  struct um_list parted; /* without handlers, waiting for an answer */
  size_t n;              /* of them */
  size_t n_unidentified; /* of these, without `identified` */
  struct um_list apart;  /* handlers without a filter */
  struct um_list hits;   /* who is still to be called, oldest first */
  uint64_t order;
};

struct um_filters *um_filters_new(void); /* NULL: no memory */
/* The ops are gone already; NULL is fine. */
void um_filters_done(struct um_filters *fs);

/* This very text; NULL: none is attached. */
struct um_filter *um_filters_find(const struct um_filters *fs,
                                  const char *text);
/* A new one, attached. NULL: no memory. */
struct um_filter *um_filters_add(struct um_filters *fs,
                                 const uvmqtt_subscription_t *o,
                                 uint32_t identifier);
/* Does the server know its identifier? */
void um_filters_identify(struct um_filters *fs, struct um_filter *f, bool on);
/* It goes when nobody needs it. */
void um_filters_release(struct um_filters *fs, struct um_filter *f);

/* A new handler of the filter. NULL: no memory. */
uvmqtt_handler_t *um_filters_add_handler(struct um_filters *fs,
                                         struct um_filter *f);
/* The handler is nobody's; its filter is not released. */
void um_filters_take_out(struct um_filters *fs, uvmqtt_handler_t *h);
void um_filters_free_handler(uvmqtt_handler_t *h);

static inline uvmqtt_handler_t *um_handler_of(struct um_list *link) {
  return um_list_of(link, uvmqtt_handler_t, link);
}

#endif
