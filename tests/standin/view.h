/* GET /view. Service thread; takes the lock where needed. */
#ifndef STANDIN_VIEW_H
#define STANDIN_VIEW_H

#include "http.h"

void view_file(struct conn *c);

#endif
