#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/jwk.h"
#include "auth/key.h"
#include "auth/keyset.h"
#include "auth/pem.h"
#include "auth/secret.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#define KEYS_MAX     128
#define KEY_FILE_MAX (1024 * 1024)
#define JWKS_DEPTH   16

struct keyset {
	atomic_uint references;
	struct key *keys[KEYS_MAX];
	size_t count;
	size_t nameless;
	bool development;
};

static struct keyset *set_new(void)
{
	struct keyset *k = mem_alloc(sizeof(*k));

	atomic_init(&k->references, 1);
	return k;
}

/* Takes over the key; it is dropped where the answer is false. */
static bool add(struct keyset *k, struct key *key, struct problem *why)
{
	const char *kid = key_kid(key);

	if (k->count == KEYS_MAX) {
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "there are more than %d keys", KEYS_MAX);
	} else if (kid == NULL && k->nameless == KEYSET_NAMELESS_MAX) {
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "there are more than %d keys without a kid: use "
			    "a JWKS that names them",
			    KEYSET_NAMELESS_MAX);
	} else if (kid != NULL && keyset_find(k, kid) != NULL) {
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "another key has the same kid");
	} else {
		k->keys[k->count++] = key;
		k->nameless += kid == NULL;
		return true;
	}
	key_drop(key);
	return false;
}

/* Says where a problem with a file's content is. Always false. */
static bool in_file(struct problem *why, const char *path)
{
	if (why != NULL)
		snprintf(why->where, sizeof(why->where), "%s", path);
	return false;
}

static bool in_key(struct problem *why, const char *path, size_t index)
{
	if (why != NULL)
		snprintf(why->where, sizeof(why->where), "%s: /keys/%zu", path,
			 index);
	return false;
}

/* One key of a JWKS. path NULL: fetched; what is bad is then left out. */
static bool add_jwk(struct keyset *k, const struct json *jwk, size_t index,
		    const char *path, struct problem *why)
{
	struct key *key = NULL;
	struct problem mine = {0};
	enum jwk_outcome outcome = jwk_read(jwk, path != NULL, &key, &mine);
	size_t len;

	if (outcome == JWK_OTHER)
		return true;
	if (outcome == JWK_KEY && key_secret(key, &len) != NULL &&
	    !secret_is_private(path, why)) {
		key_drop(key);
		return false;
	}
	if (outcome == JWK_KEY && add(k, key, &mine))
		return true;
	if (path == NULL) {
		log_event(LOG_WARN, "keys.left_out", "index",
			  log_num((long long)index), "why", mine.detail, NULL);
		return true;
	}
	if (why != NULL)
		*why = mine;
	return in_key(why, path, index);
}

static bool add_jwks(struct keyset *k, const char *text, size_t len,
		     const char *path, struct problem *why)
{
	struct json_doc *doc = json_parse(text, len, JWKS_DEPTH, why);
	const struct json *keys;
	size_t index = 0;
	bool good = doc != NULL;

	if (good && !json_is(json_get(json_root(doc), "keys"), JSON_ARRAY))
		good = problem_set(why, PROBLEM_INVALID_INPUT, "",
				   "must be a JWK set: an object with the "
				   "array keys");
	if (!good) {
		json_free(doc);
		return in_file(why, path != NULL ? path : "");
	}
	keys = json_get(json_root(doc), "keys");
	json_each (jwk, keys) {
		good = add_jwk(k, jwk, index++, path, why);
		if (!good)
			break;
	}
	json_free(doc);
	if (good && k->count == 0) {
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "holds no key that verifies signatures");
		good = in_file(why, path != NULL ? path : "");
	}
	return good;
}

static bool add_jwks_file(struct keyset *k, const char *path,
			  struct problem *why)
{
	size_t len = 0;
	char *text = file_read(path, KEY_FILE_MAX, &len, why);
	bool good = text != NULL && add_jwks(k, text, len, path, why);

	secret_free(text, len);
	return good;
}

static bool add_pem_file(struct keyset *k, const char *path,
			 struct problem *why)
{
	struct key *keys[KEYSET_NAMELESS_MAX];
	size_t len = 0, count = 0;
	char *text = file_read(path, KEY_FILE_MAX, &len, why);
	bool good;

	if (text == NULL)
		return false;
	good = pem_read(text, len, keys, COUNT(keys), &count, why);
	free(text);
	for (size_t i = 0; i < count; i++) {
		if (good)
			good = add(k, keys[i], why);
		else
			key_drop(keys[i]);
	}
	return good || in_file(why, path);
}

static bool add_secret_file(struct keyset *k, const char *path,
			    struct problem *why)
{
	size_t len = 0;
	char *secret = secret_read(path, &len, why);
	struct key *key;

	if (secret == NULL)
		return false;
	k->development = secret_is_development(secret, len);
	key = key_from_secret(secret, len, why);
	secret_free(secret, len);
	return (key != NULL && add(k, key, why)) || in_file(why, path);
}

struct keyset *keyset_load(const struct keyset_sources *s, struct problem *why)
{
	struct keyset *k = set_new();

	if ((s->jwks_file != NULL && !add_jwks_file(k, s->jwks_file, why)) ||
	    (s->pem_file != NULL && !add_pem_file(k, s->pem_file, why)) ||
	    (s->secret_file != NULL &&
	     !add_secret_file(k, s->secret_file, why)) ||
	    (s->jwks_text != NULL &&
	     !add_jwks(k, s->jwks_text, s->jwks_text_len, NULL, why))) {
		keyset_drop(k);
		return NULL;
	}
	return k;
}

static void add_all(struct keyset *to, const struct keyset *from)
{
	for (size_t i = 0; i < from->count; i++)
		add(to, key_keep(from->keys[i]), NULL);
	to->development |= from->development;
}

struct keyset *keyset_join(const struct keyset *a, const struct keyset *b)
{
	struct keyset *k = set_new();

	add_all(k, a);
	add_all(k, b);
	return k;
}

struct keyset *keyset_keep(struct keyset *k)
{
	atomic_fetch_add_explicit(&k->references, 1, memory_order_relaxed);
	return k;
}

void keyset_drop(struct keyset *k)
{
	if (k == NULL || atomic_fetch_sub(&k->references, 1) != 1)
		return;
	for (size_t i = 0; i < k->count; i++)
		key_drop(k->keys[i]);
	free(k);
}

size_t keyset_count(const struct keyset *k)
{
	return k->count;
}

bool keyset_is_development(const struct keyset *k)
{
	return k->development;
}

const struct key *keyset_at(const struct keyset *k, size_t index)
{
	return k->keys[index];
}

const struct key *keyset_find(const struct keyset *k, const char *kid)
{
	for (size_t i = 0; i < k->count; i++) {
		const char *name = key_kid(k->keys[i]);

		if (name != NULL && strcmp(name, kid) == 0)
			return k->keys[i];
	}
	return NULL;
}
