/* client/stay.h: noticing what keep alive alone notices late: that the machine
 * slept, that the network is another one, that the kernel takes no more bytes.
 * Part of the client. */
#ifndef UM_CLIENT_STAY_H
#define UM_CLIENT_STAY_H

#include <stdbool.h>
#include <stdint.h>
#include <uvmqtt/message.h>

struct um_loop;

struct um_stay {
  bool poked;     /* the connection may be gone: ask, or try again at once */
  bool suspect;   /* the stall was due once; nothing was taken since */
  uint64_t moved; /* while bytes wait: when the kernel last took some */
};

/* When our outermost callback begins: did the machine sleep since the last
 * look? At most one look a second. */
void um_stay_look(struct um_loop *l);
/* All clients of the loop shall see to their connection. */
void um_stay_poke_all(struct um_loop *l);
/* Does what a poke asks for. */
void um_stay_step(uvmqtt_t *m);

/* A write was made, or the kernel took more of it. */
void um_stay_wrote(uvmqtt_t *m);
uint64_t um_stay_deadline(const uvmqtt_t *m); /* UM_NEVER: nothing waits */
/* Is the server to be given up? Not before the kernel had one more chance. */
bool um_stay_stalled(uvmqtt_t *m, uint64_t now);

#endif
