#include <stdlib.h>

#include "base/attr.h"
#include "base/buf.h"
#include "input/resolve.h"
#include "manifest/load.h"
#include "manifest_rig.h"
#include "tap.h"

/* Requests with files against an endpoint that takes all kinds of them. */
static const char workflow[] =
	"{\"12\":{\"inputs\":{\"image\":\"a.png\"},\"class_type\":"
	"\"LoadImage\"},"
	"\"13\":{\"inputs\":{\"image\":\"b.png\",\"channel\":\"alpha\"},"
	"\"class_type\":\"LoadImageMask\"},"
	"\"14\":{\"inputs\":{\"image\":\"c.png\",\"text\":\"t\"},"
	"\"class_type\":\"X\"},"
	"\"15\":{\"inputs\":{\"audio\":\"d.wav\",\"again\":\"e.wav\"},"
	"\"class_type\":\"LoadAudio\"},"
	"\"16\":{\"inputs\":{\"a\":\"f.png\",\"b\":\"g.png\"},"
	"\"class_type\":\"Y\"},"
	"\"9\":{\"inputs\":{},\"class_type\":\"SaveImage\"}}";
static const char manifest[] =
	"{\"name\":\"restyle\",\"version\":1,\"inputs\":{"
	"\"photo\":{\"type\":\"image\",\"required\":false,\"maxWidth\":1000,"
	"\"to\":\"12.image\"},"
	"\"cutout\":{\"type\":\"mask\",\"required\":false,\"of\":\"photo\"},"
	"\"spot\":{\"type\":\"mask\",\"required\":false,\"to\":\"13.image\"},"
	"\"voice\":{\"type\":\"audio\",\"required\":false,"
	"\"to\":[\"15.again\",\"15.audio\"]},"
	"\"refs\":{\"type\":\"array\",\"required\":false,\"items\":{\"type\":"
	"\"image\"},\"to\":[\"16.a\",\"16.b\"]},"
	"\"text\":{\"type\":\"string\",\"required\":false,\"to\":\"14.text\"},"
	"\"thing\":{\"type\":\"file\",\"required\":false,\"to\":\"14.image\"}},"
	"\"outputs\":{\"image\":{\"type\":\"image\",\"from\":\"9\"}},"
	"\"limits\":{\"by_claim\":{\"plan\":{\"pro\":{\"inputs\":{\"photo\":"
	"{\"maxWidth\":2000}}}}}}}";

#define UPLOAD	   "0193a1f2-0000-7000-8000-000000000001"
#define NOT_MINE   "0193a1f2-0000-7000-8000-000000000002"
#define SHA(digit) "00000000000000000000000000000000000000000000000" digit
#define PNG(where, sha, w, h)                                                  \
	{                                                                      \
		.pointer = (where), .sha256 = (sha), .size_bytes = 100,        \
		.facts = {                                                     \
			.kind = MEDIA_PNG,                                     \
			.width = (w),                                          \
			.height = (h),                                         \
			.frames = 1,                                           \
			.alpha = true                                          \
		}                                                              \
	}

static struct endpoint *endpoint;

/* The caller has one upload, a WAV. */
static bool find_upload(void *ctx, const char *id, struct arena *a,
			struct given_file *out)
{
	(void)ctx;
	if (strcmp(id, UPLOAD) != 0)
		return false;
	*out = (struct given_file){
		.sha256 = arena_strdup(a, SHA("7")),
		.size_bytes = 44,
		.facts = {.kind = MEDIA_WAV, .duration_ms = 5},
	};
	return true;
}

struct run {
	struct arena arena;
	struct problem_list errors;
	struct buf prompt;
	struct resolved out;
	bool good;
};

/* Bodies with ' for ". */
static void resolve(struct run *r, const struct plan *plan, const char *body,
		    const struct input_files *files)
{
	struct json_doc *doc;
	char *text;

	*r = (struct run){.good = false};
	text = arena_strdup(&r->arena, body);
	for (char *s = text; (s = strchr(s, '\'')) != NULL;)
		*s = '"';
	doc = json_parse(text, strlen(text), 64, NULL);
	if (doc == NULL)
		abort();
	problem_list_init(&r->errors, &r->arena);
	buf_init(&r->prompt, 1 << 20);
	r->good =
		input_resolve(endpoint, plan, json_root(doc), files, NULL, NULL,
			      &r->arena, &r->prompt, &r->out, &r->errors);
	json_free(doc);
}

static void finish(struct run *r)
{
	buf_finish(&r->prompt);
	arena_finish(&r->arena);
}

/* All that is said, one problem a line: "/photo type: must be …". */
static const char *said(struct run *r)
{
	const char *text = "";

	for (size_t i = 0; i < r->errors.count; i++)
		text = arena_printf(&r->arena, "%s%s %s: %s\n", text,
				    r->errors.items[i].where,
				    r->errors.items[i].rule,
				    r->errors.items[i].detail);
	return text;
}

/* ---- what is taken ---- */

/* One file a line: field, what it is, where it goes, by the text before it. */
static const char *files_of(struct run *r)
{
	struct buf b;
	const char *text;

	buf_init(&b, 1 << 16);
	for (size_t i = 0; i < r->out.file_count; i++) {
		const struct resolved_file *f = &r->out.files[i];

		buf_addf(&b, "%s %s %s %s %d", f->field,
			 f->sha256 ? f->sha256 + 47 : f->url,
			 f->extension ? f->extension : "-",
			 f->content_type ? f->content_type : "-",
			 (int)f->size_bytes);
		for (size_t k = 0; k < f->at_count; k++) {
			const char *at = r->prompt.at + f->at[k];

			while (at[-1] != ',' && at[-1] != '{')
				at--;
			buf_addf(&b, " %.*s", (int)strcspn(at, ":"), at);
		}
		buf_addf(&b, "%s%s\n", f->of ? " of " : "", f->of ? f->of : "");
	}
	text = arena_strdup(&r->arena, buf_str(&b));
	buf_finish(&b);
	return text;
}

#define URL "https://files.example/a/b.png"
static const struct {
	const char *what, *body;
	struct given_file given[4];
	const char *told, *files;
} good[] = {
	{"nothing", "{}", {{0}}, "{}", ""},
	{"a part",
	 "{}",
	 {PNG("/photo", SHA("1"), 640, 480)},
	 "{'photo':{'sha256':'" SHA(
		 "1") "','content_type':'image/png',"
		      "'size_bytes':100,'width':640,'height':480}}",
	 "/photo 1 png image/png 100 'image'\n"},
	{"a data: URI",
	 "{'photo':'data:image/png;base64,AA=='}",
	 {PNG("/photo", SHA("1"), 640, 480)},
	 "{'photo':{'sha256':'" SHA(
		 "1") "','content_type':'image/png',"
		      "'size_bytes':100,'width':640,'height':480}}",
	 "/photo 1 png image/png 100 'image'\n"},
	{"an upload, for two places",
	 "{'voice':'upload:" UPLOAD "'}",
	 {{0}},
	 "{'voice':{'sha256':'" SHA("7") "','content_type':'audio/wav',"
					 "'size_bytes':44}}",
	 "/voice 7 wav audio/wav 44 'audio' 'again'\n"},
	{"a URL",
	 "{'photo':'" URL "'}",
	 {{0}},
	 "{'photo':{'url':'" URL "'}}",
	 "/photo " URL " - - 0 'image'\n"},
	{"a URL that is a secret",
	 "{'photo':'HTTPS://Files.Example:443/a/b.png?token=x#y'}",
	 {{0}},
	 "{'photo':{'url':'" URL "'}}",
	 "/photo " URL "?token=x - - 0 'image'\n"},
	{"elements of all forms",
	 "{'refs':[null,'" URL "']}",
	 {PNG("/refs/0", SHA("1"), 9, 9)},
	 "{'refs':[{'sha256':'" SHA(
		 "1") "','content_type':'image/png',"
		      "'size_bytes':100,'width':9,'height':9},{'url':'" URL
		      "'}]}",
	 "/refs/0 1 png image/png 100 'a'\n/refs/1 " URL " - - 0 'b'\n"},
	{"one element",
	 "{'refs':[null]}",
	 {PNG("/refs/0", SHA("1"), 9, 9)},
	 "{'refs':[{'sha256':'" SHA(
		 "1") "','content_type':'image/png',"
		      "'size_bytes':100,'width':9,'height':9}]}",
	 "/refs/0 1 png image/png 100 'a'\n"},
	{"a picture and its mask",
	 "{}",
	 {PNG("/cutout", SHA("2"), 9, 9), PNG("/photo", SHA("1"), 9, 9)},
	 "{'photo':{'sha256':'" SHA(
		 "1") "','content_type':'image/png',"
		      "'size_bytes':100,'width':9,'height':9},"
		      "'cutout':{'sha256':'" SHA(
			      "2") "','content_type':'image/png',"
				   "'size_bytes':100,'width':9,'height':9}}",
	 "/photo 1 png image/png 100 'image'\n"
	 "/cutout 2 png image/png 100 of /photo\n"},
	{"a mask whose picture is still to come",
	 "{'photo':'" URL "'}",
	 {PNG("/cutout", SHA("2"), 9, 9)},
	 "{'photo':{'url':'" URL "'},'cutout':{'sha256':'" SHA(
		 "2") "','content_type':'image/png','size_bytes':100,'width':9,"
		      "'height':9}}",
	 "/photo " URL " - - 0 'image'\n"
	 "/cutout 2 png image/png 100 of /photo\n"},
	{"a name that tells more",
	 "{}",
	 {{.pointer = "/thing",
	   .sha256 = SHA("3"),
	   .size_bytes = 5,
	   .facts = {.kind = MEDIA_PLAIN},
	   .filename = "../my mesh.obj"}},
	 "{'thing':{'sha256':'" SHA("3") "','content_type':'model/obj',"
					 "'size_bytes':5}}",
	 "/thing 3 obj model/obj 5 'image'\n"},
};

static struct input_files with(const struct given_file *given, size_t most)
{
	struct input_files files = {.given = given, .upload = find_upload};

	while (files.count < most && given[files.count].pointer != NULL)
		files.count++;
	return files;
}

static const char *turned(struct arena *a, const char *s)
{
	char *text = arena_strdup(a, s);

	for (char *at = text; (at = strchr(at, '\'')) != NULL;)
		*at = '"';
	return text;
}

/* The prompt once names are in it is JSON. */
static bool whole_when_named(struct run *r)
{
	const char *prompt = buf_str(&r->prompt);
	struct json_doc *doc;
	bool is_json;

	for (size_t at = r->prompt.len; at > 0; at--)
		for (size_t i = 0; i < r->out.file_count; i++)
			for (size_t k = 0; k < r->out.files[i].at_count; k++)
				if (r->out.files[i].at[k] == at)
					prompt = arena_printf(
						&r->arena, "%.*s\"name\"%s",
						(int)at, prompt, prompt + at);
	doc = json_parse(prompt, strlen(prompt), 64, NULL);
	is_json = doc != NULL;
	json_free(doc);
	return is_json;
}

static void test_good(void)
{
	for (size_t i = 0; i < COUNT(good); i++) {
		struct input_files files =
			with(good[i].given, COUNT(good[i].given));
		struct run r;

		resolve(&r, &endpoint->plans[0], good[i].body, &files);
		is_str(said(&r), "", good[i].what);
		ok(r.good, "%s: taken", good[i].what);
		if (r.good) {
			is_str(r.out.inputs, turned(&r.arena, good[i].told),
			       good[i].what);
			is_str(files_of(&r), turned(&r.arena, good[i].files),
			       good[i].what);
			ok(whole_when_named(&r), "%s: the prompt",
			   good[i].what);
			ok(r.out.unfetched == (strstr(good[i].files, "https") !=
					       NULL) &&
				   r.out.random == r.out.unfetched,
			   "%s: to be fetched or not", good[i].what);
		}
		finish(&r);
	}
}

/* ---- what is refused ---- */

#define FORMS                                                                  \
	"must be an https URL, a data: URI, upload:ID of a file sent to "      \
	"/v1/uploads, or a part of a form that is a file\n"
#define NO_URL                                                                 \
	"is no URL that is fetched: https, a host, at most 4096 characters "   \
	"of ASCII, and no user name\n"
static const struct {
	const char *what, *body;
	struct given_file given[4];
	const char *said;
} bad[] = {
	{"words", "{'photo':'cat.png'}", {{0}}, "/photo format: " FORMS},
	{"no words", "{'photo':''}", {{0}}, "/photo format: " FORMS},
	{"a path of the server",
	 "{'photo':'file:///etc/passwd'}",
	 {{0}},
	 "/photo format: " FORMS},
	{"a number",
	 "{'photo':5}",
	 {{0}},
	 "/photo type: must be a file or a string that names one, is a "
	 "number\n"},
	{"null",
	 "{'photo':null}",
	 {{0}},
	 "/photo type: must be a file or a string that names one, is null\n"},
	{"a data: URI that nobody read",
	 "{'photo':'data:,x'}",
	 {{0}},
	 "/photo format: a data: URI is not taken here; give an https URL\n"},
	{"one that could not be read",
	 "{'photo':'data:x'}",
	 {{.pointer = "/photo",
	   .bad_code = "format",
	   .bad_detail = "is no valid data: URI"}},
	 "/photo format: is no valid data: URI\n"},
	{"http",
	 "{'photo':'http://files.example/'}",
	 {{0}},
	 "/photo url: must begin with https://\n"},
	{"a user name",
	 "{'photo':'https://me@files.example/'}",
	 {{0}},
	 "/photo url: " NO_URL},
	{"no host", "{'photo':'https:///a.png'}", {{0}}, "/photo url: " NO_URL},
	{"an address in disguise",
	 "{'photo':'https://0x7f.1/'}",
	 {{0}},
	 "/photo url: " NO_URL},
	{"a line in it",
	 "{'photo':'https://a.example/\\nx'}",
	 {{0}},
	 "/photo url: " NO_URL},
	{"no slashes",
	 "{'photo':'https:a.example'}",
	 {{0}},
	 "/photo url: " NO_URL},
	{"an upload of another",
	 "{'voice':'upload:" NOT_MINE "'}",
	 {{0}},
	 "/voice upload: is no upload of yours, or its time is over\n"},
	{"an upload that is no id",
	 "{'voice':'upload:../1'}",
	 {{0}},
	 "/voice upload: is no upload of yours, or its time is over\n"},
	{"an upload of another type",
	 "{'photo':'upload:" UPLOAD "'}",
	 {{0}},
	 "/photo type: must be an image (PNG, JPEG, WebP, GIF, BMP or TIFF), "
	 "is audio/wav\n"},
	{"all problems at once",
	 "{'photo':'x','voice':null,'text':5}",
	 {{.pointer = "/spot", .bad_code = "c", .bad_detail = "d"}},
	 "/photo format: " FORMS "/spot c: d\n"
	 "/voice type: must be a file or a string that names one, is null\n"
	 "/text type: must be a string, is a number\n"},
	{"too wide",
	 "{}",
	 {PNG("/photo", SHA("1"), 1001, 9)},
	 "/photo maxWidth: must be at most 1000 pixels wide, is 1001\n"},
	{"a mask of nothing",
	 "{}",
	 {{.pointer = "/spot",
	   .sha256 = SHA("1"),
	   .size_bytes = 9,
	   .facts =
		   {.kind = MEDIA_JPEG, .width = 9, .height = 9, .frames = 1}}},
	 "/spot alpha: must have an alpha channel, such as a PNG with "
	 "transparency\n"},
	{"a mask without its picture",
	 "{}",
	 {PNG("/cutout", SHA("1"), 9, 9)},
	 "/cutout of: needs the picture \"photo\" to be given, too\n"},
	{"a mask whose picture is wrong",
	 "{'photo':'x'}",
	 {PNG("/cutout", SHA("1"), 9, 9)},
	 "/photo format: " FORMS},
	{"a mask of another size",
	 "{}",
	 {PNG("/photo", SHA("1"), 9, 9), PNG("/cutout", SHA("2"), 9, 8)},
	 "/cutout of: must have the size of \"photo\", 9 x 9, is 9 x 8\n"},
	{"an element",
	 "{'refs':['" URL "','x']}",
	 {{0}},
	 "/refs/1 format: " FORMS},
	{"too many elements",
	 "{'refs':[null,null,null]}",
	 {PNG("/refs/0", SHA("1"), 9, 9), PNG("/refs/1", SHA("1"), 9, 9),
	  PNG("/refs/2", SHA("1"), 9, 9)},
	 "/refs maxItems: must have at most 2 items, has 3\n"},
	{"no array",
	 "{'refs':'" URL "'}",
	 {{0}},
	 "/refs type: must be an array, is a string\n"},
	{"an element beyond the array",
	 "{'refs':[null]}",
	 {PNG("/refs/0", SHA("1"), 9, 9), PNG("/refs/1", SHA("1"), 9, 9)},
	 "/refs/1 unknown: is more than this input takes\n"},
	{"two files for one",
	 "{}",
	 {PNG("/photo", SHA("1"), 9, 9), PNG("/photo", SHA("2"), 9, 9)},
	 "/photo unknown: is more than this input takes\n"},
	{"a file of no input",
	 "{}",
	 {PNG("/pohto", SHA("1"), 9, 9)},
	 "/pohto unknown: is no input of this endpoint; did you mean "
	 "\"photo\"?\n"},
	{"a file for a text",
	 "{}",
	 {PNG("/text", SHA("1"), 9, 9)},
	 "/text type: is of type \"string\" and takes no file; send it as "
	 "text\n"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct input_files files =
			with(bad[i].given, COUNT(bad[i].given));
		struct run r;

		resolve(&r, &endpoint->plans[0], bad[i].body, &files);
		is_str(said(&r), bad[i].said, bad[i].what);
		ok(!r.good, "%s: refused", bad[i].what);
		finish(&r);
	}
}

static void test_options(void)
{
	struct input_files http = {.http = true};
	const struct given_file wide[] = {PNG("/photo", SHA("1"), 1001, 9)};
	struct input_files files = with(wide, 1);
	struct run r;

	resolve(&r, &endpoint->plans[0],
		"{'photo':'http://files.example:80/a'}", &http);
	ok(r.good, "http where it is taken");
	is_str(r.out.files[0].url, "http://files.example/a", "its URL");
	finish(&r);
	resolve(&r, &endpoint->plans[1], "{}", &files);
	ok(r.good, "the bounds are the plan's");
	finish(&r);
	resolve(&r, &endpoint->plans[0], "{'voice':'upload:" UPLOAD "'}", NULL);
	is_str(said(&r),
	       "/voice upload: an upload is not taken here; give an https "
	       "URL\n",
	       "where there are no uploads");
	finish(&r);
}

static void test_recipes(void)
{
	const char *free = endpoint->plans[0].recipe;
	const char *pro = endpoint->plans[1].recipe;

	is_str(strstr(free, ",\"files\":") ? strstr(free, ",\"files\":") : "",
	       ",\"files\":["
	       "{\"field\":\"/photo\",\"items\":false,\"type\":\"image\","
	       "\"mime\":[],\"max_bytes\":20971520,\"max_width\":1000,"
	       "\"max_pixels\":67108864,\"needs_alpha\":false},"
	       "{\"field\":\"/cutout\",\"items\":false,\"type\":\"mask\","
	       "\"mime\":[],\"max_bytes\":20971520,\"max_pixels\":67108864,"
	       "\"needs_alpha\":true},"
	       "{\"field\":\"/spot\",\"items\":false,\"type\":\"mask\","
	       "\"mime\":[],\"max_bytes\":20971520,\"max_pixels\":67108864,"
	       "\"needs_alpha\":true},"
	       "{\"field\":\"/voice\",\"items\":false,\"type\":\"audio\","
	       "\"mime\":[],\"max_bytes\":52428800,\"needs_alpha\":false},"
	       "{\"field\":\"/refs\",\"items\":true,\"type\":\"image\","
	       "\"mime\":[],\"max_bytes\":20971520,\"max_pixels\":67108864,"
	       "\"needs_alpha\":false},"
	       "{\"field\":\"/thing\",\"items\":false,\"type\":\"file\","
	       "\"mime\":[],\"max_bytes\":104857600,\"needs_alpha\":false}]}",
	       "what a job carries of the rules");
	ok(strstr(pro, "\"max_width\":2000") != NULL &&
		   strstr(free, "\"max_width\":2000") == NULL,
	   "each plan its own");
	ok(endpoint->recipe == free, "that of everybody is the endpoint's");
}

int main(void)
{
	struct problem_list errors, notices;
	struct arena arena = {0};
	struct place_of_test p;

	rig_open(&p);
	rig_file(&p, "workflow.json", workflow);
	rig_file(&p, "manifest.json", manifest);
	problem_list_init(&errors, &arena);
	problem_list_init(&notices, &arena);
	endpoint = manifest_load(p.dir, &errors, &notices);
	ok(endpoint != NULL, "loaded: %s",
	   errors.count ? errors.items[0].detail : "");
	if (endpoint != NULL) {
		test_good();
		test_bad();
		test_options();
		test_recipes();
	}
	endpoint_drop(endpoint);
	arena_finish(&arena);
	rig_close(&p);
	return tap_done();
}
