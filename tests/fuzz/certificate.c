/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as the certificates that a server shows: what is told of the first, and whether the chain
 * is followed, and kept, as it should be. No handshake: OpenSSL's answers about one are wrapped.
 *
 * The input is two octets of setting, then certificates in DER, one behind the other; or, by
 * SETTING_MADE, parts of one that is made here: each an octet of what it is, one of its ASN.1 type,
 * one of its size, and the octets. */
#include "probe/certificate.h"
#include "fuzz/fuzz.h"
#include "probe/chains.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

enum {
    INPUT_MAX = 1 << 16,
    CHAIN_MAX = 120, /* more than OpenSSL follows */
    KEPT_MS = 1000000000,
};

/* Of the first octet. The second is how often the last certificate is shown again. */
enum {
    SETTING_HOST = 0x03, /* one of hosts[] */
    SETTING_CHAIN = 0x04,
    SETTING_WEAK = 0x08, /* an old TLS */
    SETTING_EARLY = 0x10,
    SETTING_TRUST = 0x20, /* the last certificate is an authority's */
    SETTING_WARN = 0x40,
    SETTING_MADE = 0x80,
};

/* What a part of a certificate that is made here is, modulo PARTS. */
enum { PART_NAME, PART_COMMON_NAME, PART_FROM, PART_TO, PARTS };

static const char *const hosts[] = {
    NULL, "mx.example.test", "a",
    "an-exchange-with-a-long-label-of-sixty-three-octets-which-is-it.example-of-a-domain.test"};

static const time_t NOW = 1795305600; /* 2026-11-22 */

static struct {
    X509 *shown; /* the first certificate; NULL: none */
    bool weak;
    long chain_error;
    int (*verify)(X509_STORE_CTX *store, void *context);
    void *verify_context;
} server;

/* ---- what OpenSSL says of a handshake ---- */

X509 *__wrap_SSL_get1_peer_certificate(const SSL *ssl);
int __wrap_SSL_version(const SSL *ssl);
const char *__wrap_SSL_get_version(const SSL *ssl);
long __wrap_SSL_get_verify_result(const SSL *ssl);
void __wrap_SSL_CTX_set_cert_verify_callback(SSL_CTX *context,
                                             int (*verify)(X509_STORE_CTX *, void *),
                                             void *verify_context);

X509 *__wrap_SSL_get1_peer_certificate(const SSL *ssl)
{
    (void)ssl;
    if (server.shown)
        X509_up_ref(server.shown);
    return server.shown;
}

int __wrap_SSL_version(const SSL *ssl)
{
    (void)ssl;
    return server.weak ? TLS1_1_VERSION : TLS1_3_VERSION;
}

const char *__wrap_SSL_get_version(const SSL *ssl)
{
    (void)ssl;
    return server.weak ? "TLSv1.1" : "TLSv1.3";
}

long __wrap_SSL_get_verify_result(const SSL *ssl)
{
    (void)ssl;
    return server.chain_error;
}

void __wrap_SSL_CTX_set_cert_verify_callback(SSL_CTX *context,
                                             int (*verify)(X509_STORE_CTX *, void *),
                                             void *verify_context)
{
    (void)context;
    server.verify = verify;
    server.verify_context = verify_context;
}

/* ---- certificates ---- */

static void read_chain(STACK_OF(X509) * chain, const uint8_t *data, size_t size, unsigned again)
{
    const uint8_t *at = data, *end = data + size;
    X509 *one;
    while (at < end && sk_X509_num(chain) < CHAIN_MAX && (one = d2i_X509(NULL, &at, end - at)))
        sk_X509_push(chain, one);
    for (; again && sk_X509_num(chain) && sk_X509_num(chain) < CHAIN_MAX; again--) {
        one = sk_X509_value(chain, sk_X509_num(chain) - 1);
        X509_up_ref(one);
        sk_X509_push(chain, one);
    }
    ERR_clear_error();
}

static void make_part(X509 *one, GENERAL_NAMES *names, const uint8_t *part)
{
    ASN1_STRING *text = ASN1_STRING_type_new(part[1]);
    ASN1_STRING_set(text, part + 3, part[2]);
    switch (part[0] % PARTS) {
    case PART_NAME: {
        GENERAL_NAME *name = GENERAL_NAME_new();
        GENERAL_NAME_set0_value(name, part[0] & 0x80 ? GEN_EMAIL : GEN_DNS, text);
        sk_GENERAL_NAME_push(names, name);
        return;
    }
    case PART_COMMON_NAME:
        X509_NAME_add_entry_by_NID(X509_get_subject_name(one), NID_commonName, part[1], part + 3,
                                   part[2], -1, 0);
        break;
    case PART_FROM:
        X509_set1_notBefore(one, text);
        break;
    case PART_TO:
        X509_set1_notAfter(one, text);
        break;
    }
    ASN1_STRING_free(text);
}

static void make_chain(STACK_OF(X509) * chain, const uint8_t *data, size_t size)
{
    X509 *one = X509_new();
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    ASN1_TIME_set(X509_getm_notBefore(one), NOW - 1000);
    ASN1_TIME_set(X509_getm_notAfter(one), NOW + 1000);
    for (size_t at = 0; at + 3 <= size && at + 3 + data[at + 2] <= size; at += 3u + data[at + 2])
        make_part(one, names, data + at);
    if (sk_GENERAL_NAME_num(names))
        X509_add1_ext_i2d(one, NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
    sk_X509_push(chain, one);
    ERR_clear_error();
}

/* ---- what must hold ---- */

static long follow(SSL_CTX *context, X509_STORE *store, STACK_OF(X509) * chain)
{
    X509_STORE_CTX *one = X509_STORE_CTX_new();
    X509_STORE_CTX_init(one, store, sk_X509_value(chain, 0), chain);
    X509_STORE_CTX_set_default(one, "ssl_server");
    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(one), SSL_CTX_get0_param(context));
    X509_STORE_CTX_set_time(one, 0, NOW);
    int result = server.verify(one, server.verify_context);
    long error = X509_STORE_CTX_get_error(one);
    FUZZ_CHECK((result == 1) == (error == X509_V_OK));
    X509_STORE_CTX_free(one);
    ERR_clear_error();
    return error;
}

/* A good chain is followed once, any other one each time, with the same result. */
static void check_chain(SSL_CTX *context, STACK_OF(X509) * chain, bool trust)
{
    X509_STORE *store = X509_STORE_new();
    struct chains *chains = chains_new(context, KEPT_MS);
    if (trust)
        X509_STORE_add_cert(store, sk_X509_value(chain, sk_X509_num(chain) - 1));
    server.chain_error = follow(context, store, chain);
    FUZZ_CHECK(chains_followed(chains) == 1);
    FUZZ_CHECK(follow(context, store, chain) == server.chain_error);
    FUZZ_CHECK(chains_followed(chains) == (server.chain_error == X509_V_OK ? 1 : 2));
    FUZZ_CHECK(trust || server.chain_error != X509_V_OK);
    chains_free(chains);
    X509_STORE_free(store);
}

static void check_finding(const struct certificate_finding *finding)
{
    const char *end = memchr(finding->detail, '\0', sizeof finding->detail);
    FUZZ_CHECK(end);
    FUZZ_CHECK((finding->reason == REASON_NONE) == (end == finding->detail));
    FUZZ_CHECK(finding->reason == REASON_NONE || finding->reason == REASON_TLS_WEAK ||
               finding->reason == REASON_CERT_EXPIRED || finding->reason == REASON_CERT_NAME ||
               finding->reason == REASON_CERT_UNTRUSTED || finding->reason == REASON_CERT_EXPIRES);
    FUZZ_CHECK((finding->reason == REASON_TLS_WEAK) == server.weak);
    FUZZ_CHECK(server.shown || finding->ends_s == 0);
}

static void check_examination(uint8_t setting)
{
    const struct certificate_rules rules = {
        .host = hosts[setting & SETTING_HOST],
        .chain = setting & SETTING_CHAIN,
        .warn_ms = setting & SETTING_WARN ? INT64_C(86400000) * 365 : 0,
        .now = setting & SETTING_EARLY ? 0 : NOW,
    };
    struct certificate_finding finding, again;
    server.weak = setting & SETTING_WEAK;
    certificate_examine(NULL, &rules, &finding);
    FUZZ_CHECK(ERR_peek_error() == 0);
    check_finding(&finding);
    certificate_examine(NULL, &rules, &again);
    FUZZ_CHECK(finding.reason == again.reason && finding.ends_s == again.ends_s &&
               strcmp(finding.detail, again.detail) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static SSL_CTX *context; /* its making takes longer than an input */
    if (size < 2 || size > INPUT_MAX)
        return 0;
    if (!context)
        context = SSL_CTX_new(TLS_client_method());
    STACK_OF(X509) *chain = sk_X509_new_null();
    if (data[0] & SETTING_MADE)
        make_chain(chain, data + 2, size - 2);
    else
        read_chain(chain, data + 2, size - 2, data[1]);
    server.shown = sk_X509_value(chain, 0);
    server.chain_error = X509_V_ERR_UNSPECIFIED;
    if (server.shown)
        check_chain(context, chain, data[0] & SETTING_TRUST);
    check_examination(data[0]);
    sk_X509_pop_free(chain, X509_free);
    return 0;
}
