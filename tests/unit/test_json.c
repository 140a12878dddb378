#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/text.h"
#include "tap.h"

/* y: taken; n: refused; p: refused, but taken from Python. */
static const struct {
	char kind;
	const char *text;
} grammar[] = {
	{'y', "null"},
	{'y', "true"},
	{'y', "false"},
	{'y', "0"},
	{'y', "-0"},
	{'y', "-0.0e-0"},
	{'y', "1e5"},
	{'y', "1E+5"},
	{'y', "1.5e-5"},
	{'y', "123456789012345678901234567890"},
	{'y', "1e999999"},
	{'y', "\"\""},
	{'y', "\"a\""},
	{'y', " \t\r\n1 \t\r\n"},
	{'y', "[]"},
	{'y', "[ ]"},
	{'y', "{}"},
	{'y', "{ }"},
	{'y', "[1]"},
	{'y', "[1,2]"},
	{'y', "[ 1 , 2 ]"},
	{'y', "[[],[[]],{}]"},
	{'y', "[{},{\"a\":{}}]"},
	{'y', "{\"a\":1}"},
	{'y', "{ \"a\" : 1 , \"b\" : [ ] }"},
	{'y', "{\"\":1}"},
	{'y', "{\"a\":{\"a\":{\"a\":1}}}"},
	{'y', "{\"a\":1,\"A\":2}"},
	{'y', "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""},
	{'y', "\"\\u0041\\u00e9\\u20AC\""},
	{'y', "\"\\uD83D\\uDE00\""},
	{'y', "\"\\ud83d\\ude00\""},
	{'y', "\"\\u0001\""},
	{'y', "\"\\uFFFF\""},
	{'y', "\"\\uD7FF\\uE000\""},
	{'y', "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
	{'y', "\"\x7F\""},
	{'y', "\"\xEF\xBB\xBF\""},
	{'y', "\"\xE2\x80\xA8\""},
	{'y', "{\"\xC3\xA9\":1}"},
	{'y', "[null,true,false,1,\"x\",[],{}]"},
	{'y', "\"a/b\""},
	{'y', "[1e1,1e-1,0e0,0.0]"},
	{'y', "\"NaN\""},
	{'p', "NaN"},
	{'p', "Infinity"},
	{'p', "-Infinity"},
	{'p', "[NaN]"},
	{'p', "{\"a\":NaN,\"b\":-Infinity}"},
	{'p', "[1,NaN,Infinity ,-1]"},
	{'n', ""},
	{'n', " "},
	{'n', "nul"},
	{'n', "nulll"},
	{'n', "True"},
	{'n', "NULL"},
	{'n', "nan"},
	{'n', "inf"},
	{'n', "+Infinity"},
	{'n', "Infinit"},
	{'n', "NaNa"},
	{'n', "-NaN"},
	{'n', "01"},
	{'n', "-01"},
	{'n', "00"},
	{'n', "1."},
	{'n', "1.e5"},
	{'n', ".5"},
	{'n', "-.5"},
	{'n', "-"},
	{'n', "+1"},
	{'n', "1e"},
	{'n', "1e+"},
	{'n', "1e1.5"},
	{'n', "1.2.3"},
	{'n', "0x10"},
	{'n', "1_000"},
	{'n', "1 2"},
	{'n', "--1"},
	{'n', "1-2"},
	{'n', "\xEF\xBC\x91"},
	{'n', "\""},
	{'n', "\"a"},
	{'n', "a\""},
	{'n', "'a'"},
	{'n', "\"a\"b"},
	{'n', "\"\\\""},
	{'n', "\"\\"},
	{'n', "\"\\x41\""},
	{'n', "\"\\a\""},
	{'n', "\"\\'\""},
	{'n', "\"\\0\""},
	{'n', "\"\\u\""},
	{'n', "\"\\u12\""},
	{'n', "\"\\u12G4\""},
	{'n', "\"\\U0041\""},
	{'n', "\"\\u 041\""},
	{'p', "\"\\u0000\""},
	{'p', "{\"\\u0000\":1}"},
	{'p', "\"\\uD800\""},
	{'p', "\"\\uDC00\""},
	{'p', "\"\\uD800\\uD800\""},
	{'p', "\"\\uD800\\n\""},
	{'p', "\"\\uD800x\""},
	{'p', "\"\\uDE00\\uD83D\""},
	{'n', "\"\\uD800\\u\""},
	{'n', "\"\\uD800\\u00\""},
	{'n', "\"\n\""},
	{'n', "\"\t\""},
	{'n', "\"\x1F\""},
	{'n', "\"\xFF\""},
	{'n', "\"\xC3\""},
	{'n', "\"\xC3\x28\""},
	{'n', "\"\xC0\x80\""},
	{'n', "\"\xED\xA0\x80\""},
	{'n', "\"\xF4\x90\x80\x80\""},
	{'n', "\"\x80\""},
	{'n', "\"\xE2\x82\""},
	{'n', "\"\xC3\\n\xA9\""},
	{'n', "{\"\xFF\":1}"},
	{'n', "\xEF\xBB\xBF{}"},
	{'n', "["},
	{'n', "]"},
	{'n', "[1"},
	{'n', "[1,"},
	{'n', "[1,]"},
	{'n', "[,1]"},
	{'n', "[,]"},
	{'n', "[1,,2]"},
	{'n', "[1 2]"},
	{'n', "[1}"},
	{'n', "[1]]"},
	{'n', "[1][2]"},
	{'n', "[1:2]"},
	{'n', "{"},
	{'n', "}"},
	{'n', "{]"},
	{'n', "{\"a\""},
	{'n', "{\"a\"}"},
	{'n', "{\"a\":"},
	{'n', "{\"a\":}"},
	{'n', "{\"a\":1"},
	{'n', "{\"a\":1,}"},
	{'n', "{,\"a\":1}"},
	{'n', "{\"a\":1,,\"b\":2}"},
	{'n', "{\"a\" 1}"},
	{'n', "{\"a\"::1}"},
	{'n', "{\"a\",1}"},
	{'n', "{a:1}"},
	{'n', "{'a':1}"},
	{'n', "{1:1}"},
	{'n', "{null:1}"},
	{'n', "{\"a\":1]"},
	{'n', "{\"a\":1}}"},
	{'n', "{\"a\":1}x"},
	{'n', "{\"a\":1 \"b\":2}"},
	{'n', "{\"a\":1,\"a\":2}"},
	{'n', "{\"a\":1,\"\\u0061\":2}"},
	{'n', "{\"\xC3\xA9\":1,\"\\u00e9\":2}"},
	{'n', "{\"\":1,\"\":2}"},
	{'n', "[{\"x\":{\"a\":1,\"b\":2,\"a\":1}}]"},
	{'n', "// a\n1"},
	{'n', "/* a */1"},
	{'n', "1 // a"},
	{'n', "[1]#"},
	{'n', "\f1"},
	{'n', "\xC2\xA0"
	      "1"},
	{'n', "<null>"},
	{'n', "[*]"},
	{'n', "undefined"},
};

static void test_grammar(void)
{
	for (size_t i = 0; i < COUNT(grammar); i++) {
		/* Exactly as long as the text, so that the sanitizer sees any
		 * look past its end. */
		size_t n = strlen(grammar[i].text);
		char *text = malloc(n ? n : 1);
		struct problem why = {0};
		struct json_doc *doc;

		memcpy(text, grammar[i].text, n);
		doc = json_parse(text, n, 64, &why);
		ok((doc != NULL) == (grammar[i].kind == 'y') &&
			   (doc != NULL ||
			    (why.code == PROBLEM_MALFORMED_REQUEST &&
			     text_starts(why.detail, "line "))),
		   "%c: %s", grammar[i].kind, grammar[i].text);
		json_free(doc);
		doc = json_parse_python(text, n, 64, &why);
		ok((doc != NULL) == (grammar[i].kind != 'n'), "Python %c: %s",
		   grammar[i].kind, grammar[i].text);
		json_free(doc);
		free(text);
	}
	ok(json_parse("1\0", 2, 64, NULL) == NULL, "a NUL after the value");
	ok(json_parse("\"a\0b\"", 5, 64, NULL) == NULL, "a NUL in a string");
}

static const struct {
	const char *text, *want;
} messages[] = {
	{"{\"a\": 1 \"b\": 2}", "line 1, column 9: a comma or } is missing"},
	{"[1\n,2 3]", "line 2, column 4: a comma or ] is missing"},
	{"[1,\n ]", "line 2, column 2: there is a comma too many"},
	{"{\"a\":1,}", "line 1, column 8: there is a comma too many"},
	{"{\"a\" 1}", "line 1, column 6: a colon is missing"},
	{"{a:1}", "line 1, column 2: a key in double quotes is missing"},
	{"{\"a\":", "line 1, column 6: the text ends too early"},
	{"{", "line 1, column 2: the text ends too early"},
	{"[x]", "line 1, column 2: a value is missing"},
	{"", "line 1, column 1: the text is empty"},
	{"[\"\xC3\xA9\xC3\xA9\", x]", "line 1, column 8: a value is missing"},
	{"[1] 2", "line 1, column 5: there is something after the value"},
	{"\"ab", "line 1, column 4: the string has no closing quote"},
	{"\"a\nb\"", "line 1, column 3: a control character must be written "
		     "as an escape"},
	{"\"\\q\"", "line 1, column 2: there is no such escape in JSON"},
	{"\"\\u00\"", "line 1, column 2: \\u needs four hexadecimal digits"},
	{"\"\\u0000\"", "line 1, column 2: \\u0000 is not allowed"},
	{"\"\\ud800\"", "line 1, column 2: half of a surrogate pair"},
	{"\"\xC3\xA9"
	 "ab\xE2\x82\xAC\xFF"
	 "c\"",
	 "line 1, column 6: this is not UTF-8"},
	{"01", "line 1, column 2: a number may not begin with 0"},
	{"-x", "line 1, column 2: a digit is missing in the number"},
	{"{\"a\":1,\n\"a\":2}",
	 "line 2, column 5: the key \"a\" stands twice in this object"},
	{"\xEF\xBB\xBF{}",
	 "line 1, column 1: the text begins with a byte order mark"},
	{"[[[[[1]]]]]", "line 1, column 5: nested deeper than 4 levels"},
	{"[[[{\"a\":{}}]]]", "line 1, column 9: nested deeper than 4 levels"},
};

static void test_messages(void)
{
	for (size_t i = 0; i < COUNT(messages); i++) {
		struct problem why = {0};
		struct json_doc *doc = json_parse(
			messages[i].text, strlen(messages[i].text), 4, &why);

		ok(doc == NULL, "refused: %s", messages[i].text);
		is_str(why.detail, messages[i].want, messages[i].text);
		json_free(doc);
	}
}

static const char sample[] =
	"{ \"s\": \"h\\u00e9\\n\", \"n\": 1.7000000000000002,\n"
	"  \"a\": [1, [2, {\"x\": null}], \"z\"],\n"
	"  \"t\": true, \"f\": false, \"big\": 18446744073709551615,"
	" \"S\": \"other\", \"e\": {} }";

static void test_reading(void)
{
	struct json_doc *doc = json_parse(sample, strlen(sample), 64, NULL);
	const struct json *r = json_root(doc), *a = json_get(r, "a");
	size_t n = 0;

	is_str(json_string(json_get(r, "s")), "h\xC3\xA9\n", "a string");
	is_str(json_string(json_get(r, "S")), "other", "keys have case");
	is_str(json_number(json_get(r, "n")), "1.7000000000000002", "a number");
	is_str(json_number(json_get(r, "big")), "18446744073709551615",
	       "its own text");
	ok(json_double(json_get(r, "n"), 0) == 1.7000000000000002, "a double");
	ok(json_true(json_get(r, "t")) && !json_true(json_get(r, "f")),
	   "booleans");
	ok(json_type(json_get(r, "f")) == JSON_BOOLEAN &&
		   json_type(r) == JSON_OBJECT && json_type(a) == JSON_ARRAY &&
		   json_type(json_get(r, "s")) == JSON_STRING &&
		   json_type(json_get(r, "n")) == JSON_NUMBER,
	   "types");
	ok(json_count(r) == 8 && json_count(a) == 3 &&
		   json_count(json_get(r, "e")) == 0,
	   "counts");
	is_str(json_string(json_at(a, 2)), "z", "an element");
	ok(json_at(a, 3) == NULL && json_at(r, 0) == NULL, "none there");
	ok(json_is(json_get(json_at(json_at(a, 1), 1), "x"), JSON_NULL),
	   "null far inside");
	json_each (m, r)
		n += strlen(json_key(m));
	ok(n == 10, "each member has its key");
	ok(json_key(json_first(a)) == NULL && json_key(r) == NULL,
	   "elements have none");

	ok(json_type(NULL) == JSON_NULL && !json_is(NULL, JSON_NULL) &&
		   json_get(NULL, "x") == NULL && json_at(NULL, 0) == NULL &&
		   json_count(NULL) == 0 && json_first(NULL) == NULL &&
		   json_next(NULL) == NULL && json_string(NULL) == NULL &&
		   json_number(NULL) == NULL && !json_true(NULL) &&
		   json_double(NULL, 3) == 3 && json_key(NULL) == NULL,
	   "NULL is like a value of another type");
	ok(json_get(a, "x") == NULL && json_string(a) == NULL &&
		   json_number(json_get(r, "s")) == NULL &&
		   json_double(json_get(r, "s"), 3) == 3,
	   "other types");
	is_str(json_type_name(JSON_OBJECT), "an object", "a type's name");
	json_free(doc);
	json_free(NULL);
}

static void test_numbers(void)
{
	static const char *const kept[] = {
		"0",
		"-0",
		"1.0",
		"1.50",
		"1E5",
		"1e+5",
		"9007199254740993",
		"18446744073709551615",
		"1e400",
		"-1e-400",
		"0.1000000000000000055511151231257827",
		("3.1415926535897932384626433832795028841971693993751058209749"
		 "4592307816406286208998628034825342117067982148086513282306"),
	};
	struct buf b;

	buf_init(&b, 10000);
	for (size_t i = 0; i < COUNT(kept); i++) {
		struct problem why = {0};
		char *text;
		struct json_doc *doc;
		struct json_writer w;

		buf_clear(&b);
		buf_addf(&b, "{\"x\":[%s,%s]}", kept[i], kept[i]);
		text = mem_strdup(buf_str(&b));
		doc = json_parse(text, strlen(text), 64, &why);
		buf_clear(&b);
		json_writer_init(&w, &b);
		if (doc != NULL)
			json_put_value(&w, json_root(doc));
		is_str(buf_str(&b), text, kept[i]);
		json_free(doc);
		free(text);
	}
	buf_finish(&b);
}

static const struct {
	const char *name, *text, *want;
} escapes[] = {
	{"plain", "\"a\\n\\u00e4\"", "a\n\xC3\xA4"},
	{"all of one letter", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
	 "\"\\/\b\f\n\r\t"},
	{"of one byte to four",
	 "\"\\u0001\\u007f\\u0080\\u07FF\\u0800\\uffff\\ud800\\udc00"
	 "\\uDBFF\\uDFFF\"",
	 "\x01\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80"
	 "\xF4\x8F\xBF\xBF"},
	{"text around them",
	 "\"eight or more \\u20ac and more \xE2\x82\xAC\\t.\"",
	 "eight or more \xE2\x82\xAC and more \xE2\x82\xAC\t."},
	{"a pair", "\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80"},
	{"an escaped backslash", "\"\\\\u0000\"", "\\u0000"},
	{"zero", "\"a\\u0000b\"",
	 "a\xEF\xBF\xBD"
	 "b"},
	{"half a pair", "\"\\ud83d!\"", "\xEF\xBF\xBD!"},
	{"the other half", "\"\\uDE00\"", "\xEF\xBF\xBD"},
	{"two first halves", "\"\\ud83d\\ud83d\\ude00\"",
	 "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
	{"half a pair before another escape", "\"\\ud83d\\n\"",
	 "\xEF\xBF\xBD\n"},
	{"cut off", "\"\\u00", NULL},
	{"cut off behind half a pair", "\"\\ud83d\\ude0", NULL},
	{"half a pair before no number", "\"\\ud83d\\ude0\"", NULL},
	{"no number", "\"\\uzzzz\"", NULL},
};

/* As Python's JSON has them, which takes more than ours. */
static void test_escapes(void)
{
	for (size_t i = 0; i < COUNT(escapes); i++) {
		struct json_doc *doc = json_parse_python(
			escapes[i].text, strlen(escapes[i].text), 1, NULL);

		ok((doc != NULL) == (escapes[i].want != NULL), "%s",
		   escapes[i].name);
		if (doc != NULL && escapes[i].want != NULL)
			is_str(json_string(json_root(doc)), escapes[i].want,
			       escapes[i].name);
		json_free(doc);
	}
}

static void test_python(void)
{
	static const char text[] = "{\"a\":NaN,\"b\":[-Infinity,2],\"c\":"
				   "Infinity}";
	struct json_doc *doc = json_parse_python(text, strlen(text), 64, NULL);
	const struct json *r = json_root(doc);

	ok(json_is(json_get(r, "a"), JSON_NULL) &&
		   json_is(json_at(json_get(r, "b"), 0), JSON_NULL) &&
		   json_is(json_get(r, "c"), JSON_NULL),
	   "Python's words are null");
	is_str(json_number(json_at(json_get(r, "b"), 1)), "2",
	       "numbers beside them are kept");
	ok(json_number(json_get(r, "a")) == NULL, "and have no number");
	json_free(doc);
}

/* Each span, cut out and parsed again, is the same value. */
static bool spans_right(const struct json_doc *doc, const struct json *v,
			const char *text)
{
	struct json_span span = json_span(doc, v);
	struct json_doc *own = json_parse(text + span.at, span.len, 64, NULL);
	bool good = own != NULL;
	struct buf a, b;
	struct json_writer w;

	buf_init(&a, 1 << 20);
	buf_init(&b, 1 << 20);
	json_writer_init(&w, &a);
	json_put_value(&w, v);
	json_writer_init(&w, &b);
	if (good)
		json_put_value(&w, json_root(own));
	good = good && strcmp(buf_str(&a), buf_str(&b)) == 0 &&
	       strchr(" \n\t\r,:", text[span.at]) == NULL &&
	       strchr(" \n\t\r,:", text[span.at + span.len - 1]) == NULL;
	json_each (item, v)
		good = good && spans_right(doc, item, text);
	json_free(own);
	buf_finish(&a);
	buf_finish(&b);
	return good;
}

static void test_spans(void)
{
	struct json_doc *doc = json_parse(sample, strlen(sample), 64, NULL);
	struct json_span n = json_span(doc, json_get(json_root(doc), "n"));

	ok(n.len == 18 && memcmp(sample + n.at, "1.7000000000000002", 18) == 0,
	   "a number's place");
	ok(spans_right(doc, json_root(doc), sample), "the place of each value");
	json_free(doc);
}

/* A small generator with its own seed: the same documents in every run. */
static uint64_t state = 20240607;

static unsigned draw(unsigned below)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(state >> 33) % below;
}

static void random_string(struct buf *b)
{
	static const char *const bits[] = {
		"a",
		"Z",
		" ",
		"0",
		"\xC3\xA9",
		"\xE2\x82\xAC",
		"\xF0\x9F\x98\x80",
		"\\n",
		"\\\"",
		"\\\\",
		"\\u0001",
		"\\ud83d\\ude00",
		"/",
		"\\/",
		"\x7F",
		"\\u20ac",
	};

	buf_addc(b, '"');
	for (unsigned n = draw(8); n > 0; n--)
		buf_adds(b, bits[draw(COUNT(bits))]);
	buf_addc(b, '"');
}

static void random_space(struct buf *b)
{
	static const char *const spaces[] = {"", "", "", " ", "\n", "\t "};

	buf_adds(b, spaces[draw(COUNT(spaces))]);
}

static void random_value(struct buf *b, unsigned depth)
{
	static const char *const scalars[] = {
		"null",	 "true",
		"false", "0",
		"-1",	 "1.5e-7",
		"1E400", "18446744073709551615",
		"-0.0",	 "9007199254740993",
	};
	unsigned kind = draw(depth == 0 ? 2 : 4), n = draw(6);

	random_space(b);
	if (kind == 0) {
		buf_adds(b, scalars[draw(COUNT(scalars))]);
	} else if (kind == 1) {
		random_string(b);
	} else {
		buf_addc(b, kind == 2 ? '[' : '{');
		random_space(b);
		for (unsigned i = 0; i < n; i++) {
			if (i > 0)
				buf_addc(b, ',');
			random_space(b);
			if (kind == 3)
				buf_addf(b, "\"k%u\\n\xC3\xA9\" :", i);
			random_value(b, depth - 1);
			random_space(b);
		}
		buf_addc(b, kind == 2 ? ']' : '}');
	}
	random_space(b);
}

static char *print(const struct json_doc *doc)
{
	struct buf b;
	struct json_writer w;

	buf_init(&b, 1 << 20);
	json_writer_init(&w, &b);
	json_put_value(&w, json_root(doc));
	return buf_take(&b);
}

/* What is taken is printed; what is printed is taken, and printed the same. */
static void test_round_trip(void)
{
	int taken = 0, same = 0, spans = 0, cuts = 0;

	for (int round = 0; round < 500; round++) {
		struct json_doc *doc, *again;
		char *once, *twice;
		struct buf b;

		buf_init(&b, 1 << 20);
		random_value(&b, 5);
		doc = json_parse(b.at, b.len, 64, NULL);
		taken += doc != NULL;
		if (doc == NULL)
			continue;
		once = print(doc);
		again = json_parse(once, strlen(once), 64, NULL);
		twice = again ? print(again) : mem_strdup("");
		same += strcmp(once, twice) == 0;
		spans += spans_right(doc, json_root(doc), b.at);
		json_free(again);
		/* Changed in one byte it is refused or it is JSON as well;
		 * either way nothing breaks. */
		if (b.len > 0) {
			b.at[draw((unsigned)b.len)] = (char)draw(256);
			again = json_parse(b.at, b.len, 64, NULL);
			if (again != NULL) {
				free(twice);
				twice = print(again);
				json_free(again);
				again = json_parse(twice, strlen(twice), 64,
						   NULL);
				cuts += again == NULL;
				json_free(again);
			}
		}
		free(once);
		free(twice);
		json_free(doc);
		buf_finish(&b);
	}
	ok(taken == 500, "500 random documents are taken");
	ok(same == 500, "printed, parsed and printed: the same");
	ok(spans == 500, "and all their places are right");
	ok(cuts == 0, "broken ones never print what we refuse");
}

int main(void)
{
	test_grammar();
	test_messages();
	test_reading();
	test_numbers();
	test_python();
	test_escapes();
	test_spans();
	test_round_trip();
	return tap_done();
}
