#ifndef COMFY_MEND_H
#define COMFY_MEND_H

#include <stddef.h>

/*
 * Python prints what strict JSON here refuses: \u0000, and halves of surrogate
 * pairs (recording s33). Any node can put them into a text or an error, so they
 * become \ufffd, in place, before the text is parsed. Pure.
 */
void reply_mend(char *text, size_t len);

#endif
