#include "base/arena.h"
#include "http/router.h"
#include "tap.h"

enum { RUN, CONTRACT, JOBS, JOB, FORGET, CANCEL, FILE_, ROOT, PUT_, DEEP };

static const struct route table[] = {
	{"POST", "/{}/{}", RUN},
	{"GET", "/{}/{}", CONTRACT},
	{"GET", "/v1/jobs", JOBS},
	{"GET", "/v1/jobs/{}", JOB},
	{"DELETE", "/v1/jobs/{}", FORGET},
	{"POST", "/v1/jobs/{}/cancel", CANCEL},
	{"GET", "/v1/files/{}/{}", FILE_},
	{"GET", "/", ROOT},
	{"PUT", "/put", PUT_},
	{"GET", "/{}/{}/{}/x", DEEP},
};

static const struct {
	const char *name;
	const char *method;
	const char *path;
	enum route_outcome want;
	int id;
	const char *first;
	const char *second;
	const char *allow;
} cases[] = {
	{"root", "GET", "/", ROUTE_FOUND, ROOT, NULL, NULL, NULL},
	{"captures", "POST", "/v1/portrait", ROUTE_FOUND, RUN, "v1", "portrait",
	 NULL},
	{"another method of it", "GET", "/v2/portrait", ROUTE_FOUND, CONTRACT,
	 "v2", "portrait", NULL},
	{"a literal wins", "GET", "/v1/jobs", ROUTE_FOUND, JOBS, NULL, NULL,
	 NULL},
	{"a literal wins, so its methods count", "POST", "/v1/jobs",
	 ROUTE_NO_METHOD, 0, NULL, NULL, "GET, HEAD"},
	{"HEAD by GET", "HEAD", "/v1/jobs/7", ROUTE_FOUND, JOB, "7", NULL,
	 NULL},
	{"no HEAD without GET", "HEAD", "/put", ROUTE_NO_METHOD, 0, NULL, NULL,
	 "PUT"},
	{"DELETE", "DELETE", "/v1/jobs/7", ROUTE_FOUND, FORGET, "7", NULL,
	 NULL},
	{"all that is allowed", "PATCH", "/v1/jobs/7", ROUTE_NO_METHOD, 0, NULL,
	 NULL, "GET, HEAD, DELETE"},
	{"method is case sensitive", "get", "/v1/jobs", ROUTE_NO_METHOD, 0,
	 NULL, NULL, "GET, HEAD"},
	{"the end of a path counts", "POST", "/v1/jobs/7/cancel", ROUTE_FOUND,
	 CANCEL, "7", NULL, NULL},
	{"nothing after it", "POST", "/v1/jobs/7/cancel/x", ROUTE_NO_PATH, 0,
	 NULL, NULL, NULL},
	{"a slash at the end is another path", "GET", "/v1/jobs/7/",
	 ROUTE_NO_PATH, 0, NULL, NULL, NULL},
	{"two captures", "GET", "/v1/files/a/b.png", ROUTE_FOUND, FILE_, "a",
	 "b.png", NULL},
	{"decoded", "GET", "/v1/files/a/%41%20b", ROUTE_FOUND, FILE_, "a",
	 "A b", NULL},
	{"plus stays", "GET", "/v1/files/a/b+c", ROUTE_FOUND, FILE_, "a", "b+c",
	 NULL},
	{"dots are only text", "GET", "/v1/files/../%2e%2e", ROUTE_FOUND, FILE_,
	 "..", "..", NULL},
	{"UTF-8", "GET", "/v1/files/a/%C3%A9", ROUTE_FOUND, FILE_, "a", "é",
	 NULL},
	{"broken UTF-8", "GET", "/v1/files/a/%C3", ROUTE_NO_PATH, 0, NULL, NULL,
	 NULL},
	{"decoded slash", "GET", "/v1/files/a/b%2fc", ROUTE_NO_PATH, 0, NULL,
	 NULL, NULL},
	{"NUL", "GET", "/v1/files/a/b%00c", ROUTE_NO_PATH, 0, NULL, NULL, NULL},
	{"line feed", "GET", "/v1/files/a/b%0Ac", ROUTE_NO_PATH, 0, NULL, NULL,
	 NULL},
	{"DEL", "GET", "/v1/files/a/b%7f", ROUTE_NO_PATH, 0, NULL, NULL, NULL},
	{"half an escape", "GET", "/v1/files/a/b%4", ROUTE_NO_PATH, 0, NULL,
	 NULL, NULL},
	{"empty segment", "GET", "/v1/files//b", ROUTE_NO_PATH, 0, NULL, NULL,
	 NULL},
	{"a literal is not decoded", "GET", "/v1/j%6fbs/7", ROUTE_NO_PATH, 0,
	 NULL, NULL, NULL},
	{"no leading slash", "GET", "v1/jobs", ROUTE_NO_PATH, 0, NULL, NULL,
	 NULL},
	{"empty", "GET", "", ROUTE_NO_PATH, 0, NULL, NULL, NULL},
	{"star", "OPTIONS", "*", ROUTE_NO_PATH, 0, NULL, NULL, NULL},
	{"a longer way with captures only", "GET", "/a/b/c/x", ROUTE_FOUND,
	 DEEP, "a", "b", NULL},
};

static int same(const char *got, const char *want)
{
	if (got == NULL || want == NULL)
		return got == want;
	return strcmp(got, want) == 0;
}

int main(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = {0};
		struct route_match m;
		enum route_outcome got =
			route_find(table, COUNT(table), cases[i].method,
				   cases[i].path, &a, &m);

		ok(got == cases[i].want, "%s", cases[i].name);
		if (got == ROUTE_FOUND)
			ok(m.id == cases[i].id &&
				   same(m.captures[0], cases[i].first) &&
				   same(m.captures[1], cases[i].second),
			   "%s: id and captures", cases[i].name);
		if (got == ROUTE_NO_METHOD)
			is_str(m.allow, cases[i].allow, "allow");
		arena_finish(&a);
	}
	return tap_done();
}
