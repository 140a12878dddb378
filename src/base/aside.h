#ifndef BASE_ASIDE_H
#define BASE_ASIDE_H

/*
 * Long work that must not hold up the other fibers of a carrier: a few threads
 * ("aside") that do it in the order in which it was asked for, while the fiber
 * which asked gives way. Any fiber or thread may ask. run/pool.c makes one for
 * the slots.
 */
struct aside;

struct aside *aside_start(unsigned threads);
/* Nobody may be asking any more. NULL is fine. */
void aside_stop(struct aside *a);

/* Returns when work(ctx) has been done on one of the threads, however long that
 * takes; ctx is its own meanwhile. */
void aside_do(struct aside *a, void (*work)(void *ctx), void *ctx);

#endif
