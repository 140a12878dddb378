/*
 * A stand-in for ComfyUI, for tests and for trying things out without one. See
 * README.md beside this file.
 */
#include "classes.h"
#include "faults.h"
#include "http.h"
#include "worker.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define MAX_FDS 16384

static const char *const common_models[] = {
	"checkpoints/v1-5-pruned-emaonly.safetensors",
	"checkpoints/v1-5-pruned-emaonly-fp16.safetensors",
	"checkpoints/v1-5-pruned-emaonly.ckpt",
	"checkpoints/sd_xl_base_1.0.safetensors",
	"checkpoints/sd_xl_refiner_1.0.safetensors",
	"checkpoints/sd_xl_turbo_1.0_fp16.safetensors",
	"checkpoints/flux1-dev-fp8.safetensors",
	"checkpoints/flux1-schnell-fp8.safetensors",
	"checkpoints/sd3.5_large_fp8_scaled.safetensors",
	"diffusion_models/flux1-dev.safetensors",
	"diffusion_models/flux1-schnell.safetensors",
	"text_encoders/clip_l.safetensors",
	"text_encoders/clip_g.safetensors",
	"text_encoders/t5xxl_fp8_e4m3fn.safetensors",
	"text_encoders/t5xxl_fp16.safetensors",
	"vae/ae.safetensors",
	"vae/vae-ft-mse-840000-ema-pruned.safetensors",
	"vae/sdxl_vae.safetensors",
	"loras/stand-in.safetensors",
	"controlnet/stand-in.safetensors",
	"clip_vision/stand-in.safetensors",
	"upscale_models/RealESRGAN_x4plus.pth",
};

static void usage(void)
{
	fputs("usage: standin [--port N] [--listen ADDRESS] [--dialect "
	      "0.25.0|0.3.64]\n"
	      "  [--dir DIR] [--fault SPEC]... [--model KIND/NAME]... "
	      "[--no-models]\n"
	      "  [--step-ms N] [--keep N] [--fast] [--quiet]\n",
	      stderr);
}

/* at once, as a signal ends the real one: no close frames */
static void *await_signal(void *arg)
{
	struct world *w = arg;
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigwait(&set, &sig);
	if (w->own_dir)
		file_remove_tree(w->dir, true);
	_exit(0);
}

/* before any other thread: all of them leave the signals to this one */
static void catch_signals(struct world *w)
{
	sigset_t set;
	pthread_t t;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&t, NULL, await_signal, w))
		abort();
	pthread_detach(t);
}

static void set_up_dirs(struct world *w, const char *given)
{
	char own[] = "/tmp/standin-XXXXXX";
	struct str s = {0};

	if (!given) {
		given = mkdtemp(own);
		w->own_dir = true;
	}
	if (!given) {
		perror("standin: mkdtemp");
		exit(1);
	}
	w->dir = mem_text(given);
	str_printf(&s, "%s/input", w->dir);
	w->input_dir = mem_text(s.p);
	str_clear(&s);
	str_printf(&s, "%s/output", w->dir);
	w->output_dir = mem_text(s.p);
	str_clear(&s);
	str_printf(&s, "%s/temp", w->dir);
	w->temp_dir = mem_text(s.p);
	str_free(&s);
	file_mkdirs(w->input_dir);
	file_mkdirs(w->output_dir);
	file_mkdirs(w->temp_dir);
	file_remove_tree(w->temp_dir, false);
}

static bool set_dialect(struct world *w, const char *name)
{
	if (!strcmp(name, "0.25.0"))
		w->dialect = DIALECT_0_25_0;
	else if (!strcmp(name, "0.3.64"))
		w->dialect = DIALECT_0_3_64;
	else
		return false;
	w->version = w->dialect == DIALECT_0_25_0 ? "0.25.0" : "0.3.64";
	return true;
}

static void add_models(struct world *w)
{
	size_t i;

	for (i = 0; !w->no_models &&
		    i < sizeof(common_models) / sizeof(*common_models);
	     i++)
		if (!strv_has(&w->models, common_models[i]))
			strv_add(&w->models, common_models[i]);
}

enum {
	O_PORT = 1,
	O_LISTEN,
	O_DIALECT,
	O_DIR,
	O_FAULT,
	O_MODEL,
	O_NO_MODELS,
	O_STEP_MS,
	O_KEEP,
	O_FAST,
	O_QUIET
};

static const struct option long_options[] = {
	{"port", required_argument, NULL, O_PORT},
	{"listen", required_argument, NULL, O_LISTEN},
	{"dialect", required_argument, NULL, O_DIALECT},
	{"dir", required_argument, NULL, O_DIR},
	{"fault", required_argument, NULL, O_FAULT},
	{"model", required_argument, NULL, O_MODEL},
	{"no-models", no_argument, NULL, O_NO_MODELS},
	{"step-ms", required_argument, NULL, O_STEP_MS},
	{"keep", required_argument, NULL, O_KEEP},
	{"fast", no_argument, NULL, O_FAST},
	{"quiet", no_argument, NULL, O_QUIET},
	{NULL, 0, NULL, 0}};

static bool take_option(struct world *w, int o, const char **dir)
{
	switch (o) {
	case O_PORT:
		w->port = (int)strtol(optarg, NULL, 10);
		return true;
	case O_LISTEN:
		w->listen = optarg;
		return true;
	case O_DIALECT:
		return set_dialect(w, optarg);
	case O_DIR:
		*dir = optarg;
		return true;
	case O_FAULT:
		return fault_add_spec(w, optarg) != NULL;
	case O_MODEL:
		strv_add(&w->models, optarg);
		return true;
	case O_NO_MODELS:
		w->no_models = true;
		return true;
	case O_STEP_MS:
		w->step_ms = (int)strtol(optarg, NULL, 10);
		return true;
	case O_KEEP:
		w->keep = strtoul(optarg, NULL, 10);
		return w->keep > 0;
	case O_FAST:
		w->fast = true;
		return true;
	case O_QUIET:
		w->quiet = true;
		return true;
	default:
		return false;
	}
}

static void options(struct world *w, int argc, char **argv)
{
	const char *dir = NULL;
	int o;

	while ((o = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (!take_option(w, o, &dir)) {
			usage();
			exit(2);
		}
	set_up_dirs(w, dir);
}

/* lws listens with a short queue: tell the kernel again, with a long one */
static void raise_backlog(void)
{
	socklen_t len;
	int fd, on;

	for (fd = 3; fd < 64; fd++) {
		len = sizeof(on);
		if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) &&
		    on && listen(fd, BACKLOG))
			perror("standin: listen");
	}
}

static void raise_limits(void)
{
	struct rlimit l;

	if (!getrlimit(RLIMIT_NOFILE, &l)) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static bool serve(struct world *w)
{
	static const struct lws_protocols protocols[] = {
		{"standin", http_callback, 2 * sizeof(void *), 65536, 0, NULL,
		 0},
		{NULL, NULL, 0, 0, 0, NULL, 0}};
	struct lws_context_creation_info info = {
		.port = w->port,
		.iface = w->listen,
		.protocols = protocols,
		.user = w,
		.pt_serv_buf_size = 65536,
		.max_http_header_data = 16384,
		.max_http_header_pool = 4096,
		.fd_limit_per_thread = MAX_FDS,
		.keepalive_timeout = 75,
		.timeout_secs = 60,
		.server_string = "stand-in",
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_DISABLE_IPV6,
	};
	struct lws_vhost *vhost;

	lws_set_log_level(w->quiet ? LLL_ERR : LLL_ERR | LLL_WARN, NULL);
	w->lws = lws_create_context(&info);
	if (!w->lws)
		return false;
	vhost = lws_create_vhost(w->lws, &info);
	if (!vhost)
		return false;
	raise_backlog();
	printf("listening on %s:%d\n", w->listen,
	       lws_get_vhost_listen_port(vhost));
	fflush(stdout);
	while (lws_service(w->lws, 0) >= 0)
		;
	return true;
}

int main(int argc, char **argv)
{
	static struct world w = {
		.dialect = DIALECT_0_25_0,
		.version = "0.25.0",
		.listen = "127.0.0.1",
		.port = 8188,
		.keep = 1000,
		.max_body = (size_t)100 * 1024 * 1024 + 8192,
	};
	pthread_condattr_t attr;

	pthread_mutex_init(&w.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.changed, &attr);
	classes_init(&w);
	options(&w, argc, argv);
	add_models(&w);
	w.received = mem_zero(w.keep * sizeof(*w.received));
	w.files = mem_zero(w.keep * sizeof(*w.files));
	snprintf(w.temp_tag, sizeof(w.temp_tag), "s%04x",
		 (unsigned)getpid() & 0xffff);
	raise_limits();
	catch_signals(&w);
	printf("comfygate stand-in for ComfyUI %s: no models, pretended "
	       "samplers\n",
	       w.version);
	fflush(stdout);
	worker_start(&w);
	if (!serve(&w)) {
		fprintf(stderr, "standin: cannot listen on %s:%d\n", w.listen,
			w.port);
		if (w.own_dir)
			file_remove_tree(w.dir, true);
		return 1;
	}
	return 0;
}
