#include <sys/wait.h>

#include <zlib.h>

#include "base/attr.h"
#include "tap.h"
#include "unit/media_rig.h"

/* Every sample says this wherever its format can hold words (make.py). */
#define CANARY "CANARY"

static const struct sample {
	const char *name;
	enum media_kind kind;
	int64_t width, height, frames, duration_ms;
} samples[] = {
	{"picture.png", MEDIA_PNG, 48, 32, 1, 0},
	{"animation.png", MEDIA_PNG, 48, 32, 4, 400},
	{"picture.jpg", MEDIA_JPEG, 48, 32, 1, 0},
	{"turned.jpg", MEDIA_JPEG, 48, 32, 1, 0},
	{"lossy.webp", MEDIA_WEBP, 48, 32, 1, 0},
	{"lossless.webp", MEDIA_WEBP, 48, 32, 1, 0},
	{"animation.webp", MEDIA_WEBP, 48, 32, 4, 400},
	{"animation.gif", MEDIA_GIF, 48, 32, 4, 400},
	{"film.mp4", MEDIA_MP4, 48, 32, 0, 400},
	{"front.mp4", MEDIA_MP4, 48, 32, 0, 400},
	{"fragments.mp4", MEDIA_MP4, 48, 32, 0, 0},
	{"film.mov", MEDIA_MOV, 48, 32, 0, 400},
	{"sound.m4a", MEDIA_M4A, 0, 0, 0, 300},
	{"opus.webm", MEDIA_WEBM, 48, 32, 0, 407},
	{"vorbis.webm", MEDIA_WEBM, 48, 32, 0, 421},
	{"live.webm", MEDIA_WEBM, 48, 32, 0, 0},
	{"film.mkv", MEDIA_MKV, 48, 32, 0, 407},
	{"sound.wav", MEDIA_WAV, 0, 0, 0, 200},
	{"sound.flac", MEDIA_FLAC, 0, 0, 0, 300},
	{"sound.mp3", MEDIA_MP3, 0, 0, 0, 360},
	{"vorbis.ogg", MEDIA_OGG, 0, 0, 0, 300},
	{"sound.opus", MEDIA_OPUS, 0, 0, 0, 300},
	{"model.glb", MEDIA_GLB, 0, 0, 0, 0},
	{"sample.latent", MEDIA_SAFETENSORS, 0, 0, 0, 0},
};

/* In the bytes as they are, and in whatever of them zlib can unpack. */
static bool has_canary(const unsigned char *p, size_t n)
{
	unsigned char out[4096];

	if (memmem(p, n, CANARY, strlen(CANARY)) != NULL)
		return true;
	for (size_t i = 0; i + 2 < n; i++) {
		uLongf len = sizeof(out);

		if (p[i] != 0x78 || (p[i] * 256 + p[i + 1]) % 31 != 0)
			continue;
		(void)uncompress(out, &len, p + i, n - i);
		if (memmem(out, len, CANARY, strlen(CANARY)) != NULL)
			return true;
	}
	return false;
}

static void facts(const struct sample *m, int fd, const char *which)
{
	struct media_facts f;

	ok(rig_facts(fd, &f), "%s %s: facts", m->name, which);
	ok(f.kind == m->kind && f.width == m->width && f.height == m->height &&
		   f.frames == m->frames && f.duration_ms == m->duration_ms,
	   "%s %s: %d %dx%d, %d frames, %d ms", m->name, which, (int)f.kind,
	   (int)f.width, (int)f.height, (int)f.frames, (int)f.duration_ms);
}

static void clean(const struct sample *m)
{
	size_t n, len, again_len;
	unsigned char *bytes = rig_sample(m->name, &n), *out, *again;
	int from = rig_file(bytes, n), to, twice;
	struct problem why = {0};

	ok(has_canary(bytes, n), "%s: the canary is in it", m->name);
	facts(m, from, "as made");
	to = rig_strip(m->kind, from, &why);
	ok(to >= 0, "%s: is cleaned %s", m->name, why.detail);
	if (to >= 0) {
		out = rig_bytes(to, &len);
		ok(!has_canary(out, len), "%s: the canary is gone", m->name);
		facts(m, to, "cleaned");
		twice = rig_strip(m->kind, to, &why);
		ok(twice >= 0, "%s: is cleaned twice %s", m->name, why.detail);
		again = rig_bytes(twice, &again_len);
		ok(len == again_len && memcmp(out, again, len) == 0,
		   "%s: the second time changes nothing", m->name);
		close(twice);
		free(again);
		free(out);
		close(to);
	}
	close(from);
	free(bytes);
}

/* Cut anywhere, a file is refused, or what comes out of it is clean. */
static void cuts(const struct sample *m)
{
	size_t n, len, bad = 0, taken = 0;
	unsigned char *bytes = rig_sample(m->name, &n), *out;

	for (size_t cut = 0; cut < n; cut++) {
		int from = rig_file(bytes, cut), to;
		struct media_facts f;

		(void)!rig_facts(from, &f);
		to = rig_strip(m->kind, from, NULL);
		close(from);
		if (to < 0)
			continue;
		out = rig_bytes(to, &len);
		bad += memmem(out, len, CANARY, 6) != NULL;
		taken++;
		free(out);
		close(to);
	}
	ok(bad == 0, "%s: cut at each byte, %zu times taken, never dirty",
	   m->name, taken);
	free(bytes);
}

/* Each byte changed: no read out of bounds (seen with SAN=address). */
static void changes(const struct sample *m)
{
	size_t n, taken = 0;
	unsigned char *bytes = rig_sample(m->name, &n);
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};

	for (size_t i = 0; i < n && i < 2000; i++) {
		unsigned char old = bytes[i];
		struct media_facts f;
		int from, to;

		bytes[i] = values[i % COUNT(values)];
		from = rig_file(bytes, n);
		(void)!rig_facts(from, &f);
		to = rig_strip(m->kind, from, NULL);
		taken += to >= 0;
		if (to >= 0)
			close(to);
		close(from);
		bytes[i] = old;
	}
	ok(taken <= n, "%s: each byte changed, %zu taken", m->name, taken);
	free(bytes);
}

/* ---- what decoders say ---- */

static bool run(char *const argv[], int in, int out)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(in, 0);
		dup2(out, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* An MP3's frames are one piece of it. (ffmpeg takes tags that it does not know
 * for sound, so what it decodes differs at the end.) */
static void in_one_piece(const struct sample *m)
{
	size_t n, len;
	unsigned char *bytes = rig_sample(m->name, &n), *out;
	int from = rig_file(bytes, n), to = rig_strip(m->kind, from, NULL);

	out = rig_bytes(to, &len);
	ok(memmem(bytes, n, out, len) != NULL, "%s: its frames are the same",
	   m->name);
	close(from);
	close(to);
	free(bytes);
	free(out);
}

/* What ffmpeg decodes, as hashes of all frames. */
static char *decoded(int fd, bool sound)
{
	char path[64];
	char *argv[] = {"ffmpeg", "-v",	      "error", "-xerror", "-i",
			path,	  "-map",     "0:v?",  "-map",	  "0:a?",
			"-f",	  "framemd5", "-",     NULL};
	int out = rig_file("", 0);
	char *text = NULL;
	size_t n;

	if (sound) /* and not the picture on its sleeve */
		argv[7] = "0:a?";
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	if (run(argv, fd, out))
		text = (char *)rig_bytes(out, &n);
	close(out);
	return text;
}

static void decodes(const struct sample *m)
{
	size_t n;
	unsigned char *bytes = rig_sample(m->name, &n);
	int from = rig_file(bytes, n), to = rig_strip(m->kind, from, NULL);
	bool sound = media_type(m->kind)->class == MEDIA_AUDIO;
	char *before = decoded(from, sound), *after = decoded(to, sound);

	ok(before != NULL, "%s: ffmpeg reads it", m->name);
	ok(after != NULL && before != NULL && strcmp(before, after) == 0,
	   "%s: decodes to the same frames", m->name);
	free(before);
	free(after);
	close(from);
	close(to);
	free(bytes);
}

static bool by_ffmpeg(enum media_kind kind, const char *name)
{
	/* It has no reader of animated WebP. */
	return kind != MEDIA_MP3 && kind != MEDIA_GLB &&
	       kind != MEDIA_SAFETENSORS && strcmp(name, "animation.webp") != 0;
}

static bool have_ffmpeg(void)
{
	char *argv[] = {"ffmpeg", "-version", NULL};
	int out = rig_file("", 0);
	bool have = run(argv, 0, out);

	close(out);
	return have;
}

static void past_the_ceiling(void)
{
	unsigned char *bytes;
	struct problem why = {0};
	struct buf b;
	size_t n;

	bytes = rig_sample("picture.png", &n);
	buf_init(&b, 100);
	ok(!media_strip_memory(MEDIA_PNG, bytes, n, &b, &why) &&
		   why.code == PROBLEM_TOO_LARGE,
	   "in memory it is too large past the ceiling");
	buf_finish(&b);
	free(bytes);
}

int main(void)
{
	bool ffmpeg = have_ffmpeg();
	struct problem why = {0};

	for (size_t i = 0; i < COUNT(samples); i++) {
		clean(&samples[i]);
		cuts(&samples[i]);
		changes(&samples[i]);
		if (samples[i].kind == MEDIA_MP3)
			in_one_piece(&samples[i]);
		if (ffmpeg && by_ffmpeg(samples[i].kind, samples[i].name))
			decodes(&samples[i]);
	}
	if (!ffmpeg)
		ok(1, "the same frames # SKIP ffmpeg is not installed");
	ok(!media_can_strip(MEDIA_UNKNOWN) && !media_can_strip(MEDIA_SVG) &&
		   !media_can_strip(MEDIA_HTML) && !media_can_strip(MEDIA_AVIF),
	   "some kinds cannot be cleaned");
	ok(rig_strip(MEDIA_AVIF, 0, &why) < 0 &&
		   why.code == PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	   "and are not");
	ok(rig_strip(MEDIA_PNG, -1, &why) < 0, "nor is what cannot be read");
	past_the_ceiling();
	return tap_done();
}
