/* net/fault.h: what a layer knows of a failure beyond its code. */
#ifndef UM_NET_FAULT_H
#define UM_NET_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UM_FAULT_TEXT 256u
#define UM_FAULT_FIRST 8u

struct um_fault {
  char text[UM_FAULT_TEXT]; /* the layer's own words, such as OpenSSL's errors,
                               first to last; "" when none */
  int verify_code;  /* X509_V_ERR_..., 0 when the chain was not the matter */
  int verify_depth; /* of the certificate, 0 is the server's own */
  char subject[UM_FAULT_TEXT]; /* of that certificate */
  char names[UM_FAULT_TEXT];   /* that it is for, when ours is not among them */
  long expired_days;           /* that it expired ago; 0: it did not */
  int alert;                   /* TLS alert received or sent; -1: none */
  bool alert_ours;             /* sent */
  /* of a peer that speaks another protocol than the layer's; n_first 0: none */
  uint8_t first[UM_FAULT_FIRST];
  size_t n_first;
  bool answered; /* the peer spoke the layer's protocol, for a while */
  int status;    /* HTTP status, or the reply of a SOCKS5 proxy; 0: none */
};

#endif
