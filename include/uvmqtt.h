/* uvmqtt.h: MQTT 3.1.1 and 5.0 for programs that live on a libuv loop.
 * Included on their own: uvmqtt/simple.h and uvmqtt/robust.h, the blocking
 * shims, uvmqtt/remote.h and uvmqtt/thread.h for programs with threads. */
#ifndef UVMQTT_H
#define UVMQTT_H

#include <uvmqtt/client.h>
#include <uvmqtt/error.h>
#include <uvmqtt/message.h>
#include <uvmqtt/options.h>
#include <uvmqtt/property.h>
#include <uvmqtt/reason.h>
#include <uvmqtt/tls.h>
#include <uvmqtt/version.h>

#endif
