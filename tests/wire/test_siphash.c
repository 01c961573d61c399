/* SPDX-License-Identifier: BSD-2-Clause */
/* Our SipHash against OpenSSL's. */
#include "wire/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

static void openssl_siphash(EVP_MAC *mac, const uint8_t *key, const uint8_t *data, size_t size,
                            uint8_t hash[SIPHASH_SIZE])
{
    size_t wanted = SIPHASH_SIZE, written;
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &wanted),
                                     OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    assert_non_null(context);
    assert_int_equal(EVP_MAC_init(context, key, SIPHASH_KEY_SIZE, parameters), 1);
    assert_int_equal(EVP_MAC_update(context, data, size), 1);
    assert_int_equal(EVP_MAC_final(context, hash, &written, SIPHASH_SIZE), 1);
    assert_int_equal(written, SIPHASH_SIZE);
    EVP_MAC_CTX_free(context);
}

/* All lengths that end at any place of a word, with keys and data that change. */
static void same_as_openssl(void **state)
{
    (void)state;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    assert_non_null(mac);
    uint8_t key[SIPHASH_KEY_SIZE], data[300], ours[SIPHASH_SIZE], theirs[SIPHASH_SIZE];
    uint64_t random = 7;
    for (size_t size = 0; size <= sizeof data; size++) {
        for (size_t i = 0; i < sizeof key + size; i++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            *(i < sizeof key ? &key[i] : &data[i - sizeof key]) = (uint8_t)(random >> 56);
        }
        siphash(key, data, size, ours);
        openssl_siphash(mac, key, data, size, theirs);
        assert_memory_equal(ours, theirs, SIPHASH_SIZE);
    }
    EVP_MAC_free(mac);
}

/* Appendix A of the paper: key 00..0f, data 00..0e. */
static void vector_of_the_paper(void **state)
{
    (void)state;
    uint8_t key[SIPHASH_KEY_SIZE], data[15], hash[SIPHASH_SIZE];
    for (uint8_t i = 0; i < sizeof key; i++)
        key[i] = i;
    memcpy(data, key, sizeof data);
    siphash(key, data, sizeof data, hash);
    assert_memory_equal(hash, "\xE5\x45\xBE\x49\x61\xCA\x29\xA1", SIPHASH_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_openssl),
        cmocka_unit_test(vector_of_the_paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
