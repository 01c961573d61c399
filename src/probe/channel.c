/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/channel.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "probe/certificate.h"
#include "probe/chains.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/tcp.h> /* netinet/tcp.h of Debian 12 does not know tcpi_segs_in */
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- whose fault ---- */

static bool errno_is_local(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EADDRNOTAVAIL: /* no local port or address left */
    case EAFNOSUPPORT:
    case EPERM:        /* a packet filter of our own */
    case ENETDOWN:     /* our interface */
    case ECONNABORTED: /* the socket was destroyed here (ss -K) */
        return true;
    default:
        return false;
    }
}

enum reason channel_errno_reason(int error, enum channel_phase phase)
{
    switch (phase) {
    case PHASE_CONNECT:
        /* Linux answers a non-blocking connect() before any packet of the net can: what it says at
         * once stands in our own tables. So EHOSTUNREACH and ENETUNREACH here are a route of ours
         * ("unreachable", or none). A neighbour that does not answer ARP or ND fails later, after
         * about 3 s, and an earlier failure of it is asked anew, not remembered. */
        return error == ECONNREFUSED ? REASON_REFUSED : REASON_LOCAL;
    case PHASE_UNDER_WAY:
        if (error == ECONNREFUSED)
            return REASON_REFUSED;
        if (error == ECONNRESET) /* RST to a SYN would be ECONNREFUSED: it was accepted first */
            return REASON_GREETING_CLOSED;
        if (error == ETIMEDOUT)
            return REASON_CONNECT_TIMEOUT;
        /* EACCES comes from the net too: Linux's word for ICMPv6 "administratively prohibited". */
        return errno_is_local(error) ? REASON_LOCAL : REASON_UNREACHABLE;
    case PHASE_CONNECTED:
        break;
    }
    return errno_is_local(error) ? REASON_LOCAL : REASON_UNREACHABLE;
}

/* "Port unreachable" is what firewalls and bans reject with, often one client only: no word of the
 * service, as a reset is. */
enum reason channel_reason(const struct channel *channel, enum channel_phase phase)
{
    enum reason reason = channel_errno_reason(channel->error, phase);
    return reason == REASON_REFUSED && channel->by_icmp ? REASON_UNREACHABLE : reason;
}

const char *channel_why(const struct channel *channel)
{
    const char *text = NULL;
    if (channel->tls_error)
        text = ERR_reason_error_string(channel->tls_error);
    else if (channel->error == ECONNREFUSED && channel->by_icmp)
        text = "Connection refused, by ICMP";
    else if (channel->error)
        text = strerrordesc_np(channel->error);
    return text ? text : channel->tls_error ? "TLS error" : "";
}

/* ---- the socket ---- */

/* The port is chosen when connecting, by the destination as well: as many as without bind(). */
static bool channel_bind(struct channel *channel, const struct address *source)
{
    struct sockaddr_storage from;
    socklen_t size = address_to_sockaddr(source, 0, &from);
    const int on = 1;
    setsockopt(channel->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(channel->fd, (struct sockaddr *)&from, size) == 0;
}

/* Whether ICMP errors are told with their origin. It also makes each of them final at once: right
 * while connecting, where they are that in any case. A connection that stands outlives them. */
static void channel_hear_icmp(const struct channel *channel, int on)
{
    if (channel->family == AF_INET6)
        setsockopt(channel->fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    else
        setsockopt(channel->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
}

bool channel_connect(struct channel *channel, const struct address *address, uint16_t port,
                     const struct address *source)
{
    struct sockaddr_storage to;
    socklen_t size = address_to_sockaddr(address, port, &to);
    const int on = 1;

    *channel = (struct channel){.fd = -1, .family = to.ss_family};
    channel->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (channel->fd >= 0) {
        /* A command is one small packet and must not wait for the acknowledgement of another. */
        setsockopt(channel->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        channel_hear_icmp(channel, true);
        if ((!source || channel_bind(channel, source)) &&
            (connect(channel->fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS ||
             errno == EINTR))
            return true;
    }
    channel->error = errno;
    return false;
}

/* The errno that an ICMP message came to, ip(7); 0: there was none. */
static int channel_icmp_error(const struct channel *channel)
{
    _Alignas(struct cmsghdr) char control[512];
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(channel->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
        struct sock_extended_err error;
        if (!(at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR) &&
            !(at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR))
            continue;
        memcpy(&error, CMSG_DATA(at), sizeof error);
        if (error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6)
            return (int)error.ee_errno;
    }
    return 0;
}

/* In this order: an ICMP error is in the queue before it is the socket's, and where connect() was
 * still at work it never becomes that. */
enum channel_result channel_connected(struct channel *channel)
{
    socklen_t size = sizeof channel->error;
    if (getsockopt(channel->fd, SOL_SOCKET, SO_ERROR, &channel->error, &size) < 0)
        channel->error = errno;
    int icmp_error = channel_icmp_error(channel);
    channel->by_icmp = icmp_error != 0;
    if (icmp_error)
        channel->error = icmp_error;
    if (channel->error)
        return CHANNEL_FAILED;
    channel_hear_icmp(channel, false);
    return CHANNEL_DONE;
}

bool channel_ready(const struct channel *channel, bool to_read, bool to_write)
{
    struct pollfd poll_fd = {.fd = channel->fd};
    if (to_read)
        poll_fd.events |= POLLIN;
    if (to_write)
        poll_fd.events |= POLLOUT;
    return poll(&poll_fd, 1, 0) > 0;
}

bool channel_has_input(const struct channel *channel)
{
    char byte;
    return recv(channel->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

bool channel_was_resent(const struct channel *channel)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return !channel->heard_us &&
           getsockopt(channel->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           !info.tcpi_data_segs_out && info.tcpi_segs_in > 1;
}

/* Asked after a second of silence, and again each second; 2.5 s without any acknowledgement are the
 * end (measured: ETIMEDOUT after 2.56 s). */
void channel_keep_alive(const struct channel *channel)
{
    enum { ON = 1, IDLE_S = 1, EACH_S = 1, COUNT = 2, USER_TIMEOUT_MS = 2500 };
    const struct {
        int level, option, value;
    } settings[] = {
        {SOL_SOCKET, SO_KEEPALIVE, ON},
        {IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, EACH_S},
        {IPPROTO_TCP, TCP_KEEPCNT, COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        setsockopt(channel->fd, settings[i].level, settings[i].option, &settings[i].value,
                   sizeof settings[i].value);
}

bool channel_local_address(const struct channel *channel, struct address *address)
{
    struct sockaddr_storage local = {0};
    socklen_t size = sizeof local;
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)&local;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&local;

    if (getsockname(channel->fd, (struct sockaddr *)&local, &size) < 0)
        return false;
    *address = (struct address){.family = local.ss_family == AF_INET6 ? 6 : 4};
    if (address->family == 6)
        memcpy(address->bytes, &in6->sin6_addr, 16);
    else
        memcpy(address->bytes, &in4->sin_addr, 4);
    return true;
}

void channel_close(struct channel *channel)
{
    /* The polite word goodbye (close_notify), unless the session never stood or is broken: then
     * OpenSSL only puts an error on its queue. */
    if (channel->ssl && SSL_is_init_finished(channel->ssl) && !channel->tls_error)
        SSL_shutdown(channel->ssl);
    SSL_free(channel->ssl);
    ERR_clear_error();
    channel->ssl = NULL;
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
}

void channel_abort(struct channel *channel)
{
    const struct linger none = {.l_onoff = 1};
    if (channel->fd >= 0)
        setsockopt(channel->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    channel_close(channel);
}

static ssize_t channel_receive(struct channel *channel, void *bytes, size_t room)
{
    if (room > channel->budget)
        room = channel->budget;
    if (!room) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t got = recv(channel->fd, bytes, room, 0);
    if (got > 0) {
        channel->budget -= (size_t)got;
        if (!channel->heard_us)
            channel->heard_us = clock_now_us();
    }
    return got;
}

static bool errno_is_again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

/* What a failed recv() or send() on a connected socket comes to. */
static enum channel_result channel_broken(struct channel *channel, enum channel_result wait)
{
    if (errno_is_again())
        return wait;
    channel->error = errno;
    return errno == ECONNRESET || errno == EPIPE || errno == ENOTCONN ? CHANNEL_END
                                                                      : CHANNEL_FAILED;
}

/* ---- TLS over it ---- */

static int bio_read(BIO *bio, char *bytes, int room)
{
    struct channel *channel = BIO_get_data(bio);
    ssize_t got = channel_receive(channel, bytes, room > 0 ? (size_t)room : 0);
    BIO_clear_retry_flags(bio);
    if (got < 0 && errno_is_again())
        BIO_set_retry_read(bio);
    else
        channel->error = got < 0 ? errno : 0;
    return (int)got;
}

static int bio_write(BIO *bio, const char *bytes, int size)
{
    struct channel *channel = BIO_get_data(bio);
    ssize_t sent = send(channel->fd, bytes, size > 0 ? (size_t)size : 0, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (sent < 0 && errno_is_again())
        BIO_set_retry_write(bio);
    else
        channel->error = sent < 0 ? errno : 0;
    return (int)sent;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* No certificate ends a handshake, and all that OpenSSL can speak is spoken: what is wrong is
 * judged afterwards (certificate.c), for an old server with weak TLS is alive. */
bool tls_client_init(struct tls_client *client, const char *ca_file, struct error *error)
{
    *client = (struct tls_client){.context = SSL_CTX_new(TLS_client_method())};
    client->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "evermx channel");
    if (!client->context || !client->method ||
        !SSL_CTX_set_cipher_list(client->context, "DEFAULT:@SECLEVEL=0") ||
        !SSL_CTX_set_min_proto_version(client->context, TLS1_VERSION) ||
        !BIO_meth_set_read(client->method, bio_read) ||
        !BIO_meth_set_write(client->method, bio_write) ||
        !BIO_meth_set_ctrl(client->method, bio_ctrl)) {
        const char *why = ERR_reason_error_string(ERR_get_error());
        tls_client_clear(client);
        return error_set(error, "setting up TLS: %s", why ? why : "unknown error");
    }
    SSL_CTX_set_options(client->context, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(client->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                          SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(client->context, SSL_VERIFY_NONE, NULL);
    client->chains = chains_new(client->context, CHAINS_KEPT_MS);
    client->has_authorities = certificate_load_authorities(client->context, ca_file);
    if (!client->has_authorities)
        log_warning("no certificate authorities%s%s: who has issued a certificate is not judged",
                    ca_file ? " in " : " on this machine", ca_file ? ca_file : "");
    return true;
}

void tls_client_clear(struct tls_client *client)
{
    SSL_CTX_free(client->context);
    BIO_meth_free(client->method);
    chains_free(client->chains);
    *client = (struct tls_client){0};
}

void channel_start_tls(struct channel *channel, const struct tls_client *client, const char *host)
{
    BIO *bio = BIO_new(client->method);
    channel->ssl = SSL_new(client->context);
    if (!bio || !channel->ssl)
        memory_exhausted(sizeof(SSL *));
    BIO_set_data(bio, channel);
    BIO_set_init(bio, 1);
    SSL_set_bio(channel->ssl, bio, bio);
    SSL_set_connect_state(channel->ssl);
    if (!strchr(host, '@'))                           /* of a template: the name of no domain */
        SSL_set_tlsext_host_name(channel->ssl, host); /* a name too long for SNI goes without */
}

/* What a TLS call that did not succeed comes to. */
static enum channel_result channel_tls_result(struct channel *channel, int result)
{
    switch (SSL_get_error(channel->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return CHANNEL_WAIT_READ;
    case SSL_ERROR_WANT_WRITE:
        return CHANNEL_WAIT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return CHANNEL_END;
    case SSL_ERROR_SYSCALL:
        errno = channel->error;
        return channel->error ? channel_broken(channel, CHANNEL_FAILED) : CHANNEL_END;
    default:
        channel->tls_error = ERR_peek_error();
        return CHANNEL_FAILED;
    }
}

enum channel_result channel_handshake(struct channel *channel)
{
    ERR_clear_error();
    int result = SSL_do_handshake(channel->ssl);
    return result == 1 ? CHANNEL_DONE : channel_tls_result(channel, result);
}

/* ---- bytes ---- */

static enum channel_result channel_read_some(struct channel *channel, void *bytes, size_t room,
                                             size_t *got)
{
    if (channel->ssl) {
        ERR_clear_error();
        int result = SSL_read_ex(channel->ssl, bytes, room, got);
        return result == 1 ? CHANNEL_DONE : channel_tls_result(channel, result);
    }
    ssize_t received = channel_receive(channel, bytes, room);
    if (received < 0)
        return channel_broken(channel, CHANNEL_WAIT_READ);
    *got = (size_t)received;
    return received ? CHANNEL_DONE : CHANNEL_END;
}

enum channel_result channel_read(struct channel *channel, void *bytes, size_t room, size_t *got)
{
    enum channel_result result = channel_read_some(channel, bytes, room, got);
    if (result == CHANNEL_DONE && !channel->said_us)
        channel->said_us = clock_now_us();
    return result;
}

enum channel_result channel_write(struct channel *channel, const void *bytes, size_t size,
                                  size_t *sent)
{
    if (channel->ssl) {
        ERR_clear_error();
        int result = SSL_write_ex(channel->ssl, bytes, size, sent);
        return result == 1 ? CHANNEL_DONE : channel_tls_result(channel, result);
    }
    ssize_t written = send(channel->fd, bytes, size, MSG_NOSIGNAL);
    if (written < 0)
        return channel_broken(channel, CHANNEL_WAIT_WRITE);
    *sent = (size_t)written;
    return CHANNEL_DONE;
}
