#include "value.h"

#include <stdlib.h>

struct value *value_new(enum vtype type)
{
	struct value *v = mem_zero(sizeof(*v));

	v->refs = 1;
	v->type = type;
	return v;
}

struct value *value_image(struct image *im, enum vtype type)
{
	struct value *v = value_new(type);

	v->image = im;
	return v;
}

struct value *value_text(enum vtype type, const char *text)
{
	struct value *v = value_new(type);

	v->text = mem_text(text);
	return v;
}

struct value *value_ref(struct value *v)
{
	if (v)
		v->refs++;
	return v;
}

void value_unref(struct value *v)
{
	size_t i;

	if (!v || --v->refs)
		return;
	for (i = 0; i < v->count; i++)
		value_unref(v->items[i]);
	free(v->items);
	image_free(v->image);
	free(v->text);
	free(v);
}

void value_print(const struct value *v, struct str *out)
{
	switch (v->type) {
	case V_IMAGE:
	case V_MASK:
		str_printf(out, "tensor([[[[%.4f, %.4f, %.4f]]]])",
			   v->image->px[0] / 255.0, v->image->px[1] / 255.0,
			   v->image->px[2] / 255.0);
		break;
	case V_LATENT:
		str_printf(out, "{'samples': 'pretended %dx%d'}", v->width,
			   v->height);
		break;
	case V_MODEL:
	case V_COND:
		str_puts(out, "<pretended>");
		break;
	case V_LIST:
		str_printf(out, "<list of %zu>", v->count);
		break;
	default:
		str_puts(out, v->text ? v->text : "None");
	}
}
