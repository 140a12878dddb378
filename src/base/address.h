#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/problem.h"

/*
 * Which addresses a URL of a caller may lead to: public ones, and those that
 * the operator names. Pure; any thread. Asked for the address that is really
 * connected to, as a name may resolve to anything, and to something else the
 * next time.
 */

struct sockaddr;

/*
 * False for all that is not the public Internet: loopback, private, link-local
 * (the metadata of clouds), unique-local, shared, multicast, broadcast,
 * unspecified, documentation and benchmark addresses, and IPv4 ones within
 * mapped, compatible, 6to4 and Teredo forms. NAT64 (64:ff9b::/96, RFC 6052) is
 * as public as the address within. From the registries that RFC 6890 began.
 */
MUST_USE bool address_public(const struct sockaddr *sa);

/*
 * The operator's own: "127.0.0.1:8090, 10.1.0.0/16, [fd00::]/8,
 * files.example.internal". Each is an address, a block or a host name, and
 * perhaps a port. Without one it holds for 443 and 80, so that a block of files
 * is not one of databases, too.
 */
struct address_rule {
	const char *host; /* lower case; NULL: the block below */
	int family;	  /* AF_INET, AF_INET6 */
	unsigned char block[16];
	unsigned bits;
	unsigned port; /* 0: 443 and 80 */
};

struct address_list {
	const struct address_rule *rules;
	size_t count;
};

/* Into the arena; "" is an empty list. False, and why with the item that is
 * wrong: a bad address or port, bits set below the block, a block of more than
 * 2^24 IPv4 addresses or wider than fc00::/7. */
MUST_USE bool address_list_read(const char *text, struct arena *a,
				struct address_list *out, struct problem *why);
/* Whether a URL that names `host` (lower case) may lead to this address and the
 * port in it, by a rule. Public addresses need a rule only for other ports. */
MUST_USE bool address_list_has(const struct address_list *l, const char *host,
			       const struct sockaddr *sa);
/* 443 and 80. */
MUST_USE bool address_port_usual(unsigned port);
/* The port in it; 0 for another family. */
unsigned address_port(const struct sockaddr *sa);

#endif
