#include <arpa/inet.h>
#include <sys/socket.h>

#include "auth_sign.h"

#include "auth/access.h"
#include "auth/keys.h"
#include "auth/schedule.h"
#include "base/box.h"
#include "base/clock.h"
#include "base/log.h"
#include "tap.h"

#define NOW	 1800000000
#define PATIENCE 30000 /* ms; only a broken test waits that long */

/* An issuer: one thread, one answer a connection, as told by the test. */
static struct {
	struct box box;
	pthread_t thread;
	int fd;
	char url[64];
	int status;
	const char *body;
	bool hold; /* take the request, do not answer yet */
	unsigned requests;
} issuer;

/* How often keys.c said that it is through with a fetch. */
static struct box renewals;
static unsigned renewed_count;

static void renewed(void *ctx)
{
	box_lock(&renewals);
	(*(unsigned *)ctx)++;
	box_wake(&renewals);
	box_unlock(&renewals);
}

static bool wait_for(struct box *b, const unsigned *counter, unsigned least)
{
	int64_t until_ms = clock_monotonic_ms() + PATIENCE;
	bool there;

	box_lock(b);
	while (*counter < least && box_wait(b, until_ms))
		;
	there = *counter >= least;
	box_unlock(b);
	return there;
}

static void say(int status, const char *body)
{
	box_lock(&issuer.box);
	issuer.status = status;
	issuer.body = body;
	box_unlock(&issuer.box);
}

static void hold(bool on)
{
	box_lock(&issuer.box);
	issuer.hold = on;
	box_wake(&issuer.box);
	box_unlock(&issuer.box);
}

static unsigned requests(void)
{
	unsigned n;

	box_lock(&issuer.box);
	n = issuer.requests;
	box_unlock(&issuer.box);
	return n;
}

static void send_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* the client has seen enough */
		text += sent;
		n -= (size_t)sent;
	}
}

static void answer(int fd)
{
	char request[4096], head[128];
	size_t n = 0;
	const char *body;
	int status;

	while (n < sizeof(request) - 1) {
		ssize_t got = recv(fd, request + n, sizeof(request) - 1 - n, 0);

		if (got <= 0)
			return;
		n += (size_t)got;
		request[n] = '\0';
		if (strstr(request, "\r\n\r\n") != NULL)
			break;
	}
	box_lock(&issuer.box);
	issuer.requests++;
	box_wake(&issuer.box);
	while (issuer.hold)
		(void)!box_wait(&issuer.box, clock_monotonic_ms() + PATIENCE);
	status = issuer.status;
	body = issuer.body;
	box_unlock(&issuer.box);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 %d X\r\nConnection: close\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 status, strlen(body));
	send_all(fd, head, strlen(head));
	send_all(fd, body, strlen(body));
}

static void *serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(issuer.fd, NULL, NULL)) >= 0) {
		answer(fd);
		close(fd);
	}
	return NULL;
}

static void issuer_start(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	box_init(&issuer.box);
	issuer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sign_must(issuer.fd >= 0 &&
		  bind(issuer.fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		  listen(issuer.fd, 16) == 0 &&
		  getsockname(issuer.fd, (struct sockaddr *)&at, &len) == 0);
	snprintf(issuer.url, sizeof(issuer.url), "http://127.0.0.1:%d/jwks",
		 ntohs(at.sin_port));
	issuer.thread = box_thread("issuer", serve, NULL);
}

static void issuer_stop(void)
{
	hold(false);
	shutdown(issuer.fd, SHUT_RDWR); /* accept() fails now */
	pthread_join(issuer.thread, NULL);
	close(issuer.fd);
	box_finish(&issuer.box);
}

static struct access *make_access(struct keyset *keys)
{
	return access_create(
		&(struct access_options){
			.rules = {.leeway_s = 30},
			.cache_entries = 64,
			.realm = "test",
			.jwks_url = issuer.url,
		},
		keys);
}

static struct keyset *no_keys(void)
{
	struct keyset *k = keyset_load(&(struct keyset_sources){0}, NULL);

	sign_must(k != NULL);
	return k;
}

static struct keys *start(struct access *a, const char *secret_file)
{
	renewed_count = 0;
	return keys_start(
		&(struct keys_options){
			.files = {.secret_file = secret_file},
			.jwks_url = issuer.url,
			.renewed = renewed,
			.renewed_ctx = &renewed_count,
		},
		a);
}

static enum access_outcome check(struct access *a, enum sign_key key,
				 const char *alg, const char *kid)
{
	char challenge[ACCESS_CHALLENGE_MAX];
	struct principal *who;
	struct problem why;

	return access_check(
		a,
		arena_printf(&sign_arena, "Bearer %s",
			     sign_token(alg, key,
					arena_printf(&sign_arena,
						     "{\"alg\":\"%s\","
						     "\"kid\":\"%s\"}",
						     alg, kid),
					"{\"sub\":\"me\",\"exp\":1800000600}")),
		NOW, &who, challenge, &why);
}

static char *jwks(enum sign_key key, const char *kid)
{
	return arena_printf(
		&sign_arena, "{\"keys\":[%s]}",
		sign_jwk(key,
			 arena_printf(&sign_arena, ",\"kid\":\"%s\"", kid)));
}

static void test_rotation(void)
{
	struct access *a = make_access(no_keys());
	struct keys *k;
	unsigned before = requests();

	say(200, jwks(SIGN_P256, "one"));
	k = start(a, NULL);
	ok(wait_for(&renewals, &renewed_count, 1), "it fetches at start");
	ok(check(a, SIGN_P256, "ES256", "one") == ACCESS_GRANTED,
	   "and the keys are used");

	say(200, jwks(SIGN_ED25519, "two"));
	ok(check(a, SIGN_ED25519, "EdDSA", "two") == ACCESS_PENDING,
	   "the issuer has a new key");
	ok(keys_ask(k), "it is asked for");
	ok(wait_for(&renewals, &renewed_count, 2), "and fetched");
	ok(check(a, SIGN_ED25519, "EdDSA", "two") == ACCESS_GRANTED,
	   "its token passes now");
	ok(check(a, SIGN_P256, "ES256", "one") == ACCESS_PENDING,
	   "the old key is gone");
	ok(!keys_ask(k) && !keys_ask(k), "no second asking within a minute");
	ok(requests() - before == 2, "two fetches in all");
	keys_stop(k);
	access_destroy(a);
}

/* What an issuer that is not well may answer. */
static void test_failures(void)
{
	char *huge = arena_alloc(&sign_arena, 1100001);
	const struct {
		const char *name;
		int status;
		const char *body;
	} cases[] = {
		{"500", 500, "{}"},
		{"404 with a good body", 404, jwks(SIGN_RSA, "x")},
		{"a redirect", 302, ""},
		{"a page", 200, "<html>sign in</html>"},
		{"nothing", 200, ""},
		{"no keys", 200, "{\"keys\":[]}"},
		{"only a secret", 200, jwks(SIGN_SECRET_KEY, "x")},
		{"more than a megabyte", 200, huge},
	};

	memset(huge, ' ', 1100000);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct access *a = make_access(no_keys());
		struct keys *k;
		unsigned before;

		say(200, jwks(SIGN_P256, "one"));
		k = start(a, NULL);
		sign_must(wait_for(&renewals, &renewed_count, 1));
		before = requests();
		say(cases[i].status, cases[i].body);
		sign_must(keys_ask(k));
		ok(wait_for(&renewals, &renewed_count, 2) &&
			   requests() == before + 1 &&
			   check(a, SIGN_P256, "ES256", "one") ==
				   ACCESS_GRANTED &&
			   check(a, SIGN_RSA, "RS256", "x") == ACCESS_PENDING,
		   "%s: told, and the old set stays", cases[i].name);
		keys_stop(k);
		access_destroy(a);
	}
}

/* While a fetch is on its way all who ask may wait for it; stopping does not
 * wait for the issuer. */
static void test_on_the_way(void)
{
	struct access *a = make_access(no_keys());
	unsigned before = requests();
	int64_t began;
	struct keys *k;

	say(200, jwks(SIGN_P256, "one"));
	hold(true);
	k = start(a, NULL);
	sign_must(wait_for(&issuer.box, &issuer.requests, before + 1));
	ok(keys_ask(k) && keys_ask(k), "all who ask meanwhile may wait");
	hold(false);
	ok(wait_for(&renewals, &renewed_count, 1), "for the one fetch");
	ok(requests() == before + 1, "there was one");

	hold(true);
	ok(keys_ask(k), "the first real asking");
	sign_must(wait_for(&issuer.box, &issuer.requests, before + 2));
	began = clock_monotonic_ms();
	keys_stop(k);
	ok(clock_monotonic_ms() - began < 8000,
	   "stopping abandons a fetch before its deadline");
	hold(false);
	access_destroy(a);
}

static void test_reload(void)
{
	const char *path = sign_file("secret", SIGN_SECRET, 0600);
	struct keyset *files = keyset_load(
		&(struct keyset_sources){.secret_file = path}, NULL);
	struct problem why = {0};
	struct access *a;
	struct keys *k;

	sign_must(files != NULL);
	a = make_access(files);
	say(200, jwks(SIGN_P256, "one"));
	k = start(a, path);
	sign_must(wait_for(&renewals, &renewed_count, 1));
	ok(check(a, SIGN_P256, "ES256", "one") == ACCESS_GRANTED &&
		   check(a, SIGN_SECRET_KEY, "HS256", "s") == ACCESS_GRANTED,
	   "keys of files and fetched keys serve together");
	sign_file("secret", "short", 0600);
	ok(!keys_reload(k, &why) && strstr(why.detail, "32 bytes") &&
		   check(a, SIGN_SECRET_KEY, "HS256", "s") == ACCESS_GRANTED,
	   "a broken file changes nothing (%s)", why.detail);
	sign_file("secret", "another secret of thirty-two bytes", 0600);
	ok(keys_reload(k, &why) &&
		   check(a, SIGN_SECRET_KEY, "HS256", "s") == ACCESS_PENDING &&
		   check(a, SIGN_P256, "ES256", "one") == ACCESS_GRANTED,
	   "a new secret takes the old one's place, fetched keys stay");
	keys_stop(k);
	access_destroy(a);
}

static void test_without_url(void)
{
	struct access *a = make_access(no_keys());
	struct problem why = {0};
	struct keys *k = keys_start(
		&(struct keys_options){
			.files = {.secret_file = sign_file("secret",
							   SIGN_SECRET, 0600)},
		},
		a);

	ok(!keys_ask(k), "without a URL nothing is fetched");
	ok(keys_reload(k, &why) &&
		   check(a, SIGN_SECRET_KEY, "HS256", "s") == ACCESS_GRANTED,
	   "files are read again");
	keys_stop(k);
	keys_stop(NULL);
	access_destroy(a);
}

static void test_urls(void)
{
	static const struct {
		const char *url;
		bool good;
	} cases[] = {
		{"https://issuer.example/.well-known/jwks.json", true},
		{"HTTPS://issuer.example", true},
		{"https://issuer.example:8443/a?b=c", true},
		{"https://[2001:db8::1]/jwks", true},
		{"http://localhost/jwks", true},
		{"http://localhost:8080/jwks", true},
		{"http://127.0.0.1:9/jwks", true},
		{"http://127.8.9.1/jwks", true},
		{"http://[::1]:80/jwks", true},
		{"http://issuer.example/jwks", false},
		{"http://10.0.0.1/jwks", false},
		{"http://127.0.0.1.evil.example/", false},
		{"http://localhost.evil.example/", false},
		{"http://127.0.0.1@evil.example/", false},
		{"http://localhost:80@evil.example/", false},
		{"https://user:word@issuer.example/", false},
		{"http://[::1].evil.example/", false},
		{"http://0x7f.1/", false},
		{"http://evil.example\\@localhost/", false},
		{"https://", false},
		{"https:///jwks", false},
		{"https://?a", false},
		{"https://:80/", false},
		{"https://a b/", false},
		{"https://a/\n", false},
		{"ftp://localhost/", false},
		{"file:///etc/jwks", false},
		{"jwks.json", false},
		{"", false},
	};
	struct problem why;

	for (size_t i = 0; i < COUNT(cases); i++)
		ok(keys_url_valid(cases[i].url, &why) == cases[i].good,
		   "url: %zu %s", i, cases[i].good ? "good" : "refused");
}

static void test_schedule(void)
{
	struct schedule s;
	static const struct {
		int64_t max_age_s, first_ms;
	} ages[] = {
		{-1, 3600000},	       {0, 60000},	  {59, 60000},
		{61, 61000},	       {86400, 86400000}, {86401, 86400000},
		{INT64_MAX, 86400000},
	};

	schedule_init(&s, 1000);
	ok(schedule_ask(&s, 1000),
	   "asking before the first fetch waits for it");
	ok(schedule_due(&s, 1000), "due at once");
	ok(schedule_ask(&s, 1001), "asking during it likewise");
	schedule_ended(&s, 2000, true, -1);
	ok(!schedule_due(&s, 2000 + 3599999) && schedule_due(&s, 3602000),
	   "due again after an hour");
	schedule_ended(&s, 4000000, true, -1);
	ok(schedule_ask(&s, 4000001) && schedule_due(&s, 4000001),
	   "asking makes it due");
	schedule_ended(&s, 4000500, true, -1);
	ok(!schedule_ask(&s, 4060000) && !schedule_due(&s, 4060000),
	   "not again within a minute");
	ok(schedule_ask(&s, 4060001) && schedule_due(&s, 4060001),
	   "then again");
	schedule_ended(&s, 4060500, false, 86400);
	ok(!schedule_due(&s, 4120499) && schedule_due(&s, 4120500),
	   "after a failure once a minute, whatever its max-age");
	for (size_t i = 0; i < COUNT(ages); i++) {
		schedule_ended(&s, 0, true, ages[i].max_age_s);
		ok(!schedule_due(&s, ages[i].first_ms - 1) &&
			   schedule_due(&s, ages[i].first_ms),
		   "max-age %zu between a minute and a day", i);
	}
}

int main(void)
{
	log_set_level(LOG_NONE);
	box_init(&renewals);
	issuer_start();
	test_schedule();
	test_urls();
	test_rotation();
	test_failures();
	test_on_the_way();
	test_reload();
	test_without_url();
	issuer_stop();
	box_finish(&renewals);
	sign_free();
	return tap_done();
}
