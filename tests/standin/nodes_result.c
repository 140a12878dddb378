#include "files.h"
#include "nodes.h"

#include <string.h>

/* of either alphabet */
static void base64(struct str *to, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
				     "opqrstuvwxyz0123456789+/-_";
	unsigned bits = 0, n = 0;
	const char *at;

	for (; *text != '\0' && (at = strchr(digits, *text)) != NULL; text++) {
		bits = bits << 6 |
		       (unsigned)(at - digits - (at - digits > 63) * 2);
		n += 6;
		if (n >= 8) {
			n -= 8;
			str_char(to, (char)(bits >> n & 0xff));
		}
	}
}

static void drop_member(struct jv *object, const char *name)
{
	struct jv **at = &object->child;

	while (*at && strcmp((*at)->key, name))
		at = &(*at)->next;
	if (*at)
		*at = (*at)->next;
}

/* {"filename": "a.webp", "type": "output", "bytes": "UklGRg=="}: what is said
 * of the file stays, and the file is there */
static bool put_file(struct run *r, struct jv *item)
{
	const char *bytes = json_text(item, "bytes");
	const char *type = json_text(item, "type");
	const char *folder = json_text(item, "subfolder");
	const char *name = json_text(item, "filename");
	struct str s = {0};
	bool fine = true;

	if (bytes && name) {
		base64(&s, bytes);
		fine = files_put(r->w, type ? type : "output",
				 folder ? folder : "", name, &s);
		drop_member(item, "bytes");
	}
	str_free(&s);
	return fine;
}

/* its input is what the node shows, word for word, but for the files' bytes */
bool node_result(struct run *r, struct enode *n)
{
	struct str text = {0};
	const char *given = run_text(r, n, "result", &text);
	struct jdoc *d = json_parse(given, strlen(given));
	struct jv *root = d ? json_root(d) : NULL;
	struct jv *list, *item;
	bool fine = root && root->type == J_OBJ;

	for (list = fine ? root->child : NULL; list; list = list->next) {
		if (list->type == J_OBJ)
			fine = put_file(r, list) && fine;
		for (item = list->type == J_ARR ? list->child : NULL; item;
		     item = item->next)
			fine = put_file(r, item) && fine;
	}
	if (fine)
		json_dump(&n->ui, root);
	else
		run_raise(r, "ValueError", "no result to give");
	json_free(d);
	str_free(&text);
	return fine;
}
