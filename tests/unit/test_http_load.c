#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "http_rig.h"

/* Waiting, hanging up, limits, and stopping. */

static void test_signals(void)
{
	struct server_options o = rig_options();
	struct sigaction sa = {.sa_handler = SIG_IGN}, after;
	struct rig *g;

	/* This one runs first: libfcgi starts only once. */
	sigaction(SIGTERM, &sa, NULL);
	g = rig_start(&o);
	sigaction(SIGTERM, NULL, &after);
	ok(after.sa_handler == SIG_IGN, "SIGTERM is as it was");
	sigaction(SIGUSR1, NULL, &after);
	ok(after.sa_handler == SIG_DFL, "so is SIGUSR1");
	sigaction(SIGPIPE, NULL, &after);
	ok(after.sa_handler == SIG_DFL, "and SIGPIPE");
	rig_stop(g);
}

#define WAITERS 2000

/* Both ends of a connection are ours: no more than descriptors allow. */
static unsigned waiters(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > 2 * WAITERS + 64)
		return WAITERS;
	return (unsigned)(r.rlim_cur - 64) / 2;
}

/* All wait at once; one post answers all, each with its own id. */
static void test_waiters(struct rig *g)
{
	static int fd[WAITERS];
	unsigned parked = g->parked, count = waiters();
	size_t right = 0;

	for (unsigned i = 0; i < count; i++) {
		char id[32];

		snprintf(id, sizeof(id), "w%u", i);
		fd[i] = rig_connect(g);
		rig_get(fd[i], 1 + i, "/park", id);
	}
	ok(rig_await(g, &g->parked, parked + count), "all are kept");
	server_post(g->server, rig_release, g);
	for (unsigned i = 0; i < count; i++) {
		char id[32];

		snprintf(id, sizeof(id), "w%u", i);
		right += rig_expect(fd[i], 1 + i, 200, id);
	}
	ok(right == count, "%u: each has its own answer", count);
	for (unsigned i = 0; i < count; i++)
		close(fd[i]);
}

static void test_hang_up(struct rig *g)
{
	unsigned gone = g->gone, parked = g->parked;
	int fd = rig_connect(g), other = rig_connect(g);
	struct buf wire;

	rig_get(fd, 1, "/park", "a");
	rig_get(other, 1, "/park", "b");
	ok(rig_await(g, &g->parked, parked + 2), "two wait");
	close(fd);
	ok(rig_await(g, &g->gone, gone + 1), "one hangs up: gone");
	server_post(g->server, rig_release, g);
	ok(rig_expect(other, 1, 200, "b"), "the other is answered");
	rig_get(other, 1, "/park", "c");
	ok(rig_await(g, &g->parked, parked + 3), "and waits again");
	shutdown(other, SHUT_WR);
	ok(rig_await(g, &g->gone, gone + 2), "half closed counts as gone");
	ok(fcgi_closed(other), "and is closed");
	close(other);
	/* Gone in the middle of a request. */
	buf_init(&wire, 65536);
	fcgi_request(&wire, 1, true, "GET", "/park", NULL, "", 0);
	for (size_t n = 1; n < wire.len; n += 7) {
		fd = rig_connect(g);
		fcgi_send(fd, wire.at, n);
		close(fd);
	}
	buf_finish(&wire);
	fd = rig_connect(g);
	rig_get(fd, 1, "/hello", "d");
	ok(rig_expect(fd, 1, 200, "d") && g->gone == gone + 2,
	   "half requests are nobody's");
	close(fd);
}

static void test_late(struct rig *g)
{
	int fd = rig_connect(g);

	rig_get(fd, 1, "/late", "a");
	ok(rig_expect(fd, 1, 504, "late"), "its deadline answers");
	rig_get(fd, 1, "/hello", "b");
	ok(rig_expect(fd, 1, 200, "b") && rig_await(g, &g->late, 1), "once");
	close(fd);
}

/* Posts of several threads: none lost, each thread's in order. */
#define POSTERS 4
#define POSTS	5000

struct poster {
	struct rig *rig;
	pthread_t thread;
	struct letter {
		struct poster *from;
		unsigned number;
	} letters[POSTS];
	unsigned next; /* loop thread */
	bool in_order;
};

static unsigned posters_done;

static void got_letter(void *arg)
{
	struct letter *l = arg;
	struct poster *p = l->from;

	p->in_order &= l->number == p->next++;
	if (p->next == POSTS)
		rig_count(p->rig, &posters_done);
}

static void *post_all(void *arg)
{
	struct poster *p = arg;

	for (unsigned i = 0; i < POSTS; i++) {
		p->letters[i] = (struct letter){p, i};
		server_post(p->rig->server, got_letter, &p->letters[i]);
	}
	return NULL;
}

static void test_posts(struct rig *g)
{
	static struct poster p[POSTERS];
	bool in_order = true;

	for (size_t i = 0; i < POSTERS; i++) {
		p[i].rig = g;
		p[i].in_order = true;
		pthread_create(&p[i].thread, NULL, post_all, &p[i]);
	}
	for (size_t i = 0; i < POSTERS; i++)
		pthread_join(p[i].thread, NULL);
	ok(rig_await(g, &posters_done, POSTERS), "no post is lost");
	for (size_t i = 0; i < POSTERS; i++)
		in_order &= p[i].in_order;
	ok(in_order, "each thread's come in order");
}

static unsigned ticks;

static void tick(void *arg)
{
	rig_count(arg, &ticks);
}

static void start_ticking(void *arg)
{
	struct rig *g = arg;

	server_every(g->server, 1, tick, g);
}

static bool await_least(struct rig *g, const unsigned *what, unsigned n)
{
	int64_t until = clock_monotonic_ms() + FCGI_PATIENCE_MS;
	bool there, in_time = true;

	box_lock(&g->box);
	while (*what < n && in_time)
		in_time = box_wait(&g->box, until);
	there = *what >= n;
	box_unlock(&g->box);
	return there;
}

static void test_every(struct rig *g)
{
	server_post(g->server, start_ticking, g);
	ok(await_least(g, &ticks, 3), "again and again");
}

static void test_max_waiting(void)
{
	struct server_options o = rig_options();
	struct rig *g;
	int fd[3];

	o.max_waiting = 2;
	g = rig_start(&o);
	for (unsigned i = 0; i < 3; i++) {
		fd[i] = rig_connect(g);
		rig_get(fd[i], 1, "/park", "p");
	}
	ok(rig_expect(fd[2], 1, 503, "full"), "the third is refused");
	close(fd[0]);
	ok(rig_await(g, &g->gone, 1), "one gives up");
	rig_get(fd[2], 1, "/park", "q");
	ok(rig_await(g, &g->parked, 3), "there is room again");
	server_post(g->server, rig_release, g);
	ok(rig_expect(fd[2], 1, 200, "q"), "answered");
	close(fd[1]);
	close(fd[2]);
	rig_stop(g);
}

static void test_max_connections(void)
{
	struct server_options o = rig_options();
	struct rig *g;
	int fd[5];
	size_t right = 0;

	o.max_connections = 2;
	g = rig_start(&o);
	for (unsigned i = 0; i < 5; i++) {
		fd[i] = rig_connect(g);
		rig_send(fd[i], 1, false, "GET", i < 2 ? "/park" : "/hello",
			 (const char *const[]){"REQUEST_ID", "n", NULL}, "", 0);
	}
	ok(rig_await(g, &g->parked, 2), "two are served");
	server_post(g->server, rig_release, g);
	for (unsigned i = 0; i < 5; i++)
		right += rig_expect(fd[i], 1, 200, "n");
	ok(right == 5, "the others when there is room");
	for (unsigned i = 0; i < 5; i++)
		close(fd[i]);
	rig_stop(g);
}

/* accept4() fails for want of descriptors; nobody is lost. */
static void test_no_descriptors(void)
{
	struct server_options o = rig_options();
	struct rig *g = rig_start(&o);
	struct rlimit r, few;
	int fd[64];
	size_t n = 0, right = 0;
	int lowest = dup(0);

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &r);
	few = r;
	few.rlim_cur = (rlim_t)lowest + COUNT(fd) / 2;
	setrlimit(RLIMIT_NOFILE, &few);
	while (n < COUNT(fd) && (fd[n] = rig_connect(g)) >= 0)
		n++;
	ok(n > 0 && n < COUNT(fd), "%zu connections and no more", n);
	setrlimit(RLIMIT_NOFILE, &r);
	for (size_t i = 0; i < n; i++) {
		rig_get(fd[i], 1, "/hello", "e");
		right += rig_expect(fd[i], 1, 200, "e");
	}
	ok(right == n, "all are served when there are descriptors again");
	for (size_t i = 0; i < n; i++)
		close(fd[i]);
	rig_stop(g);
}

/* Silent peers, half headers, half requests: others are served at once, and
 * they are closed when their time is over. */
static void test_slow_peers(void)
{
	struct server_options o = rig_options();
	struct rig *g;
	int half[3], fd;
	struct buf wire;

	o.read_timeout_ms = 50;
	g = rig_start(&o);
	/* The first of all: a timer left from its start would end first. */
	fd = rig_connect(g);
	rig_get(fd, 1, "/hello", "a");
	ok(rig_expect(fd, 1, 200, "a"), "one is served");
	buf_init(&wire, 65536);
	fcgi_request(&wire, 1, true, "POST", "/echo", NULL, "body", 4);
	for (size_t i = 0; i < COUNT(half); i++) {
		half[i] = rig_connect(g);
		fcgi_send(half[i], wire.at, i == 2 ? wire.len - 3 : 4 * i);
	}
	rig_get(fd, 1, "/hello", "b");
	ok(rig_expect(fd, 1, 200, "b"), "again, beside slow ones");
	ok(fcgi_closed(half[0]), "a silent peer is closed");
	ok(fcgi_closed(half[1]), "half a header is closed");
	ok(fcgi_closed(half[2]), "half a request is closed");
	rig_get(fd, 1, "/hello", "c");
	ok(rig_expect(fd, 1, 200, "c"), "one between requests is not");
	for (size_t i = 0; i < COUNT(half); i++)
		close(half[i]);
	close(fd);
	buf_finish(&wire);
	rig_stop(g);
}

static void await_idle(struct rig *g)
{
	while (!server_idle(g->server))
		sched_yield();
}

static void test_drain(void)
{
	struct server_options o = rig_options();
	struct rig *g = rig_start(&o);
	int idle = rig_connect(g), busy = rig_connect(g), sent, waits;
	struct rig_hold h;

	rig_get(idle, 1, "/hello", "a");
	rig_get(busy, 1, "/park", "b");
	sent = rig_connect(g);
	rig_get(sent, 1, "/hello", "c");
	ok(rig_expect(idle, 1, 200, "a") && rig_expect(sent, 1, 200, "c") &&
		   rig_await(g, &g->parked, 1),
	   "one idle, one waiting, one more");
	rig_hold_begin(&h, g);
	rig_get(sent, 1, "/hello", "d");
	waits = rig_connect(g);
	rig_get(waits, 1, "/hello", "e");
	server_drain(g->server);
	rig_hold_end(&h);
	ok(rig_expect(sent, 1, 200, "d") && fcgi_closed(sent),
	   "a request that was on its way is still answered");
	ok(rig_expect(waits, 1, 200, "e") && fcgi_closed(waits),
	   "so is one in the backlog of our own socket");
	ok(fcgi_closed(idle), "the idle connection is closed");
	ok(rig_connect(g) < 0 && access(g->path, F_OK) < 0,
	   "nobody can connect any more");
	ok(!server_idle(g->server), "one still waits");
	server_post(g->server, rig_release, g);
	ok(rig_expect(busy, 1, 200, "b") && fcgi_closed(busy),
	   "it is answered, then closed");
	await_idle(g);
	ok(g->gone == 0, "idle, and nobody was dropped");
	box_finish(&h.box);
	close(idle);
	close(busy);
	close(sent);
	close(waits);
	rig_stop(g);
}

/* What is open at the end is told to its owner; posts made before count. */
static void test_finish(void)
{
	struct server_options o = rig_options();
	struct rig *g = rig_start(&o);
	int fd = rig_connect(g), big = rig_connect(g);
	struct fcgi_answer a;
	unsigned gone;

	rig_get(fd, 1, "/park", "a");
	rig_get(big, 1, "/park", "b");
	ok(rig_await(g, &g->parked, 2), "two wait");
	server_post(g->server, rig_release, g);
	server_finish(g->server, FCGI_PATIENCE_MS);
	ok(rig_expect(fd, 1, 200, "a") && rig_expect(big, 1, 200, "b"),
	   "a post before the end is run, and its answers are written");
	close(fd);
	close(big);
	g->server = NULL;
	rig_stop(g);

	g = rig_start(&o);
	fd = rig_connect(g);
	rig_get(fd, 1, "/park", "a");
	ok(rig_await(g, &g->parked, 1), "one waits");
	server_finish(g->server, 0);
	g->server = NULL;
	gone = g->gone;
	fcgi_read(fd, &a);
	ok(gone == 1 && a.closed && a.text.len == 0, "dropped, gone called");
	fcgi_answer_finish(&a);
	close(fd);
	rig_stop(g);
}

static void count_late(void *arg)
{
	struct rig *g = arg;

	g->late++;
}

/* Others may post until the very end; and a server need not have started. */
static void test_stop(void)
{
	struct server_options o = rig_options();
	struct rig *g = rig_start(&o);
	int fd = rig_connect(g);
	char path[128];
	struct problem why = {0};
	struct server *s;

	server_stop(g->server, 0);
	ok(fcgi_closed(fd) && rig_connect(g) < 0, "stopped");
	server_post(g->server, count_late, g);
	ok(g->late == 0, "a post waits");
	server_finish(g->server, 0);
	g->server = NULL;
	ok(g->late == 1, "for the end");
	close(fd);

	snprintf(path, sizeof(path), "%s/t", g->folder);
	o.socket_path = path;
	s = server_create(&o, rig_handle, g, &why);
	fd = fcgi_connect(path);
	server_drain(s);
	server_finish(s, 0);
	ok(fcgi_closed(fd), "one that never started ends, too");
	close(fd);
	rig_stop(g);
}

/* A large answer whose reader starts only after server_finish() began. */
static void *finish(void *arg)
{
	struct rig *g = arg;

	server_finish(g->server, FCGI_PATIENCE_MS);
	return NULL;
}

static void test_flush(void)
{
	struct server_options o = rig_options();
	struct rig *g = rig_start(&o);
	int fd = rig_connect(g);
	struct fcgi_answer a;
	pthread_t t;

	rig_get(fd, 1, "/big?4000000", "a");
	ok(fcgi_take(fd, &(char[1]){0}, 1) == 1, "an answer has begun");
	pthread_create(&t, NULL, finish, g);
	fcgi_answer_init(&a);
	{
		/* The version byte is read already. */
		char rest[7 + 65528];

		ok(fcgi_take(fd, rest, sizeof(rest)) == 1, "its first record");
	}
	while (!a.ended && fcgi_read_record(fd, &a))
		;
	ok(a.ended, "is written to its end while finishing");
	pthread_join(t, NULL);
	fcgi_answer_finish(&a);
	close(fd);
	g->server = NULL;
	rig_stop(g);
}

static int listener(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(at.sun_path, path, strlen(path) + 1);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 64) < 0)
		abort();
	return fd;
}

/* Two servers one after the other on a socket that somebody else holds. */
static void test_inherited(void)
{
	struct server_options o = rig_options();
	char folder[] = "/tmp/test_http.XXXXXX", path[64];
	int held, fd, later;
	struct rig *g;

	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/held", folder);
	held = listener(path);
	o.inherited_fd = dup(held);
	g = rig_start(&o);
	fd = fcgi_connect(path);
	rig_get(fd, 1, "/hello", "a");
	ok(rig_expect(fd, 1, 200, "a"), "served on an inherited socket");
	server_drain(g->server);
	ok(fcgi_closed(fd), "drained");
	await_idle(g);
	later = fcgi_connect(path);
	ok(later >= 0, "the socket still takes connections");
	rig_get(later, 1, "/hello", "b");
	rig_stop(g);
	o.inherited_fd = dup(held);
	g = rig_start(&o);
	ok(rig_expect(later, 1, 200, "b"), "which the next server answers");
	rig_stop(g);
	close(fd);
	close(later);
	close(held);
	unlink(path);
	rmdir(folder);
}

static void test_create(void)
{
	struct server_options o = rig_options();
	struct rig *g = rig_start(&o);
	struct problem why = {0};
	char long_path[200], file[160];
	int fd;

	o.socket_path = g->path;
	ok(server_create(&o, rig_handle, g, &why) == NULL &&
		   strstr(why.detail, "another server") != NULL,
	   "a socket that answers is not taken");
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[199] = '\0';
	o.socket_path = long_path;
	ok(server_create(&o, rig_handle, g, &why) == NULL &&
		   strstr(why.detail, "characters") != NULL,
	   "a path too long for a socket");
	snprintf(file, sizeof(file), "%s/file", g->folder);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	o.socket_path = file;
	ok(server_create(&o, rig_handle, g, &why) == NULL &&
		   access(file, F_OK) == 0,
	   "a file in its place is left alone");
	o.inherited_fd = fd;
	ok(server_create(&o, rig_handle, g, &why) == NULL &&
		   strstr(why.detail, "listening") != NULL,
	   "an inherited descriptor that is no listener");
	close(fd);
	unlink(file);
	rig_stop(g);
	server_finish(NULL, 0);
}

/* The socket of a server that died is in the way of nobody. */
static void test_stale_socket(void)
{
	struct server_options o = rig_options();
	char folder[] = "/tmp/test_http.XXXXXX", path[64];
	struct problem why = {0};
	struct server *s;

	if (mkdtemp(folder) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/in/s", folder);
	o.socket_path = path;
	s = server_create(&o, rig_handle, NULL, &why);
	ok(s != NULL, "its folder is made");
	server_finish(s, 0);
	close(listener(path));
	s = server_create(&o, rig_handle, NULL, &why);
	ok(s != NULL, "a dead socket is replaced");
	server_finish(s, 0);
	snprintf(path, sizeof(path), "%s/in", folder);
	rmdir(path);
	rmdir(folder);
}

int main(void)
{
	struct server_options o = rig_options();
	struct rig *g;

	test_signals();
	g = rig_start(&o);
	test_waiters(g);
	test_hang_up(g);
	test_late(g);
	test_posts(g);
	test_every(g);
	rig_stop(g);
	test_max_waiting();
	test_max_connections();
	test_no_descriptors();
	test_slow_peers();
	test_drain();
	test_finish();
	test_stop();
	test_flush();
	test_inherited();
	test_create();
	test_stale_socket();
	return tap_done();
}
