#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * Callers for benchmarks: N connections to one HTTP server, kept open, with
 * one request in the air on each. Every request has an id of its own, and
 * every answer is looked at: the status, the X-Request-Id (and the body, where
 * asked). One thread, one epoll; it always ends.
 *
 *	waiters [options] HOST:PORT PATH
 *
 *	-n N       connections (64)
 *	-k N       requests on each, one after the other (1)
 *	-r RATE    new first requests per second; 0: all at once (0)
 *	-t SEC     ends after that, whatever is missing (60)
 *	-m METHOD  (GET, or POST with -b)
 *	-b BODY    "{id}" in it, in PATH and in headers becomes the request's id
 *	-H HEADER  "Name: value"; up to 16 of them
 *	-s STATUS  the one that is right (200); several: 200,202
 *	-B         the answer's body must hold the id, too
 *
 * Prints one JSON object. "sent" and a number go to stderr when all first
 * requests are on their way: then all are waiting. Times count from the moment
 * at which a request was due, not from when we came round to it. Exit status 0
 * when every answer came and was right.
 */
#define ID_MAX	    64
#define ANSWER_MAX  (4 << 20)
#define HEADERS_MAX 16
#define STATUS_MAX  8

struct caller {
	int fd;
	unsigned number, done;
	bool connected, waiting, over;
	double due;
	char id[ID_MAX];
	char *out;
	size_t out_len, out_at;
	char *in;
	size_t in_len, in_cap;
};

static struct {
	struct sockaddr_in to;
	const char *host, *method, *path, *body;
	const char *headers[HEADERS_MAX];
	size_t header_count;
	long statuses[STATUS_MAX];
	size_t status_count;
	unsigned connections, each;
	double rate, limit;
	bool body_holds_id;
} want = {.connections = 64,
	  .each = 1,
	  .limit = 60,
	  .statuses = {200},
	  .status_count = 1};

static struct {
	unsigned started, sent, finished; /* callers */
	size_t right, wrong_status, wrong_id, broken;
	unsigned by_status[600];
	double *times;
	size_t time_count;
} have;

static int epoll_fd;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *grown(void *at, size_t n)
{
	at = realloc(at, n);
	if (at == NULL)
		die("memory");
	return at;
}

static void put(struct caller *c, const char *s, size_t n)
{
	if (n == 0)
		return;
	c->out = grown(c->out, c->out_len + n + 1);
	memcpy(c->out + c->out_len, s, n);
	c->out_len += n;
	c->out[c->out_len] = '\0';
}

/* With {id} filled in. */
static void put_text(struct caller *c, const char *s)
{
	const char *mark;

	while ((mark = strstr(s, "{id}")) != NULL) {
		put(c, s, (size_t)(mark - s));
		put(c, c->id, strlen(c->id));
		s = mark + 4;
	}
	put(c, s, strlen(s));
}

static void make_request(struct caller *c)
{
	char line[64];
	struct caller body = {0};

	snprintf(c->id, sizeof(c->id), "w%d-%u-%u", (int)getpid(), c->number,
		 c->done);
	memcpy(body.id, c->id, sizeof(c->id));
	c->out_len = c->out_at = c->in_len = 0;
	put_text(c, want.method);
	put_text(c, " ");
	put_text(c, want.path);
	put_text(c, " HTTP/1.1\r\nHost: ");
	put_text(c, want.host);
	put_text(c, "\r\nX-Request-Id: {id}\r\n");
	for (size_t i = 0; i < want.header_count; i++) {
		put_text(c, want.headers[i]);
		put_text(c, "\r\n");
	}
	if (want.body != NULL) {
		put_text(&body, want.body);
		snprintf(line, sizeof(line), "Content-Length: %zu\r\n",
			 body.out_len);
		put_text(c, line);
	}
	put_text(c, "\r\n");
	if (want.body != NULL)
		put(c, body.out, body.out_len);
	free(body.out);
}

static void finish(struct caller *c)
{
	if (c->over)
		return;
	c->over = true;
	c->waiting = false;
	have.finished++;
	if (c->fd >= 0)
		close(c->fd);
	free(c->out);
	free(c->in);
	c->out = c->in = NULL;
}

static void fail(struct caller *c)
{
	have.broken++;
	finish(c);
}

static void start(struct caller *c, unsigned number, double due)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET,
				.data.ptr = c};
	int one = 1;

	c->number = number;
	c->due = due;
	have.started++;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		fail(c);
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	make_request(c);
	c->waiting = true;
	if ((connect(c->fd, (struct sockaddr *)&want.to, sizeof(want.to)) < 0 &&
	     errno != EINPROGRESS) ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e) < 0)
		fail(c);
}

static void send_rest(struct caller *c)
{
	while (c->out_at < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_at,
				 c->out_len - c->out_at, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			fail(c);
			return;
		}
		c->out_at += (size_t)n;
	}
	if (c->done == 0 && !c->connected) {
		c->connected = true;
		have.sent++;
		if (have.sent == want.connections)
			fprintf(stderr, "sent %u\n", have.sent);
	}
}

/* A header's value in the head that ends at `end`, or NULL. */
static const char *header(const struct caller *c, const char *end,
			  const char *name)
{
	size_t n = strlen(name);
	const char *at = c->in;

	while ((at = strstr(at, "\r\n")) != NULL && at < end) {
		at += 2;
		if (strncasecmp(at, name, n) == 0 && at[n] == ':')
			return at + n + 1 + strspn(at + n + 1, " ");
	}
	return NULL;
}

/* The end of the answer, or NULL while it is not all there. */
static const char *whole(const struct caller *c, const char **body)
{
	const char *end, *length, *stop = c->in + c->in_len;
	size_t n;

	end = strstr(c->in, "\r\n\r\n");
	if (end == NULL)
		return NULL;
	*body = end + 4;
	length = header(c, end, "Content-Length");
	if (length != NULL) {
		n = strtoul(length, NULL, 10);
		return (size_t)(stop - *body) >= n ? *body + n : NULL;
	}
	if (header(c, end, "Transfer-Encoding") == NULL)
		return *body; /* 204, 304 */
	if (stop - *body >= 5 && memcmp(stop - 5, "0\r\n\r\n", 5) == 0)
		return stop;
	return NULL;
}

static bool own_id(const struct caller *c, const char *body)
{
	const char *id = header(c, body - 2, "X-Request-Id");
	size_t n = strlen(c->id);

	if (id == NULL || strncmp(id, c->id, n) != 0 || id[n] != '\r')
		return false;
	return !want.body_holds_id || strstr(body, c->id) != NULL;
}

static bool status_right(long status)
{
	for (size_t i = 0; i < want.status_count; i++) {
		if (want.statuses[i] == status)
			return true;
	}
	return false;
}

static void judge(struct caller *c, const char *body)
{
	long status = 0;

	if (strncmp(c->in, "HTTP/1.1 ", 9) == 0)
		status = strtol(c->in + 9, NULL, 10);
	if (status < 0 || status > 599)
		status = 0;
	have.by_status[status]++;
	if (!status_right(status))
		have.wrong_status++;
	else if (!own_id(c, body))
		have.wrong_id++;
	else
		have.right++;
	have.times[have.time_count++] = now() - c->due;
}

static void received(struct caller *c)
{
	const char *body = NULL;

	if (whole(c, &body) == NULL)
		return;
	judge(c, body);
	if (++c->done == want.each) {
		finish(c);
		return;
	}
	c->due = now();
	make_request(c);
	send_rest(c);
}

static void receive(struct caller *c)
{
	while (!c->over) {
		ssize_t n;

		if (c->in_cap - c->in_len < 2048) {
			c->in_cap = c->in_cap ? 2 * c->in_cap : 4096;
			if (c->in_cap > ANSWER_MAX) {
				fail(c);
				return;
			}
			c->in = grown(c->in, c->in_cap);
		}
		n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len - 1,
			 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			fail(c);
			return;
		}
		c->in_len += (size_t)n;
		c->in[c->in_len] = '\0';
		received(c);
	}
}

static void event(struct caller *c, uint32_t events)
{
	if (!c->over && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		send_rest(c);
	if (!c->over && events & (EPOLLIN | EPOLLERR | EPOLLHUP | EPOLLRDHUP))
		receive(c);
}

static void start_due(struct caller *callers, double begin)
{
	double t = now();

	while (have.started < want.connections) {
		double due = begin;

		if (want.rate > 0)
			due += have.started / want.rate;
		if (due > t)
			return;
		start(&callers[have.started], have.started, due);
	}
}

static void run(struct caller *callers, double begin)
{
	struct epoll_event events[512];

	while (have.finished < want.connections && now() - begin < want.limit) {
		bool more;
		int n;

		start_due(callers, begin);
		more = have.started < want.connections;
		n = epoll_wait(epoll_fd, events, 512, more ? 1 : 100);
		for (int i = 0; i < n; i++)
			event(events[i].data.ptr, events[i].events);
	}
}

static int by_time(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(double p)
{
	size_t n = have.time_count, at;

	if (n == 0)
		return 0;
	at = (size_t)(p * (double)(n - 1) + 0.5);
	return have.times[at] * 1000;
}

static int report(double seconds)
{
	size_t wanted = (size_t)want.connections * want.each;
	const char *comma = "";

	qsort(have.times, have.time_count, sizeof(double), by_time);
	printf("{\"connections\": %u, \"requests\": %zu, \"right\": %zu, "
	       "\"wrong_status\": %zu, \"wrong_id\": %zu, \"broken\": %zu, "
	       "\"unanswered\": %zu, \"statuses\": {",
	       want.connections, wanted, have.right, have.wrong_status,
	       have.wrong_id, have.broken, wanted - have.time_count);
	for (unsigned i = 0; i < 600; i++) {
		if (have.by_status[i] == 0)
			continue;
		printf("%s\"%u\": %u", comma, i, have.by_status[i]);
		comma = ", ";
	}
	printf("}, \"seconds\": %.3f, \"per_second\": %.1f, "
	       "\"min_ms\": %.3f, \"p50_ms\": %.3f, \"p90_ms\": %.3f, "
	       "\"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
	       seconds, seconds > 0 ? (double)have.time_count / seconds : 0,
	       percentile(0), percentile(0.5), percentile(0.9),
	       percentile(0.99), percentile(1));
	return have.right == wanted ? 0 : 1;
}

static void usage(void)
{
	fprintf(stderr, "usage: waiters [-n N] [-k N] [-r RATE] [-t SEC] "
			"[-m METHOD] [-b BODY] [-H HEADER] [-s STATUS] [-B] "
			"HOST:PORT PATH\n");
	exit(2);
}

static void take_statuses(char *list)
{
	want.status_count = 0;
	while (want.status_count < STATUS_MAX) {
		want.statuses[want.status_count++] = strtol(list, &list, 10);
		if (*list != ',')
			break;
		list++;
	}
}

static void take_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[64];

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		usage();
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	want.host = text;
	want.to.sin_family = AF_INET;
	want.to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &want.to.sin_addr) != 1)
		usage();
}

static void take_option(int option, char *value)
{
	switch (option) {
	case 'n':
		want.connections = (unsigned)strtoul(value, NULL, 10);
		break;
	case 'k':
		want.each = (unsigned)strtoul(value, NULL, 10);
		break;
	case 'r':
		want.rate = strtod(value, NULL);
		break;
	case 't':
		want.limit = strtod(value, NULL);
		break;
	case 'm':
		want.method = value;
		break;
	case 'b':
		want.body = value;
		break;
	case 's':
		take_statuses(value);
		break;
	case 'B':
		want.body_holds_id = true;
		break;
	case 'H':
		if (want.header_count == HEADERS_MAX)
			usage();
		want.headers[want.header_count++] = value;
		break;
	default:
		usage();
	}
}

static void raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

int main(int argc, char **argv)
{
	struct caller *callers;
	double begin;
	int option;

	while ((option = getopt(argc, argv, "n:k:r:t:m:b:H:s:B")) != -1)
		take_option(option, optarg);
	if (argc - optind != 2 || want.connections == 0 || want.each == 0)
		usage();
	take_address(argv[optind]);
	want.path = argv[optind + 1];
	if (want.method == NULL)
		want.method = want.body != NULL ? "POST" : "GET";
	raise_limit();
	callers = calloc(want.connections, sizeof(*callers));
	have.times =
		calloc((size_t)want.connections * want.each, sizeof(double));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (callers == NULL || have.times == NULL || epoll_fd < 0)
		die("start");
	begin = now();
	run(callers, begin);
	option = report(now() - begin);
	for (unsigned i = 0; i < have.started; i++)
		finish(&callers[i]);
	free(callers);
	free(have.times);
	close(epoll_fd);
	return option;
}
