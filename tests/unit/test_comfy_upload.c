/* Files into ComfyUI's input folder, against a server that answers anything. */
#include <fcntl.h>

#include "comfy/upload.h"
#include "comfy_rig.h"

#define SHA  "59edf55565bcecb9dede3d708fcf92e81ada5391a064bc2bdba46b51fb529e15"
#define HEAD "HEAD /view?filename=" SHA ".png&subfolder=comfygate&type=input "
#define OK_ANSWER                                                              \
	"{\"name\": \"" SHA ".png\", \"subfolder\": \"comfygate\", \"type\": " \
	"\"input\"}"

static const struct {
	const char *name;
	const char *raw; /* NULL: closed without a word */
	enum comfy_outcome outcome;
	int64_t size;
} heads[] = {
	{"there (s25)",
	 "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 74\r\n"
	 "Accept-Ranges: bytes\r\n\r\n",
	 COMFY_OK, 74},
	{"there, without a size",
	 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", COMFY_OK, -1},
	{"not there (s25)",
	 "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", COMFY_MISSING,
	 -1},
	{"trouble there: an upload will tell",
	 "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 55\r\n\r\n",
	 COMFY_MISSING, -1},
	{"no HEAD there",
	 "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 23\r\n\r\n",
	 COMFY_MISSING, -1},
	{"a door before it",
	 "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
	 COMFY_UNREACHABLE, -1},
	{"a redirect",
	 "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
	 COMFY_UNREACHABLE, -1},
	{"no answer", NULL, COMFY_UNCERTAIN, -1},
};

static void table_of_heads(void)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		const struct rule rules[] = {
			{HEAD, NULL, NULL, NULL, heads[i].raw, false}, {0}};
		int64_t size = 0;
		enum comfy_outcome o;
		struct setup t;

		start(&t, rules);
		o = comfy_held(t.client, "comfygate", SHA ".png", TIMEOUT,
			       &size);
		ok(o == heads[i].outcome && size == heads[i].size, "held: %s",
		   heads[i].name);
		stop(&t);
	}
}

/* ---- uploads ---- */

static const char picture[] = "\x89PNG not really\r\n--x\r\n\0end";

static int file_of(const void *bytes, size_t n)
{
	char path[] = "/tmp/test_comfy_upload-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || unlink(path) != 0 || write(fd, bytes, n) != (ssize_t)n)
		abort();
	return fd;
}

static struct comfy_upload upload_of(int fd)
{
	return (struct comfy_upload){.fd = fd,
				     .size = sizeof(picture),
				     .filename = SHA ".png",
				     .subfolder = "comfygate",
				     .content_type = "image/png"};
}

static const struct {
	const char *name;
	const char *status, *type, *body; /* status NULL: closed */
	enum comfy_outcome outcome;
	bool mask;
	const char *got; /* the name; NULL: none */
	bool too_large;
} uploads[] = {
	{"taken (s22)", "200 OK", JSON, OK_ANSWER, COMFY_OK, false, SHA ".png",
	 false},
	{"under another name (s22)", "200 OK", JSON,
	 "{\"name\": \"up (1).png\", \"subfolder\": \"comfygate\", \"type\": "
	 "\"input\"}",
	 COMFY_OK, false, "up (1).png", false},
	{"a page", "200 OK", "text/html", "<h1>Welcome</h1>", COMFY_UNCERTAIN,
	 false, NULL, false},
	{"no name", "200 OK", JSON, "{\"subfolder\": \"\"}", COMFY_UNCERTAIN,
	 false, NULL, false},
	{"a name that leads elsewhere", "200 OK", JSON,
	 "{\"name\": \"../../x\", \"subfolder\": \"\"}", COMFY_UNCERTAIN, false,
	 NULL, false},
	{"a name of another type", "200 OK", JSON,
	 "{\"name\": [1], \"subfolder\": 2}", COMFY_UNCERTAIN, false, NULL,
	 false},
	{"too large (s22)", "413 Request Entity Too Large", TEXT,
	 "Maximum request body size 104857600 exceeded, actual body size "
	 "104923136",
	 COMFY_REJECTED, false, NULL, true},
	{"400 without a word (s22)", "400 Bad Request", TEXT, "",
	 COMFY_REJECTED, false, NULL, false},
	{"500 (s22)", "500 Internal Server Error", TEXT, TROUBLE,
	 COMFY_UNCERTAIN, false, NULL, false},
	{"500 of a mask: it does not fit (s23)", "500 Internal Server Error",
	 TEXT, TROUBLE, COMFY_REJECTED, true, NULL, false},
	{"a mask is taken", "200 OK", JSON, OK_ANSWER, COMFY_OK, true,
	 SHA ".png", false},
	{"502", "502 Bad Gateway", TEXT, "", COMFY_UNCERTAIN, true, NULL,
	 false},
	{"403", "403 Forbidden", TEXT, "", COMFY_UNREACHABLE, false, NULL,
	 false},
	{"404: no ComfyUI", "404 Not Found", TEXT, "", COMFY_UNREACHABLE, false,
	 NULL, false},
	{"closed without a word", NULL, NULL, NULL, COMFY_UNCERTAIN, false,
	 NULL, false},
};

static void table_of_uploads(void)
{
	int fd = file_of(picture, sizeof(picture));

	for (size_t i = 0; i < COUNT(uploads); i++) {
		const struct rule rules[] = {
			{uploads[i].mask ? "POST /upload/mask "
					 : "POST /upload/image ",
			 uploads[i].status, uploads[i].type, uploads[i].body,
			 NULL, false},
			{0}};
		struct comfy_upload u = upload_of(fd);
		const char *name = NULL, *subfolder = NULL;
		bool too_large = true;
		enum comfy_outcome o;
		struct arena a = {0};
		struct setup t;

		if (uploads[i].mask)
			u.mask_of_name = u.mask_of_subfolder = "x";
		start(&t, rules);
		o = comfy_upload(t.client, &u, TIMEOUT, &a, &name, &subfolder,
				 &too_large);
		ok(o == uploads[i].outcome && too_large == uploads[i].too_large,
		   "upload: %s", uploads[i].name);
		ok(uploads[i].got != NULL
			   ? name != NULL && strcmp(name, uploads[i].got) == 0
			   : name == NULL,
		   "upload: %s: its name", uploads[i].name);
		arena_finish(&a);
		stop(&t);
	}
	close(fd);
}

/* What the boundary of the last request is, and its body; both in `last`. */
static const char *body_of(struct setup *t, char boundary[64])
{
	const char *b = strstr(t->script.last, "boundary=");
	const char *body = strstr(t->script.last, "\r\n\r\n");

	(void)snprintf(boundary, 64, "%.*s",
		       b != NULL ? (int)strcspn(b + 9, "\r") : 0,
		       b != NULL ? b + 9 : "");
	return body != NULL ? body + 4 : "";
}

static void what_is_sent(void)
{
	static const struct rule rules[] = {
		{"POST /upload/", "200 OK", JSON, OK_ANSWER, NULL, false}, {0}};
	static const char text[] = "not a NUL in it";
	int fd = file_of(text, strlen(text));
	struct comfy_upload u = upload_of(fd);
	char boundary[2][64], want[2048];
	const char *name, *sub;
	struct arena a = {0};
	bool too_large;
	struct setup t;

	u.size = (int64_t)strlen(text);
	start(&t, rules);
	ok(comfy_upload(t.client, &u, TIMEOUT, &a, &name, &sub, &too_large) ==
		   COMFY_OK,
	   "sent");
	pthread_mutex_lock(&t.script.lock);
	(void)body_of(&t, boundary[0]);
	(void)snprintf(want, sizeof(want),
		       "--%s\r\nContent-Disposition: form-data; "
		       "name=\"image\"; filename=\"" SHA
		       ".png\"\r\nContent-Type: image/png\r\n\r\n"
		       "%s\r\n--%s\r\nContent-Disposition: form-data; "
		       "name=\"type\"\r\n\r\ninput\r\n--%s\r\n"
		       "Content-Disposition: form-data; name=\"subfolder\""
		       "\r\n\r\ncomfygate\r\n--%s--\r\n",
		       boundary[0], text, boundary[0], boundary[0],
		       boundary[0]);
	is_str(body_of(&t, boundary[0]), want, "a form, nothing else in it");
	ok(strstr(t.script.last, "\r\nContent-Type: multipart/form-data; "
				 "boundary=") != NULL,
	   "and its type");
	pthread_mutex_unlock(&t.script.lock);

	u.overwrite = true;
	u.mask_of_name = "pic\"ture (1).png";
	u.mask_of_subfolder = "comfygate";
	ok(comfy_upload(t.client, &u, TIMEOUT, &a, &name, &sub, &too_large) ==
		   COMFY_OK,
	   "a mask is sent");
	pthread_mutex_lock(&t.script.lock);
	ok(strstr(body_of(&t, boundary[1]),
		  "name=\"overwrite\"\r\n\r\ntrue\r\n") != NULL,
	   "overwrite is the word true (s22)");
	ok(strstr(t.script.last,
		  "name=\"original_ref\"\r\n\r\n{\"filename\":\"pic\\\"ture "
		  "(1).png\",\"subfolder\":\"comfygate\",\"type\":\"input\"}"
		  "\r\n") != NULL,
	   "its picture is looked for among the inputs (s23)");
	pthread_mutex_unlock(&t.script.lock);
	ok(strlen(boundary[0]) > 30 && strcmp(boundary[0], boundary[1]) != 0,
	   "each form has a boundary of its own");
	ok(seen(&t, "POST /upload/image HTTP/1.1\n"
		    "POST /upload/mask HTTP/1.1\n"),
	   "one request each");
	u.size++;
	ok(comfy_upload(t.client, &u, TIMEOUT, &a, &name, &sub, &too_large) ==
		   COMFY_LOCAL,
	   "a file that is shorter than it should be");
	arena_finish(&a);
	stop(&t);
	close(fd);
}

int main(void)
{
	table_of_heads();
	table_of_uploads();
	what_is_sent();
	return tap_done();
}
