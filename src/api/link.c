#include <string.h>

#include "api/link.h"
#include "api/private.h"
#include "base/digest.h"
#include "base/num.h"
#include "base/text.h"

struct link_base link_base(const struct api *a, const struct exchange *x,
			   struct arena *arena)
{
	const struct request *r = exchange_request(x);
	struct link_base base = {a->o.public_url};

	if (*base.origin == '\0' && *r->host != '\0')
		base.origin =
			arena_join(arena, r->scheme, "://", r->host, NULL);
	return base;
}

const char *link_plain(struct link_base base, const char *path,
		       struct arena *arena)
{
	return arena_join(arena, base.origin, path, NULL);
}

static char *sign(const struct api *a, const char *path, const char *expires,
		  struct arena *arena)
{
	unsigned char mac[DIGEST_SIZE];
	char *text = arena_join(arena, path, "\n", expires, NULL);

	digest_mac(a->sign, text, strlen(text), mac);
	return digest_base64url(arena, mac, sizeof(mac));
}

static void print_seconds(uint64_t s, char out[NUM_INTEGER_TEXT])
{
	num_integer_print((struct integer){.magnitude = s}, out);
}

const char *link_signed(const struct api *a, struct link_base base,
			const char *path, int64_t now_ms, int64_t end_ms,
			struct arena *arena)
{
	int64_t step = a->o.url_lifetime_ms / 4;
	int64_t until = (now_ms / step + 1) * step + a->o.url_lifetime_ms;
	char expires[NUM_INTEGER_TEXT];

	if (end_ms != 0 && until > end_ms)
		until = end_ms;
	/* Up: a URL is never over before its file. */
	print_seconds((uint64_t)((until + 999) / 1000), expires);
	return arena_join(arena, base.origin, path, "?expires=", expires,
			  "&signature=", sign(a, path, expires, arena), NULL);
}

enum link_check link_verify(const struct api *a, const char *path,
			    const char *query, int64_t now_ms,
			    struct arena *arena)
{
	const char *expires = text_query(arena, query, "expires");
	const char *given = text_query(arena, query, "signature");
	char seconds[NUM_INTEGER_TEXT];
	const char *want;
	uint64_t until;

	if (expires == NULL || given == NULL ||
	    !num_u64(expires, UINT32_MAX, &until))
		return LINK_BAD;
	print_seconds(until, seconds);
	want = sign(a, path, seconds, arena);
	if (strlen(given) != strlen(want) ||
	    !digest_same(given, want, strlen(want)))
		return LINK_BAD;
	return (int64_t)until * 1000 > now_ms ? LINK_GOOD : LINK_EXPIRED;
}
