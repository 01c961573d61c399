/* SPDX-License-Identifier: BSD-2-Clause */
/* The TLS contexts of the host: a good certificate, an expired one and one for another name, made
 * in memory at the start unless the good one comes from files. */
#ifndef EVERMX_MAILHOST_CERTIFICATE_H
#define EVERMX_MAILHOST_CERTIFICATE_H

#include "base/error.h"

#include <openssl/types.h>
#include <stdbool.h>

struct certificates {
    SSL_CTX *good;
    SSL_CTX *expired;
    SSL_CTX *wrong_name;
};

/* cert_file and key_file both or neither (NULL). */
bool certificates_make(struct certificates *certificates, const char *name, const char *cert_file,
                       const char *key_file, struct error *error);
void certificates_free(struct certificates *certificates);

/* Writes the good certificate as PEM, so that a client can be told to trust it. */
bool certificates_write(const struct certificates *certificates, const char *path,
                        struct error *error);

#endif
