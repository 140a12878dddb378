/* Forms: what is taken, what is refused and why, cut at every place. */
#include "unit/form_events.h"
#include "tap.h"

#define TYPE	   "multipart/form-data; boundary=XX"
#define D(rest)	   "Content-Disposition: form-data; " rest "\r\n"
#define PART(head) "--XX\r\n" head "\r\n"
#define END	   "\r\n--XX--\r\n"
#define A	   PART(D("name=\"a\""))

static const struct {
	const char *name, *body, *want;
} taken[] = {
	{"one field", A "1" END, "[a|-|-]1;"},
	{"an empty one", A END, "[a|-|-];"},
	{"a file",
	 PART(D("name=\"f\"; filename=\"me.jpg\"") "Content-Type: image/JPEG; "
						   "x=y\r\n") "bytes" END,
	 "[f|me.jpg|image/jpeg]bytes;"},
	{"a file without a name", PART(D("name=f; filename=\"\"")) "x" END,
	 "[f||-]x;"},
	{"two fields", A "1\r\n" PART(D("name=b")) "2" END,
	 "[a|-|-]1;[b|-|-]2;"},
	{"no field at all", "--XX--\r\n", ""},
	{"nothing behind the end", A "1\r\n--XX--", "[a|-|-]1;"},
	{"text before and after", "hello\r\n" A "1" END "bye\r\n--XX\r\n",
	 "[a|-|-]1;"},
	{"blanks behind a boundary", "--XX \t\r\n" D("name=a") "\r\n1" END,
	 "[a|-|-]1;"},
	{"what looks like a boundary",
	 A "\r\n--X\r\r\n--Y\n--XX\r--XX\r\n-\r\n--X" END,
	 "[a|-|-]\r\n--X\r\r\n--Y\n--XX\r--XX\r\n-\r\n--X;"},
	{"line ends before the boundary", A "\r\n\r\n\r" END,
	 "[a|-|-]\r\n\r\n\r;"},
	{"quotes as browsers write them",
	 PART(D("name=\"f\"; filename=\"a%22b\\c.png\"")) "x" END,
	 "[f|a%22b\\c.png|-]x;"},
	{"quotes as curl writes them",
	 PART(D("name=\"f\"; filename=\"a\\\"b\\\\c.png\"")) "x" END,
	 "[f|a\"b\\c.png|-]x;"},
	{"a name in UTF-8", PART(D("name=\"\xc3\xa9\"")) "x" END,
	 "[\xc3\xa9|-|-]x;"},
	{"filename* says that it is a file",
	 PART(D("name=f; filename*=utf-8''x.png")) "x" END, "[f||-]x;"},
	{"fields in other letters",
	 PART("content-DISPOSITION: Form-Data; NAME=a\r\n"
	      "CONTENT-type:  text/plain \r\n"
	      "Content-Transfer-Encoding: BINARY\r\nX-More: y\r\n") "1" END,
	 "[a|-|text/plain]1;"},
	{"a path is a name like others",
	 PART(D("name=f; filename=\"../../etc/passwd\"")) "x" END,
	 "[f|../../etc/passwd|-]x;"},
	{"what is no type is none",
	 PART(D("name=a") "Content-Type: nonsense\r\n") "x" END, "[a|-|-]x;"},
	{"nor is half of one",
	 PART(D("name=a") "Content-Type: image/png\"\r\n") "x" END,
	 "[a|-|-]x;"},
};

static const struct {
	const char *name, *body, *detail;
} refused[] = {
	{"nothing", "", "it ends before its closing boundary"},
	{"no boundary", "hello", "it ends before its closing boundary"},
	{"another boundary", "--YY\r\n", "it ends before its closing boundary"},
	{"no closing one", A "1\r\n--XX\r\n",
	 "it ends before its closing boundary"},
	{"half a closing one", A "1\r\n--XX-",
	 "it ends before its closing boundary"},
	{"something behind a boundary", "--XXY\r\n",
	 "a boundary is followed by something else"},
	{"one dash behind it", "--XX-\r\n",
	 "a boundary is followed by something else"},
	{"a line feed alone", "--XX\n",
	 "a boundary is followed by something else"},
	{"no header", PART("") "x" END, "a part has no name"},
	{"no name", PART(D("filename=x")) "x" END, "a part has no name"},
	{"an empty name", PART(D("name=\"\"")) "x" END, "a part has no name"},
	{"two names", PART(D("name=a; name=b")) "x" END,
	 "a part has two names"},
	{"two dispositions", PART(D("name=a") D("name=b")) "x" END,
	 "a part has two Content-Dispositions"},
	{"no form-data",
	 PART("Content-Disposition: attachment; name=a\r\n") "x" END,
	 "a part is no form-data"},
	{"a quote that does not end", PART(D("name=\"a")) "x" END,
	 "a Content-Disposition is not well formed"},
	{"no equals sign", PART(D("name")) "x" END,
	 "a Content-Disposition is not well formed"},
	{"base64",
	 PART(D("name=a") "Content-Transfer-Encoding: base64\r\n") "x" END,
	 "a part has a Content-Transfer-Encoding"},
	{"no colon", PART(D("name=a") "nonsense\r\n") "x" END,
	 "a header field of a part has no name"},
	{"a folded line", PART(D("name=a;\r\n filename=\"b:c\"")) "x" END,
	 "a header field of a part has no name"},
	{"a blank before a colon",
	 PART("Content-Disposition : form-data\r\n") END,
	 "a header field of a part has no name"},
	{"two file names", PART(D("name=a; filename=b; filename=c")) "x" END,
	 "a part has two file names"},
	{"a line feed in a name", PART(D("name=\"a\nb\"")) "x" END,
	 "a header field of a part holds a control character"},
	{"a carriage return in a name", PART(D("name=\"a\rb\"")) "x" END,
	 "a header field of a part holds a control character"},
	{"a file name that is no UTF-8",
	 PART(D("name=a; filename=\"\xc3\"")) "x" END, "a name is no UTF-8"},
	{"a name that is no UTF-8", PART(D("name=\"\xff\"")) "x" END,
	 "a name is no UTF-8"},
};

static struct form_events fresh(void)
{
	struct form_events e = {0};

	buf_init(&e.text, 1 << 20);
	return e;
}

/* Reads it in pieces of every size, then cut at every place. */
static bool is_good(const char *body, const char *want)
{
	size_t n = strlen(body);
	bool all = true;

	for (size_t i = 1; i <= 2 * n + 1 && all; i++) {
		struct form_events e = fresh();
		struct problem why = {0};
		bool whole = i <= n ? form_read(TYPE, body, n, i, 0, &e, &why)
				    : form_read_cut(TYPE, body, n, i - n - 1,
						    &e, &why);

		all = whole && strcmp(buf_str(&e.text), want) == 0;
		if (!all)
			fprintf(stderr, "# %zu: %s %s\n", i, buf_str(&e.text),
				why.detail);
		buf_finish(&e.text);
	}
	return all;
}

static bool is_bad(const char *body, const char *detail)
{
	size_t n = strlen(body);
	bool all = true;

	for (size_t i = 1; i <= 2 * n + 1 && all; i++) {
		struct form_events e = fresh();
		struct problem why = {0};
		bool whole = i <= n ? form_read(TYPE, body, n, i, 0, &e, &why)
				    : form_read_cut(TYPE, body, n, i - n - 1,
						    &e, &why);

		all = !whole && why.code == PROBLEM_MALFORMED_REQUEST &&
		      strstr(why.detail, detail) != NULL;
		if (!all)
			fprintf(stderr, "# %zu: %s\n", i, why.detail);
		buf_finish(&e.text);
	}
	return all;
}

static void test_good(void)
{
	for (size_t i = 0; i < COUNT(taken); i++)
		ok(is_good(taken[i].body, taken[i].want), "%s", taken[i].name);
}

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT(refused); i++)
		ok(is_bad(refused[i].body, refused[i].detail), "%s",
		   refused[i].name);
}

static void test_types(void)
{
	static const struct {
		const char *type;
		bool good;
	} cases[] = {
		{"multipart/form-data; boundary=XX", true},
		{"Multipart/Form-Data;boundary=\"XX\"", true},
		{" multipart/form-data; charset=utf-8; BOUNDARY=XX;", true},
		{"multipart/form-data; boundary=\"X X\"", true},
		{"multipart/form-data; boundary=a'()+_,-./:=?b", false},
		{"multipart/form-data; boundary=\"a'()+_,-./:=?b\"", true},
		{"multipart/form-data", false},
		{"multipart/form-data; boundary=", false},
		{"multipart/form-data; boundary=\"\"", false},
		{"multipart/form-data; boundary=\"XX \"", false},
		{"multipart/form-data; boundary=XX; boundary=YY", false},
		{"multipart/form-data; boundary=\"X\rX\"", false},
		{"multipart/form-data; boundary=X;X", false},
		{"multipart/mixed; boundary=XX", false},
		{"multipart/form-datax; boundary=XX", false},
		{"multipart/form-data; boundary="
		 "0123456789012345678901234567890123456789"
		 "012345678901234567890123456789",
		 true},
		{"multipart/form-data; boundary="
		 "0123456789012345678901234567890123456789"
		 "0123456789012345678901234567890",
		 false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct problem why = {0};
		struct multipart *m = multipart_create(
			cases[i].type, &form_events, NULL, &why);

		ok((m != NULL) == cases[i].good &&
			   (m != NULL || why.code == PROBLEM_MALFORMED_REQUEST),
		   "%s", cases[i].type);
		multipart_destroy(m);
	}
}

static void put_parts(struct buf *to, size_t n, const char *field, size_t pad)
{
	for (size_t i = 0; i < n; i++) {
		buf_addf(to, "--XX\r\nContent-Disposition: form-data; %s",
			 field);
		for (size_t p = 0; p < pad; p++)
			buf_addc(to, 'x');
		buf_adds(to, "\r\n\r\nv\r\n");
	}
	buf_adds(to, "--XX--");
}

static void test_ceilings(void)
{
	static const struct {
		const char *name, *field;
		size_t parts, pad;
		enum problem_code code;
	} cases[] = {
		{"as many parts as may be", "name=a", MULTIPART_PARTS_MAX, 0,
		 PROBLEM_NONE},
		{"one more", "name=a", MULTIPART_PARTS_MAX + 1, 0,
		 PROBLEM_TOO_LARGE},
		{"a long name", "name=", 1, MULTIPART_NAME_MAX, PROBLEM_NONE},
		{"a longer one", "name=", 1, MULTIPART_NAME_MAX + 1,
		 PROBLEM_MALFORMED_REQUEST},
		{"a long file name", "name=a; filename=", 1,
		 MULTIPART_FILENAME_MAX, PROBLEM_NONE},
		{"a longer one", "name=a; filename=", 1,
		 MULTIPART_FILENAME_MAX + 1, PROBLEM_MALFORMED_REQUEST},
		{"endless fields", "name=a; x=", 1, MULTIPART_HEADERS_MAX,
		 PROBLEM_TOO_LARGE},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct form_events e = fresh();
		struct problem why = {0};
		struct buf body;

		buf_init(&body, 1 << 22);
		put_parts(&body, cases[i].parts, cases[i].field, cases[i].pad);
		ok(form_read(TYPE, body.at, body.len, 1000, 0, &e, &why) ==
				   (cases[i].code == PROBLEM_NONE) &&
			   why.code == cases[i].code,
		   "%s", cases[i].name);
		buf_finish(&body);
		buf_finish(&e.text);
	}
}

/* A listener that has had enough ends it, and the reason is its own. */
static void test_listener_ends(void)
{
	static const char body[] = A "1\r\n" A "2" END;
	struct form_events all = fresh();
	struct problem why = {0};
	bool right = form_read(TYPE, body, strlen(body), 7, 0, &all, &why);

	for (int i = 1; i <= all.count; i++) {
		struct form_events e = fresh();

		e.fail_at = i;
		right &= !form_read(TYPE, body, strlen(body), 7, 0, &e, &why) &&
			 why.code == PROBLEM_NONE && e.count == i;
		buf_finish(&e.text);
	}
	ok(right, "each of %d events may end it", all.count);
	buf_finish(&all.text);
}

static void test_nul(void)
{
	static const char nul[] = "--XX\r\nContent-Disposition: form-data; "
				  "name=a\0b\r\n\r\nx\r\n--XX--";
	static const char data[] = A "a\0b\r\n--XX--";
	struct form_events e = fresh();
	struct problem why = {0};

	ok(!form_read(TYPE, nul, sizeof(nul) - 1, 5, 0, &e, &why),
	   "a NUL in a name");
	buf_clear(&e.text);
	ok(form_read(TYPE, data, sizeof(data) - 1, 5, 0, &e, &why) &&
		   memcmp(e.text.at, "[a|-|-]a\0b;", 11) == 0,
	   "a NUL in a value");
	buf_finish(&e.text);
}

int main(void)
{
	test_good();
	test_bad();
	test_types();
	test_ceilings();
	test_listener_ends();
	test_nul();
	return tap_done();
}
