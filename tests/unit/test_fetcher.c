#include "run/fetcher.h"

#include <errno.h>

#include "base/buf.h"
#include "base/json.h"
#include "fetch_rig.h"
#include "store_rig.h"

/* One pixel. */
static const unsigned char png[] = {
	0x89, 'P', 'N', 'G',  0x0d, 0x0a, 0x1a, 0x0a, 0,    0, 0, 13,
	'I',  'H', 'D', 'R',  0,    0,	  0,	1,    0,    0, 0, 1,
	8,    0,   0,	0,    0,    0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0,
	10,   'I', 'D', 'A',  'T',  0x78, 0x9c, 0x63, 0x60, 0, 0, 0,
	2,    0,   1,	0x48, 0xaf, 0xa4, 0x71, 0,    0,    0, 0, 'I',
	'E',  'N', 'D', 0xae, 0x42, 0x60, 0x82};

/* ---- a disk that may fail ---- */

static _Atomic bool full;     /* drafts take no byte */
static _Atomic bool unsynced; /* or cannot be made durable */
static _Atomic unsigned disk_faults;

static bool is_draft(int fd)
{
	char link[64], path[512] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, path, sizeof(path) - 1) > 0 &&
	       strstr(path, "/blobs/draft-") != NULL;
}

static bool disk_fails(int fd, _Atomic bool *how)
{
	if (!*how || !is_draft(fd))
		return false;
	disk_faults++;
	errno = ENOSPC;
	return true;
}

/* The program's own go before the C library's. */
ssize_t pwrite(int fd, const void *buf, size_t n, off_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pwrite");
	return disk_fails(fd, &full) ? -1 : real(fd, buf, n, offset);
}

int fsync(int fd)
{
	static int (*real)(int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	return disk_fails(fd, &unsynced) ? -1 : real(fd);
}

/* ---- what is served ---- */

/* Who asks for /gate/x waits here until it opens. */
static struct {
	struct box box;
	bool open;
	unsigned held[2], most[2]; /* of /gate/a, of all others */
	unsigned begun, closed;	   /* who came to /begun; who gave up */
	unsigned faults;	   /* left for /flaky */
} world;

static bool gate(struct net_peer *p, bool a)
{
	int64_t until = clock_monotonic_ms() + RIG_MS;
	unsigned *held = &world.held[!a], *most = &world.most[!a];

	box_lock(&world.box);
	++*held;
	if (*most < *held)
		*most = *held;
	box_wake(&world.box);
	while (!world.open)
		rig_must(box_wait(&world.box, until));
	--*held;
	box_unlock(&world.box);
	return net_reply(p, "200 OK", png, sizeof(png));
}

static void count(unsigned *what)
{
	box_lock(&world.box);
	++*what;
	box_wake(&world.box);
	box_unlock(&world.box);
}

static bool silent(struct net_peer *p)
{
	(void)net_silent(p);
	count(&world.closed);
	return false;
}

static bool flaky(struct net_peer *p)
{
	bool bad;

	box_lock(&world.box);
	bad = world.faults > 0;
	world.faults -= bad;
	box_unlock(&world.box);
	return bad ? net_reply(p, "503 Busy", "", 0)
		   : net_reply(p, "200 OK", png, sizeof(png));
}

static bool answer(struct net_peer *p, const char *request, const char *path)
{
	char head[512];

	(void)request;
	if (text_starts(path, "/png") || text_starts(path, "/a/"))
		return net_reply(p, "200 OK\r\nContent-Type: text/html", png,
				 sizeof(png));
	if (text_starts(path, "/gate/"))
		return gate(p, text_starts(path, "/gate/a"));
	if (text_starts(path, "/doc/"))
		return net_reply(p, "200 OK", path, strlen(path));
	if (strcmp(path, "/notes.txt") == 0)
		return net_reply(p, "200 OK\r\nContent-Type: image/png",
				 "some words", 10);
	if (strcmp(path, "/flaky") == 0)
		return flaky(p);
	if (strcmp(path, "/begun") == 0)
		count(&world.begun);
	if (strcmp(path, "/begun") == 0 || strcmp(path, "/silent") == 0)
		return silent(p);
	if (strcmp(path, "/huge") == 0)
		return net_say(p, "HTTP/1.1 200 OK\r\nContent-Length: 9999999"
				  "\r\n\r\nx") &&
		       false;
	if (text_starts(path, "/to?")) {
		snprintf(head, sizeof(head), "302 Found\r\nLocation: %s",
			 path + 4);
		return net_reply(p, head, "", 0);
	}
	return net_reply(p, "404 Not Found", "a page", 6);
}

static const struct net_name names[] = {
	{"files.test", NET_PUBLIC, 0},
	{"private.test", "10.0.0.1", 0},
	{NULL, NULL, 0},
};

/* ---- a store with its fetcher ---- */

static struct rig r;
static struct fetcher *_Atomic fetcher;
static struct address_list allow;

static void on_news(void *ctx, const char *id, enum phase phase,
		    bool cancel_asked, struct store_ended *ended)
{
	store_ended_free(ended);
	(void)ctx;
	(void)cancel_asked;
	if (fetcher != NULL)
		fetcher_poke(fetcher, id, phase);
	box_lock(&world.box);
	box_wake(&world.box);
	box_unlock(&world.box);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

static void begin(void)
{
	struct fetcher_options o = {.store = r.store,
				    .blobs = r.blobs,
				    .agent = "comfygate/test",
				    .allow = &allow,
				    .http = true,
				    .timeout_ms = 20000,
				    .max_bytes = 1000000,
				    .ended = nothing};
	struct problem why = {0};

	fetcher = fetcher_start(&o, &why);
	rig_must(fetcher != NULL);
}

static void end(void)
{
	struct fetcher *f = fetcher;

	fetcher = NULL;
	fetcher_stop(f);
	fetcher_free(f);
}

/* The phase of a job that is not being fetched any more. */
static enum phase await(const char *id)
{
	int64_t until = clock_monotonic_ms() + RIG_MS;
	enum phase p;

	box_lock(&world.box);
	while ((p = rig_phase(&r, id)) == PHASE_FETCHING)
		rig_must(box_wait(&world.box, until));
	box_unlock(&world.box);
	return p;
}

static bool await_count(const unsigned *what, unsigned n)
{
	int64_t until = clock_monotonic_ms() + RIG_MS;
	bool there;

	box_lock(&world.box);
	while (*what < n)
		rig_must(box_wait(&world.box, until));
	there = *what == n;
	box_unlock(&world.box);
	return there;
}

static void set_gate(bool open)
{
	box_lock(&world.box);
	world.open = open;
	box_wake(&world.box);
	box_unlock(&world.box);
}

#define RECIPE                                                                 \
	"{\"outputs\":[],\"files\":["                                          \
	"{\"field\":\"/photo\",\"type\":\"image\",\"max_bytes\":200000},"      \
	"{\"field\":\"/small\",\"type\":\"image\",\"max_bytes\":20},"          \
	"{\"field\":\"/refs\",\"items\":true,\"type\":\"image\","              \
	"\"max_bytes\":9000000},"                                              \
	"{\"field\":\"/doc\",\"type\":\"file\",\"max_bytes\":9000000}]}"

struct given {
	const char *field, *url;
};

static const char *files_text(const struct given *given, size_t count)
{
	static const size_t at[] = {3};
	struct job_file f[8] = {0};
	const char *text;
	struct buf b;

	buf_init(&b, 65536);
	for (size_t i = 0; i < count; i++)
		f[i] = (struct job_file){.field = given[i].field,
					 .url = given[i].url,
					 .at = at,
					 .at_count = 1};
	job_files_write(f, count, &b);
	text = arena_strdup(&r.arena, buf_str(&b));
	buf_finish(&b);
	return text;
}

static struct job job_of(const char *owner, const struct given *given,
			 size_t count)
{
	struct job j = rig_job();

	j.owner = owner;
	j.phase = PHASE_FETCHING;
	j.recipe = RECIPE;
	j.files = files_text(given, count);
	return j;
}

static struct job insert(const char *owner, const char *field, const char *url)
{
	struct given g = {field, url};
	struct job j = job_of(owner, &g, 1);

	rig_must(rig_insert(&r, &j) == STORE_DONE);
	return j;
}

static const char *problem_of(const char *id)
{
	struct job j = {0};

	return rig_read(&r, id, &j) && j.problem != NULL ? j.problem : "none";
}

/* ---- the tests ---- */

static void test_whole(void)
{
	static const struct given given[] = {
		{"/photo", "https://files.test/a/b.png?token=x"},
		{"/refs/0", "https://files.test/png"},
		{"/refs/1", "https://files.test/a/b.png?token=x"},
		{"/doc", "https://files.test/notes.txt"},
	};
	struct job j = job_of("me", given, COUNT(given)), claimed;
	char sha256[DIGEST_HEX_SIZE];
	unsigned char digest[DIGEST_SIZE];
	struct job_file *f = NULL;
	int before = net.requests;
	size_t n = 0;

	rig_must(rig_insert(&r, &j) == STORE_DONE);
	ok(await(j.id) == PHASE_QUEUED, "fetched and queued: %s",
	   problem_of(j.id));
	ok(net.requests - before == 3, "the same URL once");
	ok(rig_claim(&r, "b", &claimed) && strcmp(claimed.id, j.id) == 0 &&
		   job_files_read(claimed.files, &r.arena, &f, &n) && n == 4,
	   "with its files");
	digest_sha256(png, sizeof(png), digest);
	digest_hex(digest, sha256);
	for (size_t i = 0; i < 3 && i < n; i++)
		ok(f[i].sha256 != NULL && strcmp(f[i].sha256, sha256) == 0 &&
			   strcmp(f[i].extension, "png") == 0 &&
			   strcmp(f[i].content_type, "image/png") == 0 &&
			   f[i].size_bytes == sizeof(png) &&
			   f[i].at_count == 1 && f[i].at[0] == 3 &&
			   strcmp(f[i].url, given[i].url) == 0,
		   "%s is there", f[i].field);
	ok(n == 4 && strcmp(f[3].extension, "txt") == 0 &&
		   f[3].size_bytes == 10 && rig_blob_there(&r, f[3].sha256),
	   "a file of any kind, named by its URL's end");
	ok(rig_blob_there(&r, sha256), "its bytes are there");
	rig_must(rig_end(&r, &claimed, PHASE_CANCELED));
	rig_batch(&r);
	ok(!rig_blob_there(&r, sha256),
	   "and go with the job: nobody holds them");
}

#define WORDS                                                                  \
	"could not be fetched: its server must be a public one with a valid "  \
	"certificate, and answer with a fitting file in time"
#define ONE(pointer, code, detail)                                             \
	"{\"code\":\"invalid-input\",\"detail\":\"some inputs are not as the " \
	"endpoint wants them\",\"errors\":[{\"pointer\":\"" pointer            \
	"\",\"code\":\"" code "\",\"detail\":\"" detail "\"}]}"

static void test_failures(void)
{
	static const struct {
		const char *field, *url, *problem; /* its beginning */
	} cases[] = {
		{"/photo", "https://files.test/404",
		 ONE("/photo", "fetch",
		     "could not be fetched: its server did not answer with 200 "
		     "but with 404")},
		{"/photo", "http://private.test/",
		 ONE("/photo", "fetch", WORDS)},
		{"/photo", "http://127.0.0.1/", ONE("/photo", "fetch", WORDS)},
		{"/photo", "http://unknown.test/",
		 ONE("/photo", "fetch", WORDS)},
		{"/photo", "https://files.test/to?https://private.test/x",
		 ONE("/photo", "fetch", WORDS)},
		{"/photo", "https://files.test/to?http://files.test/png",
		 ONE("/photo", "fetch",
		     "could not be fetched: it leads on too often, or to no "
		     "URL that is taken")},
		{"/photo", "https://files.test/huge",
		 ONE("/photo", "maxBytes", "must be at most 200000 bytes")},
		{"/small", "https://files.test/png",
		 ONE("/small", "maxBytes", "must be at most 20 bytes")},
		{"/refs/3", "https://files.test/huge",
		 ONE("/refs/3", "maxBytes", "must be at most 1000000 bytes")},
		{"/photo", "https://files.test/notes.txt",
		 "{\"code\":\"invalid-input\",\"detail\":\"some inputs are not "
		 "as the endpoint wants them\",\"errors\":[{\"pointer\":"
		 "\"/photo\",\"code\":\"type\",\"detail\":"},
		/* a place of the operator: nothing is told of it */
		{"/photo", "http://127.0.0.1:%P/404",
		 ONE("/photo", "fetch", WORDS)},
		{"/photo", "http://127.0.0.1:%P/huge",
		 ONE("/photo", "fetch", WORDS)},
		{"/photo", "http://127.0.0.1:%P/notes.txt",
		 ONE("/photo", "fetch", WORDS)},
		{"/small", "http://127.0.0.1:%P/png",
		 ONE("/small", "fetch", WORDS)},
	};
	char ids[COUNT(cases)][ID_SIZE], url[128], owner[16];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *port = strstr(cases[i].url, "%P");
		struct job j;

		snprintf(url, sizeof(url), "%s", cases[i].url);
		if (port != NULL)
			snprintf(url, sizeof(url), "%.*s%u%s",
				 (int)(port - cases[i].url), cases[i].url,
				 net.ports[0], port + 2);
		snprintf(owner, sizeof(owner), "owner %zu", i);
		j = insert(owner, cases[i].field, url);
		memcpy(ids[i], j.id, ID_SIZE);
	}
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *p;

		ok(await(ids[i]) == PHASE_FAILED, "failed: %s", cases[i].url);
		p = problem_of(ids[i]);
		if (!text_starts(p, cases[i].problem))
			is_str(p, cases[i].problem, "why");
	}
}

static void test_all_at_once(void)
{
	static const struct given given[] = {
		{"/photo", "https://files.test/404"},
		{"/refs/0", "https://files.test/png"},
		{"/refs/1", "https://files.test/404"},
		{"/refs/2", "https://files.test/huge"},
	};
	struct job j = job_of("me", given, COUNT(given));
	struct problem why = {0};
	const struct json *errors;
	struct json_doc *doc;
	const char *p;

	rig_must(rig_insert(&r, &j) == STORE_DONE);
	ok(await(j.id) == PHASE_FAILED, "several are wrong");
	p = problem_of(j.id);
	doc = json_parse(p, strlen(p), JSON_DEPTH_DEFAULT, &why);
	errors = json_get(json_root(doc), "errors");
	ok(json_count(errors) == 3, "told at once: %s", p);
	for (size_t i = 0; i < 3; i++)
		is_str(json_string(json_get(json_at(errors, i), "pointer")),
		       i == 0	? "/photo"
		       : i == 1 ? "/refs/1"
				: "/refs/2",
		       "in the order of the inputs");
	json_free(doc);
	ok(rig_number(&r, "SELECT count(*) FROM job_files") == 0,
	   "nothing of it is named");
}

static void test_again(void)
{
	struct job j;

	world.faults = 2;
	j = insert("me", "/photo", "https://files.test/flaky");
	ok(await(j.id) == PHASE_QUEUED, "at the third try");
	world.faults = 3;
	j = insert("me", "/photo", "https://files.test/flaky");
	ok(await(j.id) == PHASE_FAILED && world.faults == 0,
	   "there is no fourth");
}

static void test_cancel(void)
{
	unsigned before = world.closed;
	struct job j;

	j = insert("me", "/photo", "https://files.test/begun");
	(void)await_count(&world.begun, 1);
	ok(rig_cancel(&r, j.id, "me") == STORE_DONE &&
		   await(j.id) == PHASE_CANCELED,
	   "canceled at once");
	ok(await_count(&world.closed, before + 1), "its transfer ends");
}

static void test_deadline(void)
{
	struct given g = {"/photo", "https://files.test/silent"};
	struct job j = job_of("late", &g, 1);
	int64_t until = clock_monotonic_ms() + RIG_MS;
	unsigned before = world.closed;

	j.deadline_at = clock_wall_ms() + 500;
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	(void)await_count(&world.closed, before + 1);
	ok(rig_phase(&r, j.id) == PHASE_FETCHING,
	   "its transfer ends at the deadline");
	while (rig_phase(&r, j.id) == PHASE_FETCHING &&
	       clock_monotonic_ms() < until)
		(void)store_tidy(r.store, clock_wall_ms(), 0);
	ok(rig_phase(&r, j.id) == PHASE_FAILED &&
		   strstr(problem_of(j.id), "\"timeout\"") != NULL,
	   "the janitor ends it: %s", problem_of(j.id));
}

static void test_restart(void)
{
	struct job a, b;

	set_gate(false);
	a = insert("me", "/photo", "https://files.test/gate/a");
	(void)await_count(&world.held[0], 1);
	end();
	b = insert("you", "/photo", "https://files.test/png");
	ok(rig_phase(&r, a.id) == PHASE_FETCHING &&
		   rig_phase(&r, b.id) == PHASE_FETCHING,
	   "stopped while one is fetched and one waits");
	rig_reopen(&r);
	set_gate(true);
	begin();
	ok(await(a.id) == PHASE_QUEUED && await(b.id) == PHASE_QUEUED,
	   "the next start begins again");
}

static void test_fair(void)
{
	struct job a[40], other[40];
	char owner[16];
	struct job b;
	bool good = true;

	set_gate(false);
	for (size_t i = 0; i < COUNT(a); i++)
		a[i] = insert("flood", "/photo", "https://files.test/gate/a");
	ok(await_count(&world.held[0], FETCHER_EACH), "a few of one owner");
	b = insert("second", "/photo", "https://files.test/png");
	ok(await(b.id) == PHASE_QUEUED, "another one passes");
	for (size_t i = 0; i < COUNT(other); i++) {
		snprintf(owner, sizeof(owner), "other %zu", i);
		other[i] = insert(owner, "/photo", "https://files.test/gate/b");
	}
	ok(await_count(&world.held[1], FETCHER_AT_ONCE - FETCHER_EACH),
	   "so many at once");
	set_gate(true);
	for (size_t i = 0; i < COUNT(a); i++)
		good &= await(a[i].id) == PHASE_QUEUED;
	for (size_t i = 0; i < COUNT(other); i++)
		good &= await(other[i].id) == PHASE_QUEUED;
	ok(good, "all of them in the end");
	ok(world.most[0] <= FETCHER_EACH &&
		   world.most[0] + world.most[1] <= FETCHER_AT_ONCE,
	   "never more: %u and %u", world.most[0], world.most[1]);
}

/* More than are kept in memory, of one owner and of many. */
static void test_flood(void)
{
	enum { JOBS = 600 };
	static struct job jobs[JOBS];
	char owner[16];
	unsigned good = 0;

	end();
	for (size_t i = 0; i < JOBS; i++) {
		snprintf(owner, sizeof(owner), "owner %zu", i % 2 == 0 ? 0 : i);
		jobs[i] = insert(owner, "/photo", "http://files.test/png");
	}
	begin();
	for (size_t i = 0; i < JOBS; i++)
		good += await(jobs[i].id) == PHASE_QUEUED;
	ok(good == JOBS, "%u of them", good);
}

static void test_disk(void)
{
	_Atomic bool *const ways[] = {&full, &unsynced};

	for (size_t i = 0; i < COUNT(ways); i++) {
		struct job j;

		disk_faults = 0;
		*ways[i] = true;
		j = insert("me", "/doc",
			   i == 0 ? "http://files.test/doc/full"
				  : "http://files.test/doc/unsynced");
		for (int k = 0; k < RIG_MS && disk_faults == 0; k++)
			usleep(1000);
		ok(disk_faults > 0 && rig_phase(&r, j.id) == PHASE_FETCHING,
		   "it waits while the disk fails");
		*ways[i] = false;
		ok(await(j.id) == PHASE_QUEUED, "and goes on afterwards");
	}
}

static void test_unreadable(void)
{
	struct given g = {"/photo", "https://files.test/png"};
	struct job j = job_of("me", &g, 1);

	j.recipe = "{}";
	rig_must(rig_insert(&r, &j) == STORE_DONE);
	ok(await(j.id) == PHASE_FAILED &&
		   text_starts(problem_of(j.id), "{\"code\":\"internal\""),
	   "a job of no known form ends: %s", problem_of(j.id));
}

int main(void)
{
	struct problem why = {0};
	struct cert cert;
	char list[64];

	net_proxies();
	cert_make(&cert, -DAY, DAY, "DNS:files.test");
	setenv("SSL_CERT_FILE", cert.path, 1);
	net.names = names;
	net.answer = answer;
	box_init(&world.box);
	net_start(&cert);
	rig_folder(&r);
	r.listen = on_news;
	rig_open(&r);
	snprintf(list, sizeof(list), "127.0.0.1:%u", net.ports[0]);
	rig_must(address_list_read(list, &r.arena, &allow, &why));
	begin();
	test_whole();
	test_failures();
	test_all_at_once();
	test_again();
	test_cancel();
	test_deadline();
	test_restart();
	test_fair();
	test_flood();
	test_disk();
	test_unreadable();
	end();
	rig_finish(&r);
	net_stop();
	cert_free(&cert);
	return tap_done();
}
