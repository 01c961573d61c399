/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/worker.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

uint64_t worker_seed(void)
{
    uint64_t seed = 0;
    ssize_t got = getrandom(&seed, sizeof seed, 0);
    (void)got; /* any seed will do */
    return seed;
}

void worker_responder_init(struct responder *responder, const struct settings *settings)
{
    responder_init(responder, settings, worker_seed());
}

void worker_client_locate(struct dns_client *client, int family,
                          const struct sockaddr_storage *name)
{
    bool six = family == AF_INET6;
    client->address_size = six ? 16 : 4;
    client->address = six ? ((const struct sockaddr_in6 *)name)->sin6_addr.s6_addr
                          : (const uint8_t *)&((const struct sockaddr_in *)name)->sin_addr;
}

bool worker_thread_start(pthread_t *thread, void *(*run)(void *), void *worker, const char *name,
                         struct error *error)
{
    int failure = pthread_create(thread, NULL, run, worker);
    if (failure)
        return error_set(error, "starting a thread (%s): %s", name, strerror(failure));
    pthread_setname_np(*thread, name);
    return true;
}
