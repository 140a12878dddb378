#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/key.h"
#include "auth/secret.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"

#define SECRET_FILE_MAX (64 * 1024)
#define RANDOM_BYTES	32

bool secret_is_private(const char *path, struct problem *why)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return problem_set(why,
				   errno == ENOENT ? PROBLEM_NOT_FOUND
						   : PROBLEM_INTERNAL,
				   path, "%s", strerror(errno));
	if ((st.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0)
		return problem_set(why, PROBLEM_INVALID_INPUT, path,
				   "holds a secret, but others than its owner "
				   "may open it: chmod 600 the file");
	return true;
}

char *secret_read(const char *path, size_t *len, struct problem *why)
{
	char *text;

	if (!secret_is_private(path, why))
		return NULL;
	text = file_read(path, SECRET_FILE_MAX, len, why);
	if (text == NULL)
		return NULL;
	if (*len > 0 && text[*len - 1] == '\n')
		text[--*len] = '\0';
	if (strncmp(text, "-----BEGIN ", 11) == 0)
		problem_set(why, PROBLEM_INVALID_INPUT, path,
			    "is a PEM file: name it as the PEM key, for a "
			    "secret it would let anybody who has it sign");
	else if (*len < KEY_SECRET_MIN)
		problem_set(why, PROBLEM_INVALID_INPUT, path,
			    "a secret must have at least %d bytes, this one "
			    "has %zu",
			    KEY_SECRET_MIN, *len);
	else
		return text;
	secret_free(text, *len);
	return NULL;
}

void secret_free(char *secret, size_t len)
{
	if (secret != NULL)
		explicit_bzero(secret, len);
	free(secret);
}

bool secret_is_development(const char *secret, size_t len)
{
	size_t n = strlen(SECRET_DEVELOPMENT);

	return len >= n && memcmp(secret, SECRET_DEVELOPMENT, n) == 0;
}

static bool make_folder_of(struct arena *a, const char *path,
			   struct problem *why)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path)
		return true;
	return file_make_dirs(arena_strndup(a, path, (size_t)(slash - path)),
			      0750, why);
}

/* Written whole beside its place and then linked there: link() fails where
 * somebody else was first, and nobody ever reads half a key. */
static bool write_new(struct arena *a, const char *path, struct problem *why)
{
	unsigned char random[RANDOM_BYTES];
	char *text, *beside;
	bool good;

	digest_random(random, sizeof(random));
	text = arena_printf(a, "%s%s\n", SECRET_DEVELOPMENT,
			    digest_base64url(a, random, sizeof(random)));
	beside = arena_printf(a, "%s.%ld", path, (long)getpid());
	if (!file_write(beside, text, strlen(text), 0600, why))
		return false;
	good = link(beside, path) == 0 || errno == EEXIST;
	if (!good)
		problem_set(why, PROBLEM_INTERNAL, path, "%s", strerror(errno));
	unlink(beside);
	return good;
}

bool secret_ensure_development(const char *path, struct problem *why)
{
	struct arena a = {0};
	bool good;

	if (access(path, F_OK) == 0)
		return true;
	good = make_folder_of(&a, path, why) && write_new(&a, path, why);
	arena_finish(&a);
	return good;
}
