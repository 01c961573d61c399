/* SPDX-License-Identifier: BSD-2-Clause */
#include "support/script.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
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
    EVP_PKEY *ca_key;
    X509 *ca;
    char ca_file[40];
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

/* ---- certificates ---- */

enum { DAY_S = 24 * 60 * 60 };

static const struct {
    const char *names;
    long from_s, to_s; /* from now */
} certificate_plans[] = {
    [CERTIFICATE_GOOD] = {"DNS:mx.example.test", -DAY_S, 100 * DAY_S},
    [CERTIFICATE_EXPIRED] = {"DNS:mx.example.test", -9 * DAY_S, -2 * DAY_S - 60},
    [CERTIFICATE_EARLY] = {"DNS:mx.example.test", DAY_S + 60, 9 * DAY_S},
    [CERTIFICATE_OF_OTHER] = {"DNS:mx.other.test,DNS:example.test", -DAY_S, 100 * DAY_S},
    [CERTIFICATE_OF_TERMINAL] = {"DNS:\x1b]0;x\x07\x9b;2J\xc3\xa4.test", -DAY_S, 100 * DAY_S},
    [CERTIFICATE_OF_PATTERN] = {"DNS:*.example.test", -DAY_S, 100 * DAY_S},
    [CERTIFICATE_OF_NOBODY] = {"DNS:mx.example.test", -DAY_S, 100 * DAY_S},
    [CERTIFICATE_SOON] = {"DNS:mx.example.test", -DAY_S, 9 * DAY_S + 60},
    [CERTIFICATE_OLD_TLS] = {"DNS:mx.example.test", -DAY_S, 100 * DAY_S},
};

static void add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *certificate_new(const char *common_name, EVP_PKEY *key, long from_s, long to_s)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)common_name, -1, -1, 0);
    return certificate;
}

static void make_authority(struct script_server *server)
{
    int fd = mkstemp(server->ca_file);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    server->ca_key = EVP_EC_gen("P-256");
    server->ca = certificate_new("authority", server->ca_key, -DAY_S, 1000 * DAY_S);
    X509_set_issuer_name(server->ca, X509_get_subject_name(server->ca));
    add_extension(server->ca, NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(server->ca, server->ca_key, EVP_sha256());
    if (!file || !PEM_write_X509(file, server->ca) || fclose(file) != 0) {
        perror("script_start: the authority's file");
        abort();
    }
}

static SSL_CTX *make_tls(const struct script_server *server, enum script_certificate kind)
{
    bool own = kind == CERTIFICATE_OF_NOBODY;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = certificate_new("server", key, certificate_plans[kind].from_s,
                                        certificate_plans[kind].to_s);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    X509_set_issuer_name(certificate, X509_get_subject_name(own ? certificate : server->ca));
    add_extension(certificate, NID_subject_alt_name, certificate_plans[kind].names);
    X509_sign(certificate, own ? key : server->ca_key, EVP_sha256());
    SSL_CTX_use_certificate(tls, certificate);
    SSL_CTX_use_PrivateKey(tls, key);
    if (kind == CERTIFICATE_OLD_TLS) {
        SSL_CTX_set_cipher_list(tls, "DEFAULT:@SECLEVEL=0");
        SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
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
    SSL_CTX *tls = make_tls(connection->server, (enum script_certificate)step->number);
    connection->ssl = SSL_new(tls);
    SSL_CTX_free(tls);
    SSL_set_fd(connection->ssl, connection->fd);
    if (SSL_accept(connection->ssl) != 1)
        return script_wrong(connection, step, "the handshake failed");
    const char *asked = SSL_get_servername(connection->ssl, TLSEXT_NAMETYPE_host_name);
    return !step->text || (asked && strcmp(asked, step->text) == 0) ||
           script_wrong(connection, step, "another server name was asked for, or none");
}

static bool step_half_tls(struct connection *connection, const struct script_step *step)
{
    SSL_CTX *tls = make_tls(connection->server, CERTIFICATE_GOOD);
    SSL *ssl = SSL_new(tls);
    BIO *heard = BIO_new(BIO_s_mem()), *said = BIO_new(BIO_s_mem());
    char byte;
    char *flight;

    SSL_set_bio(ssl, heard, said);
    while (BIO_pending(said) == 0 && read_byte(connection, &byte) == 1) {
        BIO_write(heard, &byte, 1);
        SSL_accept(ssl);
    }
    long size = BIO_get_mem_data(said, &flight) / 2;
    bool done = size > 0 && send_all(connection, flight, (size_t)size);
    SSL_free(ssl);
    SSL_CTX_free(tls);
    return done ? step_stall(connection, step)
                : script_wrong(connection, step, "no handshake was begun");
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
    case SCRIPT_HALF_TLS:
        return step_half_tls(connection, step);
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
    snprintf(server->ca_file, sizeof server->ca_file, "/tmp/evermx-script-XXXXXX");
    make_authority(server);
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

const char *script_ca_file(const struct script_server *server)
{
    return server->ca_file;
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
    unlink(server->ca_file);
    X509_free(server->ca);
    EVP_PKEY_free(server->ca_key);
    free(server);
    return wrong;
}
