#include <sys/resource.h>

#include "input_files_rig.h"

/* Input files on their way to a ComfyUI: looked for, uploaded, named. */

static void is_picture(struct rig *r, struct result *out, long rgb,
		       unsigned attempts)
{
	long got = output_pixel(r, out, "image.png");

	ok(got == rgb, "  its own picture (%06lx)", (unsigned long)got);
	is_success(r, out, attempts);
}

/* Under the name of its content it is found by every later job, and by those
 * after a restart of either side. */
static void test_once(void)
{
	struct load_order red, blue;
	struct given g;
	struct result out;
	struct rig r;

	printf("# uploaded once, found afterwards\n");
	rig_start(&r, 1, 1);
	g = give_png(&r, WIDE, HIGH, 0xff0000ff);
	photo_order(&red, &g);
	run_one(&r, &red.order, &out);
	is_picture(&r, &out, 0xff0000, 1);
	run_one(&r, &red.order, &out);
	is_picture(&r, &out, 0xff0000, 1);
	ok(standin_count(&r.servers[0], "uploads") == 1,
	   "  one upload for two");
	g = give_png(&r, WIDE, HIGH, 0x0000ffff);
	photo_order(&blue, &g);
	run_one(&r, &blue.order, &out);
	is_picture(&r, &out, 0x0000ff, 1);
	ok(standin_count(&r.servers[0], "uploads") == 2,
	   "  another file is another upload");
	ok(standin_do(&r.servers[0], "restart"), "  the server restarts");
	restart(&r);
	run_one(&r, &red.order, &out);
	is_picture(&r, &out, 0xff0000, 1);
	ok(standin_count(&r.servers[0], "uploads") == 2,
	   "  its folder is as it was: nothing to upload");
	ok(standin_do(&r.servers[0], "wipe-input"), "  the server is wiped");
	run_one(&r, &red.order, &out);
	is_picture(&r, &out, 0xff0000, 1);
	ok(standin_count(&r.servers[0], "uploads") == 3, "  uploaded again");
	load_order_finish(&red);
	load_order_finish(&blue);
	rig_finish(&r);
}

/* Each server has its own folder. */
static void test_two_backends(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	char ids[2][ID_SIZE];
	struct rig r;

	printf("# two servers\n");
	rig_start(&r, 2, 1);
	g = give_png(&r, WIDE, HIGH, 0x00ff00ff);
	photo_order(&l, &g);
	for (size_t i = 0; i < 2; i++)
		ok(standin_fault(&r.servers[i],
				 "{\"kind\":\"hang\",\"match\":\"LoadImage\","
				 "\"times\":1}"),
		   "  fault");
	for (size_t i = 0; i < 2; i++)
		insert(&r, &l.order, ids[i]);
	for (size_t i = 0; i < 2; i++)
		ok(standin_await(&r.servers[i], "blocked") &&
			   standin_do(&r.servers[i], "release"),
		   "  one runs on each");
	for (size_t i = 0; i < 2; i++) {
		ok(await_end(&r, ids[i]), "  it ends");
		read_job(&r, ids[i], &out);
		is_picture(&r, &out, 0x00ff00, 1);
		ok(standin_count(&r.servers[i], "uploads") == 1,
		   "  each got the file once");
	}
	load_order_finish(&l);
	rig_finish(&r);
}

/* Several slots with the same file at once: whoever is first. */
static void test_at_once(void)
{
	struct load_order l;
	struct given g;
	struct result out;
	char ids[12][ID_SIZE];
	struct rig r;

	printf("# the same file from four slots at once\n");
	rig_start(&r, 1, 4);
	g = give_png(&r, WIDE, HIGH, 0x123456ff);
	photo_order(&l, &g);
	for (size_t i = 0; i < COUNT(ids); i++)
		insert(&r, &l.order, ids[i]);
	for (size_t i = 0; i < COUNT(ids); i++) {
		ok(await_end(&r, ids[i]), "  it ends");
		read_job(&r, ids[i], &out);
		is_picture(&r, &out, 0x123456, 1);
	}
	ok(standin_count(&r.servers[0], "uploads") <= 4,
	   "  each slot uploads it once at most");
	load_order_finish(&l);
	rig_finish(&r);
}

/* ---- masks ---- */

/* The picture and what LoadImage makes of its alpha channel. */
static const char mask_graph[] =
	"{\"1\":{\"class_type\":\"LoadImage\",\"inputs\":{\"image\":%}},"
	"\"2\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"1\",0],"
	"\"filename_prefix\":\"p\"}},"
	"\"3\":{\"class_type\":\"MaskToImage\",\"inputs\":{\"mask\":[\"1\",1]}}"
	","
	"\"4\":{\"class_type\":\"SaveImage\",\"inputs\":{\"images\":[\"3\",0],"
	"\"filename_prefix\":\"m\"}}}";

static const char mask_recipe[] =
	"{\"outputs\":[{\"name\":\"image\",\"type\":\"image\",\"node\":\"2\","
	"\"key\":null,\"many\":false,\"required\":true,\"temp\":false},"
	"{\"name\":\"mask\",\"type\":\"image\",\"node\":\"4\","
	"\"key\":null,\"many\":false,\"required\":true,\"temp\":false}],"
	"\"fields\":[{\"node\":\"1\",\"input\":\"image\",\"field\":\"/"
	"photo\"}]}";

static void masked_order(struct load_order *l, const struct given *photo,
			 const struct given *mask)
{
	struct job_file files[] = {job_file_of("/hole", mask),
				   job_file_of("/photo", photo)};

	files[0].of = "/photo";
	load_order(l, mask_graph, files, 2);
	l->order.recipe = mask_recipe;
}

static void is_masked(struct rig *r, struct result *out, long rgb, long mask)
{
	long got = output_pixel(r, out, "mask.png");

	ok(got == mask, "  the mask's alpha, turned round (%06lx)",
	   (unsigned long)got);
	is_picture(r, out, rgb, 1);
}

static void test_mask(void)
{
	struct load_order l;
	struct given photo, mask;
	struct result out;
	struct rig r;

	printf("# a mask over its picture\n");
	rig_start(&r, 1, 1);
	photo = give_png(&r, WIDE, HIGH, 0x336699ff);
	mask = give_png(&r, WIDE, HIGH, 0xffffff40);
	masked_order(&l, &photo, &mask);
	run_one(&r, &l.order, &out);
	is_masked(&r, &out, 0x336699, 0xbfbfbf);
	ok(standin_count(&r.servers[0], "uploads") == 2, "  picture and mask");
	run_one(&r, &l.order, &out);
	is_masked(&r, &out, 0x336699, 0xbfbfbf);
	ok(standin_count(&r.servers[0], "uploads") == 2,
	   "  what was made of them is found again");
	load_order_finish(&l);

	mask = give_png(&r, WIDE, HIGH, 0xffffff00);
	masked_order(&l, &photo, &mask);
	ok(standin_fault(&r.servers[0],
			 "{\"kind\":\"mask-unwritten\",\"times\":1}"),
	   "  fault");
	run_one(&r, &l.order, &out);
	is_masked(&r, &out, 0x336699, 0xffffff);
	ok(standin_count(&r.servers[0], "uploads") == 4,
	   "  200 that wrote nothing (s23) is noticed");
	load_order_finish(&l);

	mask = give_png(&r, WIDE, HIGH, 0xffffff80);
	masked_order(&l, &photo, &mask);
	ok(standin_fault(&r.servers[0], "{\"kind\":\"mask-unwritten\"}"),
	   "  fault");
	run_one(&r, &l.order, &out);
	is_failure(&r, &out, "no-backend", 2);
	load_order_finish(&l);
	rig_finish(&r);
}

static void test_mask_of_another_size(void)
{
	struct load_order l;
	struct given photo, mask;
	struct result out;
	struct rig r;

	printf("# a mask of another size than its picture\n");
	rig_start(&r, 1, 1);
	photo = give_png(&r, WIDE, HIGH, 0x336699ff);
	mask = give_png(&r, WIDE / 2, HIGH, 0xffffff40);
	masked_order(&l, &photo, &mask);
	run_one(&r, &l.order, &out);
	tells_field(&out, "/hole", "refused");
	is_failure(&r, &out, "workflow-rejected", 1);
	ok(standin_count(&r.servers[0], "prompts") == 0,
	   "  nothing was posted");
	load_order_finish(&l);
	rig_finish(&r);
}

/* ---- large ones ---- */

#define LARGE ((size_t)50 << 20)
/* What a run needs besides, and what a sanitizer adds. */
#define ROOM_KB 16384L

static struct given give_large(struct rig *r)
{
	static unsigned char piece[1 << 16];
	struct problem why = {0};
	struct blob_draft *d = blob_begin(r->blobs, 1 << 30, &why);
	struct given g;

	must(d != NULL, "blob", &why);
	for (size_t i = 0; i < LARGE; i += sizeof(piece)) {
		memset(piece, (int)(i >> 16), sizeof(piece));
		must(blob_write(d, piece, sizeof(piece)), "blob", &why);
	}
	must(blob_commit(d, g.sha256, &g.size, &why), "blob", &why);
	return g;
}

static long most_kb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void test_large(void)
{
	static const char graph[] =
		"{\"1\":{\"class_type\":\"LoadAudio\",\"inputs\":{\"audio\":%}}"
		","
		"\"2\":{\"class_type\":\"PreviewAny\",\"inputs\":{\"source\":["
		"\"1\",0]}}}";
	static const char recipe[] =
		"{\"outputs\":[{\"name\":\"text\",\"type\":\"text\",\"node\":"
		"\"2\",\"key\":null,\"many\":false,\"required\":true,\"temp\":"
		"false}],\"fields\":[{\"node\":\"1\",\"input\":\"audio\","
		"\"field\":\"/song\"}]}";
	struct job_file f;
	struct load_order l;
	struct given g;
	struct result out;
	long before;
	struct rig r;

	printf("# a sound of 50 MB\n");
	rig_start(&r, 1, 1);
	g = give_large(&r);
	f = job_file_of("/song", &g);
	f.extension = "flac";
	f.content_type = "audio/flac";
	load_order(&l, graph, &f, 1);
	l.order.recipe = recipe;
	before = most_kb();
	run_one(&r, &l.order, &out);
	ok(out.job.phase == PHASE_SUCCEEDED &&
		   strstr(out.job.outputs, "52428800 bytes") != NULL,
	   "  is there whole: %s",
	   out.job.outputs != NULL ? out.job.outputs : out.job.problem);
	ok(most_kb() - before < ROOM_KB, "  for %ld KB of memory",
	   most_kb() - before);
	arena_finish(&out.arena);
	load_order_finish(&l);
	rig_finish(&r);
}

int main(void)
{
	log_set_level(LOG_NONE);
	test_once();
	test_two_backends();
	test_at_once();
	test_mask();
	test_mask_of_another_size();
	test_large();
	return tap_done();
}
