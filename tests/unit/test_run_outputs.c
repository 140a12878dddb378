#include "base/digest.h"
#include "run_rig.h"
#include "unit/media_rig.h"

/*
 * What comes out of a node, as real ones show it (recordings s34, s36, s42,
 * and nodes of others), and what outputs of each type make of it. In a result
 * F(file) is a file of tests/cases/media under its name.
 */
#define IN(file, folder, type, more)                                           \
	"{\"filename\":\"" file "\",\"subfolder\":\"" folder                   \
	"\",\"type\":\"" type "\",\"bytes\":\"@" file "@\"" more "}"
#define F(file) IN(file, "", "output", "")
/* As SaveVideo and VHS_VideoCombine have it. */
#define GIFS(file)                                                             \
	IN(file, "video", "output",                                            \
	   ",\"format\":\"video/h264-mp4\",\"fullpath\":\"/secret/x\"")

#define WANT(name, type, more)                                                 \
	"{\"name\":\"" name "\",\"type\":\"" type "\",\"node\":\"1\"" more "}"
#define NEEDED ",\"required\":true"
#define MANY   ",\"many\":true"
#define TEMP   ",\"temp\":true"
#define KEY(k) ",\"key\":\"" k "\""

static const struct {
	const char *name;
	const char *result;
	const char *wants;
	/* "name=file:type;" for each file, "name=value;", or the problem's
	 * detail behind '!'. */
	const char *want;
} cases[] = {
	{"an animated PNG (s34)",
	 "{\"images\":[" F("animation.png") "],\"animated\":[true]}",
	 WANT("image", "image", NEEDED), "image=image.png:image/png;"},
	{"an animated WebP (s34)",
	 "{\"images\":[" F("animation.webp") "],\"animated\":[true]}",
	 WANT("image", "image", NEEDED), "image=image.webp:image/webp;"},
	{"the same for a video output",
	 "{\"images\":[" F("animation.webp") "],\"animated\":[true]}",
	 WANT("clip", "video", NEEDED), "clip=clip.webp:image/webp;"},
	{"a WebM under images (s34)",
	 "{\"images\":[" F("live.webm") "],\"animated\":[true]}",
	 WANT("clip", "video", NEEDED), "clip=clip.webm:video/webm;"},
	{"an MP4 under images, in a folder (s34)",
	 "{\"images\":[" IN("film.mp4", "video", "output",
			    "") "],"
				"\"animated\":[true]}",
	 WANT("clip", "video", NEEDED), "clip=clip.mp4:video/mp4;"},
	{"gifs", "{\"gifs\":[" GIFS("film.mp4") "]}",
	 WANT("clip", "video", NEEDED), "clip=clip.mp4:video/mp4;"},
	{"gifs that are one", "{\"gifs\":[" F("animation.gif") "]}",
	 WANT("clip", "video", NEEDED) "," WANT("image", "image", NEEDED),
	 "clip=clip.gif:image/gif;image=image.gif:image/gif;"},
	{"videos", "{\"videos\":[" F("film.mov") "]}",
	 WANT("clip", "video", NEEDED), "clip=clip.mov:video/quicktime;"},
	{"video", "{\"video\":[" F("live.webm") "]}",
	 WANT("clip", "video", NEEDED KEY("video")),
	 "clip=clip.webm:video/webm;"},
	{"audio (s34)",
	 "{\"audio\":[" IN("sound.flac", "audio", "output", "") "]}",
	 WANT("sound", "audio", NEEDED), "sound=sound.flac:audio/flac;"},
	{"3d", "{\"3d\":[" F("model.glb") "]}", WANT("mesh", "model", NEEDED),
	 "mesh=mesh.glb:model/gltf-binary;"},
	{"latents (s34)",
	 "{\"latents\":[" IN("sample.latent", "latents", "output", "") "]}",
	 WANT("latent", "file", NEEDED),
	 "latent=latent.latent:application/octet-stream;"},
	{"text (s34)", "{\"text\":[\"hello\"]}", WANT("words", "text", NEEDED),
	 "words=\"hello\";"},
	{"text that is no list", "{\"text\":\"hello\"}",
	 WANT("words", "text", NEEDED) "," WANT("all", "text", MANY),
	 "words=\"hello\";all=[\"hello\"];"},
	{"one file that is no list", "{\"video\":" F("film.mp4") "}",
	 WANT("clip", "video", NEEDED), "clip=clip.mp4:video/mp4;"},
	{"a key of somebody's own", "{\"my_files\":[" F("picture.png") "]}",
	 WANT("any", "file", NEEDED) "," WANT("value", "json",
					      NEEDED KEY("count")),
	 "!the workflow gave nothing for the output value"},
	{"… and a value of it",
	 "{\"my_files\":[" F("picture.png") "],\"count\":[NaN,3]}",
	 WANT("any", "file", NEEDED) "," WANT("value", "json",
					      NEEDED KEY("count")),
	 "any=any.png:image/png;value=[null,3];"},
	{"a batch",
	 "{\"images\":[" F("picture.png") "," F("animation.png") "," F(
		 "lossy.webp") "]}",
	 WANT("image", "image", NEEDED) "," WANT("all", "image", NEEDED MANY),
	 "image=image.png:image/png;all=all-1.png:image/png;"
	 "all=all-2.png:image/png;all=all-3.webp:image/webp;"},
	{"an empty list (s34)", "{\"images\":[]}",
	 WANT("image", "image", NEEDED),
	 "!the workflow gave nothing for the output image"},
	{"an empty list, and none is needed", "{\"images\":[]}",
	 WANT("image", "image", "") "," WANT("all", "image", MANY),
	 "image=null;all=null;"},
	{"previews do not count (s42)",
	 "{\"images\":[" IN("picture.png", "", "temp",
			    "") "," F("lossy.webp") "]}",
	 WANT("image", "image", NEEDED), "image=image.webp:image/webp;"},
	{"but where they do",
	 "{\"images\":[" IN("picture.png", "", "temp",
			    "") "," F("lossy.webp") "]}",
	 WANT("image", "image", NEEDED TEMP), "image=image.png:image/png;"},
	{"what was uploaded is no output",
	 "{\"images\":[" IN("picture.png", "", "input", "") "]}",
	 WANT("image", "image", TEMP), "image=null;"},
	{"a picture and a video: each gets its own",
	 "{\"gifs\":[" GIFS("film.mp4") "],\"images\":[" F("picture.png") "]}",
	 WANT("image", "image", NEEDED) "," WANT("clip", "video", NEEDED),
	 "image=image.png:image/png;clip=clip.mp4:video/mp4;"},
	{"in one list",
	 "{\"images\":[" F("film.mp4") "," F("picture.png") "," F(
		 "sound.wav") "]}",
	 WANT("image", "image", NEEDED MANY) "," WANT(
		 "clip", "video",
		 NEEDED) "," WANT("sound", "audio",
				  NEEDED) "," WANT("any", "file", NEEDED MANY),
	 "image=image-1.png:image/png;clip=clip.mp4:video/mp4;"
	 "sound=sound.wav:audio/wav;any=any-1.mp4:video/mp4;"
	 "any=any-2.png:image/png;any=any-3.wav:audio/wav;"},
	{"names that say nothing: the bytes do",
	 "{\"images\":[{\"filename\":\"one\",\"bytes\":\"@film.mp4@\"},"
	 "{\"filename\":\"two\",\"bytes\":\"@picture.jpg@\"}]}",
	 WANT("image", "image", NEEDED) "," WANT("all", "image", NEEDED MANY),
	 "image=image.jpg:image/jpeg;all=all-1.jpg:image/jpeg;"},
	{"a name that lies",
	 "{\"images\":[{\"filename\":\"x.mp4\",\"bytes\":\"@picture.jpg@\"}]}",
	 WANT("image", "image", NEEDED), "image=image.jpg:image/jpeg;"},
	{"a video where a picture is promised",
	 "{\"images\":[" F("film.mp4") "]}", WANT("image", "image", NEEDED),
	 "!the workflow gave a file of type video/mp4 for the output image, "
	 "which is of another kind"},
	{"a picture for sound, which is not needed",
	 "{\"images\":[" F("picture.png") "]}",
	 WANT("sound", "audio", "") "," WANT("image", "image", NEEDED),
	 "sound=null;image=image.png:image/png;"},
	{"markup for a model",
	 "{\"3d\":[{\"filename\":\"x.glb\",\"bytes\":\"PHN2Zz48L3N2Zz4=\"}]}",
	 WANT("mesh", "model", NEEDED),
	 "!the workflow gave a file of type image/svg+xml for the output mesh, "
	 "which is of another kind"},
	{"two keys, one named",
	 "{\"a\":[" F("picture.png") "],\"b\":[" F("picture.jpg") "]}",
	 WANT("image", "image", NEEDED KEY("b")),
	 "image=image.jpg:image/jpeg;"},
};

/* What a @name@ stands for. */
static void put_result(const char *text, struct buf *to, struct arena *a)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "@"), len;
		unsigned char *bytes;
		char *name;

		buf_add(to, text, n);
		text += n;
		if (*text == '\0')
			break;
		n = strcspn(text + 1, "@");
		name = arena_strndup(a, text + 1, n);
		bytes = rig_sample(name, &len);
		buf_adds(to, digest_base64url(a, bytes, len));
		free(bytes);
		text += n + 2;
	}
}

static const char *prompt_of(const char *result, struct arena *a)
{
	struct json_writer w;
	struct buf all, text;
	const char *prompt;

	buf_init(&text, 1 << 22);
	put_result(result, &text, a);
	buf_init(&all, 1 << 22);
	json_writer_init(&w, &all);
	json_open(&w, '{');
	json_put_key(&w, "1");
	json_open(&w, '{');
	json_member_string(&w, "class_type", "StandinResult");
	json_put_key(&w, "inputs");
	json_open(&w, '{');
	json_member_string(&w, "result", buf_str(&text));
	json_close(&w, '}');
	json_close(&w, '}');
	json_close(&w, '}');
	prompt = arena_strdup(a, buf_str(&all));
	buf_finish(&text);
	buf_finish(&all);
	return prompt;
}

static void put_output(const struct output_value *v, struct buf *to)
{
	if (v->value != NULL)
		buf_addf(to, "%s=%s;", v->name, v->value);
	for (size_t f = 0; f < v->file_count; f++)
		buf_addf(to, "%s=%s:%s;", v->name, v->files[f].name,
			 v->files[f].content_type);
}

static const char *told(struct result *out, struct buf *to)
{
	struct output_value *v;
	struct json_doc *doc;
	size_t n;

	if (out->job.problem != NULL) {
		doc = json_parse(out->job.problem, strlen(out->job.problem),
				 JSON_DEPTH_DEFAULT, NULL);
		buf_addf(to, "!%s",
			 json_string(json_get(json_root(doc), "detail")));
		json_free(doc);
	} else if (outputs_read(out->job.outputs, &out->arena, &v, &n)) {
		for (size_t i = 0; i < n; i++)
			put_output(&v[i], to);
	}
	return buf_str(to);
}

int main(void)
{
	struct rig r;

	log_set_level(LOG_NONE);
	rig_start(&r, 1, 1);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena a = {0};
		struct order o = {.prompt = prompt_of(cases[i].result, &a),
				  .recipe = arena_printf(&a,
							 "{\"outputs\":[%s],"
							 "\"fields\":[]}",
							 cases[i].wants),
				  .attempts = 1};
		struct result out;
		struct buf text;

		printf("# %s\n", cases[i].name);
		run_one(&r, &o, &out);
		buf_init(&text, 4096);
		is_str(told(&out, &text), cases[i].want, cases[i].name);
		buf_finish(&text);
		arena_finish(&out.arena);
		arena_finish(&a);
	}
	rig_finish(&r);
	return tap_done();
}
