/* SPDX-License-Identifier: BSD-2-Clause */
/* Monotonic time (CLOCK_MONOTONIC): no clock step moves it. Read by the prober, the engine, main
 * and the responders' loops only; everything else takes the time as an argument. */
#ifndef EVERMX_BASE_CLOCK_H
#define EVERMX_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now_ms(void);
int64_t clock_now_us(void);
/* Of the same clock, some milliseconds behind and for next to nothing: for responders, once for a
 * batch. */
int64_t clock_coarse_ms(void);

/* Unix time, which may step: for what is compared with other machines' clocks. To a few
 * milliseconds, and so without reading a hardware counter. */
uint32_t clock_unix_s(void);
int64_t clock_unix_ms(void); /* exact */

#endif
