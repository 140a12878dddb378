#ifndef HTTP_REQUEST_ID_H
#define HTTP_REQUEST_ID_H

/* The name under which a request is found again in logs. Pure but for the new
 * one. */
#define REQUEST_ID_MAX	128
#define REQUEST_ID_SIZE (REQUEST_ID_MAX + 1)

/* The first that is well formed: the caller's X-Request-Id
 * (^[A-Za-z0-9._-]{1,128}$), the trace id of its traceparent (W3C Trace
 * Context, 3.2.2), the one nginx gave, else a new UUIDv7. NULLs are fine. */
void request_id_choose(const char *callers, const char *traceparent,
		       const char *nginx, char out[REQUEST_ID_SIZE]);

#endif
