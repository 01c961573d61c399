/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/rate.h"

#include "base/memory.h"
#include "wire/message.h"

#include <stdlib.h>
#include <string.h>

enum {
    WAYS = 4, /* accounts of one place: a cache line */
    PLACES_BITS = 12,
    PLACES = 1 << PLACES_BITS,
    BURST_US = 1000000, /* what has not been asked for in the last second may come at once */
};

/* An account is a token bucket, kept as the time at which it will be full again. */
struct account {
    uint32_t tag;
    uint32_t limited; /* how many were */
    int64_t full_us;
};

struct rate_accounts {
    int64_t now_us;
    struct account places[PLACES][WAYS] __attribute__((aligned(64)));
};

/* Masks of the first bits, in network order. */
static void mask_bytes(void *mask, size_t size, unsigned bits)
{
    uint8_t *bytes = mask;
    for (size_t i = 0; i < size; i++) {
        unsigned here = bits < 8 ? bits : 8;
        bytes[i] = (uint8_t)(0xFF00u >> here);
        bits -= here;
    }
}

static struct rate_exempt exempt_of(const struct rate_network *network)
{
    struct rate_exempt exempt = {.address_size = address_size(&network->address)};
    memcpy(exempt.network, network->address.bytes, exempt.address_size);
    mask_bytes(exempt.mask, sizeof exempt.mask, network->bits);
    for (int i = 0; i < 2; i++)
        exempt.network[i] &= exempt.mask[i];
    return exempt;
}

struct rate_rules *rate_rules_new(const struct rate_options *options, unsigned threads)
{
    size_t nexempt = options->nexempt;
    struct rate_rules *rules = memory_alloc(sizeof *rules + nexempt * sizeof rules->exempt[0]);
    unsigned smallest = UINT16_MAX - 1;
    for (int i = 0; i < RATE_KINDS; i++) {
        unsigned share = (options->limits[i] + threads - 1) / threads;
        if (!share)
            continue;
        rules->interval_us[i] = share < 1000000 ? 1000000 / share : 1;
        smallest = share < smallest ? share : smallest;
    }
    rules->gate = smallest * RATE_ONE;
    rules->slip = options->slip;
    rules->nexempt = nexempt;
    for (size_t i = 0; i < nexempt; i++)
        rules->exempt[i] = exempt_of(&options->exempt[i]);
    mask_bytes(&rules->ipv4_mask, sizeof rules->ipv4_mask, options->ipv4_bits);
    mask_bytes(&rules->ipv6_mask, sizeof rules->ipv6_mask, options->ipv6_bits);
    return rules;
}

struct rate *rate_new(uint64_t seed)
{
    struct rate *rate = memory_alloc(sizeof *rate);
    rate->seed = seed;
    rate->accounts = aligned_alloc(64, sizeof *rate->accounts);
    if (!rate->accounts)
        memory_exhausted(sizeof *rate->accounts);
    memset(rate->accounts, 0, sizeof *rate->accounts);
    return rate;
}

void rate_free(struct rate *rate)
{
    if (!rate)
        return;
    free(rate->accounts);
    free(rate);
}

void rate_set_time(struct rate *rate, int64_t now_ms)
{
    rate->window = (uint16_t)(now_ms >> RATE_WINDOW_BITS);
    rate->accounts->now_us = now_ms * 1000;
}

bool rate_count_slowly(struct rate *rate, const struct rate_rules *rules, uint32_t *slot)
{
    uint32_t count = *slot >> 16, elapsed = (uint16_t)(rate->window - *slot);
    count = elapsed < 16 ? count >> elapsed : 0;
    bool busy = count * RATE_ONE >= rules->gate;
    count += count < UINT16_MAX;
    *slot = count * RATE_ONE | rate->window;
    return busy;
}

bool rate_is_exempt(const struct rate_rules *rules, const uint8_t *address, size_t address_size)
{
    uint64_t words[2] = {0};
    memcpy(words, address, 4);
    if (address_size == 16)
        memcpy(words, address, 16);
    const struct rate_exempt *end = rules->exempt + rules->nexempt;
    for (const struct rate_exempt *exempt = rules->exempt; exempt < end; exempt++)
        if (exempt->address_size == address_size &&
            (words[0] & exempt->mask[0]) == exempt->network[0] &&
            (words[1] & exempt->mask[1]) == exempt->network[1])
            return true;
    return false;
}

/* ---- what was answered ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0xD6E8FEB86659FD93ull; /* odd, its bits evenly spread */
    return hash ^ hash >> 32;
}

/* Of a name in an answer, whatever the case of its letters (0x20 for all octets: names that become
 * one by that share an account, which nobody can use against others). At least 8 octets stand
 * before `end`. */
static uint64_t name_hash(uint64_t hash, const uint8_t *name, const uint8_t *end)
{
    const uint64_t lower = 0x2020202020202020ull;
    uint64_t word;
    for (; end - name > 8; name += 8) {
        memcpy(&word, name, 8);
        hash = mix(hash, word | lower);
    }
    memcpy(&word, end - 8, 8);
    return mix(hash, (word | lower) >> (8 * (8 - (end - name))));
}

/* The name that an answer is about, as offset: the owner of its first record where that is a part
 * of the name asked for. So it is the zone with a negative answer, the delegation with a referral,
 * and the owner of a DNAME: names made up at random lead to one account. */
static size_t name_of(const struct rate_subject *subject)
{
    const uint8_t *record = subject->message + subject->question_end;
    if (subject->covered >= HEADER_SIZE && subject->covered + 4 < subject->question_end)
        return subject->covered;
    bool records = subject->answers || subject->authorities;
    if (!records || subject->question_end + 2 > subject->size || *record < POINTER_BITS)
        return QUESTION_OFFSET;
    size_t owner = read_u16(record) & POINTER_REACH;
    return owner >= HEADER_SIZE && owner + 4 < subject->question_end ? owner : QUESTION_OFFSET;
}

/* A truncated answer has lost its records; an empty one that is not truncated is an EDNS error. */
static enum rate_kind kind_of(const struct rate_subject *subject)
{
    if (subject->canary)
        return RATE_CANARIES;
    bool error = subject->rcode != RCODE_NOERROR && subject->rcode != RCODE_NXDOMAIN;
    if (error || subject->question_end < HEADER_SIZE + 5)
        return RATE_ERRORS;
    if (subject->rcode == RCODE_NOERROR && (subject->answers || subject->truncated))
        return RATE_ANSWERS;
    return subject->authorities ? RATE_NEGATIVES : RATE_ERRORS;
}

/* ---- accounts ---- */

/* The account of a key, or the fullest of its place, which was used least of late and loses
 * nothing; NULL: all there are busy at their limits, and none is made to pay for others. */
static struct account *account_of(struct rate_accounts *accounts, uint64_t key, int64_t latest_us)
{
    struct account *place = accounts->places[key >> (64 - PLACES_BITS)], *fullest = place;
    uint32_t tag = (uint32_t)key;
    for (unsigned i = 0; i < WAYS; i++) {
        if (place[i].tag == tag)
            return &place[i];
        if (place[i].full_us < fullest->full_us)
            fullest = &place[i];
    }
    if (fullest->full_us > latest_us)
        return NULL;
    *fullest = (struct account){.tag = tag};
    return fullest;
}

enum rate_verdict rate_judge(struct rate *rate, const struct rate_rules *rules, uint64_t network,
                             const struct rate_subject *subject)
{
    struct rate_accounts *accounts = rate->accounts;
    enum rate_kind kind = kind_of(subject);
    int64_t interval_us = rules->interval_us[kind];
    if (!interval_us)
        return RATE_PASS;
    uint64_t key = mix(network, kind);
    if (kind == RATE_ANSWERS || kind == RATE_NEGATIVES) {
        size_t name = name_of(subject); /* as such, or as the end of other names */
        key = name_hash(mix(key, name == QUESTION_OFFSET), subject->message + name,
                        subject->message + subject->question_end - 4);
    }
    int64_t now_us = accounts->now_us, latest_us = now_us + BURST_US - interval_us;
    struct account *account = account_of(accounts, key, latest_us);
    if (!account)
        return RATE_PASS;
    int64_t full_us = account->full_us > now_us ? account->full_us : now_us;
    if (full_us <= latest_us) {
        account->full_us = full_us + interval_us;
        return RATE_PASS;
    }
    return rules->slip && account->limited++ % rules->slip == 0 ? RATE_SLIP : RATE_DROP;
}
