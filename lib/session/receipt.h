/* session/receipt.h: QoS 0 messages whose sender wants to know when the kernel
 * took the last byte. A ring that grows to what is in flight and stays. */
#ifndef UM_SESSION_RECEIPT_H
#define UM_SESSION_RECEIPT_H

#include <stdbool.h>
#include <uvmqtt/message.h>

struct um_receipt {
  uint64_t end; /* position in the connection's byte stream */
  uint64_t id;
  uvmqtt_request_cb cb;
  void *arg;
};

struct um_receipts {
  struct um_receipt *ring;
  uint32_t cap, first, n;
};

void um_receipts_done(struct um_receipts *r);
int um_receipts_push(struct um_receipts *r, const struct um_receipt *receipt);
/* Room for one more, so that the next push cannot fail. UM_ENOMEM. */
int um_receipts_reserve(struct um_receipts *r);
/* The oldest one that ends at or before `taken`: true, removed into *ret. */
bool um_receipts_pop(struct um_receipts *r, uint64_t taken,
                     struct um_receipt *ret);

#endif
