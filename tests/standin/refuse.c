#include "refuse.h"

void refuse_prompt(struct verdict *out, const char *type, const char *message,
		   const char *details, const char *extra)
{
	str_clear(&out->error);
	str_printf(&out->error, "{\"type\": \"%s\", \"message\": ", type);
	str_json_text(&out->error, message);
	str_puts(&out->error, ", \"details\": ");
	str_json_text(&out->error, details);
	str_printf(&out->error, ", \"extra_info\": {%s}}", extra ? extra : "");
}

static void old_words(struct verdict *out, const char *id, const char *name)
{
	struct str message = {0}, details = {0};

	if (name)
		str_printf(&message,
			   "Cannot execute because node %s does not exist.",
			   name);
	else
		str_puts(&message, "Cannot execute because a node is missing "
				   "the class_type property.");
	str_printf(&details, "Node ID '#%s'", id);
	refuse_prompt(out, "invalid_prompt", message.p, details.p, NULL);
	str_free(&message);
	str_free(&details);
}

static void new_words(struct verdict *out, const char *id, const char *name,
		      const struct jv *node)
{
	const char *title = json_text(json_get(node, "_meta"), "title");
	struct str message = {0}, details = {0}, extra = {0};

	if (!title)
		title = name;
	if (name)
		str_printf(&message,
			   "Node '%s' not found. The custom node may not be "
			   "installed.",
			   title);
	else
		str_printf(&message,
			   "Node 'ID #%s' has no class_type. The workflow may "
			   "be corrupted or a custom node is missing.",
			   id);
	str_printf(&details, "Node ID '#%s'", id);
	str_puts(&extra, "\"node_id\": ");
	str_json_text(&extra, id);
	str_puts(&extra, ", \"class_type\": ");
	name ? str_json_text(&extra, name) : str_puts(&extra, "null");
	str_puts(&extra, ", \"node_title\": ");
	title ? str_json_text(&extra, title) : str_puts(&extra, "null");
	refuse_prompt(out, "missing_node_type", message.p, details.p, extra.p);
	str_free(&message);
	str_free(&details);
	str_free(&extra);
}

void refuse_class(const struct world *w, struct verdict *out, const char *id,
		  const char *name, const struct jv *node)
{
	if (w->dialect < DIALECT_0_25_0)
		old_words(out, id, name);
	else
		new_words(out, id, name, node);
}
