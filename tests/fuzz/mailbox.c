/* SPDX-License-Identifier: BSD-2-Clause */
/* Octets as what a server says to the half of a round trip that looks for the message: IMAP, behind
 * its login. */
#include "fuzz/dialogue.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dialogue_run_mailbox("3f09c2d471aa58e0t12n", data, size);
    return 0;
}
