/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/settings.h"

#include "wire/rrtype.h"

#include <string.h>

void settings_init(struct settings *settings, const struct settings_options *options)
{
    *settings = *settings_plain();
    if (options->udp_size)
        settings->udp_size = (uint16_t)options->udp_size;
    write_u16(settings->opt + 3, settings->udp_size);
    settings->tells_version = options->tells_version;
    settings->cookies = options->cookies && options->nsecrets > 0;
    for (size_t i = 0; i < options->nsecrets && i < COOKIE_SECRETS_MAX; i++)
        memcpy(settings->secrets[settings->nsecrets++], options->secrets[i], SIPHASH_KEY_SIZE);
    if (!options->identity)
        return;
    settings->identity_size = (uint8_t)strnlen(options->identity, UINT8_MAX);
    memcpy(settings->identity, options->identity, settings->identity_size);
}

const struct settings *settings_plain(void)
{
    static const struct settings plain = {
        .udp_size = UDP_ANSWER_DEFAULT,
        .opt = {[2] = RRTYPE_OPT, [3] = UDP_ANSWER_DEFAULT >> 8, [4] = UDP_ANSWER_DEFAULT & 0xFF},
        .tells_version = true,
    };
    return &plain;
}
