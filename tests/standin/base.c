#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void *mem_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		abort();
	return p;
}

void *mem_zero(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

void *mem_grow(void *p, size_t n)
{
	p = realloc(p, n);
	if (!p)
		abort();
	return p;
}

char *mem_copy(const char *p, size_t len)
{
	char *copy = mem_alloc(len + 1);

	if (len)
		memcpy(copy, p, len);
	copy[len] = '\0';
	return copy;
}

char *mem_text(const char *text)
{
	return mem_copy(text, strlen(text));
}

static void str_room(struct str *s, size_t more)
{
	if (s->len + more + 1 <= s->cap)
		return;
	s->cap = (s->len + more + 1) * 2;
	if (s->cap < 128)
		s->cap = 128;
	s->p = mem_grow(s->p, s->cap);
}

void str_add(struct str *s, const char *p, size_t len)
{
	str_room(s, len);
	if (len)
		memcpy(s->p + s->len, p, len);
	s->len += len;
	s->p[s->len] = '\0';
}

void str_puts(struct str *s, const char *text)
{
	str_add(s, text, strlen(text));
}

void str_char(struct str *s, char c)
{
	str_add(s, &c, 1);
}

void str_be32(struct str *s, uint32_t v)
{
	const unsigned char b[4] = {(unsigned char)(v >> 24),
				    (unsigned char)(v >> 16),
				    (unsigned char)(v >> 8), (unsigned char)v};

	str_add(s, (const char *)b, 4);
}

void str_printf(struct str *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	str_room(s, 256);
	va_start(ap, fmt);
	n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	if (s->len + (size_t)n + 1 > s->cap) {
		str_room(s, (size_t)n);
		va_start(ap, fmt);
		n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, ap);
		va_end(ap);
	}
	s->len += (size_t)n;
}

/* one code point of loose UTF-8 (lone surrogates pass); a bad byte is itself */
static unsigned take_point(const unsigned char **p, const unsigned char *end)
{
	unsigned c = *(*p)++;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	if (c < 0x80 || !more || (size_t)(end - *p) < more)
		return c;
	c &= 0x3fU >> more;
	while (more--)
		c = c << 6 | (*(*p)++ & 0x3fU);
	return c;
}

static void put_escaped(struct str *s, unsigned c)
{
	switch (c) {
	case '"':
		str_add(s, "\\\"", 2);
		break;
	case '\\':
		str_add(s, "\\\\", 2);
		break;
	case '\n':
		str_add(s, "\\n", 2);
		break;
	case '\r':
		str_add(s, "\\r", 2);
		break;
	case '\t':
		str_add(s, "\\t", 2);
		break;
	default:
		if (c > 0xffff) {
			c -= 0x10000;
			str_printf(s, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
				   0xdc00 + (c & 0x3ff));
		} else {
			str_printf(s, "\\u%04x", c);
		}
	}
}

void str_json(struct str *s, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + len;
	const unsigned char *plain;

	str_char(s, '"');
	while (p < end) {
		plain = p;
		while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' &&
		       *p != '\\')
			p++;
		str_add(s, (const char *)plain, (size_t)(p - plain));
		if (p < end)
			put_escaped(s, take_point(&p, end));
	}
	str_char(s, '"');
}

void str_json_text(struct str *s, const char *text)
{
	str_json(s, text, strlen(text));
}

void str_clear(struct str *s)
{
	s->len = 0;
	if (s->p)
		s->p[0] = '\0';
}

void str_free(struct str *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

const char *str_text(const struct str *s)
{
	return s->p ? s->p : "";
}

void strv_add(struct strv *v, const char *text)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 4;
		v->v = mem_grow(v->v, v->cap * sizeof(*v->v));
	}
	v->v[v->n++] = mem_text(text);
}

bool strv_has(const struct strv *v, const char *text)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (!strcmp(v->v[i], text))
			return true;
	return false;
}

void strv_free(struct strv *v)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		free(v->v[i]);
	free(v->v);
	memset(v, 0, sizeof(*v));
}

uint64_t hash_bytes(uint64_t h, const void *p, size_t len)
{
	const unsigned char *b = p;

	while (len--)
		h = (h ^ *b++) * 1099511628211ULL;
	return h;
}

int64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void uuid_make(char out[37])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, 37,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		 "%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9],
		 b[10], b[11], b[12], b[13], b[14], b[15]);
}

bool uuid_canonical(const char *s, size_t len)
{
	size_t i;

	if (len != 36)
		return false;
	for (i = 0; i < len; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (s[i] != '-')
				return false;
		} else if (!s[i] || !strchr("0123456789abcdef", s[i])) {
			return false;
		}
	}
	return true;
}

bool file_read(const char *path, struct str *out)
{
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	str_clear(out);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return false;
	}
	str_room(out, (size_t)st.st_size + 1);
	while ((n = read(fd, out->p + out->len, out->cap - out->len - 1)) > 0) {
		out->len += (size_t)n;
		str_room(out, 4096);
	}
	out->p[out->len] = '\0';
	close(fd);
	return n == 0;
}

bool file_write(const char *path, const char *p, size_t len)
{
	ssize_t n;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return false;
	while (len) {
		n = write(fd, p, len);
		if (n <= 0)
			break;
		p += n;
		len -= (size_t)n;
	}
	return !close(fd) && !len;
}

void file_mkdirs(const char *path)
{
	char *copy = mem_text(path);
	char *p;

	for (p = copy; *p; p++) {
		if (*p != '/' || p == copy)
			continue;
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
	mkdir(copy, 0755);
	free(copy);
}

void file_remove_tree(const char *path, bool self)
{
	struct str child = {0};
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(path);

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		str_clear(&child);
		str_printf(&child, "%s/%s", path, e->d_name);
		if (!lstat(child.p, &st) && S_ISDIR(st.st_mode))
			file_remove_tree(child.p, true);
		else
			unlink(child.p);
	}
	if (d)
		closedir(d);
	if (self)
		rmdir(path);
	str_free(&child);
}
