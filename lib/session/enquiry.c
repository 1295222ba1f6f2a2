#include "session/enquiry.h"

#include "base/alloc.h"
#include "session/send.h"

void um_enquiry_drop_message(struct um_session *s, struct um_request *r) {
  if (r->held == NULL)
    return;
  s->requester->held_bytes -= r->held->charge;
  um_op_free(NULL, r->held);
  r->held = NULL;
}

void um_enquiry_free(struct um_session *s, struct um_request *r) {
  um_enquiry_drop_message(s, r);
  um_due_remove(&r->due);
  um_list_remove(&r->link);
  um_list_remove(&r->timer);
  um_list_remove(&r->all);
  s->requester->n--;
  um_free(r);
}

/* It is kept while its PUBLISH is, which completes to it. */
void um_enquiry_release(struct um_session *s, struct um_request *r) {
  if (r->told && r->publish_id == 0)
    um_enquiry_free(s, r);
}

void um_enquiry_end(struct um_session *s, struct um_request *r) {
  r->over = true;
  um_enquiry_drop_message(s, r);
  um_list_remove(&r->link);
  um_list_remove(&r->timer);
  um_table_remove(&s->requester->by_id, &r->by_id);
}

/* The last thing done with it. */
void um_enquiry_tell(struct um_session *s, struct um_request *r, int status,
                     const uvmqtt_message_t *reply) {
  uvmqtt_reply_cb cb = r->cb;
  void *arg = r->arg;
  r->told = true;
  um_enquiry_release(s, r);
  cb(s->up, status, reply, arg);
}

static void tell_due(struct um_session *s, struct um_due *due) {
  um_enquiry_tell(s, um_list_of(due, struct um_request, due), due->status,
                  NULL);
}

void um_enquiry_end_later(struct um_session *s, struct um_request *r,
                          int status) {
  um_enquiry_end(s, r);
  um_due_put(s, &r->due, r->id, status, tell_due);
}

/* Ends without an answer; settle tells. */
void um_enquiry_fail(struct um_session *s, struct um_request *r, int status) {
  if (r->publish_id != 0) /* not sent yet it need not be any more */
    um_session_cancel(s, s->now, r->publish_id);
  um_enquiry_end_later(s, r, status);
}

/* No two numbers have the same hash. */
struct um_request *um_enquiry_find(const struct um_session *s, uint64_t id) {
  struct um_table_link *l = NULL;
  if (s->requester != NULL)
    l = um_table_first(&s->requester->by_id, um_hash_number(id));
  return l == NULL ? NULL : um_list_of(l, struct um_request, by_id);
}

struct um_request *um_enquiry_find_correlated(const struct um_session *s,
                                              uvmqtt_bytes_t data) {
  uint64_t id;
  return um_correlation_read(data, s->who->seed, &id) ? um_enquiry_find(s, id)
                                                      : NULL;
}
