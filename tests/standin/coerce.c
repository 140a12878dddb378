#include "coerce.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *type_name(const struct jv *v)
{
	static const char *const names[] = {"NoneType", "bool", "bool", "float",
					    "str",	"list", "dict"};

	return names[v->type];
}

static bool text_to_int(struct jdoc *doc, struct jv *v, struct str *why)
{
	const char *p = v->text, *end = v->text + v->len;
	struct str out = {0};
	bool fine;

	while (p < end && isspace((unsigned char)*p))
		p++;
	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	if (p < end && (*p == '+' || *p == '-')) {
		if (*p == '-')
			str_char(&out, '-');
		p++;
	}
	fine = p < end && *p != '_' && end[-1] != '_';
	for (; p < end && fine; p++) {
		if (isdigit((unsigned char)*p))
			str_char(&out, *p);
		else
			fine = *p == '_' && p[1] != '_';
	}
	if (fine) {
		json_set_number(doc, v, out.p);
	} else {
		str_puts(why, "invalid literal for int() with base 10: ");
		json_repr(why, v);
	}
	str_free(&out);
	return fine;
}

static bool to_int(struct jdoc *doc, struct jv *v, struct str *why)
{
	char buf[512];
	double d;

	switch (v->type) {
	case J_FALSE:
	case J_TRUE:
		json_set_number(doc, v, v->type == J_TRUE ? "1" : "0");
		return true;
	case J_STR:
		return text_to_int(doc, v, why);
	case J_NUM:
		if (!json_is_float(v))
			return true;
		d = strtod(v->text, NULL);
		if (isnan(d) || isinf(d)) {
			str_printf(why, "cannot convert float %s to integer",
				   isnan(d) ? "NaN" : "infinity");
			return false;
		}
		snprintf(buf, sizeof(buf), "%.0f", trunc(d));
		json_set_number(doc, v, strcmp(buf, "-0") ? buf : "0");
		return true;
	default:
		str_printf(why,
			   "int() argument must be a string, a bytes-like "
			   "object or a real number, not '%s'",
			   type_name(v));
		return false;
	}
}

static void set_float(struct jdoc *doc, struct jv *v, double d)
{
	struct str s = {0};

	if (isnan(d))
		str_puts(&s, "NaN");
	else if (isinf(d))
		str_puts(&s, d < 0 ? "-Infinity" : "Infinity");
	else
		json_float_repr(&s, d);
	json_set_number(doc, v, s.p);
	str_free(&s);
}

static bool to_float(struct jdoc *doc, struct jv *v, struct str *why)
{
	char *end;
	double d;

	switch (v->type) {
	case J_FALSE:
	case J_TRUE:
		set_float(doc, v, v->type == J_TRUE);
		return true;
	case J_NUM:
		if (!json_is_float(v) || isinf(strtod(v->text, NULL)))
			set_float(doc, v, strtod(v->text, NULL));
		return true;
	case J_STR:
		d = strtod(v->text, &end);
		while (isspace((unsigned char)*end))
			end++;
		if (v->len && !*end && !strpbrk(v->text, "xX")) {
			set_float(doc, v, d);
			return true;
		}
		str_puts(why, "could not convert string to float: ");
		json_repr(why, v);
		return false;
	default:
		str_printf(why,
			   "float() argument must be a string or a real "
			   "number, not '%s'",
			   type_name(v));
		return false;
	}
}

bool coerce(struct jdoc *doc, struct jv *v, const char *type, struct str *why)
{
	struct str s = {0};

	if (!strcmp(type, "INT"))
		return to_int(doc, v, why);
	if (!strcmp(type, "FLOAT"))
		return to_float(doc, v, why);
	if (!strcmp(type, "BOOLEAN")) {
		json_set_bool(v, json_truth(v));
	} else if (!strcmp(type, "STRING") && v->type != J_STR) {
		json_str(&s, v);
		json_set_text(doc, v, str_text(&s), s.len);
		str_free(&s);
	}
	return true;
}
