/* net/moment.h: when a stream calls its owner. */
#ifndef NET_MOMENT_H
#define NET_MOMENT_H

enum moment { PROGRESS, CONNECTED, BYTES, WRITTEN, ENDED, CLOSED, MOMENTS };

#endif
