/* net/ws_peer.h: the other end of a WebSocket over a tower's memory stream. */
#ifndef NET_WS_PEER_H
#define NET_WS_PEER_H

#include "tower.h"
#include "ws_accept.h"

/* The first byte of a frame; of a message that is cut. */
enum { TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8A };
enum { BEGIN = 0x02, MORE = 0x00, LAST = 0x80 };

/* Of the request that lies in the memory stream, and leaves it there. */
void ws_accept_of(struct tower *t, char *ret_accept);
/* Consumes the request and answers as a server should. */
void ws_greet(struct tower *t);
/* A tower with one WebSocket, connected, reading when `on` says so. */
void ws_open(struct tower *t, bool on);
/* 101 with further text after the usual lines; "%s" in them is the accept. */
void ws_answer(struct tower *t, const char *format);

/* A frame as servers send them. */
void ws_put(struct um_buf *to, unsigned first_byte, const void *data,
            size_t len);
void ws_say(struct tower *t, unsigned first_byte, const char *text);

/* The next frame that was sent to the peer, taken apart and unmasked. */
struct ws_frame {
  unsigned first_byte;
  uint8_t key[4];
  struct um_buf data; /* um_buf_done it */
};
void ws_hear(struct tower *t, struct ws_frame *ret);
void ws_hears(struct tower *t, unsigned first_byte, const void *data,
              size_t len);
void ws_hears_close(struct tower *t, unsigned code);

#endif
