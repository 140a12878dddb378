#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <zlib.h>

#include "base/box.h"
#include "base/buf.h"
#include "base/clock.h"
#include "media/source.h"
#include "media_rig.h"
#include "run/convert.h"
#include "tap.h"

/* The helper that was built beside these tests; without libvips there is none,
 * and what needs it is skipped. */
static char helper[4096];

/* ---- pictures of our own ---- */

static void put_u32(struct buf *to, uint32_t v)
{
	unsigned char p[4];

	number_put_be(p, 4, v);
	buf_add(to, p, 4);
}

static void put_chunk(struct buf *to, const char *type, const void *bytes,
		      size_t n)
{
	uLong crc = crc32(0, (const Bytef *)type, 4);

	put_u32(to, (uint32_t)n);
	buf_add(to, type, 4);
	if (n > 0) {
		buf_add(to, bytes, n);
		crc = crc32(crc, bytes, (uInt)n);
	}
	put_u32(to, (uint32_t)crc);
}

/* A PNG with red on the left, blue on the right and half transparent where it
 * has alpha; the header may lie about the height. */
static int png(uint32_t width, uint32_t height, bool alpha, uint32_t says)
{
	size_t bands = alpha ? 4 : 3, row = 1 + width * bands;
	unsigned char *raw = mem_alloc(row * height), head[13];
	uLongf n = compressBound(row * height);
	unsigned char *packed = mem_alloc(n);
	struct buf to;
	int fd;

	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			unsigned char *p = raw + y * row + 1 + x * bands;

			p[x < width / 2 ? 0 : 2] = 255;
			if (alpha)
				p[3] = 128;
		}
	if (compress(packed, &n, raw, row * height) != Z_OK)
		abort();
	number_put_be(head, 4, width);
	number_put_be(head + 4, 4, says);
	head[8] = 8;
	head[9] = alpha ? 6 : 2;
	memset(head + 10, 0, 3);
	buf_init(&to, 64 << 20);
	buf_add(&to, "\x89PNG\r\n\x1a\n", 8);
	put_chunk(&to, "IHDR", head, sizeof(head));
	put_chunk(&to, "IDAT", packed, n);
	put_chunk(&to, "IEND", NULL, 0);
	fd = rig_file(to.at, to.len);
	buf_finish(&to);
	free(packed);
	free(raw);
	return fd;
}

/* ---- asking ---- */

struct result {
	enum convert_outcome o;
	struct convert_answer answer;
	struct media_facts out, small;
};

static bool stop_now(void *ctx)
{
	bool *stop = ctx;

	return *stop;
}

/* Closes `in`. */
static struct result ask(struct convert *c, int in, struct convert_request r,
			 bool *stop)
{
	struct result result = {.o = CONVERT_ABSENT};
	struct convert_task t = {.request = r,
				 .in = in,
				 .out = r.format ? rig_file(NULL, 0) : -1,
				 .small = r.thumbnail ? rig_file(NULL, 0) : -1,
				 .stop = stop ? stop_now : NULL,
				 .ctx = stop};

	if (t.request.max_bytes == 0)
		t.request.max_bytes = 1 << 30;
	result.o = convert_run(c, &t, &result.answer);
	if (t.out >= 0 && !media_file_facts(t.out, &result.out))
		abort();
	if (t.small >= 0 && !media_file_facts(t.small, &result.small))
		abort();
	close(in);
	if (t.out >= 0)
		close(t.out);
	if (t.small >= 0)
		close(t.small);
	return result;
}

static bool is_picture(const struct media_facts *f, enum media_kind kind,
		       int64_t width, int64_t height)
{
	return f->kind == kind && f->width == width && f->height == height;
}

/* ---- what is wanted ---- */

static const struct {
	const char *name;
	uint32_t width, height;
	bool alpha;
	struct convert_request r;
	int64_t small_width, small_height;
} pictures[] = {
	{"to webp", 64, 48, false, {.format = MEDIA_WEBP}, 0, 0},
	{"to jpeg", 64, 48, false, {.format = MEDIA_JPEG, .quality = 60}, 0, 0},
	{"to png", 64, 48, true, {.format = MEDIA_PNG}, 0, 0},
	{"transparent to jpeg", 64, 48, true, {.format = MEDIA_JPEG}, 0, 0},
	{"a thumbnail",
	 640,
	 480,
	 true,
	 {.thumbnail = 100, .thumbnail_format = MEDIA_WEBP},
	 100,
	 75},
	{"a thumbnail is never larger",
	 64,
	 48,
	 false,
	 {.thumbnail = 100, .thumbnail_format = MEDIA_JPEG},
	 64,
	 48},
	{"a placeholder", 200, 10, true, {.blurhash = 1}, 0, 0},
	{"a placeholder of one pixel", 1, 1, false, {.blurhash = 1}, 0, 0},
	{"all at once",
	 300,
	 900,
	 false,
	 {.format = MEDIA_WEBP,
	  .quality = 90,
	  .thumbnail = 30,
	  .thumbnail_format = MEDIA_WEBP,
	  .blurhash = 1},
	 30,
	 90},
};

static void convert_pictures(struct convert *c)
{
	for (size_t i = 0; i < COUNT(pictures); i++) {
		const char *name = pictures[i].name;
		struct convert_request r = pictures[i].r;
		uint32_t w = pictures[i].width, h = pictures[i].height;
		struct result got =
			ask(c, png(w, h, pictures[i].alpha, h), r, NULL);

		ok(got.o == CONVERT_DONE, "%s: %s %s", name,
		   convert_outcome_name(got.o), got.answer.why);
		ok(r.format == 0 || is_picture(&got.out,
					       (enum media_kind)r.format, w, h),
		   "%s: the picture", name);
		ok(r.thumbnail == 0 ||
			   is_picture(&got.small,
				      (enum media_kind)r.thumbnail_format,
				      pictures[i].small_width,
				      pictures[i].small_height),
		   "%s: the small one", name);
		ok((strlen(got.answer.blurhash) == BLURHASH_SIZE - 1) ==
			   (r.blurhash != 0),
		   "%s: the placeholder", name);
	}
}

/* ---- what is refused, and what goes on after it ---- */

static int text(void)
{
	return rig_file("no picture at all", 17);
}

static int bomb(void)
{
	return png(30000, 1, false, 30000);
}

static int too_wide(void)
{
	return png(16400, 2, false, 2);
}

static int cut(void)
{
	int fd = png(640, 480, true, 480);

	if (ftruncate(fd, 40) != 0)
		abort();
	return fd;
}

static int svg(void)
{
	static const char markup[] =
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" "
		"height=\"10\"><rect width=\"10\" height=\"10\"/></svg>";

	return rig_file(markup, sizeof(markup) - 1);
}

static const struct {
	const char *name;
	int (*file)(void);
} bad[] = {
	{"text", text},	    {"a bomb", bomb},
	{"a cut one", cut}, {"wider than WebP may be", too_wide},
	{"SVG", svg},
};

static void refuse_pictures(struct convert *c)
{
	struct convert_request r = {.format = MEDIA_WEBP};
	struct result got;

	for (size_t i = 0; i < COUNT(bad); i++) {
		got = ask(c, bad[i].file(), r, NULL);
		ok(got.o == CONVERT_BAD && got.answer.why[0] != '\0',
		   "%s is refused: %s %s", bad[i].name,
		   convert_outcome_name(got.o), got.answer.why);
	}
	r.max_bytes = 100;
	got = ask(c, png(64, 48, false, 48), r, NULL);
	ok(got.o == CONVERT_BAD, "more bytes than allowed: %s %s",
	   convert_outcome_name(got.o), got.answer.why);
	got = ask(c, png(64, 48, false, 48), pictures[0].r, NULL);
	ok(got.o == CONVERT_DONE, "and the next one is done");
}

static void animations(struct convert *c)
{
	static const char *const files[] = {"animation.gif", "animation.webp"};

	for (size_t i = 0; i < COUNT(files); i++) {
		struct convert_request r = {.format = MEDIA_WEBP,
					    .animated = 1,
					    .quality = 50,
					    .thumbnail = 16,
					    .thumbnail_format = MEDIA_WEBP};
		struct media_facts was;
		size_t n;
		unsigned char *bytes = rig_sample(files[i], &n);
		int fd = rig_file(bytes, n);
		struct result got;

		free(bytes);
		if (!media_file_facts(fd, &was))
			abort();
		got = ask(c, fd, r, NULL);
		ok(got.o == CONVERT_DONE && got.out.frames == was.frames &&
			   was.frames > 1 && got.out.width == was.width,
		   "%s stays an animation: %s", files[i], got.answer.why);
		ok(got.small.frames == 1, "%s: the thumbnail is one picture",
		   files[i]);
	}
}

/* ---- the helper dies ---- */

/* The only child of this process; 0 where there is none. */
static pid_t helper_pid(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	long pid = 0;

	while (d != NULL && pid == 0 && (e = readdir(d)) != NULL) {
		char path[300], text[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/children",
			 e->d_name);
		f = fopen(path, "re");
		if (f != NULL && fgets(text, sizeof(text), f) != NULL)
			pid = strtol(text, NULL, 10);
		if (f != NULL)
			fclose(f);
	}
	if (d != NULL)
		closedir(d);
	return (pid_t)pid;
}

static void helper_dies(struct convert *c)
{
	pid_t before = helper_pid();
	struct result got;

	ok(before > 0 && kill(before, SIGKILL) == 0, "the helper is killed");
	got = ask(c, png(64, 48, false, 48), pictures[0].r, NULL);
	ok(got.o == CONVERT_DONE && helper_pid() != before,
	   "another one does the next picture");
	/* SIGTERM may come to all of a service; the daemon is not through. */
	before = helper_pid();
	kill(before, SIGTERM);
	kill(before, SIGINT);
	got = ask(c, png(64, 48, false, 48), pictures[0].r, NULL);
	ok(got.o == CONVERT_DONE && helper_pid() == before,
	   "it ends when it is told so by the daemon alone");
}

static const struct {
	const char *name;
	const char *path;
} broken[] = {
	{"no helper", NULL},
	{"a path that leads nowhere", "/nonexistent/comfygate-media"},
	{"a program that ends at once", "/bin/false"},
};

static void no_helper(void)
{
	bool stop = true;
	struct convert *c;
	struct result got;

	for (size_t i = 0; i < COUNT(broken); i++) {
		c = convert_create(broken[i].path, 200);
		convert_warm(c);
		got = ask(c, text(), pictures[0].r, NULL);
		ok(got.o == CONVERT_ABSENT, "%s: %s", broken[i].name,
		   convert_outcome_name(got.o));
		convert_destroy(c);
	}
	c = convert_create("/bin/cat", 200);
	got = ask(c, text(), pictures[0].r, &stop);
	ok(got.o == CONVERT_STOPPED || got.o == CONVERT_ABSENT,
	   "one that does not answer is waited for until stop: %s",
	   convert_outcome_name(got.o));
	convert_destroy(c);
	convert_destroy(NULL);
}

static void late(void)
{
	struct convert *c = convert_create(helper, 5);
	struct result got =
		ask(c, png(2000, 2000, true, 2000), pictures[0].r, NULL);

	ok(got.o == CONVERT_LATE, "over its time: %s",
	   convert_outcome_name(got.o));
	convert_destroy(c);
}

/* ---- many at once ---- */

#define THREADS 8
#define EACH	5

struct many {
	struct convert *c;
	unsigned done;
};

static void *many_run(void *arg)
{
	struct many *m = arg;

	for (int i = 0; i < EACH; i++) {
		struct result got = ask(m->c, png(100, 80, i % 2, 80),
					pictures[COUNT(pictures) - 1].r, NULL);

		m->done += got.o == CONVERT_DONE && got.small.width == 30;
	}
	return NULL;
}

static void many(struct convert *c)
{
	struct many all[THREADS];
	pthread_t threads[THREADS];
	unsigned done = 0;

	for (size_t i = 0; i < THREADS; i++) {
		all[i] = (struct many){.c = c};
		threads[i] = box_thread("many", many_run, &all[i]);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		done += all[i].done;
	}
	ok(done == THREADS * EACH, "many at once: %u", done);
}

static unsigned open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void find(void)
{
	struct arena a = {0};
	const char *found;

	ok(convert_find("/nonexistent", &a) == NULL, "named and not there");
	ok(convert_find("/", &a) == NULL, "a folder is no program");
	found = convert_find("/bin/true", &a);
	ok(found != NULL && strcmp(found, "/bin/true") == 0, "named");
	ok(convert_find("", &a) == NULL, "none beside this program");
	arena_finish(&a);
}

static bool find_helper(void)
{
	ssize_t n = readlink("/proc/self/exe", helper, sizeof(helper) - 64);
	char *slash;

	helper[n > 0 ? n : 0] = '\0';
	slash = strrchr(helper, '/');
	if (slash != NULL)
		memcpy(slash, "/../comfygate-media", 20);
	return access(helper, X_OK) == 0;
}

int main(void)
{
	unsigned before = open_files();
	struct convert *c;

	signal(SIGPIPE, SIG_IGN);
	find();
	no_helper();
	if (!find_helper()) {
		ok(true, "pictures # skip without libvips");
		return tap_done();
	}
	c = convert_create(helper, 60000);
	convert_pictures(c);
	refuse_pictures(c);
	animations(c);
	helper_dies(c);
	many(c);
	convert_destroy(c);
	late();
	ok(open_files() == before, "no descriptor is left");
	ok(helper_pid() == 0, "no process is left");
	return tap_done();
}
