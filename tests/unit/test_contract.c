#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "manifest/contract.h"
#include "manifest/load.h"
#include "manifest_rig.h"
#include "tap.h"

static const char workflow[] =
	"{\"1\":{\"class_type\":\"A\",\"inputs\":{\"a\":1,\"b\":2,\"c\":3,"
	"\"d\":4,\"f\":\"f.png\",\"g\":\"g.png\",\"h\":\"h.png\"}},"
	"\"2\":{\"class_type\":\"LoadImageMask\",\"inputs\":{\"image\":"
	"\"m.png\",\"channel\":\"alpha\"}},\"9\":{\"class_type\":\"SaveImage\","
	"\"inputs\":{}}}";

#define OUT  "\"outputs\":{\"image\":{\"type\":\"image\",\"from\":\"9\"}}"
#define X(x) "\"inputs\":{\"x\":{" x "}}," OUT
/* an optional string, integer, number, array at node 1 */
#define STRING(k)  X("\"type\":\"string\",\"required\":false,\"to\":\"1.a\"" k)
#define INTEGER(k) X("\"type\":\"integer\",\"required\":false,\"to\":\"1.a\"" k)
#define NUMBER(k)  X("\"type\":\"number\",\"required\":false,\"to\":\"1.a\"" k)
#define SEED(k)	   X("\"type\":\"seed\",\"to\":\"1.a\"" k)
#define CHOICE(c)                                                              \
	X("\"type\":\"choice\",\"required\":false,\"choices\":{" c "}")
#define ARRAY(items, k)                                                        \
	X("\"type\":\"array\",\"required\":false,\"items\":{" items "},"       \
	  "\"to\":[\"1.a\",\"1.b\",\"1.c\"]" k)
/* a file at node 1, which holds a string at "f" and "g" */
#define FILE_OF(type, k)                                                       \
	X("\"type\":\"" type "\",\"required\":false,\"to\":\"1.f\"" k)
#define IMAGE(k) FILE_OF("image", k)
#define MASK(k)                                                                \
	"\"inputs\":{\"p\":{\"type\":\"image\",\"to\":\"1.f\"},"               \
	"\"q\":{\"type\":\"image\",\"to\":\"1.g\"},"                           \
	"\"x\":{\"type\":\"mask\",\"required\":false," k "}}," OUT
#define OUTPUT(o) "\"outputs\":{" o "}"

/* What was promised, what is now, and what is said of it: "!" before what
 * breaks callers, "~" before what does not. */
static const struct {
	const char *name, *old, *new, *said;
} cases[] = {
	{"no change", STRING(""), STRING(""), ""},
	{"input removed", STRING(""), "\"inputs\":{}," OUT,
	 "!input \"x\": it was removed\n"},
	{"optional input added", "\"inputs\":{}," OUT, STRING(""),
	 "~input \"x\": it is new\n"},
	{"required input added", "\"inputs\":{}," OUT,
	 X("\"type\":\"string\",\"to\":\"1.a\""),
	 "!input \"x\": it is new and required\n"},
	{"seed added", "\"inputs\":{}," OUT, SEED(""),
	 "~input \"x\": it is new\n"},
	{"input renamed", STRING(""),
	 "\"inputs\":{\"y\":{\"type\":\"string\",\"required\":false,"
	 "\"to\":\"1.a\"}}," OUT,
	 "!input \"x\": it was removed\n~input \"y\": it is new\n"},
	{"input retyped", INTEGER(""), NUMBER(""),
	 "!input \"x\": its type was changed from integer to number\n"},
	{"optional made required", STRING(""),
	 X("\"type\":\"string\",\"to\":\"1.a\""),
	 "!input \"x\": it was optional and is required\n"},
	{"default taken away, so required",
	 X("\"type\":\"string\",\"to\":\"1.a\",\"default\":\"q\""),
	 X("\"type\":\"string\",\"to\":\"1.a\""),
	 "!input \"x\": it was optional and is required\n"},
	{"required made optional", X("\"type\":\"string\",\"to\":\"1.a\""),
	 STRING(""), "~input \"x\": it was required and is optional\n"},
	{"default changed", INTEGER(",\"default\":1"),
	 INTEGER(",\"default\":2"),
	 "~input \"x\": the default was changed from 1 to 2\n"},
	{"default added", INTEGER(""), INTEGER(",\"default\":2"),
	 "~input \"x\": the default was changed from none to 2\n"},
	{"minimum widened", INTEGER(",\"minimum\":2"),
	 INTEGER(",\"minimum\":1"),
	 "~input \"x\": minimum was widened from 2 to 1\n"},
	{"minimum narrowed", INTEGER(",\"minimum\":1"),
	 INTEGER(",\"minimum\":2"),
	 "!input \"x\": minimum was narrowed from 1 to 2\n"},
	{"minimum added", INTEGER(""), INTEGER(",\"minimum\":2"),
	 "!input \"x\": minimum 2 was added\n"},
	{"minimum taken away", INTEGER(",\"minimum\":2"), INTEGER(""),
	 "~input \"x\": minimum 2 was taken away\n"},
	{"maximum widened", INTEGER(",\"maximum\":9"),
	 INTEGER(",\"maximum\":10"),
	 "~input \"x\": maximum was widened from 9 to 10\n"},
	{"maximum narrowed", INTEGER(",\"maximum\":10"),
	 INTEGER(",\"maximum\":9"),
	 "!input \"x\": maximum was narrowed from 10 to 9\n"},
	{"maximum narrowed beyond a double",
	 INTEGER(",\"maximum\":18446744073709551615"),
	 INTEGER(",\"maximum\":18446744073709551614"),
	 "!input \"x\": maximum was narrowed from 18446744073709551615 to "
	 "18446744073709551614\n"},
	{"the same bound written otherwise", NUMBER(",\"maximum\":1.50"),
	 NUMBER(",\"maximum\":15e-1"), ""},
	{"bound made exclusive", NUMBER(",\"minimum\":1"),
	 NUMBER(",\"exclusiveMinimum\":1"),
	 "!input \"x\": minimum was narrowed from 1 to exclusive 1\n"},
	{"bound made inclusive", NUMBER(",\"exclusiveMaximum\":1"),
	 NUMBER(",\"maximum\":1"),
	 "~input \"x\": maximum was widened from 1 to 1\n"},
	{"exclusive and wider", NUMBER(",\"minimum\":1"),
	 NUMBER(",\"exclusiveMinimum\":0.5"),
	 "~input \"x\": minimum was widened from 1 to 0.5\n"},
	{"step added", INTEGER(""), INTEGER(",\"multipleOf\":2"),
	 "!input \"x\": multipleOf 2 was added\n"},
	{"step taken away", INTEGER(",\"multipleOf\":2"), INTEGER(""),
	 "~input \"x\": multipleOf 2 was taken away\n"},
	{"step that divides", NUMBER(",\"multipleOf\":0.3"),
	 NUMBER(",\"multipleOf\":0.1"),
	 "~input \"x\": multipleOf was widened from 0.3 to 0.1\n"},
	{"step that does not divide", INTEGER(",\"multipleOf\":8"),
	 INTEGER(",\"multipleOf\":3"),
	 "!input \"x\": multipleOf was narrowed from 8 to 3\n"},
	{"minLength narrowed", STRING(",\"minLength\":1"),
	 STRING(",\"minLength\":2"),
	 "!input \"x\": minLength was narrowed from 1 to 2\n"},
	{"minLength added", STRING(""), STRING(",\"minLength\":2"),
	 "!input \"x\": minLength was narrowed from 0 to 2\n"},
	{"maxLength widened", STRING(",\"maxLength\":10"),
	 STRING(",\"maxLength\":20"),
	 "~input \"x\": maxLength was widened from 10 to 20\n"},
	{"maxLength narrowed", STRING(",\"maxLength\":20"),
	 STRING(",\"maxLength\":10"),
	 "!input \"x\": maxLength was narrowed from 20 to 10\n"},
	{"pattern changed", STRING(",\"pattern\":\"a\""),
	 STRING(",\"pattern\":\"b\""),
	 "!input \"x\": pattern was changed from a to b\n"},
	{"pattern added", STRING(""), STRING(",\"pattern\":\"b\""),
	 "!input \"x\": pattern b was added\n"},
	{"pattern taken away", STRING(",\"pattern\":\"b\""), STRING(""),
	 "~input \"x\": pattern b was taken away\n"},
	{"enum value added", STRING(",\"enum\":[\"a\"]"),
	 STRING(",\"enum\":[\"b\",\"a\"]"),
	 "~input \"x\": enum value \"b\" was added\n"},
	{"enum value removed", INTEGER(",\"enum\":[1,2]"),
	 INTEGER(",\"enum\":[2]"),
	 "!input \"x\": enum value \"1\" was removed\n"},
	{"enum of the same numbers", NUMBER(",\"enum\":[1,2.50]"),
	 NUMBER(",\"enum\":[2.5,1.0]"), ""},
	{"enum added", STRING(""), STRING(",\"enum\":[\"b\"]"),
	 "!input \"x\": a list of allowed values was added\n"},
	{"enum taken away", STRING(",\"enum\":[\"b\"]"), STRING(""),
	 "~input \"x\": the list of allowed values was taken away\n"},
	{"choice added", CHOICE("\"a\":{}"), CHOICE("\"a\":{},\"b\":{}"),
	 "~input \"x\": choice \"b\" was added\n"},
	{"choice removed", CHOICE("\"a\":{},\"b\":{}"), CHOICE("\"b\":{}"),
	 "!input \"x\": choice \"a\" was removed\n"},
	{"choice with other private values", CHOICE("\"a\":{\"1.a\":1}"),
	 CHOICE("\"a\":{\"1.b\":2}"), ""},
	{"seed narrowed", SEED(""), SEED(",\"maximum\":99"),
	 "!input \"x\": maximum 99 was added\n"},
	{"fewer items", ARRAY("\"type\":\"string\"", ""),
	 ARRAY("\"type\":\"string\"", ",\"maxItems\":2"),
	 "!input \"x\": maxItems was narrowed from 3 to 2\n"},
	{"more items needed", ARRAY("\"type\":\"string\"", ""),
	 ARRAY("\"type\":\"string\"", ",\"minItems\":1"),
	 "!input \"x\": minItems was narrowed from 0 to 1\n"},
	{"elements retyped", ARRAY("\"type\":\"string\"", ""),
	 ARRAY("\"type\":\"integer\"", ""),
	 "!elements of input \"x\": its type was changed from string to "
	 "integer\n"},
	{"elements narrowed", ARRAY("\"type\":\"integer\"", ""),
	 ARRAY("\"type\":\"integer\",\"minimum\":1", ""),
	 "!elements of input \"x\": minimum 1 was added\n"},
	{"elements widened", ARRAY("\"type\":\"integer\",\"minimum\":1", ""),
	 ARRAY("\"type\":\"integer\"", ""),
	 "~elements of input \"x\": minimum 1 was taken away\n"},
	{"file retyped", IMAGE(""), FILE_OF("file", ""),
	 "!input \"x\": its type was changed from image to file\n"},
	{"maxBytes narrowed from the usual", IMAGE(""),
	 IMAGE(",\"maxBytes\":1000"),
	 "!input \"x\": maxBytes was narrowed from 20971520 to 1000\n"},
	{"maxBytes widened", IMAGE(",\"maxBytes\":1000"), IMAGE(""),
	 "~input \"x\": maxBytes was widened from 1000 to 20971520\n"},
	{"maxPixels narrowed", IMAGE(""), IMAGE(",\"maxPixels\":5"),
	 "!input \"x\": maxPixels was narrowed from 67108864 to 5\n"},
	{"maxPixels of a video added", FILE_OF("video", ""),
	 FILE_OF("video", ",\"maxPixels\":5"),
	 "!input \"x\": maxPixels 5 was added\n"},
	{"sides added", IMAGE(""),
	 IMAGE(",\"minWidth\":2,\"maxWidth\":3,\"minHeight\":4,"
	       "\"maxHeight\":5"),
	 "!input \"x\": minWidth 2 was added\n"
	 "!input \"x\": maxWidth 3 was added\n"
	 "!input \"x\": minHeight 4 was added\n"
	 "!input \"x\": maxHeight 5 was added\n"},
	{"sides widened", IMAGE(",\"minWidth\":2,\"maxWidth\":3"),
	 IMAGE(",\"minWidth\":1,\"maxWidth\":4"),
	 "~input \"x\": minWidth was widened from 2 to 1\n"
	 "~input \"x\": maxWidth was widened from 3 to 4\n"},
	{"media types added", IMAGE(""), IMAGE(",\"mime\":[\"image/png\"]"),
	 "!input \"x\": a list of allowed values was added\n"},
	{"media types taken away", IMAGE(",\"mime\":[\"image/png\"]"),
	 IMAGE(""),
	 "~input \"x\": the list of allowed values was taken away\n"},
	{"a media type more, one less",
	 IMAGE(",\"mime\":[\"image/png\",\"image/gif\"]"),
	 IMAGE(",\"mime\":[\"image/jpeg\",\"image/png\"]"),
	 "!input \"x\": media type \"image/gif\" was removed\n"
	 "~input \"x\": media type \"image/jpeg\" was added\n"},
	{"a star in place of what it stands for",
	 FILE_OF("audio", ",\"mime\":[\"audio/*\"]"),
	 FILE_OF("audio", ",\"mime\":[\"audio/wav\",\"audio/flac\","
			  "\"audio/mpeg\",\"audio/ogg\",\"audio/mp4\"]"),
	 ""},
	{"a mask gets a picture", MASK("\"to\":\"1.h\""), MASK("\"of\":\"p\""),
	 "!input \"x\": it needs an alpha channel\n"
	 "!input \"x\": it needs input \"p\" to be given, too\n"},
	{"a mask needs its picture no more", MASK("\"of\":\"p\""),
	 MASK("\"to\":\"1.h\""),
	 "~input \"x\": it needs no alpha channel any more\n"
	 "~input \"x\": it does not need input \"p\" any more\n"},
	{"a mask of another picture", MASK("\"of\":\"p\""),
	 MASK("\"of\":\"q\""),
	 "!input \"x\": it was of input \"p\" and is of \"q\"\n"},
	{"a mask at a node that takes its alpha channel",
	 MASK("\"to\":\"1.h\""), MASK("\"to\":\"2.image\""),
	 "!input \"x\": it needs an alpha channel\n"},
	{"files in an array narrowed",
	 X("\"type\":\"array\",\"required\":false,\"items\":{\"type\":"
	   "\"file\"},\"to\":[\"1.f\",\"1.g\"]"),
	 X("\"type\":\"array\",\"required\":false,\"items\":{\"type\":"
	   "\"file\",\"maxBytes\":9},\"to\":[\"1.f\",\"1.g\"]"),
	 "!elements of input \"x\": maxBytes was narrowed from 104857600 to "
	 "9\n"},
	{"texts and limits", STRING(""),
	 "\"title\":\"T\",\"limits\":{\"wait\":\"1s\"}," STRING(
		 ",\"title\":\"t\",\"description\":\"d\""),
	 ""},
	{"other targets", INTEGER(""),
	 X("\"type\":\"integer\",\"required\":false,\"to\":[\"1.b\",\"1.c\"]"),
	 ""},
	{"output removed",
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"},"
		"\"b\":{\"type\":\"file\",\"from\":\"9\"}"),
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 "!output \"b\": it was removed\n"},
	{"output added", OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"},"
		"\"b\":{\"type\":\"file\",\"from\":\"9\"}"),
	 "~output \"b\": it is new\n"},
	{"output retyped", OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 OUTPUT("\"a\":{\"type\":\"image\",\"from\":\"9\"}"),
	 "!output \"a\": its type was changed from file to image\n"},
	{"output made a list",
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\",\"many\":true}"),
	 "!output \"a\": it was one value and is a list\n"},
	{"output no list any more",
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\",\"many\":true}"),
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 "!output \"a\": it was a list and is one value\n"},
	{"output made optional",
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\",\"required\":false}"),
	 "!output \"a\": it was always given and may now be null\n"},
	{"output made certain",
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\",\"required\":false}"),
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 "~output \"a\": it is now always given\n"},
	{"output from another node",
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"9\"}"),
	 OUTPUT("\"a\":{\"type\":\"file\",\"from\":\"1.x\"}"), ""},
	{"another scope", STRING(""),
	 "\"access\":{\"scope\":\"other\"}," STRING(""),
	 "!the scope: it was changed from case:run to other\n"},
	{"another version", STRING(""), "\"version\":2,\"inputs\":{}," OUT,
	 "~contract.json is the one of case, version 1\n"},
	{"everything at once",
	 "\"inputs\":{\"a\":{\"type\":\"integer\",\"maximum\":9,\"to\":\"1.a\"}"
	 ","
	 "\"b\":{\"type\":\"integer\",\"to\":\"1.b\"}}," OUT,
	 "\"inputs\":{\"a\":{\"type\":\"integer\",\"maximum\":8,\"minimum\":1,"
	 "\"to\":\"1.a\"}}," OUTPUT(
		 "\"image\":{\"type\":\"video\",\"from\":\"9\"}"),
	 "!input \"a\": minimum 1 was added\n"
	 "!input \"a\": maximum was narrowed from 9 to 8\n"
	 "!input \"b\": it was removed\n"
	 "!output \"image\": its type was changed from image to video\n"},
};

/* The lists and the arena that they live in. */
struct told {
	struct arena arena;
	struct problem_list errors, notices;
};

static struct endpoint *load(const struct place_of_test *p, const char *members,
			     struct told *t)
{
	const char *version =
		strstr(members, "\"version\"") ? "" : "\"version\":1,";
	struct endpoint *e;
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_addf(&text, "{\"name\":\"case\",%s%s}", version, members);
	rig_file(p, "manifest.json", buf_str(&text));
	e = manifest_load_unlocked(p->dir, &t->errors);
	for (size_t i = 0; i < t->errors.count; i++)
		fprintf(stderr, "# %s: %s\n", t->errors.items[i].where,
			t->errors.items[i].detail);
	if (e == NULL)
		abort();
	buf_finish(&text);
	return e;
}

/* Each line up to the way out, which is the same for all. */
static void add_said(struct buf *to, char mark, const struct problem_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		buf_addf(to, "%c%.*s\n", mark,
			 (int)strcspn(l->items[i].detail, ";"),
			 l->items[i].detail);
}

static struct json_doc *lock(const struct endpoint *e)
{
	struct json_doc *doc;
	struct buf text;

	buf_init(&text, 1 << 20);
	contract_lock_text(e, &text);
	doc = json_parse(buf_str(&text), text.len, 20, NULL);
	if (doc == NULL)
		abort();
	buf_finish(&text);
	return doc;
}

static void check_case(const struct place_of_test *p, size_t i)
{
	struct told t = {.arena = {0}};
	struct json_doc *locked;
	struct endpoint *e;
	struct buf said;

	problem_list_init(&t.errors, &t.arena);
	problem_list_init(&t.notices, &t.arena);
	e = load(p, cases[i].old, &t);
	locked = lock(e);
	endpoint_drop(e);
	e = load(p, cases[i].new, &t);
	contract_compare(e, json_root(locked), "m", &t.errors, &t.notices);
	buf_init(&said, 1 << 16);
	add_said(&said, '!', &t.errors);
	add_said(&said, '~', &t.notices);
	is_str(buf_str(&said), cases[i].said, cases[i].name);
	buf_finish(&said);
	json_free(locked);
	endpoint_drop(e);
	arena_finish(&t.arena);
}

/* The whole message, once. */
static void check_way_out(const struct place_of_test *p)
{
	struct told t = {.arena = {0}};
	const char *locked =
		"{\"name\":\"case\",\"version\":1,\"scope\":\"case:"
		"run\",\"inputs\":{\"gone\":{\"type\":\"string\"}"
		"},\"outputs\":{}}";
	struct json_doc *doc = json_parse(locked, strlen(locked), 20, NULL);
	struct endpoint *e;
	const char *want;

	problem_list_init(&t.errors, &t.arena);
	problem_list_init(&t.notices, &t.arena);
	e = load(p, OUT, &t);
	contract_compare(e, json_root(doc), "portrait/manifest.json", &t.errors,
			 &t.notices);
	want = arena_printf(&t.arena,
			    "input \"gone\": it was removed; this breaks "
			    "callers: raise \"version\" in a copy and keep the "
			    "old folder, or run `comfygate lock --breaking %s`",
			    p->dir);
	is_str(t.errors.count ? t.errors.items[0].detail : "", want,
	       "the way out is named");
	is_str(t.errors.count ? t.errors.items[0].where : "",
	       "portrait/manifest.json: /inputs/gone", "with its place");
	want = arena_printf(&t.arena,
			    "output \"image\": it is new; `comfygate lock %s` "
			    "records it",
			    p->dir);
	is_str(t.notices.count ? t.notices.items[0].detail : "", want,
	       "what is compatible says how it is recorded");
	json_free(doc);
	endpoint_drop(e);
	arena_finish(&t.arena);
}

/* Nothing private is in what callers see. */
static void check_private(void)
{
	static const char *const private[] = {
		"CLIPTextEncode", "KSampler", "ckpt_name", "safetensors",
		"85mm",		  "9.images", "3.denoise", "endpoints/",
		"workflow",	  "pool"};
	struct told t = {.arena = {0}};
	struct endpoint *e;
	struct buf text;

	problem_list_init(&t.errors, &t.arena);
	problem_list_init(&t.notices, &t.arena);
	e = manifest_load("endpoints/portrait", &t.errors, &t.notices);
	buf_init(&text, 1 << 20);
	contract_lock_text(e, &text);
	for (size_t i = 0; i < COUNT(private); i++)
		ok(strstr(e->contract, private[i]) == NULL &&
			   strstr(buf_str(&text), private[i]) == NULL,
		   "no %s in the contract", private[i]);
	ok(e->contract_etag[0] == '"' && strlen(e->contract_etag) == 34,
	   "a quoted tag");
	buf_finish(&text);
	endpoint_drop(e);
	arena_finish(&t.arena);
}

int main(void)
{
	struct place_of_test p;

	rig_open(&p);
	rig_file(&p, "workflow.json", workflow);
	for (size_t i = 0; i < COUNT(cases); i++)
		check_case(&p, i);
	check_way_out(&p);
	check_private();
	rig_close(&p);
	return tap_done();
}
