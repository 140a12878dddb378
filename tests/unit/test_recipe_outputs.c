#include "base/arena.h"
#include "base/buf.h"
#include "jobs/outputs.h"
#include "jobs/recipe.h"
#include "tap.h"

static void recipe(void)
{
	static const char text[] =
		"{\"outputs\":[{\"name\":\"image\",\"type\":\"image\",\"node\":"
		"\"9\",\"key\":null,\"many\":false,\"required\":true,\"temp\":"
		"false,\"format\":\"webp\",\"quality\":90,\"thumbnail\":512,"
		"\"blurhash\":true},{\"name\":\"words\",\"type\":\"text\","
		"\"node\":\"12\","
		"\"key\":\"text\",\"many\":true,\"required\":false,\"temp\":"
		"true,\"metadata\":true}],\"fields\":[{\"node\":\"3\","
		"\"input\":\"steps\","
		"\"field\":\"/steps\"}]}";
	struct arena a = {0};
	struct problem why = {0};
	struct recipe r;

	ok(recipe_read(text, &a, &r, &why), "a recipe is read");
	ok(r.want_count == 2 && r.field_count == 1, "all of it");
	is_str(r.wants[0].name, "image", "name");
	is_str(r.wants[0].node, "9", "node");
	ok(r.wants[0].type == WANT_IMAGE && r.wants[0].key == NULL &&
		   !r.wants[0].many && r.wants[0].required && !r.wants[0].temp,
	   "the first one");
	ok(r.wants[1].type == WANT_TEXT && r.wants[1].many &&
		   !r.wants[1].required && r.wants[1].temp &&
		   r.wants[1].metadata && !r.wants[0].metadata,
	   "the second one");
	ok(r.wants[0].format == WANT_WEBP && r.wants[0].quality == 90 &&
		   r.wants[0].thumbnail == 512 && r.wants[0].blurhash,
	   "how the first one is converted");
	ok(r.wants[1].format == WANT_AS_IT_IS && r.wants[1].quality == 0 &&
		   r.wants[1].thumbnail == 0 && !r.wants[1].blurhash,
	   "the second one is not");
	is_str(r.wants[1].key, "text", "key");
	is_str(r.fields[0].node, "3", "field's node");
	is_str(r.fields[0].input, "steps", "field's input");
	is_str(r.fields[0].field, "/steps", "field's pointer");
	ok(recipe_read("{\"outputs\":[]}", &a, &r, &why) && r.want_count == 0 &&
		   r.field_count == 0,
	   "an empty one, without fields");
	arena_finish(&a);
}

static void file_rules(void)
{
	static const char text[] =
		"{\"outputs\":[],\"files\":[{\"field\":\"/photo\",\"items\":"
		"false,\"type\":\"image\",\"mime\":[\"image/png\",\"image/*\"],"
		"\"max_bytes\":5,\"min_width\":1,\"max_width\":2,\"min_"
		"height\":"
		"3,\"max_height\":4,\"max_pixels\":6,\"needs_alpha\":true},"
		"{\"field\":\"/photos\",\"items\":true,\"type\":\"file\","
		"\"max_bytes\":17179869184}]}";
	struct arena a = {0};
	struct problem why = {0};
	const struct file_rule *f;
	struct recipe r;

	ok(recipe_read(text, &a, &r, &why) && r.file_count == 2,
	   "rules of files");
	f = &r.files[0];
	ok(f->max_bytes == 5 && f->min_width == 1 && f->max_width == 2 &&
		   f->min_height == 3 && f->max_height == 4 &&
		   f->max_pixels == 6 && f->needs_alpha && !f->items,
	   "their bounds");
	is_str(f->type, "image", "the type");
	ok(f->mime_count == 2 && strcmp(f->mimes[1], "image/*") == 0,
	   "media types");
	f = &r.files[1];
	ok(f->max_bytes == 17179869184 && f->min_width == 0 &&
		   f->max_pixels == 0 && f->mime_count == 0 &&
		   !f->needs_alpha && f->items,
	   "what is not said does not hold");
	ok(recipe_file(&r, "/photo") == &r.files[0] &&
		   recipe_file(&r, "/photos/0") == &r.files[1] &&
		   recipe_file(&r, "/photos") == NULL &&
		   recipe_file(&r, "/photo/0") == NULL &&
		   recipe_file(&r, "/phot") == NULL &&
		   recipe_file(&r, "") == NULL,
	   "the rule of a place");
	arena_finish(&a);
}

static void every_type(void)
{
	static const char *const types[WANT__COUNT] = {
		[WANT_IMAGE] = "image", [WANT_VIDEO] = "video",
		[WANT_AUDIO] = "audio", [WANT_MODEL] = "model",
		[WANT_FILE] = "file",	[WANT_TEXT] = "text",
		[WANT_JSON] = "json",
	};

	for (unsigned i = 0; i < WANT__COUNT; i++) {
		struct arena a = {0};
		struct problem why = {0};
		struct recipe r;
		char *text = arena_printf(
			&a,
			"{\"outputs\":[{\"name\":\"o\",\"type\":\"%s\","
			"\"node\":\"1\"}]}",
			types[i]);

		ok(recipe_read(text, &a, &r, &why) &&
			   r.wants[0].type == (enum want_type)i,
		   "type %s", types[i]);
		arena_finish(&a);
	}
}

static const struct {
	const char *name, *text;
} bad_recipes[] = {
	{"none at all", NULL},
	{"empty", ""},
	{"no object", "[]"},
	{"a number", "7"},
	{"no outputs", "{\"fields\":[]}"},
	{"outputs are no list", "{\"outputs\":{}}"},
	{"fields are no list", "{\"outputs\":[],\"fields\":{}}"},
	{"files are no list", "{\"outputs\":[],\"files\":{}}"},
	{"a file without a size",
	 "{\"outputs\":[],\"files\":[{\"field\":\"/a\",\"type\":\"file\"}]}"},
	{"a file of no size",
	 "{\"outputs\":[],\"files\":[{\"field\":\"/a\",\"type\":\"file\","
	 "\"max_bytes\":0}]}"},
	{"a file without a type",
	 "{\"outputs\":[],\"files\":[{\"field\":\"/a\",\"max_bytes\":5}]}"},
	{"a bound below 0",
	 "{\"outputs\":[],\"files\":[{\"field\":\"/a\",\"type\":\"file\","
	 "\"max_bytes\":5,\"max_pixels\":-1}]}"},
	{"a media type that is none",
	 "{\"outputs\":[],\"files\":[{\"field\":\"/a\",\"type\":\"file\","
	 "\"max_bytes\":5,\"mime\":[5]}]}"},
	{"an output is no object", "{\"outputs\":[\"image\"]}"},
	{"an output without a name",
	 "{\"outputs\":[{\"type\":\"image\",\"node\":\"9\"}]}"},
	{"an output without a node",
	 "{\"outputs\":[{\"type\":\"image\",\"name\":\"i\"}]}"},
	{"an unknown type",
	 "{\"outputs\":[{\"name\":\"i\",\"type\":\"smell\",\"node\":\"9\"}]}"},
	{"a node that is a number",
	 "{\"outputs\":[{\"name\":\"i\",\"type\":\"image\",\"node\":9}]}"},
	{"a key that is a number",
	 "{\"outputs\":[{\"name\":\"i\",\"type\":\"image\",\"node\":\"9\","
	 "\"key\":1}]}"},
	{"an unknown format",
	 "{\"outputs\":[{\"name\":\"i\",\"type\":\"image\",\"node\":\"9\","
	 "\"format\":\"tiff\"}]}"},
	{"a format that is a number",
	 "{\"outputs\":[{\"name\":\"i\",\"type\":\"image\",\"node\":\"9\","
	 "\"format\":1}]}"},
	{"a quality past 100",
	 "{\"outputs\":[{\"name\":\"i\",\"type\":\"image\",\"node\":\"9\","
	 "\"format\":\"webp\",\"quality\":101}]}"},
	{"a thumbnail that is a text",
	 "{\"outputs\":[{\"name\":\"i\",\"type\":\"image\",\"node\":\"9\","
	 "\"thumbnail\":\"512\"}]}"},
	{"a field without its pointer",
	 "{\"outputs\":[],\"fields\":[{\"node\":\"3\",\"input\":\"x\"}]}"},
	{"cut off", "{\"outputs\":[{\"name\":\"i\""},
};

static const char stored[] =
	"{\"image\":{\"files\":[{\"name\":\"image.png\",\"content_type\":"
	"\"image/png\",\"size_bytes\":183201,\"sha256\":\"9f86\",\"width\":"
	"1024,\"height\":768,\"blurhash\":\"L_Hx\",\"thumbnail\":{\"name\":"
	"\"image-thumb.webp\",\"content_type\":\"image/webp\","
	"\"size_bytes\":7,\"sha256\":\"02\",\"width\":64,\"height\":48}}],"
	"\"many\":false},"
	"\"sounds\":{\"files\":[{\"name\":\"sounds-1.flac\",\"content_type\":"
	"\"audio/flac\",\"size_bytes\":0,\"sha256\":\"00\",\"duration_ms\":"
	"1200},{\"name\":"
	"\"sounds-2.flac\",\"content_type\":\"audio/flac\",\"size_bytes\":"
	"9007199254740993,\"sha256\":\"01\"}],\"many\":true},"
	"\"none\":{\"files\":[],\"many\":true},"
	"\"caption\":{\"value\":\"a \\\"cat\\\"\\n\"},"
	"\"score\":{\"value\":1.7000000000000002},"
	"\"extra\":{\"value\":null}}";

/* Written by hand above: read, then written back to the same bytes. */
static void outputs(void)
{
	struct arena a = {0};
	struct output_value *v;
	struct buf b;
	size_t n;

	ok(outputs_read(stored, &a, &v, &n) && n == 6, "outputs are read");
	is_str(v[0].name, "image", "name");
	ok(v[0].value == NULL && v[0].file_count == 1 && !v[0].many,
	   "one file");
	is_str(v[0].files[0].name, "image.png", "file's name");
	ok(v[0].files[0].width == 1024 && v[0].files[0].height == 768 &&
		   v[0].files[0].size_bytes == 183201,
	   "its numbers");
	is_str(v[0].files[0].blurhash, "L_Hx", "its placeholder");
	is_str(v[0].files[0].thumbnail->name, "image-thumb.webp",
	       "its thumbnail");
	ok(v[0].files[0].thumbnail->width == 64 &&
		   v[0].files[0].thumbnail->thumbnail == NULL &&
		   v[1].files[0].thumbnail == NULL &&
		   v[1].files[0].blurhash == NULL,
	   "no other has one");
	ok(v[1].file_count == 2 && v[1].many && v[1].files[0].width == 0 &&
		   v[1].files[1].size_bytes == INT64_C(9007199254740993),
	   "two files, to the last digit");
	ok(v[2].value == NULL && v[2].file_count == 0 && v[2].many,
	   "an empty list");
	is_str(v[3].value, "\"a \\\"cat\\\"\\n\"", "a text keeps its own form");
	is_str(v[4].value, "1.7000000000000002", "so does a number");
	is_str(v[5].value, "null", "what the run did not give");
	buf_init(&b, 4096);
	outputs_write(v, n, &b);
	is_str(buf_str(&b), stored, "written back to the same text");
	buf_finish(&b);
	buf_init(&b, 100);
	outputs_write(v, n, &b);
	ok(buf_over(&b), "what does not fit is known");
	buf_finish(&b);
	ok(outputs_bytes(v, n) == 183201 + 7 + INT64_C(9007199254740993),
	   "what its files take: %lld", (long long)outputs_bytes(v, n));
	ok(outputs_read("{}", &a, &v, &n) && n == 0, "no outputs at all");
	arena_finish(&a);
}

static const struct {
	const char *name, *text;
} bad_outputs[] = {
	{"none at all", NULL},
	{"empty", ""},
	{"no object", "[]"},
	{"null", "null"},
	{"neither value nor files", "{\"a\":{}}"},
	{"a member that is no object", "{\"a\":1}"},
	{"files that are no list", "{\"a\":{\"files\":{}}}"},
	{"a file that is no object", "{\"a\":{\"files\":[1]}}"},
	{"a file without a name",
	 "{\"a\":{\"files\":[{\"content_type\":\"x\",\"sha256\":\"0\"}]}}"},
	{"a thumbnail without a name",
	 "{\"a\":{\"files\":[{\"name\":\"a.b\",\"content_type\":\"x\","
	 "\"sha256\":\"0\",\"thumbnail\":{}}]}}"},
	{"a placeholder that is a number",
	 "{\"a\":{\"files\":[{\"name\":\"a.b\",\"content_type\":\"x\","
	 "\"sha256\":\"0\",\"blurhash\":1}]}}"},
	{"a size below 0",
	 "{\"a\":{\"files\":[{\"name\":\"a.b\",\"content_type\":\"x\","
	 "\"sha256\":\"0\",\"size_bytes\":-1}]}}"},
	{"a size past 64 bits",
	 "{\"a\":{\"files\":[{\"name\":\"a.b\",\"content_type\":\"x\","
	 "\"sha256\":\"0\",\"size_bytes\":9223372036854775808}]}}"},
	{"cut off", "{\"a\":{\"value\":1}"},
};

int main(void)
{
	recipe();
	file_rules();
	every_type();
	for (size_t i = 0; i < COUNT(bad_recipes); i++) {
		struct arena a = {0};
		struct problem why = {0};
		struct recipe r;

		ok(!recipe_read(bad_recipes[i].text, &a, &r, &why) &&
			   why.code != PROBLEM_NONE && why.detail[0] != '\0',
		   "recipe: %s", bad_recipes[i].name);
		arena_finish(&a);
	}
	outputs();
	for (size_t i = 0; i < COUNT(bad_outputs); i++) {
		struct arena a = {0};
		struct output_value *v;
		size_t n;

		ok(!outputs_read(bad_outputs[i].text, &a, &v, &n),
		   "outputs: %s", bad_outputs[i].name);
		arena_finish(&a);
	}
	return tap_done();
}
