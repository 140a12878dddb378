#include "comfy/ws.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/box.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "comfy/base_url.h"
#include "comfy/lookup.h"

#define MESSAGE_MAX	((size_t)16 << 20)
#define MESSAGE_KEEP	((size_t)1 << 20) /* a larger buffer is given back */
#define RETRY_FIRST_MS	200
#define RETRY_LAST_MS	5000
#define PING_MS		20000
#define LOOKUP_LOOK_MS	20
#define LOOKUP_GIVE_UP	(10000 / LOOKUP_LOOK_MS)
#define CONNECT_SECONDS 10
#define RX_SIZE		65536

enum link_state {
	LINK_WAITING,	 /* for the next attempt; the timer runs */
	LINK_LOOKING,	 /* the name is being resolved; the timer runs */
	LINK_CONNECTING, /* wsi is there, or the timer runs for the next
			  * address */
	LINK_OPEN,	 /* wsi is there, the handshake is over */
};

/* All but the box is the events thread's own. */
struct link {
	struct ws *ws;
	size_t index;
	const struct comfy_server *server;
	struct base_url url;
	enum link_state state;
	lws_sorted_usec_list_t timer;
	lws_sorted_usec_list_t pulse; /* while open */
	struct lookup *lookup;
	unsigned looks;
	struct lookup_result addresses;
	size_t next_address;
	int64_t delay_ms;
	bool in_connect;	 /* within lws_client_connect_via_info() */
	bool complained;	 /* said in the log that it is not there */
	char client_id[ID_SIZE]; /* of this connection */
	struct lws *wsi;
	bool up;	  /* the first message has come */
	bool hello, ping; /* to be written */
	int64_t opened_ms, heard_ms, pinged_ms;
	struct buf text; /* of the message that is coming in */
};

struct ws {
	struct ws_options o;
	struct comfy_server **servers;
	struct link *links;
	struct lws_context *context;
	struct lws_vhost *vhost;
	pthread_t thread;
	int stop;	/* atomic */
	struct box box; /* guards ids */
	char (*ids)[ID_SIZE];
};

static bool stopping(struct ws *w)
{
	return __atomic_load_n(&w->stop, __ATOMIC_ACQUIRE) != 0;
}

static void publish_id(struct link *l, const char *id)
{
	box_lock(&l->ws->box);
	memcpy(l->ws->ids[l->index], id, strlen(id) + 1);
	box_unlock(&l->ws->box);
}

/*
 * Only now is the clientId known to be registered: ComfyUI does that after the
 * handshake, and then sends a status at once.
 */
static void came_up(struct link *l)
{
	struct ws *w = l->ws;

	l->up = true;
	l->complained = false;
	publish_id(l, l->client_id);
	log_event(LOG_INFO, "socket.up", "backend", l->server->name, NULL);
	w->o.state(w->o.ctx, l->index, true);
}

static void on_timer(lws_sorted_usec_list_t *sul);
static void on_pulse(lws_sorted_usec_list_t *sul);

static void timer_in(struct link *l, int64_t ms)
{
	lws_sul_schedule(l->ws->context, 0, &l->timer, on_timer,
			 (lws_usec_t)ms * LWS_US_PER_MS);
}

static void pulse_in(struct link *l, int64_t ms)
{
	lws_sul_schedule(l->ws->context, 0, &l->pulse, on_pulse,
			 (lws_usec_t)ms * LWS_US_PER_MS);
}

/* The next attempt, each time later. */
static void wait_for_next(struct link *l, const char *why)
{
	log_event(l->complained ? LOG_DEBUG : LOG_WARN, "socket.down",
		  "backend", l->server->name, "why", why, "retry_ms",
		  log_num(l->delay_ms), NULL);
	l->complained = true;
	l->state = LINK_WAITING;
	timer_in(l, l->delay_ms);
	l->delay_ms *= 2;
	if (l->delay_ms > RETRY_LAST_MS)
		l->delay_ms = RETRY_LAST_MS;
}

/* The socket is gone, for whatever reason. */
static void lost(struct link *l, const char *why)
{
	struct ws *w = l->ws;
	bool was_up = l->up;

	l->wsi = NULL;
	l->up = l->hello = l->ping = false;
	lws_sul_cancel(&l->pulse);
	buf_finish(&l->text);
	buf_init(&l->text, MESSAGE_MAX);
	if (stopping(w))
		return;
	if (was_up) {
		publish_id(l, "");
		w->o.state(w->o.ctx, l->index, false);
	}
	/* A server that takes us in and throws us out at once must not be
	 * asked five times a second for ever. */
	if (clock_monotonic_ms() - l->opened_ms >= RETRY_LAST_MS)
		l->delay_ms = RETRY_FIRST_MS;
	wait_for_next(l, why);
}

static bool connect_to(struct link *l, const char *address)
{
	char path[sizeof(l->url.prefix) + 64];
	struct lws_client_connect_info info;

	id_v4(l->client_id);
	(void)snprintf(path, sizeof(path), "%s/ws?clientId=%s", l->url.prefix,
		       l->client_id);
	memset(&info, 0, sizeof(info));
	info.context = l->ws->context;
	info.vhost = l->ws->vhost;
	info.address = address;
	info.port = l->url.port;
	info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
	if (l->url.tls)
		info.ssl_connection |= LCCSCF_USE_SSL;
	info.path = path;
	info.host = l->url.header;
	info.alpn = "http/1.1";
	info.userdata = l;
	info.local_protocol_name = "comfyui";
	info.pwsi = &l->wsi;
	l->wsi = NULL;
	l->in_connect = true;
	if (lws_client_connect_via_info(&info) == NULL)
		l->wsi = NULL;
	l->in_connect = false;
	return l->wsi != NULL;
}

static void connect_next(struct link *l)
{
	l->state = LINK_CONNECTING;
	while (l->next_address < l->addresses.count)
		if (connect_to(l, l->addresses.address[l->next_address++]))
			return;
	wait_for_next(l, "no connection");
}

static void look(struct link *l)
{
	const struct lookup_result *found = lookup_poll(l->lookup);

	if (found == NULL && ++l->looks < LOOKUP_GIVE_UP) {
		timer_in(l, LOOKUP_LOOK_MS);
		return;
	}
	l->addresses.count = 0;
	if (found != NULL)
		l->addresses = *found;
	l->next_address = 0;
	lookup_drop(l->lookup);
	l->lookup = NULL;
	if (l->addresses.count == 0)
		wait_for_next(l, "the host name has no address");
	else
		connect_next(l);
}

static void on_timer(lws_sorted_usec_list_t *sul)
{
	struct link *l = lws_container_of(sul, struct link, timer);

	switch (l->state) {
	case LINK_WAITING:
		l->state = LINK_LOOKING;
		l->looks = 0;
		l->lookup = lookup_start(l->url.host);
		look(l);
		break;
	case LINK_LOOKING:
		look(l);
		break;
	case LINK_CONNECTING:
		connect_next(l);
		break;
	case LINK_OPEN:
		break;
	}
}

/*
 * Anything heard is a sign of life. After silence a ping is sent; when that
 * stays without an answer as long again, the socket is dropped. The answer is
 * counted from the ping, so a machine that slept drops nothing.
 */
static void on_pulse(lws_sorted_usec_list_t *sul)
{
	struct link *l = lws_container_of(sul, struct link, pulse);
	int64_t every = l->ws->o.ping_ms;
	int64_t now = clock_monotonic_ms();

	if (l->wsi == NULL)
		return;
	if (l->pinged_ms > l->heard_ms) {
		if (now - l->pinged_ms >= every) {
			log_event(LOG_WARN, "socket.deaf", "backend",
				  l->server->name, NULL);
			lws_set_timeout(l->wsi,
					PENDING_TIMEOUT_USER_REASON_BASE,
					LWS_TO_KILL_ASYNC);
			return;
		}
	} else if (now - l->heard_ms >= every) {
		l->ping = true;
		lws_callback_on_writable(l->wsi);
	}
	pulse_in(l, every / 2 + 1);
}

static void opened(struct link *l)
{
	l->state = LINK_OPEN;
	l->opened_ms = l->heard_ms = clock_monotonic_ms();
	l->pinged_ms = 0;
	l->hello = true;
	lws_callback_on_writable(l->wsi);
	pulse_in(l, l->ws->o.ping_ms / 2 + 1);
}

/* One thing at a time; the flags must be the very first text (s21). Previews
 * are thrown away here, so their lesser form will do. */
static int write_next(struct link *l)
{
	static const char flags[] = "{\"type\":\"feature_flags\",\"data\":"
				    "{\"supports_preview_metadata\":false}}";
	unsigned char out[LWS_PRE + sizeof(flags)];
	int n = 0;

	if (l->hello) {
		l->hello = false;
		memcpy(out + LWS_PRE, flags, sizeof(flags) - 1);
		n = lws_write(l->wsi, out + LWS_PRE, sizeof(flags) - 1,
			      LWS_WRITE_TEXT);
	} else if (l->ping) {
		l->ping = false;
		l->pinged_ms = clock_monotonic_ms();
		n = lws_write(l->wsi, out + LWS_PRE, 0, LWS_WRITE_PING);
	}
	if (n >= 0 && l->ping)
		lws_callback_on_writable(l->wsi);
	return n < 0 ? -1 : 0;
}

static void deliver(struct link *l)
{
	struct ws *w = l->ws;
	struct arena a;
	struct event e;

	arena_init(&a);
	if (event_read(buf_str(&l->text), l->text.len, &a, &e)) {
		if (!l->up)
			came_up(l);
		w->o.event(w->o.ctx, l->index, &e);
	}
	arena_finish(&a);
}

/* A piece of a message. Binary ones are previews. */
static void received(struct link *l, const void *bytes, size_t n)
{
	l->heard_ms = clock_monotonic_ms();
	if (lws_frame_is_binary(l->wsi))
		return;
	if (lws_is_first_fragment(l->wsi))
		buf_clear(&l->text);
	buf_add(&l->text, bytes, n);
	if (!lws_is_final_fragment(l->wsi) ||
	    lws_remaining_packet_payload(l->wsi) > 0)
		return;
	if (buf_over(&l->text))
		log_event(LOG_WARN, "socket.too_large", "backend",
			  l->server->name, NULL);
	else
		deliver(l);
	if (l->text.cap > MESSAGE_KEEP) {
		buf_finish(&l->text);
		buf_init(&l->text, MESSAGE_MAX);
	}
}

static int add_header(struct link *l, unsigned char **at, size_t room)
{
	int n;

	if (l->server->header == NULL)
		return 0;
	n = snprintf((char *)*at, room, "%s\r\n", l->server->header);
	if (n < 0 || (size_t)n >= room)
		return -1;
	*at += n;
	return 0;
}

static void failed(struct link *l, const char *why, size_t len)
{
	char text[120];

	l->wsi = NULL;
	if (l->in_connect || l->state != LINK_CONNECTING || stopping(l->ws))
		return;
	(void)snprintf(text, sizeof(text), "%.*s",
		       len < sizeof(text) ? (int)len : 0,
		       why != NULL ? why : "");
	if (l->next_address < l->addresses.count)
		timer_in(l, 0);
	else
		wait_for_next(l, text);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user,
		  void *in, size_t len)
{
	struct link *l = user;

	if (l == NULL)
		return 0;
	switch ((int)reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return add_header(l, in, len);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		failed(l, in, len);
		break;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		l->wsi = wsi;
		opened(l);
		break;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		received(l, in, len);
		break;
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		l->heard_ms = clock_monotonic_ms();
		break;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return write_next(l);
	case LWS_CALLBACK_CLIENT_CLOSED:
		if (l->wsi == wsi)
			lost(l, "closed");
		break;
	case LWS_CALLBACK_WSI_DESTROY:
		/* Whatever way a socket ends, the next attempt follows. */
		if (l->wsi == wsi && !l->in_connect)
			lost(l, "ended");
		break;
	default:
		break;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {
	{.name = "comfyui", .callback = on_lws, .rx_buffer_size = RX_SIZE},
	{.name = NULL},
};

static void on_log(int level, const char *line)
{
	(void)level;
	log_event(LOG_DEBUG, "socket.library", "text", line, NULL);
}

static bool make_context(struct ws *w, bool tls)
{
	struct lws_context_creation_info info;
	struct sigaction pipe;

	lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	if (tls)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.timeout_secs = CONNECT_SECONDS;
	info.connect_timeout_secs = CONNECT_SECONDS;
	info.pt_serv_buf_size = RX_SIZE;
	/* Its tables would otherwise grow with the limit of open files. */
	info.fd_limit_per_thread = (unsigned)w->o.count + 16;
	/* It sets SIGPIPE to be ignored; that is main's to say. */
	sigaction(SIGPIPE, NULL, &pipe);
	w->context = lws_create_context(&info);
	if (w->context != NULL)
		w->vhost = lws_create_vhost(w->context, &info);
	sigaction(SIGPIPE, &pipe, NULL);
	/* It takes http_proxy from the environment, even for loopback. */
	return w->vhost != NULL && lws_set_proxy(w->vhost, ":0") == 0;
}

static void *run(void *arg)
{
	struct ws *w = arg;

	for (size_t i = 0; i < w->o.count; i++)
		timer_in(&w->links[i], 0);
	while (!stopping(w))
		if (lws_service(w->context, 0) < 0) {
			log_event(LOG_ERROR, "socket.loop_ended", NULL);
			break;
		}
	return NULL;
}

static void destroy(struct ws *w)
{
	if (w->context != NULL)
		lws_context_destroy(w->context);
	for (size_t i = 0; i < w->o.count; i++) {
		lookup_drop(w->links[i].lookup);
		buf_finish(&w->links[i].text);
	}
	box_finish(&w->box);
	free(w->ids);
	free(w->links);
	free(w->servers);
	free(w);
}

static struct ws *create(const struct ws_options *o)
{
	struct ws *w = mem_alloc(sizeof(*w));

	w->o = *o;
	if (w->o.ping_ms <= 0)
		w->o.ping_ms = PING_MS;
	box_init(&w->box);
	w->ids = mem_array(o->count, sizeof(*w->ids));
	w->links = mem_array(o->count, sizeof(*w->links));
	w->servers = mem_array(o->count, sizeof(struct comfy_server *));
	for (size_t i = 0; i < o->count; i++) {
		struct link *l = &w->links[i];

		w->servers[i] = o->servers[i];
		l->ws = w;
		l->index = i;
		l->server = o->servers[i];
		l->delay_ms = RETRY_FIRST_MS;
		buf_init(&l->text, MESSAGE_MAX);
	}
	w->o.servers = w->servers;
	return w;
}

struct ws *ws_start(const struct ws_options *o, struct problem *why)
{
	struct ws *w = create(o);
	bool tls = false;

	for (size_t i = 0; i < o->count; i++) {
		if (!base_url_read(o->servers[i]->url, &w->links[i].url, why)) {
			destroy(w);
			return NULL;
		}
		tls |= w->links[i].url.tls;
	}
	if (!make_context(w, tls)) {
		destroy(w);
		problem_set(why, PROBLEM_INTERNAL, "",
			    "libwebsockets did not start");
		return NULL;
	}
	w->thread = box_thread("events", run, w);
	return w;
}

void ws_stop(struct ws *w)
{
	if (w == NULL)
		return;
	__atomic_store_n(&w->stop, 1, __ATOMIC_RELEASE);
	lws_cancel_service(w->context);
	pthread_join(w->thread, NULL);
	destroy(w);
}

void ws_client_id(struct ws *w, size_t backend, char out[ID_SIZE])
{
	box_lock(&w->box);
	memcpy(out, w->ids[backend], ID_SIZE);
	box_unlock(&w->box);
}
