#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tap.h"

/* "10.0.0.1" or "::1", with a port. */
static struct sockaddr_storage address_of(const char *text, unsigned port)
{
	struct sockaddr_storage s = {0};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons((uint16_t)port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port)};

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		memcpy(&s, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		memcpy(&s, &v6, sizeof(v6));
	return s;
}

static bool is_public(const char *text)
{
	struct sockaddr_storage s = address_of(text, 443);

	return address_public((const struct sockaddr *)&s);
}

/* The first and the last of each block, and their neighbours where those are
 * public. */
static void test_closed(void)
{
	static const struct {
		const char *what, *first, *last, *below, *above;
	} blocks[] = {
		{"this network", "0.0.0.0", "0.255.255.255", NULL, "1.0.0.0"},
		{"private", "10.0.0.0", "10.255.255.255", "9.255.255.255",
		 "11.0.0.0"},
		{"shared", "100.64.0.0", "100.127.255.255", "100.63.255.255",
		 "100.128.0.0"},
		{"loopback", "127.0.0.0", "127.255.255.255", "126.255.255.255",
		 "128.0.0.0"},
		{"Azure's platform", "168.63.129.16", "168.63.129.16",
		 "168.63.129.15", "168.63.129.17"},
		{"link-local, metadata", "169.254.0.0", "169.254.255.255",
		 "169.253.255.255", "169.255.0.0"},
		{"private", "172.16.0.0", "172.31.255.255", "172.15.255.255",
		 "172.32.0.0"},
		{"protocols", "192.0.0.0", "192.0.0.255", "191.255.255.255",
		 "192.0.1.0"},
		{"documentation", "192.0.2.0", "192.0.2.255", "192.0.1.255",
		 "192.0.3.0"},
		{"6to4 relays", "192.88.99.0", "192.88.99.255", "192.88.98.255",
		 "192.88.100.0"},
		{"private", "192.168.0.0", "192.168.255.255", "192.167.255.255",
		 "192.169.0.0"},
		{"benchmarks", "198.18.0.0", "198.19.255.255", "198.17.255.255",
		 "198.20.0.0"},
		{"documentation", "198.51.100.0", "198.51.100.255",
		 "198.51.99.255", "198.51.101.0"},
		{"documentation", "203.0.113.0", "203.0.113.255",
		 "203.0.112.255", "203.0.114.0"},
		{"multicast", "224.0.0.0", "239.255.255.255", "223.255.255.255",
		 NULL},
		{"reserved, broadcast", "240.0.0.0", "255.255.255.255", NULL,
		 NULL},
		{"unspecified, loopback", "::", "::1", NULL, NULL},
		{"compatible", "::2", "::ffff:ffff", NULL, NULL},
		{"compatible, of public", "::8.8.8.8", "::1.1.1.1", NULL, NULL},
		{"mapped", "::ffff:0:0", "::ffff:255.255.255.255", NULL, NULL},
		{"mapped, of public", "::ffff:8.8.8.8", "::ffff:1.1.1.1", NULL,
		 NULL},
		{"translated", "::ffff:0:0:0", "::ffff:0:8.8.8.8", NULL, NULL},
		{"NAT64 of private", "64:ff9b::10.0.0.0",
		 "64:ff9b::10.255.255.255", "64:ff9b::9.255.255.255",
		 "64:ff9b::11.0.0.0"},
		{"NAT64 of metadata", "64:ff9b::169.254.169.254",
		 "64:ff9b::127.0.0.1", NULL, NULL},
		{"NAT64, local", "64:ff9b:1::", "64:ff9b:1::8.8.8.8", NULL,
		 NULL},
		{"NAT64's neighbours", "64:ff9b::1:0:0",
		 "64:ff9a:ffff:ffff:ffff:ffff:808:808", NULL, NULL},
		{"discarded", "100::", "100::ffff:ffff:ffff:ffff", NULL, NULL},
		{"below global unicast", "200::",
		 "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2000::1"},
		{"Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
		 "2000:ffff::", NULL},
		{"Teredo of 10.0.0.1", "2001:0:808:808:0:0:f5ff:fffe",
		 "2001:2::1", NULL, NULL},
		{"ORCHID", "2001:10::", "2001:2f:ffff::", NULL, NULL},
		{"protocols", "2001:100::",
		 "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, "2001:200::"},
		{"documentation", "2001:db8::", "2001:db8:ffff::",
		 "2001:db7:ffff::", "2001:db9::"},
		{"6to4", "2002::", "2002:ffff:ffff::", "2001:ffff::", "2003::"},
		{"6to4 of 127.0.0.1", "2002:7f00:1::", "2002:808:808::1", NULL,
		 NULL},
		{"documentation",
		 "3fff::", "3fff:fff:ffff::", "3ffe:ffff::", "3fff:1000::"},
		{"above global unicast", "4000::", "5eff::",
		 "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
		{"segment routing", "5f00::", "5f00:ffff::", NULL, NULL},
		{"unique-local", "fc00::", "fdff:ffff::", NULL, NULL},
		{"metadata", "fd00:ec2::254", "fd20:ce::254", NULL, NULL},
		{"link-local", "fe80::1", "febf:ffff::", NULL, NULL},
		{"site-local", "fec0::", "feff:ffff::", NULL, NULL},
		{"multicast", "ff00::", "ffff:ffff::", NULL, NULL},
	};

	for (size_t i = 0; i < COUNT(blocks); i++) {
		ok(!is_public(blocks[i].first), "%s: %s", blocks[i].what,
		   blocks[i].first);
		ok(!is_public(blocks[i].last), "%s: %s", blocks[i].what,
		   blocks[i].last);
		if (blocks[i].below != NULL)
			ok(is_public(blocks[i].below), "public: %s",
			   blocks[i].below);
		if (blocks[i].above != NULL)
			ok(is_public(blocks[i].above), "public: %s",
			   blocks[i].above);
	}
}

static void test_open(void)
{
	static const char *const open[] = {
		"1.1.1.1",
		"8.8.8.8",
		"93.184.216.34",
		"2606:2800:220:1:248:1893:25c8:1946",
		"2a00:1450:4001:81b::200e",
		"2001:4860:4860::8888",
		"64:ff9b::8.8.8.8",
	};
	struct sockaddr unix_socket = {.sa_family = AF_UNIX};
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	for (size_t i = 0; i < COUNT(open); i++)
		ok(is_public(open[i]), "public: %s", open[i]);
	ok(!address_public(&unix_socket) && !address_public(&none),
	   "nothing but IP");
	ok(address_port(&unix_socket) == 0, "which alone has a port");
}

#define LIST                                                                   \
	"127.0.0.1:8090, 10.1.0.0/16,[fd00::]/8, 192.168.7.9/32:9000 , "       \
	"[::1]:8443, Files.Example.Internal,store:9000, 172.20.0.0/14:443"

static void test_list(void)
{
	static const struct {
		const char *host, *address;
		unsigned port;
		bool listed;
	} cases[] = {
		{"x", "127.0.0.1", 8090, true},
		{"x", "127.0.0.1", 8091, false},
		{"x", "127.0.0.1", 443, false},
		{"x", "127.0.0.2", 8090, false},
		{"x", "::ffff:127.0.0.1", 8090, false},
		{"x", "10.1.0.0", 443, true},
		{"x", "10.1.255.255", 80, true},
		{"x", "10.1.2.3", 6379, false},
		{"x", "10.2.0.0", 443, false},
		{"x", "10.0.255.255", 443, false},
		{"x", "fd00::1", 443, true},
		{"x", "fdff::1", 80, true},
		{"x", "fd00::1", 22, false},
		{"x", "fc00::1", 443, false},
		{"x", "192.168.7.9", 9000, true},
		{"x", "192.168.7.9", 443, false},
		{"x", "192.168.7.8", 9000, false},
		{"x", "::1", 8443, true},
		{"x", "::1", 443, false},
		{"x", "172.23.255.255", 443, true},
		{"x", "172.23.255.255", 80, false},
		{"files.example.internal", "192.168.1.1", 443, true},
		{"files.example.internal", "127.0.0.1", 80, true},
		{"files.example.internal", "127.0.0.1", 8443, false},
		{"a.files.example.internal", "192.168.1.1", 443, false},
		{"example.internal", "192.168.1.1", 443, false},
		{"store", "fd99::1", 9000, true},
		{"store", "8.8.8.8", 9000, true},
		{"store", "192.168.1.1", 443, false},
		{"store2", "192.168.1.1", 9000, false},
	};
	struct problem why = {0};
	struct address_list l;
	struct arena a = {0};

	ok(address_list_read(LIST, &a, &l, &why) && l.count == 8, "read: %s",
	   why.detail);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sockaddr_storage s =
			address_of(cases[i].address, cases[i].port);

		ok(address_list_has(&l, cases[i].host,
				    (const struct sockaddr *)&s) ==
			   cases[i].listed,
		   "%s for %s at %u: %s", cases[i].host, cases[i].address,
		   cases[i].port, cases[i].listed ? "listed" : "not");
	}
	ok(address_list_read("", &a, &l, &why) && l.count == 0, "none");
	ok(address_list_read("  ", &a, &l, &why) && l.count == 0, "spaces");
	arena_finish(&a);
}

static void test_bad_lists(void)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{"10.1.0.0/33", "\"10.1.0.0/33\" has a bad number of bits"},
		{"10.1.0.0/", "\"10.1.0.0/\" has a bad number of bits"},
		{"10.1.0.0/0016", "\"10.1.0.0/0016\" has a bad number of bits"},
		{"10.1.0.0/-1", "\"10.1.0.0/-1\" has a bad number of bits"},
		{"10.1.0.1/16", "\"10.1.0.1/16\" has bits set below its block"},
		{"[fd00::1]/8", "\"[fd00::1]/8\" has bits set below its block"},
		{"0.0.0.0/0", "\"0.0.0.0/0\" is too wide a block"},
		{"0.0.0.0/7", "\"0.0.0.0/7\" is too wide a block"},
		{"[::]/0", "\"[::]/0\" is too wide a block"},
		{"[fd00::]/129", "\"[fd00::]/129\" has a bad number of bits"},
		{"10.1.0.0:0", "\"10.1.0.0:0\" has a bad port"},
		{"10.1.0.0:65536", "\"10.1.0.0:65536\" has a bad port"},
		{"10.1.0.0/16:", "\"10.1.0.0/16:\" has a bad port"},
		{"[::1]8090", "\"[::1]8090\" has a bad port"},
		{"host:x", "\"host:x\" has a bad port"},
		{"host/24", "\"host/24\" has a bad port"},
		{"::1", "\"::1\" is neither an address nor a name"},
		{"fd00::/8", "\"fd00::/8\" has a bad port"},
		{"10.1", "\"10.1\" is neither an address nor a name"},
		{"010.1.0.0", "\"010.1.0.0\" is neither an address nor a name"},
		{"*", "\"*\" is neither an address nor a name"},
		{"*.example.com",
		 "\"*.example.com\" is neither an address nor a name"},
		{"http://a", "\"http://a\" has a bad port"},
		{"[fd00::", "\"[fd00::\" is no address like [fd00::1]"},
		{"[fe80::1%eth0]",
		 "\"[fe80::1%eth0]\" is no address like [fd00::1]"},
		{"[127.0.0.1]", "\"[127.0.0.1]\" is no address like [fd00::1]"},
		{"a,,b", "\"\" is neither an address nor a name"},
		{",a", "\"\" is neither an address nor a name"},
		{"a b", "\"b\" needs a comma before it"},
		{"a,", "ends with a comma"},
		{"a, ", "ends with a comma"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct problem why = {0};
		struct address_list l;
		struct arena a = {0};

		ok(!address_list_read(bad[i].text, &a, &l, &why), "refused: %s",
		   bad[i].text);
		is_str(why.detail, bad[i].why, bad[i].text);
		arena_finish(&a);
	}
}

int main(void)
{
	test_closed();
	test_open();
	test_list();
	test_bad_lists();
	return tap_done();
}
