#ifndef RUN_HEALTH_H
#define RUN_HEALTH_H

#include "run/slot.h"

/*
 * One thread that looks at the backends: those that are down, to find when
 * they are well; those that are up, to find when they are not while nobody
 * runs anything there. It also drops the history entries that are of no more
 * use, so that no slot spends time on it.
 */
struct health;

struct health *health_start(struct shared *sh);
void health_stop(struct health *h);
/* A backend's check_at has changed. Any thread; never blocks for long. */
void health_poke(struct health *h);

#endif
