#ifndef BASE_ASIDE_H
#define BASE_ASIDE_H

/*
 * Long work that must not hold up the other fibers of a carrier: a few threads
 * that do it one after another, while the fiber which asked gives way. Any
 * fiber or thread may ask.
 */
struct aside;

struct aside *aside_start(unsigned threads);
/* Nobody may be asking any more. NULL is fine. */
void aside_stop(struct aside *a);

/* Returns when work(ctx) has been done on one of the threads. */
void aside_do(struct aside *a, void (*work)(void *ctx), void *ctx);

#endif
