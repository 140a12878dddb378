#include "misc.h"
#include "classes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void misc_features(const struct world *w, struct str *out)
{
	str_puts(out, "{\"supports_preview_metadata\": true, "
		      "\"max_upload_size\": 104857600");
	if (w->dialect >= DIALECT_0_25_0)
		str_puts(out, ", \"extension\": {\"manager\": "
			      "{\"supports_v4\": true}}, "
			      "\"node_replacements\": true, "
			      "\"assets\": false");
	str_char(out, '}');
}

void misc_system_stats(const struct world *w, struct str *out)
{
	const bool new = w->dialect >= DIALECT_0_25_0;
	const long long ram =
		(long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	const long long spare =
		(long long)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);

	str_printf(out,
		   "{\"system\": {\"os\": \"%s\", \"ram_total\": %lld, "
		   "\"ram_free\": %lld, \"comfyui_version\": \"%s\", "
		   "\"required_frontend_version\": \"%s\", "
		   "\"installed_templates_version\": null, "
		   "\"required_templates_version\": \"%s\", ",
		   new ? "linux" : "posix", ram, spare, w->version,
		   new ? "1.45.15" : "1.27.10", new ? "0.10.0" : "0.1.95");
	if (new)
		str_puts(out, "\"deploy_environment\": \"local\", "
			      "\"comfy_package_versions\": [{\"name\": "
			      "\"comfyui-frontend-package\", \"installed\": "
			      "null, \"required\": \"1.45.15\"}], ");
	str_printf(out,
		   "\"python_version\": \"stand-in, no Python\", "
		   "\"pytorch_version\": \"stand-in, no PyTorch\", "
		   "\"embedded_python\": false, \"argv\": [\"main.py\"%s]}, "
		   "\"devices\": [{\"name\": \"cpu\", \"type\": \"cpu\", "
		   "\"index\": null, \"vram_total\": %lld, \"vram_free\": "
		   "%lld, \"torch_vram_total\": %lld, \"torch_vram_free\": "
		   "%lld}]}",
		   ", \"--cpu\"", ram, spare, ram, spare);
}

static const char *const folders[] = {
	"checkpoints",	 "configs",	     "loras",	      "vae",
	"text_encoders", "diffusion_models", "clip_vision",   "style_models",
	"embeddings",	 "diffusers",	     "vae_approx",    "controlnet",
	"gligen",	 "upscale_models",   "custom_nodes",  "hypernetworks",
	"photomaker",	 "classifiers",	     "model_patches", "audio_encoders"};

void misc_model_folders(const struct world *w UNUSED, struct str *out)
{
	size_t i;

	str_char(out, '[');
	for (i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		str_printf(out, "%s\"%s\"", i ? ", " : "", folders[i]);
	str_char(out, ']');
}

bool misc_models(struct world *w, const char *folder, struct str *out)
{
	struct strv names = {0};
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (!strcmp(folders[i], folder))
			break;
	if (i == sizeof(folders) / sizeof(*folders))
		return false;
	class_choices(w, folder, &names);
	str_char(out, '[');
	for (i = 0; i < names.n; i++) {
		str_puts(out, i ? ", " : "");
		str_json_text(out, names.v[i]);
	}
	str_char(out, ']');
	strv_free(&names);
	return true;
}

static void print_section(struct world *w, const char *name,
			  const struct jv *spec, struct str *out)
{
	if (!spec->count)
		return;
	str_printf(out, "%s\"%s\": ", out->p[out->len - 1] == '{' ? "" : ", ",
		   name);
	class_print_input(w, spec, out);
}

static void print_order(const char *name, const struct jv *spec,
			struct str *out)
{
	const struct jv *m;

	if (!spec->count)
		return;
	str_printf(out, "%s\"%s\": [", out->p[out->len - 1] == '{' ? "" : ", ",
		   name);
	for (m = spec->child; m; m = m->next) {
		str_json_text(out, m->key);
		str_puts(out, m->next ? ", " : "");
	}
	str_char(out, ']');
}

static void print_list(const struct class *c, size_t n, const char *each,
		       struct str *out)
{
	size_t i;

	str_char(out, '[');
	for (i = 0; i < n; i++) {
		str_puts(out, i ? ", " : "");
		if (each)
			str_puts(out, each);
		else
			str_json_text(out, c->output_types.v[i]);
	}
	str_char(out, ']');
}

static void print_inputs(struct world *w, const struct class *c,
			 struct str *out)
{
	str_puts(out, "{\"input\": {");
	print_section(w, "required", c->required_spec, out);
	print_section(w, "optional", c->optional_spec, out);
	if (c->hidden)
		str_puts(out,
			 c->flags & C_V3
				 ? ", \"hidden\": {\"prompt\": "
				   "[\"PROMPT\"], \"extra_pnginfo\": "
				   "[\"EXTRA_PNGINFO\"]}"
				 : ", \"hidden\": {\"prompt\": \"PROMPT\", "
				   "\"extra_pnginfo\": "
				   "\"EXTRA_PNGINFO\"}");
	str_puts(out, "}, \"input_order\": {");
	print_order("required", c->required_spec, out);
	print_order("optional", c->optional_spec, out);
	if (c->hidden)
		str_puts(out, ", \"hidden\": [\"prompt\", "
			      "\"extra_pnginfo\"]");
	str_char(out, '}');
}

static void print_tail(const struct world *w, const struct class *c,
		       struct str *out)
{
	const bool new = w->dialect >= DIALECT_0_25_0;
	const bool v3 = c->flags & C_V3;

	if (v3) {
		str_printf(out,
			   ", \"deprecated\": %s, \"experimental\": "
			   "false%s, \"api_node\": false",
			   c->flags & C_DEPRECATED ? "true" : "false",
			   new ? ", \"dev_only\": false" : "");
		if (new)
			str_puts(out, ", \"price_badge\": null");
	} else if (c->flags & C_DEPRECATED && new) {
		str_puts(out, ", \"deprecated\": true");
	}
	if (!new)
		return;
	str_printf(out,
		   ", \"has_intermediate_output\": false, "
		   "\"search_aliases\": %s",
		   v3 ? "null" : "[]");
	if (c->flags & C_ESSENTIAL)
		str_puts(out, ", \"essentials_category\": \"Basics\"");
	else if (v3)
		str_puts(out, ", \"essentials_category\": null");
}

static void print_class(struct world *w, const struct class *c, struct str *out)
{
	const bool new = w->dialect >= DIALECT_0_25_0;
	const bool v3 = c->flags & C_V3;
	const size_t n = class_output_count(w, c);

	print_inputs(w, c, out);
	if (new)
		str_puts(out, ", \"is_input_list\": false");
	str_puts(out, ", \"output\": ");
	print_list(c, n, NULL, out);
	str_puts(out, ", \"output_is_list\": ");
	print_list(c, n, "false", out);
	str_puts(out, ", \"output_name\": ");
	print_list(c, n, NULL, out);
	if (v3 || c->flags & C_TIPS) {
		str_puts(out, ", \"output_tooltips\": ");
		print_list(c, n, v3 ? "null" : "\"\"", out);
	}
	if (v3 && new)
		str_puts(out, ", \"output_matchtypes\": null");
	str_printf(out,
		   ", \"name\": \"%s\", \"display_name\": \"%s\", "
		   "\"description\": \"\", \"python_module\": \"standin\", "
		   "\"category\": \"%s\", \"output_node\": %s",
		   c->name, new ? c->display : c->name, c->category,
		   c->flags & C_OUTPUT ? "true" : "false");
	print_tail(w, c, out);
	str_char(out, '}');
}

void misc_object_info(struct world *w, const char *name, struct str *out)
{
	const struct class *c;
	bool first = true;
	size_t i;

	str_char(out, '{');
	for (i = 0; (c = class_at(i)); i++) {
		if (name && strcmp(name, c->name) != 0)
			continue;
		str_printf(out, "%s\"%s\": ", first ? "" : ", ", c->name);
		print_class(w, c, out);
		first = false;
	}
	str_char(out, '}');
}
