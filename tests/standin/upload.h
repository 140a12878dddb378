/* POST /upload/image and /upload/mask. Service thread. */
#ifndef STANDIN_UPLOAD_H
#define STANDIN_UPLOAD_H

#include "http.h"

void upload_image(struct conn *c);
void upload_mask(struct conn *c);

#endif
