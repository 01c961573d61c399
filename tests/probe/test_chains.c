/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of certificates that are shown again and again, in handshakes within memory. */
#include "probe/certificate.h"
#include "probe/chains.h"
#include "support/handshake.h"

#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { KEPT_MS = 100, DAY_S = 86400 };

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static X509 *issue(const char *name, long days, EVP_PKEY *key, const struct authority *authority)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -400L * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * DAY_S);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(
        certificate,
        X509_get_subject_name(authority->certificate ? authority->certificate : certificate));
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints,
                                                    days > 200 ? "critical,CA:TRUE" : "CA:FALSE");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    return certificate;
}

static struct authority authority_new(const char *name)
{
    struct authority authority = {.key = EVP_EC_gen("P-256")};
    authority.certificate = issue(name, 1000, authority.key, &authority);
    return authority;
}

static void authority_free(struct authority *authority)
{
    EVP_PKEY_free(authority->key);
    X509_free(authority->certificate);
}

/* A server that has a new key. */
static SSL_CTX *server_new(long days, const struct authority *authority)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = issue("mx.example.test", days, key, authority);
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(server, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return server;
}

/* What became of the chain in a handshake: X509_V_OK, or what is wrong. */
static long shake_hands(SSL_CTX *client_context, SSL_CTX *server_context)
{
    SSL *client = handshake(client_context, server_context);
    long result = SSL_get_verify_result(client);
    SSL_free(client);
    return result;
}

struct stand {
    struct authority authority;
    SSL_CTX *client;
    struct chains *chains;
};

static int set_up_for(void **state, int64_t kept_ms)
{
    static struct stand stand;
    stand = (struct stand){.authority = authority_new("one"),
                           .client = SSL_CTX_new(TLS_client_method())};
    stand.chains = chains_new(stand.client, kept_ms);
    SSL_CTX_set_verify(stand.client, SSL_VERIFY_NONE, NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(stand.client), stand.authority.certificate);
    *state = &stand;
    return 0;
}

static int set_up(void **state)
{
    return set_up_for(state, CHAINS_KEPT_MS);
}

static int set_up_short(void **state)
{
    return set_up_for(state, KEPT_MS);
}

static int tear_down(void **state)
{
    struct stand *stand = *state;
    SSL_CTX_free(stand->client);
    chains_free(stand->chains);
    authority_free(&stand->authority);
    return 0;
}

static void same_chain_is_followed_once(void **state)
{
    struct stand *stand = *state;
    SSL_CTX *server = server_new(100, &stand->authority);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(shake_hands(stand->client, server), X509_V_OK);
        assert_int_equal(chains_followed(stand->chains), 1);
    }
    SSL_CTX_free(server);
}

/* The same name from the same authority, and another key. */
static void another_certificate_is_another_chain(void **state)
{
    struct stand *stand = *state;
    for (uint64_t i = 1; i <= 3; i++) {
        SSL_CTX *server = server_new(100, &stand->authority);
        assert_int_equal(shake_hands(stand->client, server), X509_V_OK);
        assert_int_equal(chains_followed(stand->chains), i);
        SSL_CTX_free(server);
    }
}

/* What was wrong with it is looked at again the next time; and no good chain of the same host hides
 * it. */
static void faults_are_not_kept(void **state)
{
    struct stand *stand = *state;
    struct authority other = authority_new("other"), twin = authority_new("one");
    const struct {
        const struct authority *authority;
        long days, error;
    } rows[] = {
        {&other, 100, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
        {&twin, 100, X509_V_ERR_CERT_SIGNATURE_FAILURE},
        {&stand->authority, -100, X509_V_ERR_CERT_HAS_EXPIRED},
        {&stand->authority, 100, X509_V_OK},
    };
    uint64_t followed = 0;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        SSL_CTX *server = server_new(rows[i].days, rows[i].authority);
        for (unsigned turn = 0; turn < 3; turn++) {
            long error = shake_hands(stand->client, server);
            if (error != rows[i].error)
                fail_msg("row %u, turn %u: %s", i, turn, X509_verify_cert_error_string(error));
        }
        followed += rows[i].error == X509_V_OK ? 1 : 3;
        assert_int_equal(chains_followed(stand->chains), followed);
        SSL_CTX_free(server);
    }
    authority_free(&other);
    authority_free(&twin);
}

static void kept_for_a_while_only(void **state)
{
    struct stand *stand = *state;
    SSL_CTX *server = server_new(100, &stand->authority);
    shake_hands(stand->client, server);
    usleep((KEPT_MS + 10) * 1000);
    assert_int_equal(shake_hands(stand->client, server), X509_V_OK);
    assert_int_equal(chains_followed(stand->chains), 2);
    SSL_CTX_free(server);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_chain_is_followed_once),
        TEST(another_certificate_is_another_chain),
        TEST(faults_are_not_kept),
        cmocka_unit_test_setup_teardown(kept_for_a_while_only, set_up_short, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
