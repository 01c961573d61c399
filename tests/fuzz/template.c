/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as a template and the list of its domains, with a line "%%" between them. */
#include "fuzz/asking.h"
#include "fuzz/fuzz.h"
#include "fuzz/scratch.h"

#include <string.h>

enum { INPUT_MAX = 16384 };

static const char border[] = "\n%%\n";

/* An ordinary zone beside it, which domains may be or stand in. */
static const char zone[] = "$ORIGIN example.test.\n$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n"
                           "ns A 192.0.2.53\n@ MX 10 mail.shop1.test.\nx.y TXT y\n";

static const char configuration[] =
    "zones: [example.zone, {file: template.zone, names: names.txt}]\n";

static struct config *prepare(const uint8_t *data, size_t size)
{
    char path[SCRATCH_PATH_SIZE];
    struct diagnostics diagnostics;
    const uint8_t *at = memmem(data, size, border, sizeof border - 1);
    size_t template_size = at ? (size_t)(at - data) + 1 : size;
    size_t names_at = at ? template_size + sizeof border - 2 : size;
    scratch_write("template.zone", data, template_size);
    scratch_write("names.txt", data + names_at, size - names_at);
    scratch_write_text("example.zone", zone);
    scratch_write_text("evermx.yaml", configuration);
    scratch_path("evermx.yaml", path);
    diagnostics_init(&diagnostics);
    struct config *config = config_load(path, &diagnostics);
    FUZZ_CHECK(config);
    diagnostics_free(&diagnostics);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > INPUT_MAX)
        return 0;
    struct config *config = prepare(data, size);
    scratch_fence(true);
    ask_config(config);
    scratch_fence(false);
    config_free(config);
    return 0;
}
