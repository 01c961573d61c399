/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a server's certificate, and with the TLS that it speaks. Revocation is not
 * looked at. Any thread that has the session to itself. */
#ifndef EVERMX_PROBE_CERTIFICATE_H
#define EVERMX_PROBE_CERTIFICATE_H

#include "verdict/verdict.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct certificate_rules {
    const char *host; /* the name that it must be for; NULL: any */
    bool chain;       /* it must lead to an authority that the session's context knows */
    int64_t warn_ms;  /* before it expires; 0: no warning */
    time_t now;       /* the calendar's time */
};

struct certificate_finding {
    enum reason reason; /* TLS_WEAK, CERT_*; CERT_EXPIRES is no fault; NONE: all is well */
    char detail[OUTCOME_DETAIL_SIZE]; /* as the peer wrote it: may hold any octets */
    int64_t ends_s; /* when the certificate expires, calendar's time; 0: there is none, or it cannot
                       be read */
};

/* After a handshake. */
void certificate_examine(SSL *ssl, const struct certificate_rules *rules,
                         struct certificate_finding *finding);

/* Makes a context know the authorities of a file (PEM), or the system's where it is NULL. False:
 * there are none, or they cannot be read. */
bool certificate_load_authorities(SSL_CTX *context, const char *ca_file);

#endif
