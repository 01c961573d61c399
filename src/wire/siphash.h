/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that nobody without the key can predict,
 * fast for short inputs. Pure. */
#ifndef EVERMX_WIRE_SIPHASH_H
#define EVERMX_WIRE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_SIZE = 16, SIPHASH_SIZE = 8 };

/* The hash's octets, in the order in which the authors (and RFC 9018) write them. */
void siphash(const uint8_t key[SIPHASH_KEY_SIZE], const uint8_t *data, size_t size,
             uint8_t hash[SIPHASH_SIZE]);

#endif
