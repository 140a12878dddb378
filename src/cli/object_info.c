#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "base/web.h"
#include "cli/cli.h"
#include "cli/folder.h"

#define FILE_MAX    ((size_t)16 << 20)
#define ANSWER_MAX  ((size_t)4 << 20)
#define CALL_MS	    20000
#define CLASSES_MAX 1000

static const char usage[] =
	"comfygate object-info URL DIR\n"
	"Asks the ComfyUI at URL what the nodes of DIR's workflow take and "
	"give, and\n"
	"writes it to DIR/object_info.json. A manifest with \"absent\" needs "
	"it.";

/*
 *	$ comfygate object-info http://127.0.0.1:8188 endpoints/portrait
 *	endpoints/portrait/object_info.json: 7 classes
 */
struct asking {
	struct web *web;
	const char *url, *folder;
	struct arena arena;
	const char *classes[CLASSES_MAX];
	size_t count;
};

static bool fail(const char *where, const char *what)
{
	fprintf(stderr, "%s: %s\n", where, what);
	return false;
}

static struct json_doc *read_json(const char *file)
{
	struct problem why = {0};
	size_t len;
	char *text = file_read(file, FILE_MAX, &len, &why);
	struct json_doc *doc = NULL;

	if (text != NULL)
		doc = json_parse(text, len, JSON_DEPTH_DEFAULT, &why);
	if (doc == NULL)
		(void)fail(file, why.detail);
	free(text);
	return doc;
}

static bool known(const struct asking *a, const char *class)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->classes[i], class) == 0)
			return true;
	return false;
}

/* The classes of the workflow that the manifest names. */
static bool read_classes(struct asking *a)
{
	const char *file =
		arena_printf(&a->arena, "%s/manifest.json", a->folder);
	struct json_doc *manifest = read_json(file), *flow;
	const char *name;

	if (manifest == NULL)
		return false;
	name = json_string(json_get(json_root(manifest), "workflow"));
	file = arena_printf(&a->arena, "%s/%s", a->folder,
			    name != NULL ? name : "workflow.json");
	json_free(manifest);
	flow = read_json(file);
	if (flow == NULL)
		return false;
	json_each (node, json_root(flow)) {
		const char *class = json_string(json_get(node, "class_type"));

		if (class != NULL && !known(a, class) && a->count < CLASSES_MAX)
			a->classes[a->count++] = arena_strdup(&a->arena, class);
	}
	json_free(flow);
	return a->count > 0 || fail(file, "names no classes of nodes");
}

/* Names of models and files are nobody's business here: types only. */
static void put_group(struct json_writer *w, const struct json *input,
		      const char *group)
{
	if (!json_is(json_get(input, group), JSON_OBJECT))
		return;
	json_put_key(w, group);
	json_open(w, '{');
	json_each (socket, json_get(input, group)) {
		const char *type = json_string(json_at(socket, 0));

		json_put_key(w, json_key(socket));
		json_open(w, '[');
		json_put_string(w, type != NULL ? type : "COMBO");
		json_close(w, ']');
	}
	json_close(w, '}');
}

static void put_class(struct json_writer *w, const struct json *class)
{
	json_put_key(w, json_key(class));
	json_open(w, '{');
	json_put_key(w, "input");
	json_open(w, '{');
	put_group(w, json_get(class, "input"), "required");
	put_group(w, json_get(class, "input"), "optional");
	json_close(w, '}');
	json_put_key(w, "output");
	json_open(w, '[');
	json_each (type, json_get(class, "output"))
		json_put_string(w, json_string(type) != NULL ? json_string(type)
							     : "COMBO");
	json_close(w, ']');
	json_close(w, '}');
	buf_addc(w->to, '\n');
}

static bool ask(struct asking *a, const char *name, struct json_writer *w)
{
	struct web_call call = {.method = "GET",
				.timeout_ms = CALL_MS,
				.max_bytes = ANSWER_MAX};
	struct web_answer answer;
	struct json_doc *doc = NULL;
	const struct json *class;
	struct problem why = {0};
	struct buf url;

	buf_init(&url, 4096);
	buf_addf(&url, "%s/object_info/", a->url);
	text_percent_encode(&url, name);
	call.url = buf_str(&url);
	if (web_do(a->web, &call, &answer) != WEB_ANSWERED)
		(void)fail(a->url, answer.detail);
	else if (answer.status != 200)
		(void)fail(a->url, "answers with another status than 200");
	else
		doc = json_parse_python(buf_str(&answer.body), answer.body.len,
					JSON_DEPTH_DEFAULT, &why);
	class = doc != NULL ? json_get(json_root(doc), name) : NULL;
	if (class != NULL)
		put_class(w, class);
	else if (doc != NULL)
		(void)fail(name, "that ComfyUI has no such class");
	json_free(doc);
	web_answer_finish(&answer);
	buf_finish(&url);
	return class != NULL;
}

static bool write_file(struct asking *a)
{
	const char *file =
		arena_printf(&a->arena, "%s/object_info.json", a->folder);
	struct problem why = {0};
	struct json_writer w;
	struct buf to;
	bool good = true;

	buf_init(&to, FILE_MAX);
	json_writer_init(&w, &to);
	json_open(&w, '{');
	for (size_t i = 0; i < a->count; i++)
		good = ask(a, a->classes[i], &w) && good;
	json_close(&w, '}');
	buf_addc(&to, '\n');
	if (good && !file_write(file, buf_str(&to), to.len, 0644, &why))
		good = fail(file, why.detail);
	if (good)
		printf("%s: %zu classes\n", file, a->count);
	buf_finish(&to);
	return good;
}

int cli_object_info(int argc, char **argv)
{
	struct asking a = {0};
	size_t len;
	bool good;

	if (cli_help(argc, argv, usage))
		return 0;
	if (argc != 3 || argv[1][0] == '-')
		return cli_usage(usage);
	len = strlen(argv[1]);
	while (len > 0 && argv[1][len - 1] == '/')
		len--;
	a.url = arena_strndup(&a.arena, argv[1], len);
	a.folder = argv[2];
	a.web = web_create();
	good = read_classes(&a) && write_file(&a);
	web_destroy(a.web);
	arena_finish(&a.arena);
	return good ? 0 : 1;
}
