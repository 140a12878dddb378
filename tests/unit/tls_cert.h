#ifndef UNIT_TLS_CERT_H
#define UNIT_TLS_CERT_H

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Certificates for servers of tests, signed by themselves. */
#define DAY 86400

struct cert {
	EVP_PKEY *key;
	X509 *x509;
	char path[64]; /* as PEM, for SSL_CERT_FILE */
};

static inline void cert_names(X509 *x, const char *san)
{
	X509_EXTENSION *e =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* names: "DNS:localhost,DNS:b.test"; times in seconds from now. */
static inline void cert_make(struct cert *c, long from, long until,
			     const char *names)
{
	X509_NAME *name;
	FILE *out;
	int fd;

	c->key = EVP_EC_gen("P-256");
	c->x509 = X509_new();
	X509_set_version(c->x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c->x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(c->x509), from);
	X509_gmtime_adj(X509_getm_notAfter(c->x509), until);
	X509_set_pubkey(c->x509, c->key);
	name = X509_get_subject_name(c->x509);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(c->x509, name);
	cert_names(c->x509, names);
	X509_sign(c->x509, c->key, EVP_sha256());
	snprintf(c->path, sizeof(c->path), "/tmp/test_cert.XXXXXX");
	fd = mkstemp(c->path);
	out = fdopen(fd, "w");
	PEM_write_X509(out, c->x509);
	fclose(out);
}

static inline void cert_free(struct cert *c)
{
	unlink(c->path);
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
}

#endif
