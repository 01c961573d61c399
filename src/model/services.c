/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks, targets and services, each stored once, whoever needs it. See derive.h. */
#include "base/memory.h"
#include "model/derive.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Looks a key of whole words up; when it is new, it gets the next number. */
static bool words_find(struct derivation *derivation, struct table *table, const void *key,
                       size_t size, uint32_t next, uint32_t *number)
{
    if (table_get(table, key, size, number))
        return true;
    table_put(table, arena_dup(derivation->model->arena, key, size), size, next);
    *number = next;
    return false;
}

/* ---- texts of settings ---- */

/* Texts with the same octets get the same number. A tree of what the configuration holds: secrets
 * are neither copied nor hashed into memory that nobody wipes. */
struct text {
    const struct shared *shared;
    uint32_t number;
};

static int compare_texts(const void *one, const void *other)
{
    const struct shared *a = ((const struct text *)one)->shared;
    const struct shared *b = ((const struct text *)other)->shared;
    size_t a_size = shared_size(a), b_size = shared_size(b);
    if (a_size != b_size)
        return a_size < b_size ? -1 : 1;
    return memcmp(shared_text(a), shared_text(b), a_size);
}

/* 0: none. */
static uint32_t text_number(struct derivation *derivation, const struct shared *shared)
{
    if (shared == NULL)
        return 0;
    const struct text wanted = {.shared = shared};
    struct text *const *known = tfind(&wanted, &derivation->texts, compare_texts);
    if (known != NULL)
        return (*known)->number;
    struct text *text = memory_alloc(sizeof *text);
    *text = (struct text){shared, ++derivation->ntexts};
    if (tsearch(text, &derivation->texts, compare_texts) == NULL)
        memory_exhausted(sizeof *text);
    return text->number;
}

void texts_free(struct derivation *derivation)
{
    tdestroy(derivation->texts, free);
}

/* ---- checks ---- */

uint32_t check_get(struct derivation *derivation, uint32_t config_check,
                   const struct config_host *host)
{
    struct model *model = derivation->model;
    const struct config_check *config = &derivation->config->checks[config_check];
    struct check_settings settings;
    struct check_values values;
    int64_t key[CHECK_NUMBERS + CHECK_TEXTS];
    uint32_t number;
    config_host_settings(host, config, &settings);
    check_settings_list(&settings, &values);
    memcpy(key, values.numbers, sizeof values.numbers);
    for (size_t i = 0; i < CHECK_TEXTS; i++)
        key[CHECK_NUMBERS + i] = text_number(derivation, values.texts[i]);
    if (words_find(derivation, derivation->check_table, key, sizeof key, (uint32_t)model->nchecks,
                   &number))
        return number;
    model->checks =
        memory_grow(model->checks, number, &derivation->checks_capacity, sizeof *model->checks);
    struct check *check = &model->checks[model->nchecks++];
    check->name = arena_strdup(model->arena, config->name);
    check_settings_copy(&check->settings, &settings);
    return number;
}

/* ---- targets and services ---- */

static uint32_t target_get(struct derivation *derivation, uint32_t host, struct demand demand,
                           const struct address *address)
{
    struct model *model = derivation->model;
    struct {
        uint32_t check, port;
        struct address address;
    } key;
    uint32_t number;
    memset(&key, 0, sizeof key);
    key.check = demand.check;
    key.port = demand.port;
    key.address = *address;
    if (words_find(derivation, derivation->target_table, &key, sizeof key,
                   (uint32_t)model->ntargets, &number))
        return number;
    model->targets =
        memory_grow(model->targets, number, &derivation->targets_capacity, sizeof *model->targets);
    model->targets[model->ntargets++] = (struct target){
        .host = host,
        .check = demand.check,
        .address = *address,
        .port = demand.port,
    };
    return number;
}

/* Services are the same when the same targets give them; without targets, when the host is the
 * same. */
static uint32_t service_get(struct derivation *derivation, uint32_t host, struct demand demand,
                            const struct address *addresses, size_t naddresses)
{
    struct model *model = derivation->model;
    size_t size = (3 + naddresses) * sizeof(uint32_t);
    uint32_t *key = memory_alloc(size), number;
    key[0] = demand.check;
    key[1] = demand.port;
    key[2] = naddresses == 0 ? host : MODEL_NONE;
    for (size_t i = 0; i < naddresses; i++)
        key[3 + i] = target_get(derivation, host, demand, &addresses[i]);
    if (!words_find(derivation, derivation->service_table, key, size, (uint32_t)model->nservices,
                    &number)) {
        model->services = memory_grow(model->services, number, &derivation->services_capacity,
                                      sizeof *model->services);
        model->services[model->nservices++] = (struct service){
            .host = host,
            .check = demand.check,
            .port = demand.port,
            .targets = arena_dup(model->arena, key + 3, naddresses * sizeof *key),
            .ntargets = naddresses,
        };
    }
    free(key);
    return number;
}

uint32_t service_of_host(struct derivation *derivation, uint32_t host, struct demand demand)
{
    const struct host *known = &derivation->model->hosts[host];
    return service_get(derivation, host, demand, known->addresses, known->naddresses);
}

uint32_t service_of_address(struct derivation *derivation, uint32_t host, struct demand demand,
                            const struct address *address)
{
    return service_get(derivation, host, demand, address, 1);
}
