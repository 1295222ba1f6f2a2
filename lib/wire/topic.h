/* wire/topic.h: Topic Names and Topic Filters (4.7, 4.8.2). */
#ifndef UM_WIRE_TOPIC_H
#define UM_WIRE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

/* 1 to 65,535 bytes of UTF-8 without '+' and '#'. */
bool um_topic_name_valid(const char *s, size_t len);

/* The same with wildcards where they may stand; for a $share filter also the
 * ShareName ([MQTT-4.8.2-1/5], [MQTT-4.8.2-2/5]). */
bool um_topic_filter_valid(const char *s, size_t len);

bool um_topic_is_shared(const char *filter);
/* What follows the ShareName; the filter itself when it is not shared. */
const char *um_topic_without_share(const char *filter);

/* Does the name match the filter? A wildcard in the first level matches no
 * name that begins with '$' ([MQTT-4.7.2-1/both]). For a shared filter what
 * follows the ShareName counts. Both are valid. */
bool um_topic_match(const char *filter, const char *name);

#endif
