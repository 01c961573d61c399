/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/script.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

struct script_server {
    const struct script_step *steps;
    int listener, stopper;
    uint16_t port;
    pthread_t thread;
    atomic_uint connections;
    SSL_CTX *tls;
    char *wrong; /* by the thread; read after it was joined */
};

struct connection {
    struct script_server *server;
    int fd;
    SSL *ssl;
};

static bool script_wrong(struct connection *connection, const struct script_step *step,
                         const char *what)
{
    if (!connection->server->wrong)
        connection->server->wrong =
            memory_printf("step %td (%s): %s", step - connection->server->steps,
                          step->text ? step->text : "", what);
    return false;
}

/* ---- bytes ---- */

static bool can_read(int fd, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, wait_ms) > 0;
}

/* 1: a byte; 0: the end; -1: nothing in time. */
static int read_byte(struct connection *connection, char *byte)
{
    if (connection->ssl) {
        if (!SSL_pending(connection->ssl) && !can_read(connection->fd, PATIENCE_MS))
            return -1;
        return SSL_read(connection->ssl, byte, 1) == 1;
    }
    if (!can_read(connection->fd, PATIENCE_MS))
        return -1;
    return recv(connection->fd, byte, 1, 0) == 1;
}

static bool send_all(struct connection *connection, const char *bytes, size_t size)
{
    if (connection->ssl)
        return SSL_write(connection->ssl, bytes, (int)size) == (int)size;
    return send(connection->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* ---- steps ---- */

static bool step_hear(struct connection *connection, const struct script_step *step)
{
    char line[600];
    size_t size = 0;

    while (size + 1 < sizeof line) {
        int result = read_byte(connection, &line[size]);
        if (result <= 0)
            return script_wrong(connection, step, result ? "nothing heard" : "the client closed");
        if (line[size++] == '\n')
            break;
    }
    line[size] = '\0';
    if (size < 2 || line[size - 2] != '\r' || strncmp(line, step->text, strlen(step->text)) != 0)
        return script_wrong(connection, step, line);
    return true;
}

static bool step_quiet(struct connection *connection, const struct script_step *step)
{
    return can_read(connection->fd, 0) ? script_wrong(connection, step, "the client was not quiet")
                                       : true;
}

static bool step_dribble(struct connection *connection, const struct script_step *step)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    for (size_t i = 0; clock_now_ms() < until_ms; i++) {
        if (!send_all(connection, &step->text[i % strlen(step->text)], 1))
            return true;
        usleep((useconds_t)step->number * 1000);
    }
    return script_wrong(connection, step, "the client stayed");
}

static bool step_flood(struct connection *connection, const struct script_step *step)
{
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    while (clock_now_ms() < until_ms)
        if (!send_all(connection, step->text, strlen(step->text)))
            return true;
    return script_wrong(connection, step, "the client stayed");
}

static bool step_gone(struct connection *connection, const struct script_step *step)
{
    char byte;
    int result = read_byte(connection, &byte);
    if (result == 0)
        return true;
    return script_wrong(connection, step, result > 0 ? "the client spoke" : "the client stayed");
}

static bool step_stall(struct connection *connection, const struct script_step *step)
{
    char bytes[512];
    int64_t until_ms = clock_now_ms() + PATIENCE_MS;
    while (clock_now_ms() < until_ms)
        if (can_read(connection->fd, 100) && recv(connection->fd, bytes, sizeof bytes, 0) <= 0)
            return true;
    return script_wrong(connection, step, "the client stayed");
}

static bool step_tls(struct connection *connection, const struct script_step *step)
{
    connection->ssl = SSL_new(connection->server->tls);
    SSL_set_fd(connection->ssl, connection->fd);
    if (SSL_accept(connection->ssl) != 1)
        return script_wrong(connection, step, "the handshake failed");
    const char *asked = SSL_get_servername(connection->ssl, TLSEXT_NAMETYPE_host_name);
    return !step->text || (asked && strcmp(asked, step->text) == 0) ||
           script_wrong(connection, step, "another server name was asked for, or none");
}

static bool step_reset(struct connection *connection)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    return false;
}

static bool step_do(struct connection *connection, const struct script_step *step)
{
    switch (step->op) {
    case SCRIPT_END:
        return false;
    case SCRIPT_SAY:
        return send_all(connection, step->text,
                        step->number ? (size_t)step->number : strlen(step->text)) ||
               script_wrong(connection, step, "could not say it");
    case SCRIPT_HEAR:
        return step_hear(connection, step);
    case SCRIPT_QUIET:
        return step_quiet(connection, step);
    case SCRIPT_PAUSE:
        usleep((useconds_t)step->number * 1000);
        return true;
    case SCRIPT_TLS:
        return step_tls(connection, step);
    case SCRIPT_DRIBBLE:
        return step_dribble(connection, step);
    case SCRIPT_FLOOD:
        return step_flood(connection, step);
    case SCRIPT_GONE:
        return step_gone(connection, step);
    case SCRIPT_STALL:
        return step_stall(connection, step);
    case SCRIPT_RESET:
        return step_reset(connection);
    }
    return false;
}

/* ---- the server ---- */

static void script_serve(struct script_server *server, int fd)
{
    struct connection connection = {.server = server, .fd = fd};
    const struct script_step *step = server->steps;

    atomic_fetch_add(&server->connections, 1);
    while (step_do(&connection, step))
        step++;
    SSL_free(connection.ssl);
    close(fd);
}

static void *script_run(void *context)
{
    struct script_server *server = context;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE); /* OpenSSL writes to sockets without MSG_NOSIGNAL */
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    for (;;) {
        struct pollfd fds[] = {{.fd = server->listener, .events = POLLIN},
                               {.fd = server->stopper, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents) {
            int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
            if (fd >= 0)
                script_serve(server, fd);
        } else if (fds[1].revents) {
            break;
        }
    }
    return NULL;
}

static SSL_CTX *script_tls(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_sign(certificate, key, EVP_sha256());
    SSL_CTX_use_certificate(tls, certificate);
    SSL_CTX_use_PrivateKey(tls, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

struct script_server *script_start(const char *text, const struct script_step *steps)
{
    struct script_server *server = memory_alloc(sizeof *server);
    struct sockaddr_storage to;
    struct address address;
    socklen_t size;

    if (!address_parse(text, &address))
        abort();
    size = address_to_sockaddr(&address, 0, &to);
    server->steps = steps;
    server->tls = script_tls();
    server->stopper = eventfd(0, EFD_CLOEXEC);
    server->listener = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&to, size) < 0 ||
        listen(server->listener, 64) < 0 ||
        getsockname(server->listener, (struct sockaddr *)&to, &size) < 0 ||
        pthread_create(&server->thread, NULL, script_run, server) != 0) {
        perror("script_start");
        abort();
    }
    server->port = ntohs(to.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&to)->sin6_port
                                                  : ((struct sockaddr_in *)&to)->sin_port);
    return server;
}

uint16_t script_port(const struct script_server *server)
{
    return server->port;
}

unsigned script_connections(const struct script_server *server)
{
    return atomic_load(&server->connections);
}

char *script_stop(struct script_server *server)
{
    char *wrong;
    if (eventfd_write(server->stopper, 1) < 0)
        abort();
    pthread_join(server->thread, NULL);
    wrong = server->wrong;
    close(server->listener);
    close(server->stopper);
    SSL_CTX_free(server->tls);
    free(server);
    return wrong;
}
