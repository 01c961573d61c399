/* SPDX-License-Identifier: BSD-2-Clause */
/* Self-signed certificates made in memory, and the TLS contexts around them. */
#include "certificate.h"

#include "base/error.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { DAY_S = 24 * 3600, YEAR_S = 365 * DAY_S };

/* A certificate and the time in which it holds, in seconds from now. */
struct certificate_plan {
    const char *name;
    long from_s;
    long to_s;
};

static bool certificate_fail(struct error *error, const char *doing, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    error_set(error, "%s %s: %s", doing, what, reason ? reason : "OpenSSL gave no reason");
    ERR_clear_error();
    return false;
}

static bool certificate_add_name(X509 *certificate, const char *name)
{
    char text[300];
    snprintf(text, sizeof(text), "DNS:%s", name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
    bool done = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool certificate_fill(X509 *certificate, EVP_PKEY *key, const struct certificate_plan *plan)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    /* Version 3 is written as 2. A common name holds 64 bytes; clients look at the other name. */
    return X509_set_version(certificate, 2) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), plan->from_s) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), plan->to_s) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)plan->name,
                                      (int)strnlen(plan->name, 64), -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1 &&
           X509_set_pubkey(certificate, key) == 1 &&
           certificate_add_name(certificate, plan->name) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static bool certificate_use_own(SSL_CTX *context, const struct certificate_plan *plan)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool done = key && certificate && certificate_fill(certificate, key, plan) &&
                SSL_CTX_use_certificate(context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return done;
}

static SSL_CTX *certificate_new_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context) {
        /* No resumption: each session makes the whole handshake, as a first visitor does. */
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    }
    return context;
}

static bool certificate_load(SSL_CTX *context, const char *cert_file, const char *key_file,
                             struct error *error)
{
    if (SSL_CTX_use_certificate_chain_file(context, cert_file) != 1)
        return certificate_fail(error, "reading certificate", cert_file);
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1)
        return certificate_fail(error, "reading private key", key_file);
    return true;
}

bool certificates_make(struct certificates *certificates, const char *name, const char *cert_file,
                       const char *key_file, struct error *error)
{
    certificates->good = certificate_new_context();
    certificates->expired = certificate_new_context();
    certificates->wrong_name = certificate_new_context();
    struct certificate_plan good = {name, -DAY_S, YEAR_S};
    struct certificate_plan expired = {name, -YEAR_S, -DAY_S};
    struct certificate_plan wrong_name = {"wrong-name.invalid", -DAY_S, YEAR_S};
    if (!certificates->good || !certificates->expired || !certificates->wrong_name ||
        !certificate_use_own(certificates->expired, &expired) ||
        !certificate_use_own(certificates->wrong_name, &wrong_name))
        return certificate_fail(error, "making a certificate for", name);
    if (cert_file)
        return certificate_load(certificates->good, cert_file, key_file, error);
    if (!certificate_use_own(certificates->good, &good))
        return certificate_fail(error, "making a certificate for", name);
    return true;
}

void certificates_free(struct certificates *certificates)
{
    SSL_CTX_free(certificates->good);
    SSL_CTX_free(certificates->expired);
    SSL_CTX_free(certificates->wrong_name);
}

bool certificates_write(const struct certificates *certificates, const char *path,
                        struct error *error)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return error_set(error, "writing the certificate to %s: %s", path, strerror(errno));
    bool written = PEM_write_X509(file, SSL_CTX_get0_certificate(certificates->good)) == 1;
    if (fclose(file) != 0 || !written)
        return error_set(error, "writing the certificate to %s: %s", path, strerror(errno));
    return true;
}
