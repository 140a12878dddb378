#include "comfy/lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"

struct lookup {
	int refs; /* atomic: the owner's, the thread's */
	int done; /* atomic: result may be read */
	char *host;
	struct lookup_result result;
};

static void ask(struct lookup *l, int flags)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = flags,
	};
	struct lookup_result *r = &l->result;
	struct addrinfo *found = NULL;

	if (getaddrinfo(l->host, NULL, &hints, &found) != 0)
		return;
	for (struct addrinfo *p = found; p != NULL; p = p->ai_next) {
		if (r->count == LOOKUP_MAX)
			break;
		if (getnameinfo(p->ai_addr, p->ai_addrlen, r->address[r->count],
				LOOKUP_ADDRESS, NULL, 0, NI_NUMERICHOST) == 0)
			r->count++;
	}
	freeaddrinfo(found);
}

void lookup_drop(struct lookup *l)
{
	if (l == NULL || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(l->host);
	free(l);
}

static void *run(void *arg)
{
	struct lookup *l = arg;

	ask(l, 0);
	__atomic_store_n(&l->done, 1, __ATOMIC_RELEASE);
	lookup_drop(l);
	return NULL;
}

struct lookup *lookup_start(const char *host)
{
	struct lookup *l = mem_alloc(sizeof(*l));
	pthread_attr_t attr;
	pthread_t thread;

	l->refs = 1;
	l->host = mem_strdup(host);
	ask(l, AI_NUMERICHOST);
	l->done = l->result.count > 0;
	if (l->done)
		return l;
	l->refs = 2;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, (size_t)512 << 10);
	if (pthread_create(&thread, &attr, run, l) != 0) {
		/* As if not found: asked again a little later. */
		l->refs = 1;
		l->done = 1;
	}
	pthread_attr_destroy(&attr);
	return l;
}

const struct lookup_result *lookup_poll(struct lookup *l)
{
	return __atomic_load_n(&l->done, __ATOMIC_ACQUIRE) ? &l->result : NULL;
}
