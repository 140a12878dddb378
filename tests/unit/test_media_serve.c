#include "base/attr.h"
#include "media/serve.h"
#include "tap.h"

static const struct {
	const char *name;
	struct media_facts facts;
	bool image, video, audio, model;
} cases[] = {
	{"a picture", {.kind = MEDIA_JPEG, .frames = 1}, 1, 0, 0, 0},
	{"a PNG that stands", {.kind = MEDIA_PNG, .frames = 1}, 1, 0, 0, 0},
	{"one that moves", {.kind = MEDIA_PNG, .frames = 3}, 1, 1, 0, 0},
	{"a GIF of one frame", {.kind = MEDIA_GIF, .frames = 1}, 1, 0, 0, 0},
	{"of more", {.kind = MEDIA_GIF, .frames = 2}, 1, 1, 0, 0},
	{"a WebP that does not say", {.kind = MEDIA_WEBP}, 1, 1, 0, 0},
	{"a TIFF", {.kind = MEDIA_TIFF}, 1, 0, 0, 0},
	{"a video", {.kind = MEDIA_MP4, .width = 64}, 0, 1, 0, 0},
	{"sound in a video's container", {.kind = MEDIA_MP4}, 0, 1, 1, 0},
	{"sound", {.kind = MEDIA_FLAC}, 0, 0, 1, 0},
	{"a model", {.kind = MEDIA_GLB}, 0, 0, 0, 1},
	{"text: an OBJ", {.kind = MEDIA_PLAIN}, 0, 0, 0, 1},
	{"anything: an FBX", {.kind = MEDIA_UNKNOWN}, 0, 0, 0, 1},
	{"SVG", {.kind = MEDIA_SVG}, 0, 0, 0, 0},
	{"HTML", {.kind = MEDIA_HTML}, 0, 0, 0, 0},
};

static const struct {
	const char *name;
	enum media_class promised;
	bool objects;
} names[] = {
	{"a.png", MEDIA_IMAGE, false}, {"a.PNG", MEDIA_VIDEO, true},
	{"a.mp4", MEDIA_IMAGE, true},  {"a.gif", MEDIA_VIDEO, true},
	{"a.mp4", MEDIA_AUDIO, true},  {"a.flac", MEDIA_AUDIO, false},
	{"a.json", MEDIA_IMAGE, true}, {"a.zip", MEDIA_IMAGE, true},
	{"a.obj", MEDIA_MODEL, false}, {"a.xyz", MEDIA_IMAGE, false},
	{"a.bin", MEDIA_IMAGE, false}, {"png", MEDIA_VIDEO, false},
	{"", MEDIA_VIDEO, false},      {"a.png.", MEDIA_VIDEO, false},
	{"a.png", MEDIA_OTHER, false},
};

int main(void)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct media_facts *f = &cases[i].facts;

		ok(media_serves(f, MEDIA_IMAGE) == cases[i].image &&
			   media_serves(f, MEDIA_VIDEO) == cases[i].video &&
			   media_serves(f, MEDIA_AUDIO) == cases[i].audio &&
			   media_serves(f, MEDIA_MODEL) == cases[i].model &&
			   media_serves(f, MEDIA_OTHER),
		   "%s", cases[i].name);
	}
	for (size_t i = 0; i < COUNT(names); i++)
		ok(media_name_objects(names[i].name, names[i].promised) ==
			   names[i].objects,
		   "the name \"%s\"", names[i].name);
	ok(!media_name_objects(NULL, MEDIA_IMAGE), "no name");
	return tap_done();
}
