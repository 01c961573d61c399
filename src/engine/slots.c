/* SPDX-License-Identifier: BSD-2-Clause */
#include "engine/slots.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Greylisting lets the same sender pass after 5 minutes at most. */
enum { DOUBT_MS = 10 * 60 * 1000 };

void slots_init(struct slots *slots)
{
    *slots = (struct slots){.by_key = table_new(0), .by_address = table_new(0)};
}

static void slot_free(struct slot *slot)
{
    free(slot->host);
    free(slot->check);
    free(slot->services);
    free(slot->key);
    check_settings_release(&slot->settings);
    free(slot);
}

void slots_free(struct slots *slots)
{
    for (size_t i = 0; i < slots->count; i++)
        if (slots->list[i])
            slot_free(slots->list[i]);
    free(slots->list);
    table_free(slots->by_key);
    table_free(slots->by_address);
}

/* Address, port and check in octets. */
static uint8_t *make_key(const struct slot_want *want, size_t *size)
{
    size_t address = address_size(&want->address), check = strlen(want->check);
    uint8_t *key = memory_array(1 + address + 2 + check, 1), *at = key;
    *at++ = want->address.family;
    memcpy(at, want->address.bytes, address);
    at += address;
    *at++ = (uint8_t)(want->port >> 8);
    *at++ = (uint8_t)want->port;
    memcpy(at, want->check, check);
    *size = (size_t)(at - key) + check;
    return key;
}

struct slot *slots_find(const struct slots *slots, const struct slot_want *want)
{
    size_t size;
    uint32_t id;
    uint8_t *key = make_key(want, &size);
    bool found = table_get(slots->by_key, key, size, &id);
    free(key);
    return found ? slots->list[id] : NULL;
}

struct slot *slots_next(const struct slots *slots, const struct slot *slot)
{
    return slot->next_same == SLOT_NONE ? NULL : slots->list[slot->next_same];
}

struct slot *slots_at(const struct slots *slots, const struct address *address)
{
    uint32_t id;
    bool found = table_get(slots->by_address, address->bytes, address_size(address), &id);
    return found ? slots->list[id] : NULL;
}

struct slot *slots_next_at(const struct slots *slots, const struct slot *slot)
{
    return slot->next_at == SLOT_NONE ? NULL : slots->list[slot->next_at];
}

static void index_address(struct slots *slots, struct slot *slot)
{
    struct slot *first = slots_at(slots, &slot->address);
    slot->next_at = SLOT_NONE;
    if (first) {
        slot->next_at = first->next_at;
        first->next_at = slot->id;
    } else {
        table_put(slots->by_address, slot->address.bytes, address_size(&slot->address), slot->id);
    }
}

/* The tables have no removal: they are filled anew after a sweep. */
static void index_slot(struct slots *slots, struct slot *slot)
{
    uint32_t first;
    bool found = table_get(slots->by_key, slot->key, slot->key_size, &first);
    index_address(slots, slot);
    slot->next_same = SLOT_NONE;
    if (found) {
        slot->next_same = slots->list[first]->next_same;
        slots->list[first]->next_same = slot->id;
    } else {
        table_put(slots->by_key, slot->key, slot->key_size, slot->id);
    }
}

static uint32_t take_id(struct slots *slots)
{
    for (size_t i = slots->first_free; i < slots->count; i++)
        if (!slots->list[i])
            return (uint32_t)i;
    slots->list = memory_grow(slots->list, slots->count, &slots->capacity, sizeof *slots->list);
    slots->list[slots->count] = NULL;
    return (uint32_t)slots->count++;
}

/* All that is known; but nobody would ever end a drain by round trips that are made no more. */
static void inherit(struct slot *slot, const struct slot *kin)
{
    slot->verdict = kin->verdict;
    slot->sightings = kin->sightings;
    if (slot->settings.round_trip_ms && slot->settings.recipient)
        return;
    slot->verdict.undelivered_since_ms = 0;
    slot->verdict.alarmed = slot->verdict.undelivered = false;
}

struct slot *slots_add(struct slots *slots, const struct slot_want *want, const struct slot *kin,
                       int64_t now_ms)
{
    struct slot *slot = memory_alloc(sizeof *slot);
    slot->id = take_id(slots);
    slots->first_free = slot->id + 1;
    slots->list[slot->id] = slot;
    slot->host = memory_strdup(want->host);
    slot->check = memory_strdup(want->check);
    check_settings_copy(&slot->settings, want->settings);
    slot->address = want->address;
    slot->port = want->port;
    slot->heard_ms = -1;
    slot->key = make_key(want, &slot->key_size);
    if (kin)
        inherit(slot, kin);
    else
        verdict_init(&slot->verdict, now_ms);
    index_slot(slots, slot);
    return slot;
}

void slots_sweep(struct slots *slots, void (*gone)(void *context, uint32_t id), void *context)
{
    bool any = false;
    for (size_t i = 0; i < slots->count; i++) {
        struct slot *slot = slots->list[i];
        if (!slot || slot_is_used(slot))
            continue;
        gone(context, slot->id);
        slot_free(slot);
        slots->list[i] = NULL;
        any = true;
    }
    if (!any)
        return;
    table_free(slots->by_key);
    slots->by_key = table_new(slots->count);
    table_free(slots->by_address);
    slots->by_address = table_new(slots->count);
    slots->first_free = 0;
    for (size_t i = 0; i < slots->count; i++)
        if (slots->list[i])
            index_slot(slots, slots->list[i]);
}

/* A slot in use is shared by all that probe in the same way, whatever the host is called; one that
 * is not (any more) is only taken up by the host it was made for. */
bool slot_matches(const struct slot *slot, const struct slot_want *want)
{
    return check_settings_equal(&slot->settings, want->settings) &&
           (slot_is_used(slot) || strcmp(slot->host, want->host) == 0);
}

bool slot_is_used(const struct slot *slot)
{
    return slot->pinned || slot->nservices;
}

void slot_release(struct slot *slot)
{
    slot->pinned = false;
    slot->nservices = 0;
}

bool slot_link(struct slot *slot, uint32_t service)
{
    for (size_t i = 0; i < slot->nservices; i++)
        if (slot->services[i] == service)
            return false;
    slot->services = memory_grow(slot->services, slot->nservices, &slot->services_capacity,
                                 sizeof *slot->services);
    slot->services[slot->nservices++] = service;
    return true;
}

void slot_unlink(struct slot *slot, uint32_t service)
{
    for (size_t i = 0; i < slot->nservices; i++)
        if (slot->services[i] == service)
            slot->services[i--] = slot->services[--slot->nservices];
}

struct verdict_policy slot_policy(const struct slot *slot)
{
    return policy_of_settings(&slot->settings);
}

struct verdict_policy policy_of_settings(const struct check_settings *settings)
{
    return (struct verdict_policy){
        .fall = settings->fall,
        .rise = settings->rise,
        .interval_ms = settings->interval_ms,
        .service_interval_ms = settings->service_interval_ms,
        .recheck_ms = settings->recheck_ms,
        .timeout_ms = settings->timeout_ms,
        .doubt_ms = DOUBT_MS,
        .hold_ms = settings->hold_ms,
        .slow_start_ms = settings->slow_start_ms,
        .alarm_ms = settings->alarm_ms,
        .drain_ms = settings->drain_ms,
        .return_manual = settings->returns == CHECK_RETURN_MANUAL,
    };
}
