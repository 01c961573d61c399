/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as a master file: read, compiled, and asked for every name that was found in it. */
#include "fuzz/asking.h"
#include "fuzz/fuzz.h"
#include "fuzz/scratch.h"

enum { INPUT_MAX = 32768 };

static struct config *prepare(const uint8_t *data, size_t size)
{
    char path[SCRATCH_PATH_SIZE];
    scratch_write("example.test.zone", data, size);
    scratch_write_text("inner.zone",
                       "inner 60 A 192.0.2.9\n  MX 10 mx\n$TTL 5\n$ORIGIN x\ny A 192.0.2.8\n");
    scratch_path("example.test.zone", path);
    struct config *config = config_new();
    config_add_zone(config, path);
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
