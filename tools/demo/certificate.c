/* SPDX-License-Identifier: BSD-2-Clause */
#include "certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

enum { DAY_S = 24 * 60 * 60 };

static bool fill(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                                "DNS:example.test,DNS:*.example.test");
    bool done = names && X509_set_version(certificate, X509_VERSION_3) &&
                ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
                X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S) &&
                X509_gmtime_adj(X509_getm_notAfter(certificate), 365 * DAY_S) &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                           (const unsigned char *)"example.test", -1, -1, 0) &&
                X509_set_issuer_name(certificate, subject) && X509_set_pubkey(certificate, key) &&
                X509_add_ext(certificate, names, -1) && X509_sign(certificate, key, EVP_sha256());
    X509_EXTENSION_free(names);
    return done;
}

bool certificate_write(const char *cert_file, const char *key_file, struct error *error)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    FILE *cert = fopen(cert_file, "we"), *secret = fopen(key_file, "we");
    bool done = key && certificate && cert && secret && fchmod(fileno(secret), 0600) == 0 &&
                fill(certificate, key) && PEM_write_X509(cert, certificate) &&
                PEM_write_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);

    if (cert)
        done = fclose(cert) == 0 && done;
    if (secret)
        done = fclose(secret) == 0 && done;
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return done || error_set(error, "making a certificate in %s", cert_file);
}
