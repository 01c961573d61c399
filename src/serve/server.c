/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/server.h"

#include "base/memory.h"
#include "serve/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECEIVE_BUFFER =
        4 << 20, /* half a second of queries at full speed; the kernel may grant less */
    TCP_BACKLOG = 1024,
};

struct server {
    struct udp_worker **udp;
    size_t nudp;
    struct tcp_worker *tcp;
    struct settings *settings; /* all responders' */
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

/* UDP answers are small enough never to be fragmented, so path MTU news, which may be forged, are
 * ignored. */
static bool prepare_udp(int socket, const struct address *address)
{
    bool six = address->family == 6;
    set_option(socket, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
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
    good = good && (type == SOCK_DGRAM ? prepare_udp(made, &endpoint->address)
                                       : set_option(made, SOL_SOCKET, SO_REUSEADDR, 1));
    good = good && (!shared || set_option(made, SOL_SOCKET, SO_REUSEPORT, 1));
    good = good && bind(made, (struct sockaddr *)&name, size) == 0;
    good = good && (type == SOCK_DGRAM || listen(made, TCP_BACKLOG) == 0);
    return good ? made : fail_socket(made, endpoint, type, error);
}

static bool add_udp(struct server *server, const struct server_endpoint *endpoint, unsigned workers,
                    struct publisher *publisher, struct error *error)
{
    int alone = open_socket(endpoint, SOCK_DGRAM, false, error);
    if (alone < 0)
        return false;
    close(alone);
    for (unsigned i = 0; i < workers; i++) {
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

static struct settings *settings_of(const struct server *server,
                                    const struct settings_options *answers)
{
    struct settings *settings = memory_alloc(sizeof *settings);
    struct settings_options options = *answers;
    if (!options.identity)
        options.identity = server->host_name;
    if (!options.nsecrets) {
        options.secrets = server->secret;
        options.nsecrets = 1;
    }
    settings_init(settings, &options);
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
    server->settings = settings_of(server, &options->answers);
    server->udp = memory_array(options->nlisten * options->workers, sizeof *server->udp);
    server->tcp = tcp_worker_new(publisher, server->settings, options->tcp_idle_ms, error);
    bool good = server->tcp != NULL;
    for (size_t i = 0; good && i < options->nlisten; i++)
        good = add_udp(server, &options->listen[i], options->workers, publisher, error) &&
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
    free(server->udp);
    free(server->settings);
    free(server);
}

void server_configure(struct server *server, const struct settings_options *answers)
{
    struct settings *before = server->settings;
    server->settings = settings_of(server, answers);
    for (size_t i = 0; i < server->nudp; i++)
        atomic_store_explicit(&udp_worker_responder(server->udp[i])->settings, server->settings,
                              memory_order_release);
    atomic_store_explicit(&tcp_worker_responder(server->tcp)->settings, server->settings,
                          memory_order_release);
    reader_free_later(before);
}

void server_numbers(const struct server *server, struct server_numbers *numbers)
{
    memset(numbers, 0, sizeof *numbers);
    for (size_t i = 0; i < server->nudp; i++)
        numbers_add(&numbers->udp, udp_worker_responder(server->udp[i]));
    numbers_add(&numbers->tcp, tcp_worker_responder(server->tcp));
    numbers->tcp_connections = tcp_worker_connections(server->tcp);
}
