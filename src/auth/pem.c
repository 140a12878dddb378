#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "auth/pem.h"
#include "base/text.h"

static EVP_PKEY *of_certificate(const unsigned char *der, long len)
{
	X509 *cert = d2i_X509(NULL, &der, len);
	EVP_PKEY *pkey = cert != NULL ? X509_get_pubkey(cert) : NULL;

	X509_free(cert);
	return pkey;
}

static struct key *of_block(const char *name, const unsigned char *der,
			    long len, struct problem *why)
{
	EVP_PKEY *pkey;

	if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
		pkey = d2i_PUBKEY(NULL, &der, len);
	} else if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0) {
		pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, len);
	} else if (strcmp(name, PEM_STRING_X509) == 0) {
		pkey = of_certificate(der, len);
	} else {
		problem_set(why, PROBLEM_INVALID_INPUT, "", "%s",
			    text_ends(name, "PRIVATE KEY")
				    ? "holds a private key: only the public "
				      "half belongs here (openssl pkey -pubout)"
				    : "holds something else than public keys "
				      "and certificates");
		return NULL;
	}
	if (pkey == NULL) {
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "holds a key that OpenSSL cannot read");
		return NULL;
	}
	return key_from_pkey(pkey, why);
}

/* One more block into keys[*count]; false at the end and on error. */
static bool next_block(BIO *bio, struct key **keys, size_t max, size_t *count,
		       bool *failed, struct problem *why)
{
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	struct key *key = NULL;
	long len = 0;

	if (PEM_read_bio(bio, &name, &header, &der, &len) != 1) {
		/* No further BEGIN line is how a good file ends. */
		*failed = ERR_GET_REASON(ERR_peek_last_error()) !=
			  PEM_R_NO_START_LINE;
		if (*failed)
			problem_set(why, PROBLEM_INVALID_INPUT, "",
				    "holds a broken PEM block");
		return false;
	}
	if (*count == max)
		problem_set(why, PROBLEM_INVALID_INPUT, "",
			    "holds more than %zu keys", max);
	else
		key = of_block(name, der, len, why);
	*failed = key == NULL;
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	if (key != NULL)
		keys[(*count)++] = key;
	return !*failed;
}

bool pem_read(const char *text, size_t len, struct key **keys, size_t max,
	      size_t *count, struct problem *why)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	bool failed = false;

	*count = 0;
	while (next_block(bio, keys, max, count, &failed, why))
		;
	BIO_free(bio);
	ERR_clear_error();
	if (!failed && *count == 0)
		failed = !problem_set(why, PROBLEM_INVALID_INPUT, "",
				      "holds no PEM block (-----BEGIN PUBLIC "
				      "KEY-----)");
	while (failed && *count > 0)
		key_drop(keys[--*count]);
	return !failed;
}
