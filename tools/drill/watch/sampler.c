/* SPDX-License-Identifier: BSD-2-Clause */
#include "sampler.h"

#include "../asker.h"
#include "base/memory.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>

enum {
    SERVER_TIMEOUT_MS = 1000,
    RESOLVER_TIMEOUT_MS = 3000, /* it may have to ask servers that are dead */
};

struct questioned {
    struct sampler *sampler;
    size_t source;
    struct question question;
    int64_t due_us;   /* at a rate; 0: at once */
    int64_t asked_us; /* the last question; NEVER_US */
    size_t under_way;
};

struct sampler {
    struct samples *samples;
    struct sampler_options options;
    struct asker *asker;
    struct questioned **all; /* they stay where they are: questions under way point there */
    size_t count, capacity;
    sampler_report *report;
    void *context;
};

static void on_reply(void *context, const struct reply *reply)
{
    struct questioned *questioned = context;
    struct sampler *sampler = questioned->sampler;
    questioned->under_way--;
    struct observation observation = {
        .asked_us = reply->asked_us, .came_us = reply->came_us, .seen = SEEN_NOTHING};
    if (reply->came)
        observation.seen = wanted_look(sampler->options.wanted, reply->packet, &observation.ttl_s);
    unsigned news = samples_observe(sampler->samples, questioned->source, &observation);
    if (news)
        sampler->report(sampler->context, questioned->source, news);
}

static int64_t every_us(double rate)
{
    return (int64_t)(1e6 / rate);
}

/* Its pace holds though one tick was late; after a pause of ours, what was missed is not made up.
 */
static bool rated_is_due(struct questioned *questioned, double rate, int64_t now_us)
{
    if (now_us < questioned->due_us)
        return false;
    questioned->due_us += every_us(rate);
    if (questioned->due_us <= now_us)
        questioned->due_us = now_us + every_us(rate);
    return true;
}

static bool planned_is_due(const struct questioned *questioned, int64_t now_us)
{
    const struct sampler *sampler = questioned->sampler;
    const struct source *source = &sampler->samples->sources[questioned->source];
    if (questioned->asked_us == NEVER_US)
        return true;
    bool awaited =
        samples_awaits(sampler->samples, questioned->source, sampler->options.steady_us, now_us);
    return now_us >= questioned->asked_us + plan_wait_us(source, questioned->asked_us,
                                                         every_us(sampler->options.rate), awaited);
}

/* Who never answers has no more than its part of the sockets: the others are not to wait. */
static bool has_no_part_left(const struct sampler *sampler, const struct questioned *questioned)
{
    return questioned->under_way >= ASKER_SOCKETS_MAX / sampler->count;
}

void sampler_tick(struct sampler *sampler, int64_t now_us)
{
    const struct sampler_options *options = &sampler->options;
    for (size_t i = 0; i < sampler->count; i++) {
        struct questioned *questioned = sampler->all[i];
        bool is_server = sampler->samples->sources[questioned->source].place == PLACE_SERVER;
        double rate = is_server ? options->rate : options->resolver_rate;
        if (rate > 0 ? !rated_is_due(questioned, rate, now_us)
                     : !planned_is_due(questioned, now_us))
            continue;
        if (has_no_part_left(sampler, questioned))
            continue;
        questioned->asked_us = now_us;
        questioned->under_way++;
        asker_ask(sampler->asker, &questioned->question, on_reply, questioned);
    }
}

void sampler_add(struct sampler *sampler, enum place place, const struct address *address,
                 uint16_t port)
{
    char name[ADDRESS_TEXT_SIZE];
    bool is_server = place == PLACE_SERVER;
    struct questioned *questioned = memory_alloc(sizeof *questioned);
    endpoint_format(address, port, name);
    *questioned = (struct questioned){
        .sampler = sampler,
        .source = samples_add(sampler->samples, place, name),
        .question = {.server = *address,
                     .port = port,
                     .rrtype = sampler->options.wanted->rrtype,
                     .recursion = !is_server,
                     .timeout_ms = is_server ? SERVER_TIMEOUT_MS : RESOLVER_TIMEOUT_MS},
        .asked_us = NEVER_US,
    };
    memcpy(questioned->question.name, sampler->options.name, name_size(sampler->options.name));
    sampler->all =
        memory_grow(sampler->all, sampler->count, &sampler->capacity, sizeof *sampler->all);
    sampler->all[sampler->count++] = questioned;
}

struct sampler *sampler_new(struct event_base *base, struct samples *samples,
                            const struct sampler_options *options, sampler_report *report,
                            void *context)
{
    struct sampler *sampler = memory_alloc(sizeof *sampler);
    *sampler = (struct sampler){
        .samples = samples,
        .options = *options,
        .asker = asker_new(base),
        .report = report,
        .context = context,
    };
    return sampler;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return;
    asker_free(sampler->asker);
    for (size_t i = 0; i < sampler->count; i++)
        free(sampler->all[i]);
    free(sampler->all);
    free(sampler);
}
