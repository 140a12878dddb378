#include <inttypes.h>
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
			arena_printf(arena, "%s://%s", r->scheme, r->host);
	return base;
}

void link_plain(struct buf *to, struct link_base base, const char *path)
{
	buf_adds(to, base.origin);
	buf_adds(to, path);
}

static char *sign(const struct api *a, const char *path, uint64_t expires,
		  struct arena *arena)
{
	unsigned char mac[DIGEST_SIZE];
	char *text = arena_printf(arena, "%s\n%" PRIu64, path, expires);

	digest_hmac_sha256(a->o.sign_key, a->o.sign_key_len, text, strlen(text),
			   mac);
	return digest_base64url(arena, mac, sizeof(mac));
}

void link_signed(const struct api *a, struct buf *to, struct link_base base,
		 const char *path, int64_t now_ms, int64_t end_ms)
{
	int64_t step = a->o.url_lifetime_ms / 4;
	int64_t until = (now_ms / step + 1) * step + a->o.url_lifetime_ms;
	struct arena arena = {0};
	uint64_t expires;

	if (end_ms != 0 && until > end_ms)
		until = end_ms;
	/* Up: a URL is never over before its file. */
	expires = (uint64_t)((until + 999) / 1000);
	link_plain(to, base, path);
	buf_addf(to, "?expires=%" PRIu64 "&signature=%s", expires,
		 sign(a, path, expires, &arena));
	arena_finish(&arena);
}

enum link_check link_verify(const struct api *a, const char *path,
			    const char *query, int64_t now_ms,
			    struct arena *arena)
{
	const char *expires = text_query(arena, query, "expires");
	const char *given = text_query(arena, query, "signature");
	const char *want;
	uint64_t until;

	if (expires == NULL || given == NULL ||
	    !num_u64(expires, UINT32_MAX, &until))
		return LINK_BAD;
	want = sign(a, path, until, arena);
	if (strlen(given) != strlen(want) ||
	    !digest_same(given, want, strlen(want)))
		return LINK_BAD;
	return (int64_t)until * 1000 > now_ms ? LINK_GOOD : LINK_EXPIRED;
}
