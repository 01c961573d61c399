/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as what a server says to our prober: IMAP and imaps. */
#include "fuzz/dialogue.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dialogue_run(CHECK_IMAP, CHECK_IMAPS, data, size);
    return 0;
}
