#include "ws.h"
#include "misc.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HIGH_WATER  65536
#define MAX_MESSAGE ((size_t)4 * 1024 * 1024)

struct msg {
	int refs;
	bool binary;
	size_t len;
	unsigned char data[]; /* LWS_PRE, then the payload */
};

struct outbox_item {
	struct outbox_item *next;
	char *sid; /* NULL: all */
	struct msg *msg;
};

struct pending {
	struct pending *next;
	struct msg *msg;
};

struct socket {
	struct socket *next;
	struct lws *wsi;
	char *sid;
	bool mapped; /* messages for its sid come here */
	bool metadata, first_done, cut;
	struct pending *head, *tail;
	size_t queued;
	struct str in;
	size_t in_len;
};

static struct msg *make(const char *p, size_t len, bool binary)
{
	struct msg *m = mem_alloc(sizeof(*m) + LWS_PRE + len);

	m->refs = 1;
	m->binary = binary;
	m->len = len;
	memcpy(m->data + LWS_PRE, p, len);
	return m;
}

static void unref(struct msg *m)
{
	if (!--m->refs)
		free(m);
}

static void give(struct socket *s, struct msg *m)
{
	struct pending *p = mem_alloc(sizeof(*p));

	m->refs++;
	p->next = NULL;
	p->msg = m;
	if (s->tail)
		s->tail->next = p;
	else
		s->head = p;
	s->tail = p;
	s->queued += m->len;
	lws_callback_on_writable(s->wsi);
}

static void drop_first(struct socket *s)
{
	struct pending *p = s->head;

	s->head = p->next;
	if (!s->head)
		s->tail = NULL;
	s->queued -= p->msg->len;
	unref(p->msg);
	free(p);
}

void ws_send(struct world *w, const char *sid, const char *p, size_t len,
	     bool binary)
{
	struct outbox_item *item;

	if (!w->sockets)
		return;
	item = mem_zero(sizeof(*item));
	item->sid = sid ? mem_text(sid) : NULL;
	item->msg = make(p, len, binary);
	if (w->outbox_last)
		w->outbox_last->next = item;
	else
		w->outbox = item;
	w->outbox_last = item;
	world_changed(w);
}

void ws_send_status(struct world *w)
{
	struct str s = {0};

	str_printf(&s,
		   "{\"type\": \"status\", \"data\": {\"status\": "
		   "{\"exec_info\": {\"queue_remaining\": %zu}}}}",
		   world_queue_len(w));
	ws_send(w, NULL, s.p, s.len, false);
	str_free(&s);
}

bool ws_wants_metadata(const struct world *w, const char *sid)
{
	const struct socket *s;

	for (s = w->sockets; s && sid; s = s->next)
		if (s->mapped && !strcmp(s->sid, sid))
			return s->metadata;
	return false;
}

size_t ws_count(const struct world *w)
{
	const struct socket *s;
	size_t n = 0;

	for (s = w->sockets; s; s = s->next)
		n++;
	return n;
}

void ws_close_all(struct world *w)
{
	struct socket *s;

	for (s = w->sockets; s; s = s->next)
		s->cut = true;
	world_changed(w);
}

void ws_forget_all(struct world *w)
{
	struct socket *s;

	for (s = w->sockets; s; s = s->next)
		s->mapped = false;
}

static void unmap(struct world *w, const char *sid)
{
	struct socket *s;

	for (s = w->sockets; s; s = s->next)
		if (!strcmp(s->sid, sid))
			s->mapped = false;
}

static void greet(struct world *w, struct socket *s)
{
	struct str text = {0};
	struct msg *m;

	str_printf(&text,
		   "{\"type\": \"status\", \"data\": {\"status\": "
		   "{\"exec_info\": {\"queue_remaining\": %zu}}, \"sid\": ",
		   world_queue_len(w));
	str_json_text(&text, s->sid);
	str_puts(&text, "}}");
	m = make(text.p, text.len, false);
	give(s, m);
	unref(m);
	if (w->exec_client && !strcmp(w->exec_client, s->sid) && w->exec_node) {
		str_clear(&text);
		str_puts(&text,
			 "{\"type\": \"executing\", \"data\": {\"node\": ");
		str_json_text(&text, w->exec_node);
		str_puts(&text, "}}");
		m = make(text.p, text.len, false);
		give(s, m);
		unref(m);
	}
	str_free(&text);
}

struct socket *ws_open(struct world *w, struct lws *wsi, const char *client)
{
	struct socket *s = mem_zero(sizeof(*s));
	char id[37];
	char *p, *q;

	s->wsi = wsi;
	if (*client) {
		s->sid = mem_text(client);
	} else {
		uuid_make(id);
		for (p = q = id; *p; p++)
			if (*p != '-')
				*q++ = *p;
		*q = '\0';
		s->sid = mem_text(id);
	}
	pthread_mutex_lock(&w->lock);
	unmap(w, s->sid);
	s->mapped = true;
	s->next = w->sockets;
	w->sockets = s;
	w->counters.sockets_opened++;
	greet(w, s);
	world_changed(w);
	pthread_mutex_unlock(&w->lock);
	return s;
}

void ws_closed(struct world *w, struct socket *s)
{
	struct socket **p;

	pthread_mutex_lock(&w->lock);
	for (p = &w->sockets; *p != s;)
		p = &(*p)->next;
	*p = s->next;
	/* the trap of the real one: its end also unmaps a successor */
	unmap(w, s->sid);
	while (s->head)
		drop_first(s);
	world_changed(w);
	pthread_mutex_unlock(&w->lock);
	str_free(&s->in);
	free(s->sid);
	free(s);
}

/* only the first text message that is an object counts */
static void read_flags(struct world *w, struct socket *s)
{
	struct jdoc *d = json_parse(str_text(&s->in), s->in.len);
	const struct jv *root = d ? json_root(d) : NULL;
	const char *type = json_text(root, "type");
	const struct jv *flag;
	struct str text = {0};
	struct msg *m;

	if (root && root->type == J_OBJ && !s->first_done) {
		s->first_done = true;
		if (type && !strcmp(type, "feature_flags")) {
			flag = json_get(json_get(root, "data"),
					"supports_preview_metadata");
			pthread_mutex_lock(&w->lock);
			s->metadata = flag && flag->type == J_TRUE;
			str_puts(&text, "{\"type\": \"feature_flags\", "
					"\"data\": ");
			misc_features(w, &text);
			str_char(&text, '}');
			m = make(text.p, text.len, false);
			give(s, m);
			unref(m);
			pthread_mutex_unlock(&w->lock);
		}
	}
	str_free(&text);
	json_free(d);
}

int ws_receive(struct world *w, struct socket *s, const char *p, size_t len,
	       bool last, bool binary)
{
	s->in_len += len;
	if (s->in_len > MAX_MESSAGE) {
		lws_close_reason(s->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE,
				 NULL, 0);
		return -1;
	}
	str_add(&s->in, p, len);
	if (!last)
		return 0;
	if (!binary)
		read_flags(w, s);
	str_clear(&s->in);
	s->in_len = 0;
	return 0;
}

static void cork(struct lws *wsi, int on)
{
	const int fd = lws_get_socket_fd(wsi);

	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

int ws_writable(struct world *w, struct socket *s)
{
	const bool many = s->head && s->head->next;
	bool more;
	int rc = 0;

	if (many)
		cork(s->wsi, 1);
	pthread_mutex_lock(&w->lock);
	while (s->head && !rc) {
		struct msg *m = s->head->msg;
		const int n = lws_write(s->wsi, m->data + LWS_PRE, m->len,
					m->binary ? LWS_WRITE_BINARY
						  : LWS_WRITE_TEXT);

		if (n < (int)m->len)
			rc = -1;
		drop_first(s);
		if (lws_partial_buffered(s->wsi) ||
		    lws_send_pipe_choked(s->wsi))
			break;
	}
	if (s->head)
		lws_callback_on_writable(s->wsi);
	more = w->outbox != NULL;
	pthread_mutex_unlock(&w->lock);
	if (many)
		cork(s->wsi, 0);
	if (more)
		ws_deliver(w);
	return rc;
}

/* false when a reader of this message is too far behind */
static bool pass_on(struct world *w, struct outbox_item *item)
{
	struct socket *s;

	for (s = w->sockets; s; s = s->next)
		if (s->mapped && (!item->sid || !strcmp(item->sid, s->sid)) &&
		    (s->queued > HIGH_WATER || lws_partial_buffered(s->wsi))) {
			lws_callback_on_writable(s->wsi);
			return false;
		}
	for (s = w->sockets; s; s = s->next)
		if (s->mapped && (!item->sid || !strcmp(item->sid, s->sid)))
			give(s, item->msg);
	return true;
}

void ws_deliver(struct world *w)
{
	struct outbox_item *item;
	struct socket *s;

	pthread_mutex_lock(&w->lock);
	for (s = w->sockets; s; s = s->next)
		if (s->cut)
			lws_set_timeout(s->wsi,
					PENDING_TIMEOUT_USER_REASON_BASE,
					LWS_TO_KILL_ASYNC);
	while ((item = w->outbox) && !w->stalled && pass_on(w, item)) {
		w->outbox = item->next;
		if (!w->outbox)
			w->outbox_last = NULL;
		unref(item->msg);
		free(item->sid);
		free(item);
	}
	pthread_mutex_unlock(&w->lock);
}
