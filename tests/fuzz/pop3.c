/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as what a server says to our prober: POP3 and pop3s. */
#include "fuzz/dialogue.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dialogue_run(CHECK_POP3, CHECK_POP3S, data, size);
    return 0;
}
