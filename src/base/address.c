#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/url.h"

struct block {
	unsigned char at[16]; /* network order, from the left */
	unsigned bits;
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry, and what is
 * multicast or reserved. */
static const struct block closed_v4[] = {
	{{0}, 8},		  /* this network */
	{{10}, 8},		  /* private */
	{{100, 64}, 10},	  /* shared (CGNAT), 100.100.100.200 */
	{{127}, 8},		  /* loopback */
	{{168, 63, 129, 16}, 32}, /* Azure's platform, in public space */
	{{169, 254}, 16},	  /* link-local: metadata of clouds */
	{{172, 16}, 12},	  /* private */
	{{192, 0, 0}, 24},	  /* protocols, 192.0.0.192 */
	{{192, 0, 2}, 24},	  /* documentation */
	{{192, 88, 99}, 24},	  /* 6to4 relays */
	{{192, 168}, 16},	  /* private */
	{{198, 18}, 15},	  /* benchmarks */
	{{198, 51, 100}, 24},	  /* documentation */
	{{203, 0, 113}, 24},	  /* documentation */
	{{224}, 4},		  /* multicast */
	{{240}, 4},		  /* reserved, broadcast */
};

/* Global unicast is 2000::/3 and nothing else (RFC 4291, 2.4), so that ::1,
 * mapped and compatible forms, 64:ff9b:1::/48, 100::/64, 5f00::/16, fc00::/7,
 * fe80::/10, fec0::/10 and ff00::/8 need no row.
 * https://www.iana.org/assignments/iana-ipv6-special-registry: within it. */
static const struct block global_v6 = {{0x20}, 3};
static const struct block closed_v6[] = {
	{{0x20, 0x01}, 23},		/* protocols: Teredo, ORCHID, … */
	{{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
	{{0x20, 0x02}, 16},		/* 6to4 */
	{{0x3f, 0xff}, 20},		/* documentation (RFC 9637) */
};

/* RFC 6052: the IPv4 address is in the last four bytes. */
static const struct block nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};

static bool within(const unsigned char *address, const struct block *b)
{
	size_t whole = b->bits / 8;
	unsigned rest = b->bits % 8;

	return memcmp(address, b->at, whole) == 0 &&
	       (rest == 0 ||
		((address[whole] ^ b->at[whole]) >> (8 - rest)) == 0);
}

static bool within_any(const unsigned char *address, const struct block *blocks,
		       size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (within(address, &blocks[i]))
			return true;
	return false;
}

static bool public_v4(const unsigned char address[4])
{
	return !within_any(address, closed_v4, COUNT(closed_v4));
}

static bool public_v6(const unsigned char address[16])
{
	if (within(address, &nat64))
		return public_v4(address + 12);
	return within(address, &global_v6) &&
	       !within_any(address, closed_v6, COUNT(closed_v6));
}

struct place {
	int family; /* AF_UNSPEC: neither */
	unsigned char address[16];
	unsigned port;
};

/* By copies: what libraries give may not be aligned for its own type. */
static struct place place_of(const struct sockaddr *sa)
{
	struct place p = {.family = AF_UNSPEC};
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		memcpy(p.address, &v4.sin_addr, 4);
		p.port = ntohs(v4.sin_port);
		p.family = AF_INET;
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		memcpy(p.address, &v6.sin6_addr, 16);
		p.port = ntohs(v6.sin6_port);
		p.family = AF_INET6;
	}
	return p;
}

bool address_public(const struct sockaddr *sa)
{
	struct place p = place_of(sa);

	return p.family == AF_INET    ? public_v4(p.address)
	       : p.family == AF_INET6 ? public_v6(p.address)
				      : false;
}

unsigned address_port(const struct sockaddr *sa)
{
	return place_of(sa).port;
}

bool address_port_usual(unsigned port)
{
	return port == 443 || port == 80;
}

/* ---- the operator's list ---- */

/* Blocks wider than these would turn the check off rather than name a place. */
#define WIDEST_V4 8
#define WIDEST_V6 7

static bool refuse(struct problem *why, const char *item, const char *what)
{
	return problem_set(why, PROBLEM_INVALID_INPUT, "", "\"%.60s\" %s", item,
			   what);
}

/* ":8090" at the end; "" is fine, too. */
static bool take_port(const char *text, struct address_rule *r)
{
	uint64_t port;

	if (*text == '\0')
		return true;
	if (*text != ':' || !num_u64(text + 1, 65535, &port) || port == 0)
		return false;
	r->port = (unsigned)port;
	return true;
}

static bool bits_below(const struct address_rule *r, size_t size)
{
	for (size_t i = 0; i < size * 8; i++)
		if (i >= r->bits && (r->block[i / 8] >> (7 - i % 8) & 1))
			return true;
	return false;
}

/* What stands behind the address: "/16", ":80", "/16:80" or nothing. */
static bool take_block(const char *item, const char *tail, size_t size,
		       struct address_rule *r, struct problem *why)
{
	unsigned widest = size == 4 ? WIDEST_V4 : WIDEST_V6;
	char digits[4] = "";
	uint64_t bits = size * 8;

	if (*tail == '/') {
		size_t n = strcspn(++tail, ":");

		if (n < sizeof(digits))
			memcpy(digits, tail, n);
		if (n >= sizeof(digits) || !num_u64(digits, size * 8, &bits))
			return refuse(why, item, "has a bad number of bits");
		tail += n;
	}
	r->bits = (unsigned)bits;
	if (r->bits < widest)
		return refuse(why, item, "is too wide a block");
	if (bits_below(r, size))
		return refuse(why, item, "has bits set below its block");
	return take_port(tail, r) || refuse(why, item, "has a bad port");
}

static bool take_v6(const char *item, struct address_rule *r,
		    struct problem *why)
{
	const char *end = strchr(item, ']');
	char text[INET6_ADDRSTRLEN] = "";
	size_t n = end != NULL ? (size_t)(end - item - 1) : sizeof(text);

	r->family = AF_INET6;
	if (n < sizeof(text))
		memcpy(text, item + 1, n);
	if (end == NULL || inet_pton(AF_INET6, text, r->block) != 1)
		return refuse(why, item, "is no address like [fd00::1]");
	return take_block(item, end + 1, sizeof(r->block), r, why);
}

/* "10.1.0.0/16" or "files.example.internal:8443" */
static bool take_v4_or_name(const char *item, struct arena *a,
			    struct address_rule *r, struct problem *why)
{
	size_t n = strcspn(item, "/:");
	const char *host = url_host(item, n, a);

	if (host == NULL)
		return refuse(why, item, "is neither an address nor a name");
	if (inet_pton(AF_INET, host, r->block) == 1) {
		r->family = AF_INET;
		return take_block(item, item + n, 4, r, why);
	}
	r->host = host;
	return take_port(item + n, r) || refuse(why, item, "has a bad port");
}

bool address_list_read(const char *text, struct arena *a,
		       struct address_list *out, struct problem *why)
{
	struct address_rule *rules;
	size_t most = 1;

	*out = (struct address_list){0};
	for (const char *p = text; *p != '\0'; p++)
		most += *p == ',';
	rules = arena_array(a, most, sizeof(rules[0]));
	text += strspn(text, " ");
	while (*text != '\0') {
		size_t n = strcspn(text, ", ");
		const char *item = arena_strndup(a, text, n);
		struct address_rule *r = &rules[out->count++];

		if (!(item[0] == '[' ? take_v6(item, r, why)
				     : take_v4_or_name(item, a, r, why)))
			return false;
		text += n;
		text += strspn(text, " ");
		if (*text == '\0')
			break;
		if (*text != ',')
			return refuse(why, text, "needs a comma before it");
		text++;
		text += strspn(text, " ");
		if (*text == '\0')
			return problem_set(why, PROBLEM_INVALID_INPUT, "",
					   "ends with a comma");
	}
	out->rules = rules;
	return true;
}

static bool rule_has(const struct address_rule *r, const char *host,
		     const struct place *p)
{
	struct block b = {.bits = r->bits};

	if (r->port != 0 ? r->port != p->port : !address_port_usual(p->port))
		return false;
	if (r->host != NULL)
		return strcmp(r->host, host) == 0;
	memcpy(b.at, r->block, sizeof(b.at));
	return r->family == p->family && within(p->address, &b);
}

bool address_list_has(const struct address_list *l, const char *host,
		      const struct sockaddr *sa)
{
	struct place p = place_of(sa);

	for (size_t i = 0; p.family != AF_UNSPEC && i < l->count; i++)
		if (rule_has(&l->rules[i], host, &p))
			return true;
	return false;
}
