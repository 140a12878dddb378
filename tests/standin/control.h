/* /standin/...: what tests ask and tell the stand-in, and no real ComfyUI has.
 * Service thread. */
#ifndef STANDIN_CONTROL_H
#define STANDIN_CONTROL_H

#include "http.h"

void control_request(struct conn *c);

#endif
