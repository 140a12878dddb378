#include "base/arena.h"
#include "base/buf.h"
#include "jobs/job_files.h"
#include "tap.h"

#define SHA "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const char stored[] =
	"[{\"field\":\"/photo\",\"sha256\":\"" SHA "\",\"url\":null,"
	"\"extension\":\"png\",\"content_type\":\"image/png\","
	"\"size_bytes\":9007199254740993,\"at\":[0,120],\"of\":null},"
	"{\"field\":\"/refs/1\",\"sha256\":null,"
	"\"url\":\"https://a.example/\\\"b\\\"?\xc3\xa4\",\"extension\":null,"
	"\"content_type\":null,\"size_bytes\":0,\"at\":[4294967296],"
	"\"of\":null},"
	"{\"field\":\"/mask\",\"sha256\":\"" SHA "\",\"url\":null,"
	"\"extension\":\"png\",\"content_type\":\"image/png\","
	"\"size_bytes\":1,\"at\":[],\"of\":\"/photo\"}]";

/* Read from the text above, then written back to the same bytes. */
static void both_ways(void)
{
	struct arena a = {0};
	struct job_file *f;
	struct buf b;
	size_t n;

	ok(job_files_read(stored, &a, &f, &n) && n == 3, "read");
	is_str(f[0].field, "/photo", "field");
	is_str(f[0].sha256, SHA, "sha256");
	is_str(f[0].extension, "png", "extension");
	is_str(f[0].content_type, "image/png", "content type");
	ok(f[0].url == NULL && f[0].of == NULL &&
		   f[0].size_bytes == INT64_C(9007199254740993),
	   "the rest, to the last digit");
	ok(f[0].at_count == 2 && f[0].at[0] == 0 && f[0].at[1] == 120,
	   "its places");
	ok(f[1].sha256 == NULL && f[1].extension == NULL &&
		   f[1].content_type == NULL && f[1].size_bytes == 0,
	   "one that is to be fetched");
	is_str(f[1].url, "https://a.example/\"b\"?\xc3\xa4", "from there");
	ok(f[1].at_count == 1 && f[1].at[0] == 4294967296, "a far place");
	ok(f[2].at_count == 0, "a mask has no place of its own");
	is_str(f[2].of, "/photo", "but a picture");
	buf_init(&b, 4096);
	job_files_write(f, n, &b);
	is_str(buf_str(&b), stored, "written back to the same text");
	buf_finish(&b);
	buf_init(&b, 100);
	job_files_write(f, n, &b);
	ok(buf_over(&b), "what does not fit is known");
	buf_finish(&b);
	ok(job_files_read("[]", &a, &f, &n) && n == 0, "none");
	ok(job_files_read(NULL, &a, &f, &n) && n == 0, "no text");
	arena_finish(&a);
}

#define FILE_OF(sha, size, at)                                                 \
	"[{\"field\":\"/a\",\"sha256\":" sha ",\"url\":null,"                  \
	"\"extension\":null,\"content_type\":null,\"size_bytes\":" size        \
	",\"at\":" at ",\"of\":null}]"

static const struct {
	const char *name, *text;
	bool good;
} cases[] = {
	{"all in order", FILE_OF("null", "0", "[1,2]"), true},
	{"empty", "", false},
	{"no list", "{}", false},
	{"null", "null", false},
	{"an element that is no object", "[1]", false},
	{"an empty object", "[{}]", false},
	{"a member is missing",
	 "[{\"field\":\"/a\",\"sha256\":null,\"url\":null,\"extension\":null,"
	 "\"content_type\":null,\"size_bytes\":0,\"at\":[]}]",
	 false},
	{"no field",
	 "[{\"field\":null,\"sha256\":null,\"url\":null,\"extension\":null,"
	 "\"content_type\":null,\"size_bytes\":0,\"at\":[],\"of\":null}]",
	 false},
	{"no digest", FILE_OF("\"../../etc/passwd\"", "0", "[]"), false},
	{"an empty digest", FILE_OF("\"\"", "0", "[]"), false},
	{"a digest that is a number", FILE_OF("1", "0", "[]"), false},
	{"a size below 0", FILE_OF("null", "-1", "[]"), false},
	{"a size that is none", FILE_OF("null", "null", "[]"), false},
	{"a size past 64 bits", FILE_OF("null", "9223372036854775808", "[]"),
	 false},
	{"places that are no list", FILE_OF("null", "0", "1"), false},
	{"no places", FILE_OF("null", "0", "null"), false},
	{"a place that is text", FILE_OF("null", "0", "[\"1\"]"), false},
	{"a place below 0", FILE_OF("null", "0", "[-1]"), false},
	{"places that go back", FILE_OF("null", "0", "[2,1]"), false},
	{"two of one place", FILE_OF("null", "0", "[1,1]"), false},
	{"cut off", "[{\"field\":\"/a\"", false},
};

int main(void)
{
	both_ways();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = {0};
		struct job_file *f;
		size_t n;

		ok(job_files_read(cases[i].text, &a, &f, &n) == cases[i].good,
		   "%s", cases[i].name);
		arena_finish(&a);
	}
	return tap_done();
}
