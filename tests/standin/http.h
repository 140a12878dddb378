/*
 * HTTP of the stand-in over libwebsockets: collects a request, hands it to its
 * route, writes the answer with aiohttp's headers. Service thread only.
 */
#ifndef STANDIN_HTTP_H
#define STANDIN_HTTP_H

#include <libwebsockets.h>

#include "world.h"

enum method {
	M_GET,
	M_POST,
	M_OPTIONS,
	M_PUT,
	M_PATCH,
	M_DELETE,
	M_CONNECT,
	M_HEAD,
};

struct conn {
	struct lws *wsi;
	struct world *w;
	enum method method;
	bool busy; /* a request is being read or answered */
	bool api;  /* came with the /api prefix */
	bool chunked, no_length, too_big, forbidden;
	bool done;   /* the body is complete */
	bool parked; /* waits for something before it is answered */
	bool slowed;
	char *path;	  /* without the prefix */
	struct strv args; /* name=value, decoded */
	char *range, *if_none_match, *if_modified_since, *content_type;
	struct str body;
	/* the answer */
	struct str out;
	bool ready, close_after;
	/* a chunked request body on its way */
	size_t chunk_left;
	int chunk_state;
	struct str chunk_line;
	/* /standin/await */
	char *await;
	bool timed_out;
	struct conn *next_waiter;
};

int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		  void *in, size_t len);

/* the value of a query parameter, NULL when absent */
const char *http_arg(const struct conn *c, const char *name);

/* each puts the whole answer together; it is sent after the route returns */
void http_json(struct conn *c, int status, const struct str *body);
void http_answer(struct conn *c, int status, const char *headers,
		 const char *body, size_t len);
void http_text(struct conn *c, int status, const char *headers,
	       const char *text);
void http_empty(struct conn *c, int status); /* Content-Length: 0 */
void http_not_found(struct conn *c);	     /* as of an unknown path */
void http_crash(struct conn *c);	     /* the bare 500 that closes */
void http_drop(struct conn *c);		     /* closes without an answer */

/* routes.c: answers, or parks */
void route_request(struct conn *c);
/* control.c: looks again at who waits */
void control_changed(struct world *w);
void control_forget(struct conn *c);

#endif
