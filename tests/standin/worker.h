/* The thread that takes prompts from the queue and executes them. */
#ifndef STANDIN_WORKER_H
#define STANDIN_WORKER_H

#include "world.h"

/* starts one for the present generation; lock held or no thread yet */
void worker_start(struct world *w);

#endif
