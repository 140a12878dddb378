#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/attr.h"

/*
 * One line an event on stderr: time, level, event, then key=value pairs
 * (logfmt). Values are encoded here, so bytes from outside cannot forge a
 * line. Any thread; a line is written by one write(2).
 *
 *	log_event(LOG_WARN, "backend.throttled", "backend", name,
 *		  "why", problem.detail, NULL);
 *
 * Never a token, a secret, a signed URL or a caller's inputs.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NONE };

void log_set_level(enum log_level least);
bool log_wants(enum log_level level);
/* A level, the event, pairs of key and value ended by NULL. A NULL value is
 * left out. Where the level is not wanted no argument but that is looked at. */
#define log_event(level, ...)                                                  \
	(log_wants(level) ? log_line(level, __VA_ARGS__) : (void)0)
void log_line(enum log_level level, const char *event, ...) SENTINEL;
/* A number as a value, in a buffer of this thread (8 may be in use). */
const char *log_num(long long n);

#endif
