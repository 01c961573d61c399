/* SPDX-License-Identifier: BSD-2-Clause */
#include "flight.h"

#include "base/memory.h"

#include <stdlib.h>

void flight_init(struct flight *flight, uint32_t room)
{
    uint32_t size = 256;
    while (size < room && size < 65536)
        size *= 2;
    *flight = (struct flight){.slots = memory_array(size, sizeof *flight->slots), .mask = size - 1};
}

void flight_free(struct flight *flight)
{
    free(flight->slots);
    *flight = (struct flight){0};
}

static void flight_lose(struct flight *flight, struct flight_slot *slot, struct tally *tally)
{
    slot->waits = false;
    flight->waiting--;
    tally->lost += slot->counted;
}

uint16_t flight_begin(struct flight *flight, const struct asked *asked, uint64_t sent_ns,
                      bool counted, struct tally *tally)
{
    uint16_t id = flight->next++;
    struct flight_slot *slot = &flight->slots[id & flight->mask];
    if (slot->waits)
        flight_lose(flight, slot, tally);
    *slot = (struct flight_slot){sent_ns, asked, id, true, counted};
    flight->waiting++;
    tally->sent += counted;
    return id;
}

static bool rcode_fits(int16_t expected, unsigned rcode)
{
    if (expected == EXPECT_ANY)
        return rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN;
    return rcode == (expected < 0 ? RCODE_NOERROR : (unsigned)expected);
}

enum fault answer_fault(const struct asked *asked, const uint8_t *answer, size_t size,
                        bool unchecked)
{
    if (size < HEADER_SIZE)
        return FAULT_SHORT;
    if (!(answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_QR))
        return FAULT_QUERY;
    if (read_u16(answer + HEADER_QDCOUNT) != 1 || size < asked->question_end ||
        memcmp(answer + HEADER_SIZE, asked->bytes + HEADER_SIZE,
               asked->question_end - HEADER_SIZE) != 0)
        return FAULT_QUESTION;
    if (unchecked)
        return FAULT_NONE;
    if (answer[HEADER_FLAGS_HIGH] & FLAG_HIGH_TC)
        return FAULT_TRUNCATED;
    if (!rcode_fits(asked->expected, answer[HEADER_FLAGS_LOW] & 0x0F))
        return FAULT_RCODE;
    bool has_records = read_u16(answer + HEADER_ANCOUNT) > 0;
    if ((asked->expected == EXPECT_ANSWER && !has_records) ||
        (asked->expected == EXPECT_NO_DATA && has_records))
        return FAULT_RECORDS;
    return FAULT_NONE;
}

static void count_answer(const struct flight_slot *slot, const uint8_t *answer, size_t size,
                         uint64_t now_ns, bool unchecked, struct tally *tally)
{
    enum fault fault = answer_fault(slot->asked, answer, size, unchecked);
    tally->faults[fault]++;
    if (size >= HEADER_SIZE)
        tally->rcodes[answer[HEADER_FLAGS_LOW] & 0x0F]++;
    if (fault != FAULT_NONE) {
        tally->wrong++;
        return;
    }
    tally->right++;
    tally->octets += size;
    tally_latency(tally, now_ns - slot->sent_ns);
}

void flight_end(struct flight *flight, const uint8_t *answer, size_t size, uint64_t now_ns,
                bool unchecked, struct tally *tally)
{
    uint16_t id = size >= 2 ? read_u16(answer) : 0;
    struct flight_slot *slot = &flight->slots[id & flight->mask];
    if (size < 2 || !slot->waits || slot->id != id) {
        tally->stray++;
        return;
    }
    slot->waits = false;
    flight->waiting--;
    if (slot->counted)
        count_answer(slot, answer, size, now_ns, unchecked, tally);
}

void flight_expire(struct flight *flight, uint64_t before_ns, struct tally *tally)
{
    if ((uint16_t)(flight->next - flight->oldest) > flight->mask)
        flight->oldest = (uint16_t)(flight->next - flight->mask - 1);
    for (; flight->oldest != flight->next; flight->oldest++) {
        struct flight_slot *slot = &flight->slots[flight->oldest & flight->mask];
        if (slot->waits && slot->id == flight->oldest) {
            if (slot->sent_ns >= before_ns)
                return;
            flight_lose(flight, slot, tally);
        }
    }
}
