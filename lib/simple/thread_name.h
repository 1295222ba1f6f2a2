/* simple/thread_name.h: what `ps -T` and debuggers show, where there is such a
 * thing. */
#ifndef UM_SIMPLE_THREAD_NAME_H
#define UM_SIMPLE_THREAD_NAME_H

void um_thread_name(const char *name); /* of the calling thread, 15 bytes */

#endif
