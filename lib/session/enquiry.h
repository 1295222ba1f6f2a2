/* session/enquiry.h: one request of the requester's, from the moment it is made
 * until its callback was called and its PUBLISH is complete. */
#ifndef UM_SESSION_ENQUIRY_H
#define UM_SESSION_ENQUIRY_H

#include "session/requester.h"

/* The message that waits for the SUBACK; none is fine. */
void um_enquiry_drop_message(struct um_session *s, struct um_request *r);
/* At once: nobody was promised anything. */
void um_enquiry_free(struct um_session *s, struct um_request *r);
/* Freed when it was told and its PUBLISH is complete. */
void um_enquiry_release(struct um_session *s, struct um_request *r);
/* Nothing answers it from here on. */
void um_enquiry_end(struct um_session *s, struct um_request *r);
/* Calls back, once; the last thing done with it. */
void um_enquiry_tell(struct um_session *s, struct um_request *r, int status,
                     const uvmqtt_message_t *reply);
/* Ends; settle tells. */
void um_enquiry_end_later(struct um_session *s, struct um_request *r,
                          int status);
/* The same, and its PUBLISH need not be sent any more. */
void um_enquiry_fail(struct um_session *s, struct um_request *r, int status);

/* NULL: none under way. */
struct um_request *um_enquiry_find(const struct um_session *s, uint64_t id);
struct um_request *um_enquiry_find_correlated(const struct um_session *s,
                                              uvmqtt_bytes_t data);

#endif
