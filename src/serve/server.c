/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "serve/canary.h"
#include "serve/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /* Half a second of queries at full speed; and answers to some thousands of forged neighbours,
     * which the kernel keeps for seconds. It may grant less. */
    UDP_BUFFER = 4 << 20,
    TCP_BACKLOG = 1024,
    TCP_CONNECTIONS = 1024,
    TCP_PER_CLIENT = 128,
    TCP_IDLE_MS = 10000,        /* RFC 7766 section 6.2.3: a few seconds */
    DESCRIPTORS_RESERVED = 512, /* for probes, the control socket, listening sockets, files */
    /* What the kernel keeps for each connection; it may double both. Without a limit it would be
     * megabytes for whoever does not read. */
    TCP_SEND_BUFFER = 64 << 10,
    TCP_RECEIVE_BUFFER = 32 << 10,
};

struct server {
    struct udp_worker **udp;
    size_t nudp;
    struct tcp_worker *tcp;
    unsigned workers;
    struct settings *settings; /* all responders' */
    struct canary_state canary;
    char host_name[UINT8_MAX + 1];
    uint8_t secret[1][SIPHASH_KEY_SIZE]; /* where the configuration has none */
};

static bool set_option(int socket, int level, int option, int value)
{
    return setsockopt(socket, level, option, &value, sizeof value) == 0;
}

static bool is_wildcard(const struct address *address)
{
    static const uint8_t any[16];
    return memcmp(address->bytes, any, address_size(address)) == 0;
}

/* Root is granted more than the system's limits. */
static void set_buffer(int socket, int forced, int option, int size)
{
    if (!set_option(socket, SOL_SOCKET, forced, size))
        set_option(socket, SOL_SOCKET, option, size);
}

/* UDP answers are small enough never to be fragmented, so path MTU news, which may be forged, are
 * ignored. */
static bool prepare_udp(int socket, const struct address *address)
{
    bool six = address->family == 6;
    set_buffer(socket, SO_RCVBUFFORCE, SO_RCVBUF, UDP_BUFFER);
    set_buffer(socket, SO_SNDBUFFORCE, SO_SNDBUF, UDP_BUFFER);
    set_option(socket, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
               six ? IPV6_PMTUDISC_OMIT : IP_PMTUDISC_OMIT);
    if (!is_wildcard(address))
        return true;
    return six ? set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
               : set_option(socket, IPPROTO_IP, IP_PKTINFO, 1);
}

static int fail_socket(int socket, const struct server_endpoint *endpoint, int type,
                       struct error *error)
{
    int why = errno;
    char text[ADDRESS_TEXT_SIZE];
    endpoint_format(&endpoint->address, endpoint->port, text);
    const char *advice = why == EADDRINUSE ? ": another server is there; `ss -lnptu` tells which"
                         : why == EACCES ? ": a port below 1024 needs root or CAP_NET_BIND_SERVICE"
                         : why == EADDRNOTAVAIL ? ": no interface of this machine has the address"
                                                : "";
    error_set(error, "listening on %s, %s: %s%s", text, type == SOCK_DGRAM ? "UDP" : "TCP",
              strerror(why), advice);
    if (socket >= 0)
        close(socket);
    return -1;
}

/* The connections inherit all of these. */
static bool prepare_tcp(int socket)
{
    set_option(socket, SOL_SOCKET, SO_SNDBUF, TCP_SEND_BUFFER);
    set_option(socket, SOL_SOCKET, SO_RCVBUF, TCP_RECEIVE_BUFFER);
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    return set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
}

/* With SO_REUSEPORT a second evermxd would get half of the queries rather than an error: so the
 * first socket of an address is bound without it, as a probe, and closed again. */
static int open_socket(const struct server_endpoint *endpoint, int type, bool shared,
                       struct error *error)
{
    struct sockaddr_storage name;
    socklen_t size = address_to_sockaddr(&endpoint->address, endpoint->port, &name);
    int made =
        socket(name.ss_family, type | SOCK_CLOEXEC | (type == SOCK_STREAM ? SOCK_NONBLOCK : 0), 0);
    if (made < 0)
        return fail_socket(made, endpoint, type, error);
    bool good = endpoint->address.family == 4 || set_option(made, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    good = good && (type == SOCK_DGRAM ? prepare_udp(made, &endpoint->address) : prepare_tcp(made));
    good = good && (!shared || set_option(made, SOL_SOCKET, SO_REUSEPORT, 1));
    good = good && bind(made, (struct sockaddr *)&name, size) == 0;
    good = good && (type == SOCK_DGRAM || listen(made, TCP_BACKLOG) == 0);
    return good ? made : fail_socket(made, endpoint, type, error);
}

static bool add_udp(struct server *server, const struct server_endpoint *endpoint,
                    const struct server_options *options, struct publisher *publisher,
                    struct error *error)
{
    int alone = open_socket(endpoint, SOCK_DGRAM, false, error);
    if (alone < 0)
        return false;
    close(alone);
    for (unsigned i = 0; i < options->workers; i++) {
        int socket = open_socket(endpoint, SOCK_DGRAM, true, error);
        if (socket < 0)
            return false;
        server->udp[server->nudp++] =
            udp_worker_new(socket, is_wildcard(&endpoint->address), publisher, server->settings);
    }
    return true;
}

static bool add_tcp(struct server *server, const struct server_endpoint *endpoint,
                    struct error *error)
{
    int socket = open_socket(endpoint, SOCK_STREAM, false, error);
    if (socket < 0)
        return false;
    return tcp_worker_listen(server->tcp, socket) ||
           error_set(error, "watching a TCP socket: %s", strerror(errno));
}

/* Connections may not take the descriptors that the prober and the control socket live by: the soft
 * limit is raised as far as it may be, and what is short of it is short for connections: then
 * false, with the reason. */
static bool limit_connections(unsigned *connections, struct error *error)
{
    unsigned wanted = *connections;
    struct rlimit limit;
    rlim_t needed = (rlim_t)wanted + DESCRIPTORS_RESERVED;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return true;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = before;
    if (limit.rlim_cur >= needed)
        return true;
    unsigned possible =
        (unsigned)(limit.rlim_cur > 2 * DESCRIPTORS_RESERVED ? limit.rlim_cur - DESCRIPTORS_RESERVED
                                                             : limit.rlim_cur / 2);
    if (wanted <= possible)
        return true;
    *connections = possible;
    return error_set(error,
                     "tcp-connections: %u instead of %u, as this process may have only %llu files "
                     "open",
                     *connections, wanted, (unsigned long long)limit.rlim_cur);
}

/* False: as limit_connections. */
static bool tcp_options(const struct server *server, const struct server_options *options,
                        struct tcp_options *tcp, struct error *error)
{
    *tcp = (struct tcp_options){
        .settings = server->settings,
        .idle_ms = options->tcp_idle_ms ? options->tcp_idle_ms : TCP_IDLE_MS,
        .connections = options->tcp_connections ? options->tcp_connections : TCP_CONNECTIONS,
        .per_client = options->tcp_per_client ? options->tcp_per_client : TCP_PER_CLIENT,
    };
    return limit_connections(&tcp->connections, error);
}

/* With rate limits of their own, which are freed together with them. */
static struct settings *settings_of(struct server *server, const struct server_options *options)
{
    struct settings *settings = memory_alloc(sizeof *settings);
    struct settings_options answers = options->answers;
    if (!answers.identity)
        answers.identity = server->host_name;
    if (!answers.nsecrets) {
        answers.secrets = server->secret;
        answers.nsecrets = 1;
    }
    settings_init(settings, &answers);
    settings->rate = options->rate ? rate_rules_new(options->rate, server->workers) : NULL;
    settings->canary = options->canary ? &server->canary : NULL;
    return settings;
}

struct server *server_new(const struct server_options *options, struct publisher *publisher,
                          struct error *error)
{
    struct server *server = memory_alloc(sizeof *server);
    gethostname(server->host_name, sizeof server->host_name - 1);
    if (getrandom(server->secret, sizeof server->secret, 0) != sizeof server->secret) {
        error_set(error, "drawing a secret for cookies: %s", strerror(errno));
        free(server);
        return NULL;
    }
    server->workers = options->workers;
    server->canary.now_ms = clock_unix_ms;
    server->settings = settings_of(server, options);
    struct tcp_options tcp;
    if (!tcp_options(server, options, &tcp, error))
        log_warning("%s", error->text);
    server->udp = memory_array(options->nlisten * options->workers, sizeof *server->udp);
    server->tcp = tcp_worker_new(publisher, &tcp, error);
    bool good = server->tcp != NULL;
    for (size_t i = 0; good && i < options->nlisten; i++)
        good = add_udp(server, &options->listen[i], options, publisher, error) &&
               add_tcp(server, &options->listen[i], error);
    if (good)
        return server;
    server_free(server);
    return NULL;
}

bool server_start(struct server *server, struct error *error)
{
    for (size_t i = 0; i < server->nudp; i++)
        if (!udp_worker_start(server->udp[i], error))
            return false;
    return tcp_worker_start(server->tcp, error);
}

void server_free(struct server *server)
{
    if (!server)
        return;
    for (size_t i = 0; i < server->nudp; i++)
        udp_worker_free(server->udp[i]);
    tcp_worker_free(server->tcp);
    free((struct rate_rules *)server->settings->rate);
    free(server->settings);
    free(server->udp);
    free(server);
}

bool server_configure(struct server *server, const struct server_options *options,
                      struct error *error)
{
    struct settings *before = server->settings;
    struct tcp_options tcp;
    server->settings = settings_of(server, options);
    bool enough = tcp_options(server, options, &tcp, error);
    for (size_t i = 0; i < server->nudp; i++)
        udp_worker_configure(server->udp[i], server->settings);
    tcp_worker_configure(server->tcp, &tcp);
    reader_free_later((struct rate_rules *)before->rate);
    reader_free_later(before);
    return enough;
}

void server_numbers(const struct server *server, struct server_numbers *numbers)
{
    memset(numbers, 0, sizeof *numbers);
    for (size_t i = 0; i < server->nudp; i++) {
        uint64_t slipped, dropped;
        udp_worker_limited(server->udp[i], &slipped, &dropped);
        numbers->rate_slipped += slipped;
        numbers->rate_dropped += dropped;
        numbers_add(&numbers->udp, udp_worker_responder(server->udp[i]));
    }
    numbers_add(&numbers->tcp, tcp_worker_responder(server->tcp));
    struct tcp_numbers tcp;
    tcp_worker_numbers(server->tcp, &tcp);
    numbers->tcp_connections = tcp.connections;
    numbers->tcp_accepted = tcp.accepted;
    numbers->tcp_refused = tcp.refused;
    numbers->tcp_displaced = tcp.displaced;
    numbers->tcp_expired = tcp.expired;
}
