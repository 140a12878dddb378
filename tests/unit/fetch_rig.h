#ifndef UNIT_FETCH_RIG_H
#define UNIT_FETCH_RIG_H

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/text.h"
#include "tap.h"
#include "tls_cert.h"

/*
 * A web server of two ports, plain and TLS, each connection in a thread of its
 * own; what it says is the test's. And an Internet for it: names under .test
 * resolve by a table, and what connects to one of the public addresses below
 * meets this server, which still looks like that address to who asks. The
 * program's own getaddrinfo(), connect() and getpeername() go before those of
 * the C library, for libcurl, too.
 */
#define NET_PUBLIC   "93.184.216.34"
#define NET_PUBLIC_6 "2606:2800:220:1::34"
#define NET_CONNS    2048
#define NET_FDS	     4096
#define NET_NAMES    32

struct net_peer {
	int fd;
	SSL *ssl; /* NULL: plain */
};

struct net_name {
	const char *name;      /* "files.test" */
	const char *addresses; /* "10.0.0.1 93.184.216.34"; NULL: none */
	unsigned silent_ms;    /* before it answers */
};

static struct {
	/* Says something to one request; false closes the connection. */
	bool (*answer)(struct net_peer *p, const char *request,
		       const char *path);
	const struct net_name *names;
	const char *impostor; /* getpeername() says this of all; or NULL */
	SSL_CTX *tls;
	int listeners[2]; /* plain, TLS */
	unsigned ports[2];
	pthread_t acceptors[2];
	_Atomic int connections, requests, peers_asked;
	_Atomic unsigned peer_port[NET_FDS]; /* by descriptor; 0: not ours */
	pthread_mutex_t lock;
	pthread_t threads[NET_CONNS];
	int count;
} net = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the Internet ---- */

int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **out)
{
	static __typeof__(getaddrinfo) *real;
	struct addrinfo numeric = *hints, **end = out;
	const struct net_name *n = net.names;
	char *list, *save = NULL;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node == NULL || !text_ends(node, ".test"))
		return real(node, service, hints, out);
	while (n != NULL && n->name != NULL && strcmp(n->name, node) != 0)
		n++;
	if (n == NULL || n->name == NULL)
		return EAI_NONAME;
	if (n->silent_ms > 0)
		usleep(n->silent_ms * 1000);
	if (n->addresses == NULL)
		return EAI_NONAME;
	*out = NULL;
	numeric.ai_flags |= AI_NUMERICHOST;
	list = mem_strdup(n->addresses);
	for (char *a = strtok_r(list, " ", &save); a != NULL;
	     a = strtok_r(NULL, " ", &save)) {
		if (real(a, service, &numeric, end) == 0)
			end = &(*end)->ai_next;
	}
	free(list);
	return *out != NULL ? 0 : EAI_NONAME;
}

static inline bool net_is_public(const struct sockaddr *sa, unsigned *port)
{
	struct sockaddr_in v4;
	struct in_addr here;

	if (sa->sa_family != AF_INET)
		return false;
	memcpy(&v4, sa, sizeof(v4));
	*port = ntohs(v4.sin_port);
	return inet_pton(AF_INET, NET_PUBLIC, &here) == 1 &&
	       here.s_addr == v4.sin_addr.s_addr;
}

int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t len)
{
	const struct sockaddr *sa = to.__sockaddr__;
	static int (*real)(int, const struct sockaddr *, socklen_t);
	struct sockaddr_in here = {.sin_family = AF_INET};
	unsigned port = 0;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "connect");
	if (fd >= 0 && fd < NET_FDS)
		net.peer_port[fd] = 0;
	if (!net_is_public(sa, &port) || fd >= NET_FDS)
		return real(fd, sa, len);
	net.peer_port[fd] = port;
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	here.sin_port =
		htons((uint16_t)(port == 80    ? net.ports[0]
				 : port == 443 ? net.ports[1]
					       : 1)); /* nobody is there */
	return real(fd, (const struct sockaddr *)&here, sizeof(here));
}

int getpeername(int fd, __SOCKADDR_ARG to, socklen_t *restrict len)
{
	struct sockaddr *sa = to.__sockaddr__;
	static int (*real)(int, struct sockaddr *, socklen_t *);
	struct sockaddr_in there = {.sin_family = AF_INET};
	const char *address = net.impostor != NULL ? net.impostor : NET_PUBLIC;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "getpeername");
	if (fd < 0 || fd >= NET_FDS || net.peer_port[fd] == 0)
		return real(fd, sa, len);
	net.peers_asked++;
	there.sin_port = htons((uint16_t)net.peer_port[fd]);
	if (inet_pton(AF_INET, address, &there.sin_addr) != 1)
		abort();
	memcpy(sa, &there, *len < sizeof(there) ? *len : sizeof(there));
	*len = sizeof(there);
	return 0;
}

/* ---- the server ---- */

static inline bool net_write(struct net_peer *p, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t sent = p->ssl != NULL
				       ? SSL_write(p->ssl, at, (int)n)
				       : send(p->fd, at, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		n -= (size_t)sent;
	}
	return true;
}

static inline bool net_say(struct net_peer *p, const char *text)
{
	return net_write(p, text, strlen(text));
}

/* head: the status and more headers, without the last line's end. */
static inline bool net_reply(struct net_peer *p, const char *head,
			     const void *body, size_t n)
{
	char text[8192];

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n", head, n);
	return net_say(p, text) && net_write(p, body, n);
}

static inline ssize_t net_read(struct net_peer *p, char *to, size_t n)
{
	return p->ssl != NULL ? SSL_read(p->ssl, to, (int)n)
			      : recv(p->fd, to, n, 0);
}

/* Until the other end has enough. */
static inline bool net_silent(struct net_peer *p)
{
	char more[64];

	while (net_read(p, more, sizeof(more)) > 0)
		;
	return false;
}

static inline bool net_head(struct net_peer *p, char *to, size_t size)
{
	size_t n = 0;

	do {
		ssize_t got = net_read(p, to + n, size - 1 - n);

		if (got <= 0)
			return false;
		n += (size_t)got;
		to[n] = '\0';
	} while (n + 1 < size && strstr(to, "\r\n\r\n") == NULL);
	net.requests++;
	return true;
}

static inline void *net_serve(void *arg)
{
	struct net_peer p = {.fd = (int)((intptr_t)arg >> 1)};
	char request[16384], path[8192];
	bool more = true;

	if (((intptr_t)arg & 1) != 0) {
		p.ssl = SSL_new(net.tls);
		SSL_set_fd(p.ssl, p.fd);
		more = SSL_accept(p.ssl) == 1;
	}
	while (more && net_head(&p, request, sizeof(request))) {
		const char *from = strchr(request, ' ');
		const char *end = from ? strchr(from + 1, ' ') : NULL;

		if (end == NULL)
			break;
		snprintf(path, sizeof(path), "%.*s", (int)(end - from - 1),
			 from + 1);
		more = net.answer(&p, request, path);
	}
	SSL_free(p.ssl);
	close(p.fd);
	return NULL;
}

static inline void *net_accept(void *arg)
{
	int which = *(int *)arg == net.listeners[1];

	for (;;) {
		int fd = accept(*(int *)arg, NULL, NULL);

		if (fd < 0)
			return NULL;
		net.connections++;
		pthread_mutex_lock(&net.lock);
		if (net.count == NET_CONNS)
			abort();
		net.threads[net.count++] = box_thread(
			"conn", net_serve, (void *)((intptr_t)fd << 1 | which));
		pthread_mutex_unlock(&net.lock);
	}
}

/* A listening socket on a free port of the loopback. */
static inline int net_listen(unsigned *port)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
	    listen(fd, 256) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		abort();
	*port = ntohs(sa.sin_port);
	return fd;
}

static inline void net_start(const struct cert *c)
{
	signal(SIGPIPE, SIG_IGN); /* OpenSSL's server side writes plainly */
	net.tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(net.tls, c->x509);
	SSL_CTX_use_PrivateKey(net.tls, c->key);
	for (int i = 0; i < 2; i++)
		net.listeners[i] = net_listen(&net.ports[i]);
	for (int i = 0; i < 2; i++)
		net.acceptors[i] =
			box_thread("accept", net_accept, &net.listeners[i]);
}

/* All clients have closed by now. */
static inline void net_stop(void)
{
	for (int i = 0; i < 2; i++)
		shutdown(net.listeners[i], SHUT_RDWR);
	for (int i = 0; i < 2; i++) {
		pthread_join(net.acceptors[i], NULL);
		close(net.listeners[i]);
	}
	for (int i = 0; i < net.count; i++)
		pthread_join(net.threads[i], NULL);
	SSL_CTX_free(net.tls);
}

/* Nobody is at these: who heeded one would fail. */
static inline void net_proxies(void)
{
	static const char *const names[] = {"http_proxy", "https_proxy",
					    "HTTP_PROXY", "HTTPS_PROXY",
					    "all_proxy",  "ALL_PROXY"};

	for (size_t i = 0; i < COUNT(names); i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	unsetenv("no_proxy");
	unsetenv("NO_PROXY");
}

#endif
