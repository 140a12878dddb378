#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 900

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	char data[];
};

struct jdoc {
	struct chunk *chunks;
	struct jv *root;
	const char *p;
	const char *end;
};

static void *doc_alloc(struct jdoc *d, size_t n)
{
	struct chunk *c = d->chunks;
	void *out;

	n = (n + 7) & ~(size_t)7;
	if (!c || c->size - c->used < n) {
		size_t size = n > 4096 ? n : 4096;

		c = mem_alloc(sizeof(*c) + size);
		c->used = 0;
		c->size = size;
		c->next = d->chunks;
		d->chunks = c;
	}
	out = c->data + c->used;
	c->used += n;
	return out;
}

static char *doc_text(struct jdoc *d, const char *text, size_t len)
{
	char *copy = doc_alloc(d, len + 1);

	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

void json_free(struct jdoc *d)
{
	struct chunk *c;

	if (!d)
		return;
	while ((c = d->chunks)) {
		d->chunks = c->next;
		free(c);
	}
	free(d);
}

struct jv *json_root(struct jdoc *d)
{
	return d->root;
}

static void skip_space(struct jdoc *d)
{
	while (d->p < d->end && (*d->p == ' ' || *d->p == '\t' ||
				 *d->p == '\n' || *d->p == '\r'))
		d->p++;
}

static bool take_word(struct jdoc *d, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(d->end - d->p) < n || memcmp(d->p, word, n))
		return false;
	d->p += n;
	return true;
}

static struct jv *new_value(struct jdoc *d, enum jtype type)
{
	struct jv *v = doc_alloc(d, sizeof(*v));

	memset(v, 0, sizeof(*v));
	v->type = type;
	return v;
}

static size_t put_utf8(char *out, unsigned c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static bool take_hex4(struct jdoc *d, unsigned *out)
{
	unsigned v = 0;
	int i;

	if (d->end - d->p < 4)
		return false;
	for (i = 0; i < 4; i++) {
		char c = *d->p++;

		v <<= 4;
		if (c >= '0' && c <= '9')
			v |= (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v |= (unsigned)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v |= (unsigned)(c - 'A' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

static bool take_escape(struct jdoc *d, char *out, size_t *n)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	unsigned c, low;
	const char *hit;

	if (d->p == d->end)
		return false;
	if (*d->p != 'u') {
		hit = *d->p ? strchr(from, *d->p) : NULL;
		if (!hit)
			return false;
		out[(*n)++] = to[hit - from];
		d->p++;
		return true;
	}
	d->p++;
	if (!take_hex4(d, &c))
		return false;
	if (c >= 0xd800 && c < 0xdc00 && d->end - d->p >= 6 &&
	    d->p[0] == '\\' && d->p[1] == 'u') {
		const char *back = d->p;

		d->p += 2;
		if (!take_hex4(d, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		else
			d->p = back;
	}
	*n += put_utf8(out + *n, c);
	return true;
}

/* d->p is behind the opening quote */
static bool take_string(struct jdoc *d, const char **text, size_t *len)
{
	const char *q = d->p;
	char *out;
	size_t n = 0;

	while (q < d->end && *q != '"') {
		if ((unsigned char)*q < 0x20)
			return false;
		q += *q == '\\' ? 2 : 1;
	}
	if (q >= d->end)
		return false;
	out = doc_alloc(d, (size_t)(q - d->p) + 1);
	while (d->p < d->end && *d->p != '"') {
		if (*d->p != '\\') {
			out[n++] = *d->p++;
			continue;
		}
		d->p++;
		if (!take_escape(d, out, &n))
			return false;
	}
	d->p++;
	out[n] = '\0';
	*text = out;
	*len = n;
	return true;
}

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static struct jv *take_number(struct jdoc *d)
{
	const char *start = d->p;
	const char *p = d->p;
	const char *q;
	struct jv *v;

	if (p < d->end && *p == '-')
		p++;
	q = digits(p, d->end);
	if (q == p || (*p == '0' && q - p > 1) || q - p > 4300)
		return NULL;
	p = q;
	if (p < d->end && *p == '.') {
		q = digits(p + 1, d->end);
		if (q == p + 1)
			return NULL;
		p = q;
	}
	if (p < d->end && (*p == 'e' || *p == 'E')) {
		const char *e = p + 1;

		if (e < d->end && (*e == '+' || *e == '-'))
			e++;
		q = digits(e, d->end);
		if (q == e)
			return NULL;
		p = q;
	}
	v = new_value(d, J_NUM);
	v->len = (size_t)(p - start);
	v->text = doc_text(d, start, v->len);
	d->p = p;
	return v;
}

static void append(struct jv *parent, struct jv *v)
{
	if (parent->last)
		parent->last->next = v;
	else
		parent->child = v;
	parent->last = v;
	parent->count++;
}

static struct jv *take_value(struct jdoc *d, int depth);

static bool take_member(struct jdoc *d, struct jv *obj, int depth)
{
	const char *key;
	struct jv *v, *old;
	size_t len;

	skip_space(d);
	if (d->p >= d->end || *d->p++ != '"' || !take_string(d, &key, &len))
		return false;
	skip_space(d);
	if (d->p >= d->end || *d->p++ != ':')
		return false;
	v = take_value(d, depth + 1);
	if (!v)
		return false;
	old = json_get(obj, key);
	if (old) {
		json_set_value(old, v);
		return true;
	}
	v->key = key;
	append(obj, v);
	return true;
}

static struct jv *take_list(struct jdoc *d, enum jtype type, int depth)
{
	const char close = type == J_OBJ ? '}' : ']';
	struct jv *list = new_value(d, type);
	struct jv *v;

	d->p++;
	skip_space(d);
	if (d->p < d->end && *d->p == close) {
		d->p++;
		return list;
	}
	for (;;) {
		if (type == J_OBJ) {
			if (!take_member(d, list, depth))
				return NULL;
		} else {
			v = take_value(d, depth + 1);
			if (!v)
				return NULL;
			append(list, v);
		}
		skip_space(d);
		if (d->p >= d->end)
			return NULL;
		if (*d->p == close) {
			d->p++;
			return list;
		}
		if (*d->p++ != ',')
			return NULL;
	}
}

static struct jv *take_odd_number(struct jdoc *d)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
	struct jv *v;
	size_t i;

	for (i = 0; i < 3; i++) {
		if (!take_word(d, words[i]))
			continue;
		v = new_value(d, J_NUM);
		v->text = words[i];
		v->len = strlen(words[i]);
		return v;
	}
	return take_number(d);
}

static struct jv *take_value(struct jdoc *d, int depth)
{
	struct jv *v;

	skip_space(d);
	if (d->p >= d->end || depth > MAX_DEPTH)
		return NULL;
	switch (*d->p) {
	case '{':
		return take_list(d, J_OBJ, depth);
	case '[':
		return take_list(d, J_ARR, depth);
	case '"':
		d->p++;
		v = new_value(d, J_STR);
		return take_string(d, &v->text, &v->len) ? v : NULL;
	case 't':
		return take_word(d, "true") ? new_value(d, J_TRUE) : NULL;
	case 'f':
		return take_word(d, "false") ? new_value(d, J_FALSE) : NULL;
	case 'n':
		return take_word(d, "null") ? new_value(d, J_NULL) : NULL;
	default:
		return take_odd_number(d);
	}
}

static bool utf8_ok(const unsigned char *p, size_t len)
{
	size_t i = 0, more, k;

	while (i < len) {
		unsigned char c = p[i++];

		if (c < 0x80)
			continue;
		if (c < 0xc2 || c > 0xf4)
			return false;
		more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		if (len - i < more || (c == 0xe0 && p[i] < 0xa0) ||
		    (c == 0xed && p[i] > 0x9f) || (c == 0xf0 && p[i] < 0x90) ||
		    (c == 0xf4 && p[i] > 0x8f))
			return false;
		for (k = 0; k < more; k++)
			if ((p[i++] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

struct jdoc *json_parse(const char *text, size_t len)
{
	struct jdoc *d;

	if (!utf8_ok((const unsigned char *)text, len))
		return NULL;
	d = mem_zero(sizeof(*d));
	d->p = text;
	d->end = text + len;
	d->root = take_value(d, 0);
	skip_space(d);
	if (!d->root || d->p != d->end) {
		json_free(d);
		return NULL;
	}
	return d;
}

struct jv *json_get(const struct jv *v, const char *name)
{
	struct jv *m;

	if (!v || v->type != J_OBJ)
		return NULL;
	for (m = v->child; m; m = m->next)
		if (!strcmp(m->key, name))
			return m;
	return NULL;
}

const char *json_text(const struct jv *v, const char *name)
{
	v = json_get(v, name);
	return v && v->type == J_STR ? v->text : NULL;
}

long long json_int(const struct jv *v, const char *name, long long otherwise)
{
	v = json_get(v, name);
	return v && v->type == J_NUM ? (long long)strtold(v->text, NULL)
				     : otherwise;
}

bool json_is_float(const struct jv *v)
{
	return v->type == J_NUM && strpbrk(v->text, ".eENI");
}

bool json_truth(const struct jv *v)
{
	switch (v->type) {
	case J_NUM:
		return strtod(v->text, NULL) != 0;
	case J_STR:
		return v->len > 0;
	case J_ARR:
	case J_OBJ:
		return v->count > 0;
	default:
		return v->type == J_TRUE;
	}
}

void json_set_value(struct jv *v, const struct jv *from)
{
	struct jv *next = v->next;
	const char *key = v->key;

	*v = *from;
	v->next = next;
	v->key = key;
}

void json_set_text(struct jdoc *d, struct jv *v, const char *text, size_t len)
{
	struct jv now = {.type = J_STR, .len = len};

	now.text = doc_text(d, text, len);
	json_set_value(v, &now);
}

void json_set_number(struct jdoc *d, struct jv *v, const char *num)
{
	struct jv now = {.type = J_NUM, .len = strlen(num)};

	now.text = doc_text(d, num, now.len);
	json_set_value(v, &now);
}

void json_set_bool(struct jv *v, bool b)
{
	const struct jv now = {.type = b ? J_TRUE : J_FALSE};

	json_set_value(v, &now);
}

void json_dump(struct str *s, const struct jv *v)
{
	static const char *const words[] = {"null", "false", "true"};
	const struct jv *m;

	switch (v->type) {
	case J_NUM:
		str_add(s, v->text, v->len);
		break;
	case J_STR:
		str_json(s, v->text, v->len);
		break;
	case J_ARR:
	case J_OBJ:
		str_char(s, v->type == J_OBJ ? '{' : '[');
		for (m = v->child; m; m = m->next) {
			if (m->key) {
				str_json_text(s, m->key);
				str_add(s, ": ", 2);
			}
			json_dump(s, m);
			if (m->next)
				str_add(s, ", ", 2);
		}
		str_char(s, v->type == J_OBJ ? '}' : ']');
		break;
	default:
		str_puts(s, words[v->type]);
	}
}

static void repr_text(struct str *s, const char *p, size_t len)
{
	const char quote =
		memchr(p, '\'', len) && !memchr(p, '"', len) ? '"' : '\'';
	size_t i;

	str_char(s, quote);
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == (unsigned char)quote || c == '\\')
			str_printf(s, "\\%c", c);
		else if (c == '\n')
			str_puts(s, "\\n");
		else if (c == '\r')
			str_puts(s, "\\r");
		else if (c == '\t')
			str_puts(s, "\\t");
		else if (c < 0x20 || c == 0x7f)
			str_printf(s, "\\x%02x", c);
		else
			str_char(s, (char)c);
	}
	str_char(s, quote);
}

void json_float_repr(struct str *s, double d)
{
	char buf[64];
	int prec, power;
	char *e;

	if (isnan(d) || isinf(d)) {
		str_puts(s, isnan(d) ? "nan" : d < 0 ? "-inf" : "inf");
		return;
	}
	for (prec = 1; prec <= 17; prec++) {
		snprintf(buf, sizeof(buf), "%.*e", prec - 1, d);
		if (strtod(buf, NULL) == d)
			break;
	}
	e = strchr(buf, 'e');
	power = e ? (int)strtol(e + 1, NULL, 10) : 0;
	if (power < -4 || power >= 16) {
		str_puts(s, buf);
		return;
	}
	snprintf(buf, sizeof(buf), "%.*f",
		 prec - 1 > power ? prec - 1 - power : 1, d);
	str_puts(s, buf);
}

void json_repr(struct str *s, const struct jv *v)
{
	static const char *const words[] = {"None", "False", "True"};
	const struct jv *m;

	switch (v->type) {
	case J_NUM:
		if (json_is_float(v))
			json_float_repr(s, strtod(v->text, NULL));
		else
			str_add(s, v->text, v->len);
		break;
	case J_STR:
		repr_text(s, v->text, v->len);
		break;
	case J_ARR:
	case J_OBJ:
		str_char(s, v->type == J_OBJ ? '{' : '[');
		for (m = v->child; m; m = m->next) {
			if (m->key) {
				repr_text(s, m->key, strlen(m->key));
				str_add(s, ": ", 2);
			}
			json_repr(s, m);
			if (m->next)
				str_add(s, ", ", 2);
		}
		str_char(s, v->type == J_OBJ ? '}' : ']');
		break;
	default:
		str_puts(s, words[v->type]);
	}
}

void json_str(struct str *s, const struct jv *v)
{
	if (v->type == J_STR)
		str_add(s, v->text, v->len);
	else
		json_repr(s, v);
}
