/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/cookie.h"

#include <string.h>

/* RFC 9018 section 4.3. */
enum {
    AGE_MAX_S = 3600,   /* older cookies are no longer taken */
    AHEAD_MAX_S = 300,  /* clocks of servers that share a secret may differ by so much */
    AGE_FRESH_S = 1800, /* older ones are answered with a new one */
};

/* Where what stands in a cookie. */
enum {
    AT_VERSION = COOKIE_CLIENT_SIZE,
    AT_TIME = AT_VERSION + 4, /* behind version and three reserved octets */
    AT_HASH = AT_TIME + 4,
    VERSION = 1,
};

bool cookie_size_valid(size_t size)
{
    return size == COOKIE_CLIENT_SIZE ||
           (size >= COOKIE_CLIENT_SIZE + 8 && size <= COOKIE_MAX_SIZE);
}

/* Over all that stands before it, whatever the reserved octets hold, and the client's address (RFC
 * 9018 section 4.4). */
static void hash_cookie(const uint8_t secret[SIPHASH_KEY_SIZE], const uint8_t *cookie,
                        const uint8_t *address, size_t address_size, uint8_t hash[SIPHASH_SIZE])
{
    uint8_t input[AT_HASH + 16];
    memcpy(input, cookie, AT_HASH);
    memcpy(input + AT_HASH, address, address_size);
    siphash(secret, input, AT_HASH + address_size, hash);
}

/* In the same time wherever they differ: nobody finds a hash octet by octet. */
static bool hash_equal(const uint8_t *one, const uint8_t *other)
{
    uint64_t first, second;
    memcpy(&first, one, sizeof first);
    memcpy(&second, other, sizeof second);
    return first == second;
}

/* Which secret made the cookie; -1: none of ours. */
static int find_secret(const struct settings *settings, const uint8_t *address, size_t address_size,
                       const uint8_t *cookie)
{
    uint8_t hash[SIPHASH_SIZE];
    for (int i = 0; i < settings->nsecrets; i++) {
        hash_cookie(settings->secrets[i], cookie, address, address_size, hash);
        if (hash_equal(hash, cookie + AT_HASH))
            return i;
    }
    return -1;
}

enum cookie_status cookie_check(const struct settings *settings, const uint8_t *address,
                                size_t address_size, uint32_t now_s, const uint8_t *given,
                                size_t given_size, uint8_t answer[COOKIE_SIZE])
{
    enum cookie_status status = given_size == COOKIE_CLIENT_SIZE ? COOKIE_CLIENT : COOKIE_BAD;
    if (given_size == COOKIE_SIZE && given[AT_VERSION] == VERSION) {
        /* Serial number arithmetic (RFC 1982), good for the year 2106, too. */
        int32_t age_s = (int32_t)(now_s - read_u32(given + AT_TIME));
        int made_by = -1;
        if (age_s <= AGE_MAX_S && age_s >= -AHEAD_MAX_S)
            made_by = find_secret(settings, address, address_size, given);
        if (made_by >= 0)
            status = COOKIE_GOOD;
        if (made_by == 0 && age_s <= AGE_FRESH_S) {
            memcpy(answer, given, COOKIE_SIZE);
            return status;
        }
    }
    memcpy(answer, given, COOKIE_CLIENT_SIZE);
    write_u32(answer + AT_VERSION, (uint32_t)VERSION << 24);
    write_u32(answer + AT_TIME, now_s);
    hash_cookie(settings->secrets[0], answer, address, address_size, answer + AT_HASH);
    return status;
}
