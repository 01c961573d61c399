/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as what a server says to our prober: SMTP and smtps. */
#include "fuzz/dialogue.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dialogue_run(CHECK_SMTP, CHECK_SMTPS, data, size);
    return 0;
}
