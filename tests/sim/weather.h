/* sim/weather.h: the faults that come from outside, one after the other. */
#ifndef SIM_WEATHER_H
#define SIM_WEATHER_H

struct world;

void weather_begin(struct world *w);

#endif
