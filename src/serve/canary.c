/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/canary.h"

#include "base/address.h"
#include "wire/message.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- names ---- */

/* Above all numbers that a label may hold: it cannot be read, or has leading zeros. */
static const uint64_t number_wrong = UINT64_MAX;

/* The letter of a label that is a t, p or f with digits behind it, and its number; 0: of another.
 */
static uint8_t parameter_of(const uint8_t *label, uint64_t *number)
{
    uint8_t size = label[0], letter = label[1];
    if (size < 2 || (letter != 't' && letter != 'p' && letter != 'f'))
        return 0;
    *number = 0;
    for (unsigned i = 2; i <= size; i++) {
        if (label[i] < '0' || label[i] > '9')
            return 0;
        if (*number <= UINT32_MAX)
            *number = *number * 10 + (label[i] - '0');
    }
    if (size > 2 && label[2] == '0')
        *number = number_wrong;
    return letter;
}

struct labels {
    const uint8_t *at, *end;
    bool wrong;
};

/* Takes the next label where it is the parameter of that letter. */
static bool take(struct labels *labels, uint8_t letter, uint32_t most, uint32_t *value)
{
    uint64_t number;
    if (labels->at >= labels->end || parameter_of(labels->at, &number) != letter)
        return false;
    labels->wrong |= number > most;
    *value = (uint32_t)number;
    labels->at += 1 + *labels->at;
    return true;
}

/* How many labels there are up to the end. */
static unsigned take_nonce(struct labels *labels)
{
    unsigned count = 0;
    uint64_t number;
    for (; labels->at < labels->end; labels->at += 1 + *labels->at, count++)
        labels->wrong |= parameter_of(labels->at, &number) != 0;
    return count;
}

enum canary_kind canary_read(const uint8_t *name, size_t size, struct canary_terms *terms)
{
    struct labels labels = {name, name + size - CANARY_TOP_SIZE, false};
    bool ttl = take(&labels, 't', CANARY_TTL_MAX_S, &terms->ttl_s);
    bool period = take(&labels, 'p', CANARY_TTL_MAX_S, &terms->period_s);
    terms->fails = take(&labels, 'f', UINT32_MAX, &terms->fails_s);
    unsigned nonce = take_nonce(&labels);
    if (labels.at != labels.end) /* the octets of _canary are the end of a longer label */
        return CANARY_NONE;
    if (labels.wrong || (ttl && !period) || ((period || terms->fails) && !nonce))
        return CANARY_WRONG;
    return ttl ? CANARY_NAME : CANARY_BETWEEN;
}

/* ---- answers ---- */

bool canary_fails(const struct canary_terms *terms, int64_t now_ms)
{
    return terms->fails && now_ms / 1000 >= terms->fails_s;
}

static int64_t epoch_of(const struct canary_terms *terms, int64_t now_ms)
{
    return terms->period_s ? now_ms / 1000 / terms->period_s : 0;
}

size_t canary_write_txt(const struct canary_terms *terms, int64_t now_ms, uint64_t serial,
                        const struct dns_client *client, uint8_t rdata[CANARY_RDATA_MAX])
{
    struct address from = {.family = client->address_size == 16 ? 6 : 4};
    char address[ADDRESS_TEXT_SIZE], *text = (char *)rdata + 1;
    memcpy(from.bytes, client->address, client->address_size);
    address_format(&from, address);
    /* At most 145 octets: three numbers of 20 and an address of 45. */
    int size = snprintf(text, CANARY_RDATA_MAX - 1,
                        "canary time=%" PRId64 " epoch=%" PRId64 " serial=%" PRIu64 " from=%s",
                        now_ms, epoch_of(terms, now_ms), serial, address);
    rdata[0] = (uint8_t)size;
    return 1 + (size_t)size;
}

size_t canary_write_a(const struct canary_terms *terms, int64_t now_ms,
                      uint8_t rdata[CANARY_RDATA_MAX])
{
    write_u32(rdata, 127u << 24 | ((uint32_t)epoch_of(terms, now_ms) & 0xFFFFFF));
    return 4;
}
