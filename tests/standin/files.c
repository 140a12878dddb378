#include "files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

const char *files_dir(const struct world *w, const char *type)
{
	if (!strcmp(type, "input"))
		return w->input_dir;
	if (!strcmp(type, "output"))
		return w->output_dir;
	return strcmp(type, "temp") ? NULL : w->temp_dir;
}

static bool ends(const char *name, size_t len, const char *tail)
{
	const size_t n = strlen(tail);

	return len >= n && !strcmp(name + len - n, tail);
}

void files_annotated(const struct world *w, const char *name, const char *type,
		     struct str *path)
{
	static const char *const types[] = {"output", "input", "temp"};
	size_t len = strlen(name), i;
	char mark[16];

	for (i = 0; i < 3; i++) {
		mark[0] = '[';
		memcpy(mark + 1, types[i], strlen(types[i]) + 1);
		memcpy(mark + strlen(mark), "]", 2);
		if (!ends(name, len, mark))
			continue;
		type = types[i];
		/* the space before the mark goes too, whatever it is */
		len -= len > strlen(mark) ? strlen(mark) + 1 : len;
		break;
	}
	if (*name != '/') {
		str_puts(path, files_dir(w, type));
		str_char(path, '/');
	}
	str_add(path, name, len);
}

/* %year%, %width% and the like */
static void fill_in(const char *prefix, int width, int height, struct str *out)
{
	const time_t now = time(NULL);
	struct tm tm;
	const struct {
		const char *word;
		const char *fmt;
		int v;
	} words[] = {{"%width%", "%d", width},
		     {"%height%", "%d", height},
		     {"%year%", "%d", localtime_r(&now, &tm)->tm_year + 1900},
		     {"%month%", "%02d", tm.tm_mon + 1},
		     {"%day%", "%02d", tm.tm_mday},
		     {"%hour%", "%02d", tm.tm_hour},
		     {"%minute%", "%02d", tm.tm_min},
		     {"%second%", "%02d", tm.tm_sec}};
	size_t i;

	while (*prefix) {
		for (i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (!strncmp(prefix, words[i].word,
				     strlen(words[i].word)))
				break;
		if (i == sizeof(words) / sizeof(*words)) {
			str_char(out, *prefix++);
			continue;
		}
		if (words[i].fmt[1] == 'd')
			str_printf(out, "%d", words[i].v);
		else
			str_printf(out, "%02d", words[i].v);
		prefix += strlen(words[i].word);
	}
}

/* as normpath: no empty parts, no dots; false when it climbs out */
static bool normal(const char *path, struct str *out)
{
	const char *p = path;
	int depth = 0;

	if (*p == '/')
		return false;
	while (*p) {
		const size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (--depth < 0)
				return false;
			while (out->len && out->p[--out->len] != '/')
				;
			if (out->p)
				out->p[out->len] = '\0';
		} else if (n && !(n == 1 && p[0] == '.')) {
			if (out->len)
				str_char(out, '/');
			str_add(out, p, n);
			depth++;
		}
		p += n + (p[n] == '/');
	}
	return true;
}

/* one more than the highest number that is there for this prefix */
static long highest(const char *dir, const char *base)
{
	const size_t n = strlen(base);
	struct dirent *e;
	DIR *d = opendir(dir);
	long top = 0, v;
	char *end;

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, base, n) || e->d_name[n] != '_')
			continue;
		v = strtol(e->d_name + n + 1, &end, 10);
		if ((*end == '_' || *end == '.') && v > top)
			top = v;
	}
	if (d)
		closedir(d);
	return top;
}

/* The real one lists the folder each time; we look only whether the last file
 * we wrote is still there. */
static long next_number(struct world *w, const char *dir, const char *base,
			const char *last)
{
	struct str key = {0};
	struct stat st;
	size_t i;
	long n;

	str_printf(&key, "%s/%s", dir, base);
	for (i = 0; i < w->counter_names.n; i++)
		if (!strcmp(w->counter_names.v[i], key.p))
			break;
	if (i == w->counter_names.n) {
		strv_add(&w->counter_names, key.p);
		w->counter_values =
			mem_grow(w->counter_values, (i + 1) * sizeof(long));
		w->counter_values[i] = w->fast ? 0 : highest(dir, base);
	} else if (!w->fast && w->counter_values[i] > 0 && last && *last &&
		   stat(last, &st)) {
		w->counter_values[i] = highest(dir, base);
	}
	n = ++w->counter_values[i];
	str_free(&key);
	return n;
}

static void keep(struct world *w, const char *type, const char *sub,
		 const char *name, const struct str *bytes)
{
	struct mem_file *f = &w->files[w->files_count++ % w->keep];
	struct str key = {0};

	str_printf(&key, "%s/%s/%s", type, sub, name);
	free(f->name);
	free(f->p);
	f->name = key.p;
	f->p = mem_copy(bytes->p, bytes->len);
	f->len = bytes->len;
}

bool files_save(struct world *w, const char *type, const char *prefix,
		const char *ending, int width, int height,
		const struct str *bytes, struct str *name,
		struct str *subfolder)
{
	static struct str last; /* the path of the last file, worker only */
	struct str want = {0}, whole = {0}, dir = {0};
	const char *base;
	char *slash;
	long number;
	bool fine;

	fill_in(prefix, width, height, &want);
	fine = normal(str_text(&want), &whole);
	if (!fine)
		goto out;
	slash = whole.p ? strrchr(whole.p, '/') : NULL;
	base = slash ? slash + 1 : whole.len ? whole.p : ".";
	if (slash)
		str_add(subfolder, whole.p, (size_t)(slash - whole.p));
	str_printf(&dir, "%s%s%s", files_dir(w, type), slash ? "/" : "",
		   str_text(subfolder));
	pthread_mutex_lock(&w->lock);
	number = next_number(w, dir.p, base, str_text(&last));
	str_printf(name, "%s_%05ld%s", base, number, ending);
	if (w->fast)
		keep(w, type, str_text(subfolder), name->p, bytes);
	pthread_mutex_unlock(&w->lock);
	str_clear(&last);
	if (w->fast)
		goto out;
	if (slash)
		file_mkdirs(dir.p);
	str_printf(&last, "%s/%s", dir.p, name->p);
	fine = file_write(last.p, bytes->p, bytes->len);
out:
	str_free(&want);
	str_free(&whole);
	str_free(&dir);
	return fine;
}

bool files_put(struct world *w, const char *type, const char *subfolder,
	       const char *name, const struct str *bytes)
{
	const char *root = files_dir(w, type);
	struct str path = {0};
	bool fine = root != NULL;

	pthread_mutex_lock(&w->lock);
	if (fine && w->fast)
		keep(w, type, subfolder, name, bytes);
	pthread_mutex_unlock(&w->lock);
	if (!fine || w->fast)
		return fine;
	str_printf(&path, "%s/%s", root, subfolder);
	file_mkdirs(path.p);
	str_printf(&path, "/%s", name);
	fine = file_write(path.p, bytes->p, bytes->len);
	str_free(&path);
	return fine;
}

bool files_memory(struct world *w, const char *type, const char *subfolder,
		  const char *name, struct str *out)
{
	struct str key = {0};
	size_t i, n;
	bool found = false;

	if (!w->fast)
		return false;
	str_printf(&key, "%s/%s/%s", type, subfolder, name);
	n = w->files_count < w->keep ? w->files_count : w->keep;
	for (i = 0; i < n && !found; i++) {
		/* newest first: that is what is asked for */
		const struct mem_file *f =
			&w->files[(w->files_count - 1 - i) % w->keep];

		if (!f->name || strcmp(f->name, key.p))
			continue;
		str_add(out, f->p, f->len);
		found = true;
	}
	str_free(&key);
	return found;
}

void files_forget(struct world *w)
{
	size_t i;

	for (i = 0; w->fast && i < w->keep; i++) {
		if (!w->files[i].name || strncmp(w->files[i].name, "temp/", 5))
			continue;
		free(w->files[i].name);
		w->files[i].name = NULL;
	}
	file_remove_tree(w->temp_dir, false);
	strv_free(&w->counter_names);
}

const char *files_mime(const char *name)
{
	static const char *const types[][2] = {
		{".png", "image/png"},
		{".jpg", "image/jpeg"},
		{".jpeg", "image/jpeg"},
		{".gif", "image/gif"},
		{".webp", "image/webp"},
		{".svg", "image/svg+xml"},
		{".txt", "text/plain"},
		{".json", "application/json"},
		{".xml", "application/xml"},
		{".pdf", "application/pdf"},
		{".js", "application/javascript; charset=utf-8"},
		{".mp4", "video/mp4"},
		{".webm", "video/webm"},
		{".flac", "audio/flac"},
		{".mp3", "audio/mpeg"},
		{".glb", "model/gltf-binary"},
	};
	const char *dot = strrchr(name, '.');
	size_t i;

	for (i = 0; dot && i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(dot, types[i][0]))
			return types[i][1];
	return "application/octet-stream";
}
