/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/siphash.h"

#include <endian.h>
#include <string.h>

struct sip_state {
    uint64_t a, b, c, d; /* v0 to v3 of the paper */
};

/* Little-endian whatever the machine. */
static inline uint64_t load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

/* What is left, filled up with zeros, and the size of it all. */
static inline uint64_t load_last(const uint8_t *at, size_t left, size_t size)
{
    uint8_t bytes[8] = {0};
    memcpy(bytes, at, left);
    return load(bytes) | (uint64_t)size << 56;
}

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void mix(struct sip_state *state, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        state->a += state->b;
        state->c += state->d;
        state->b = rotate(state->b, 13) ^ state->a;
        state->d = rotate(state->d, 16) ^ state->c;
        state->a = rotate(state->a, 32) + state->d;
        state->c += state->b;
        state->d = rotate(state->d, 21) ^ state->a;
        state->b = rotate(state->b, 17) ^ state->c;
        state->c = rotate(state->c, 32);
    }
}

static inline void absorb(struct sip_state *state, uint64_t word)
{
    state->d ^= word;
    mix(state, 2);
    state->a ^= word;
}

void siphash(const uint8_t key[SIPHASH_KEY_SIZE], const uint8_t *data, size_t size,
             uint8_t hash[SIPHASH_SIZE])
{
    uint64_t low = load(key), high = load(key + 8);
    /* "somepseudorandomlygeneratedbytes" */
    struct sip_state state = {low ^ 0x736F6D6570736575ull, high ^ 0x646F72616E646F6Dull,
                              low ^ 0x6C7967656E657261ull, high ^ 0x7465646279746573ull};
    size_t at = 0;
    for (; size - at >= 8; at += 8)
        absorb(&state, load(data + at));
    absorb(&state, load_last(data + at, size - at, size));
    state.c ^= 0xFF;
    mix(&state, 4);
    uint64_t result = htole64(state.a ^ state.b ^ state.c ^ state.d);
    memcpy(hash, &result, SIPHASH_SIZE);
}
