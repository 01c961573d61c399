/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads `rate-limit` of the configuration's `server`. */
#include "config/schema.h"

#include <string.h>

static const char *const always_exempt[] = {"127.0.0.0/8", "::1"};

void rate_default(struct config *config)
{
    enum { COUNT = sizeof always_exempt / sizeof *always_exempt };
    struct config_network *exempt = ARENA_ARRAY(config->arena, struct config_network, COUNT);
    options_default(&section_rate, &config->rate);
    for (size_t i = 0; i < COUNT; i++)
        network_parse(always_exempt[i], &exempt[i].address, &exempt[i].bits);
    config->rate.on = true;
    config->rate.exempt = exempt;
    config->rate.nexempt = COUNT;
}

void rate_read(struct reader *reader, const struct tree_node *node, void *context)
{
    struct config *config = context;
    if (node->kind == TREE_MAPPING)
        options_read(reader, &section_rate, node, &config->rate);
    else if (node->kind == TREE_TEXT && strcmp(node->text, "off") == 0)
        config->rate.on = false;
    else if (node->kind == TREE_TEXT && strcmp(node->text, "on") == 0)
        config->rate.on = true;
    else if (node->kind != TREE_BROKEN)
        report(reader, node->place,
               "'rate-limit': must be on, off or a mapping like {answers: 200, slip: 2}");
}

void exempt_read(struct reader *reader, const struct tree_node *node, void *context)
{
    struct config_rate *rate = context;
    struct arena *arena = reader->config->arena;
    struct config_network *exempt = NULL;
    size_t count = 0;
    for (const struct tree_node *item = node->first; item; item = item->next) {
        struct config_network network;
        if (!tree_expect(reader, item, TREE_TEXT, "a network of 'exempt'"))
            continue;
        if (!network_parse(item->text, &network.address, &network.bits)) {
            report(
                reader, item->place,
                "'exempt': '%.100s' is no network: like 192.0.2.0/24 or \"2001:db8::/32\", without "
                "bits beyond the prefix",
                item->text);
            continue;
        }
        exempt = array_grow(arena, exempt, count, sizeof *exempt);
        exempt[count++] = network;
    }
    rate->exempt = exempt;
    rate->nexempt = count;
}
