/* SPDX-License-Identifier: BSD-2-Clause */
/* Names in certificates that no tool would write, in handshakes within memory. */
#include "probe/certificate.h"
#include "support/handshake.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define TEXT(text) text, sizeof text - 1

enum { DAY_S = 86400 };

struct named {
    const char *alternative; /* NULL: none */
    size_t alternative_size;
    int common_type; /* of ASN.1 */
    const char *common;
    size_t common_size;
    const char *detail; /* "": the certificate is for mx.example.test */
};

static void add_alternative(X509 *certificate, const char *octets, size_t size)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, octets, (int)size);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
    assert_int_equal(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0), 1);
    GENERAL_NAMES_free(names);
}

static SSL_CTX *server_new(const struct named *named)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S);
    X509_set_pubkey(certificate, key);
    if (named->common)
        X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                   named->common_type, (const unsigned char *)named->common,
                                   (int)named->common_size, -1, 0);
    if (named->alternative)
        add_alternative(certificate, named->alternative, named->alternative_size);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(server, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return server;
}

static void examine(const struct named *named, struct certificate_finding *finding)
{
    const struct certificate_rules rules = {.host = "mx.example.test", .now = time(NULL)};
    SSL_CTX *client_context = SSL_CTX_new(TLS_client_method()), *server_context = server_new(named);
    SSL *client = handshake(client_context, server_context);
    certificate_examine(client, &rules, finding);
    SSL_free(client);
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
}

static void test_names(void **state)
{
    const struct named rows[] = {
        {.alternative = TEXT("mx.example.test"), .detail = ""},
        {.alternative = TEXT("mx.example.test\0.evil.test"),
         .detail = "for mx.example.test?.evil.test"},
        {.alternative = TEXT(""), .detail = "for "},
        {.alternative = NULL, .detail = "for nobody"},
        {.common_type = V_ASN1_UTF8STRING, .common = TEXT("mx.example.test"), .detail = ""},
        {.common_type = V_ASN1_PRINTABLESTRING,
         .common = TEXT("mx.example.test\0.evil.test"),
         .detail = "for mx.example.test?.evil.test"},
        {.common_type = V_ASN1_BMPSTRING, .common = TEXT("\0m\0x"), .detail = "for ?m?x"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct certificate_finding finding;
        examine(&rows[i], &finding);
        assert_int_equal(finding.reason, *rows[i].detail ? REASON_CERT_NAME : REASON_NONE);
        assert_string_equal(finding.detail, rows[i].detail);
    }
}

static void test_long_name_is_cut(void **state)
{
    char name[10000];
    struct certificate_finding finding;
    (void)state;

    memset(name, 'x', sizeof name);
    examine(&(struct named){.alternative = name, .alternative_size = sizeof name}, &finding);
    assert_int_equal(finding.reason, REASON_CERT_NAME);
    assert_int_equal(strlen(finding.detail), 4 + strspn(finding.detail + 4, "x"));
    assert_true(strlen(finding.detail) < sizeof finding.detail - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_long_name_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
