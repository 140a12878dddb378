/* What is refused, and in which words. */
#include "resolve_rig.h"

#define ZEROS_50 "00000000000000000000000000000000000000000000000000"
#define ZEROS	 ZEROS_50 ZEROS_50 ZEROS_50

static const struct {
	const char *what, *body, *where, *rule, *detail;
} bad[] = {
	{"an integer with zeros without end",
	 "{'prompt':'ab','steps':25." ZEROS "}", "/steps", "type",
	 "must be written in at most 128 characters"},
	{"a number likewise", "{'prompt':'ab','rate':0.5" ZEROS "}", "/rate",
	 "type", "must be written in at most 128 characters"},
	{"required", "{'seed':1}", "/prompt", "required", "is required"},
	{"null is no string", "{'prompt':null}", "/prompt", "type",
	 "must be a string, is null"},
	{"no string", "{'prompt':7}", "/prompt", "type",
	 "must be a string, is a number"},
	{"too short", "{'prompt':'\xC3\xA9'}", "/prompt", "minLength",
	 "must have at least 2 characters, has 1"},
	{"too long", "{'prompt':'123456789012345678901'}", "/prompt",
	 "maxLength", "must have at most 20 characters, has 21"},
	{"maximum", "{'prompt':'ab','steps':100}", "/steps", "maximum",
	 "must be at most 60, is 100"},
	{"minimum", "{'prompt':'ab','steps':0}", "/steps", "minimum",
	 "must be at least 1, is 0"},
	{"far below", "{'prompt':'ab','steps':-9223372036854775808}", "/steps",
	 "minimum", "must be at least 1, is -9223372036854775808"},
	{"no integer", "{'prompt':'ab','steps':2.5}", "/steps", "type",
	 "must be an integer from -2^63 to 2^64-1, is 2.5"},
	{"an integer too large", "{'prompt':'ab','big':18446744073709551616}",
	 "/big", "type",
	 "must be an integer from -2^63 to 2^64-1, is 18446744073709551616"},
	{"a small integer as a string", "{'prompt':'ab','steps':'25'}",
	 "/steps", "type",
	 "must be a number: only integers beyond 9007199254740991 may be "
	 "strings, is \"25\""},
	{"a string that is no integer", "{'prompt':'ab','big':'1e30'}", "/big",
	 "type",
	 "must be an integer from -2^63 to 2^64-1, or a string of its "
	 "digits, is \"1e30\""},
	{"nor one that is far too large",
	 "{'prompt':'ab','steps':'9007199254740993'}", "/steps", "maximum",
	 "must be at most 60, is \"9007199254740993\""},
	{"leading zeros", "{'prompt':'ab','big':'09007199254740993'}", "/big",
	 "type",
	 "must be an integer from -2^63 to 2^64-1, or a string of its "
	 "digits, is \"09007199254740993\""},
	{"a boolean for an integer", "{'prompt':'ab','steps':true}", "/steps",
	 "type", "must be an integer, is a boolean"},
	{"no multiple", "{'prompt':'ab','width':100}", "/width", "multipleOf",
	 "must be a multiple of 8, is 100"},
	{"exclusive maximum", "{'prompt':'ab','cfg':30.0}", "/cfg",
	 "exclusiveMaximum", "must be below 30, is 30.0"},
	{"above it", "{'prompt':'ab','cfg':31}", "/cfg", "exclusiveMaximum",
	 "must be below 30, is 31"},
	{"a step between", "{'prompt':'ab','cfg':0.15}", "/cfg", "multipleOf",
	 "must be a multiple of 0.1, is 0.15"},
	{"a number as a string", "{'prompt':'ab','cfg':'1.5'}", "/cfg", "type",
	 "must be a number, is a string"},
	{"infinite", "{'prompt':'ab','cfg':1e309}", "/cfg", "type",
	 "must be a number of at most 64 digits, below 1e308, is 1e309"},
	{"not true or false", "{'prompt':'ab','flag':1}", "/flag", "type",
	 "must be true or false, is a number"},
	{"a word for a boolean", "{'prompt':'ab','flag':'true'}", "/flag",
	 "type", "must be true or false, is a string"},
	{"a seed below 0", "{'prompt':'ab','seed':-2}", "/seed", "minimum",
	 "must be at least 0, or -1 for any, is -2"},
	{"a seed too large", "{'prompt':'ab','seed':18446744073709551616}",
	 "/seed", "type",
	 "must be an integer from -2^63 to 2^64-1, is "
	 "18446744073709551616"},
	{"no such choice", "{'prompt':'ab','style':'anme'}", "/style", "enum",
	 "must be one of the values allowed, is \"anme\"; did you mean "
	 "\"anime\"?"},
	{"nothing near", "{'prompt':'ab','style':'oil'}", "/style", "enum",
	 "must be one of the values allowed, is \"oil\""},
	{"no such word", "{'prompt':'ab','word':'bleu'}", "/word", "enum",
	 "must be one of the values allowed, is \"bleu\"; did you mean "
	 "\"blue\"?"},
	{"no such number", "{'prompt':'ab','rate':3}", "/rate", "enum",
	 "must be one of the values allowed, is 3"},
	{"a pattern", "{'prompt':'ab','note':'A1'}", "/note", "pattern",
	 "must match ^[a-z]+$, is \"A1\""},
	{"not repeated: control characters", "{'prompt':'ab','note':'a\\n'}",
	 "/note", "pattern", "must match ^[a-z]+$"},
	{"not repeated: too long",
	 "{'prompt':'ab','note':'A23456789012345678901234567890123456789012'"
	 "}",
	 "/note", "pattern", "must match ^[a-z]+$"},
	{"no array", "{'prompt':'ab','names':'x'}", "/names", "type",
	 "must be an array, is a string"},
	{"too few", "{'prompt':'ab','names':[]}", "/names", "minItems",
	 "must have at least 1 items, has 0"},
	{"too many", "{'prompt':'ab','names':['a','b','c','d']}", "/names",
	 "maxItems", "must have at most 3 items, has 4"},
	{"one element", "{'prompt':'ab','names':['a','toolong']}", "/names/1",
	 "maxLength", "must have at most 5 characters, has 7"},
	{"an element of another type", "{'prompt':'ab','levels':[1,'x']}",
	 "/levels/1", "type",
	 "must be an integer from -2^63 to 2^64-1, or a string of its "
	 "digits, is \"x\""},
	{"unknown, with a hint", "{'prompt':'ab','stpes':3}", "/stpes",
	 "unknown", "is no input of this endpoint; did you mean \"steps\"?"},
	{"unknown", "{'prompt':'ab','banana':3}", "/banana", "unknown",
	 "is no input of this endpoint"},
	{"unknown, escaped", "{'prompt':'ab','a/b~c':3}", "/a~1b~0c", "unknown",
	 "is no input of this endpoint"},
	{"case counts", "{'prompt':'ab','Steps':3}", "/Steps", "unknown",
	 "is no input of this endpoint; did you mean \"steps\"?"},
	{"no object", "[1]", "", "type", "must be an object, is an array"},
	{"null", "null", "", "type", "must be an object, is null"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct run r;

		resolve(&r, bad[i].body, 77, 100000);
		ok(!r.good && r.errors.count == 1 && r.prompt.len == 0,
		   "%s: one problem", bad[i].what);
		if (r.errors.count > 0) {
			is_str(r.errors.items[0].where, bad[i].where,
			       bad[i].what);
			is_str(r.errors.items[0].rule, bad[i].rule,
			       bad[i].what);
			is_str(r.errors.items[0].detail, bad[i].detail,
			       bad[i].what);
		}
		finish(&r);
	}
}

static void test_all_at_once(void)
{
	static const char *const want[] = {
		"/prompt required", "/steps maximum",  "/width multipleOf",
		"/cfg minimum",	    "/cfg multipleOf", "/flag type",
		"/style enum",	    "/names/0 type",   "/names/2 maxLength",
		"/levels maxItems", "/x unknown",      "/stepz unknown",
	};
	struct run r;

	resolve(&r,
		"{'x':1,'steps':61,'width':9,'cfg':0.05,'flag':'no',"
		"'style':'none','names':[1,'b','cccccc'],'levels':[1,2,3],"
		"'stepz':1}",
		77, 100000);
	ok(!r.good && r.errors.count == COUNT(want), "%zu problems at once",
	   r.errors.count);
	for (size_t i = 0; i < COUNT(want) && i < r.errors.count; i++)
		is_str(arena_printf(&r.arena, "%s %s", r.errors.items[i].where,
				    r.errors.items[i].rule),
		       want[i], want[i]);
	finish(&r);
}

static void test_hostile(void)
{
	struct buf b;
	struct run r;
	size_t need;

	resolve(&r, "{'prompt':'ab','seed':1}", 77, 100000);
	need = r.prompt.len;
	finish(&r);
	resolve(&r, "{'prompt':'ab','seed':1}", 77, need);
	ok(r.good && r.prompt.len == need, "the room is just enough");
	finish(&r);
	resolve(&r, "{'prompt':'ab','seed':1}", 77, need - 1);
	ok(!r.good && r.errors.count == 1, "one byte too few");
	is_str(r.errors.items[0].rule, "maxLength", "says so");
	finish(&r);
	resolve(&r, "{'prompt':'ab','seed':1}", 77, 30);
	ok(!r.good && r.errors.count == 1, "no room for the template");
	is_str(r.errors.items[0].where, "/prompt", "says which");
	finish(&r);

	buf_init(&b, 16 << 20);
	buf_adds(&b, "{'prompt':'ab'");
	for (int i = 0; i < 100000; i++)
		buf_addf(&b, ",'step%d':1", i);
	buf_addc(&b, '}');
	resolve(&r, buf_str(&b), 77, 100000);
	ok(!r.good && r.errors.count == PROBLEM_LIST_MAX && r.errors.more,
	   "100000 unknown names: the first hundred are told");
	finish(&r);
	buf_clear(&b);
	buf_adds(&b, "{'prompt':'ab','");
	for (int i = 0; i < 1000; i++)
		buf_adds(&b, "/~");
	buf_adds(&b, "':1}");
	resolve(&r, buf_str(&b), 77, 100000);
	ok(!r.good && r.errors.count == 1, "a very long name");
	is_str(r.errors.items[0].where, "", "is not repeated");
	finish(&r);
	buf_finish(&b);
}

int main(void)
{
	make_endpoint();
	test_bad();
	test_all_at_once();
	test_hostile();
	arena_finish(&keep);
	return tap_done();
}
