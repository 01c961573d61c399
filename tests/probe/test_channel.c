/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose fault an errno is, and whose word a refusal. */
#include "probe/channel.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_errno_reasons(void **state)
{
    static const struct {
        int error;
        enum reason at_once, under_way, connected;
    } rows[] = {
        /* ours, whenever */
        {EMFILE, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENFILE, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENOBUFS, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENOMEM, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {EADDRNOTAVAIL, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {EPERM, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {EAFNOSUPPORT, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        {ENETDOWN, REASON_LOCAL, REASON_LOCAL, REASON_LOCAL},
        /* from our tables when at once, from the net when later */
        {ENETUNREACH, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        {EHOSTUNREACH, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        {EACCES, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        {ENOPROTOOPT, REASON_LOCAL, REASON_UNREACHABLE, REASON_UNREACHABLE},
        /* the peer's */
        {ECONNREFUSED, REASON_REFUSED, REASON_REFUSED, REASON_UNREACHABLE},
        {ETIMEDOUT, REASON_LOCAL, REASON_CONNECT_TIMEOUT, REASON_UNREACHABLE},
        {ECONNRESET, REASON_LOCAL, REASON_GREETING_CLOSED, REASON_UNREACHABLE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int error = rows[i].error;
        assert_int_equal(channel_errno_reason(error, PHASE_CONNECT), rows[i].at_once);
        assert_int_equal(channel_errno_reason(error, PHASE_UNDER_WAY), rows[i].under_way);
        assert_int_equal(channel_errno_reason(error, PHASE_CONNECTED), rows[i].connected);
    }
}

/* ---- in a network of its own ---- */

enum { NO_NETWORK = 77, PORT = 4725, CLOSED_PORT = 4726, PATIENCE_MS = 5000, RETRANSMIT_MS = 500 };

static const char *const addresses[] = {"127.0.0.1", "::1"};

static bool filter(const char *rule)
{
    char command[256];
    snprintf(command, sizeof command,
             "nft -f - <<'end'\nadd table inet wall\ndelete table inet wall\nadd table inet wall\n"
             "add chain inet wall input { type filter hook input priority 0; }\n%s%s\nend",
             *rule ? "add rule inet wall input " : "", rule);
    return system(command) == 0;
}

static int listen_at(const char *address)
{
    const int on = 1;
    struct address at;
    struct sockaddr_storage name;
    if (!address_parse(address, &at))
        return -1;
    socklen_t size = address_to_sockaddr(&at, PORT, &name);
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, 5) == 0 ? fd : -1;
}

static bool wait_for(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    return poll(&poll_fd, 1, PATIENCE_MS) == 1;
}

static enum reason connect_to(const char *address, uint16_t port, struct channel *channel)
{
    struct address at;
    if (!address_parse(address, &at))
        return REASON_NONE;
    if (!channel_connect(channel, &at, port, NULL))
        return channel_reason(channel, PHASE_CONNECT);
    if (!wait_for(channel->fd, POLLOUT))
        return REASON_CONNECT_TIMEOUT;
    return channel_connected(channel) == CHANNEL_DONE ? REASON_OK
                                                      : channel_reason(channel, PHASE_UNDER_WAY);
}

/* How many were taken for something else. */
static int refuse_in_each_way(void)
{
    static const struct {
        const char *rule;
        uint16_t port;
        enum reason reason;
        const char *why;
    } rows[] = {
        {"", PORT, REASON_OK, ""},
        {"", CLOSED_PORT, REASON_REFUSED, "Connection refused"},
        {"tcp dport 4725 reject with tcp reset", PORT, REASON_REFUSED, "Connection refused"},
        {"tcp dport 4725 reject with icmpx port-unreachable", PORT, REASON_UNREACHABLE,
         "Connection refused, by ICMP"},
        {"tcp dport 4725 reject with icmpx host-unreachable", PORT, REASON_UNREACHABLE,
         "No route to host"},
        {"meta nfproto ipv6 tcp dport 4725 reject with icmpv6 admin-prohibited", PORT,
         REASON_UNREACHABLE, "Permission denied"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t j = strstr(rows[i].rule, "ipv6") ? 1 : 0; j < 2; j++) {
            struct channel channel;
            int server = listen_at(addresses[j]);
            if (server < 0 || !filter(rows[i].rule))
                return 100;
            enum reason reason = connect_to(addresses[j], rows[i].port, &channel);
            const char *why = channel_why(&channel);
            if (reason != rows[i].reason || strcmp(why, rows[i].why) != 0) {
                printf("%s, \"%s\": %s, \"%s\"\n", addresses[j], rows[i].rule, reason_word(reason),
                       why);
                wrong++;
            }
            channel_close(&channel);
            close(server);
        }
    }
    return wrong;
}

/* What was sent while the network said "unreachable" arrives when it is sent again. */
static int outlive(const char *address)
{
    struct channel channel;
    char octet = 'a';
    size_t size = 0;
    int server = listen_at(address);
    if (server < 0 || connect_to(address, PORT, &channel) != REASON_OK)
        return 100;
    int fd = accept(server, NULL, NULL);
    bool told = filter("tcp dport 4725 reject with icmpx port-unreachable") &&
                channel_write(&channel, &octet, 1, &size) == CHANNEL_DONE &&
                wait_for(channel.fd, POLLOUT);
    usleep(RETRANSMIT_MS * 1000); /* what it says while write() is at work counts as little */
    channel.budget = 1;
    bool lives = channel_read(&channel, &octet, 1, &size) == CHANNEL_WAIT_READ;
    bool arrived = filter("") && wait_for(fd, POLLIN) && read(fd, &octet, 1) == 1;
    if (!told || !lives || !arrived)
        printf("%s: told %d, lives %d, arrived %d\n", address, told, lives, arrived);
    close(fd);
    close(server);
    channel_close(&channel);
    return !(told && lives && arrived);
}

static int outlive_both(void)
{
    return outlive(addresses[0]) + outlive(addresses[1]);
}

/* work() in a process with a network of its own; its status. */
static void apart(int (*work)(void))
{
    int status = 0;
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        bool network = unshare(CLONE_NEWNET) == 0 && system("ip link set lo up") == 0 && filter("");
        status = network ? work() : NO_NETWORK;
        fflush(stdout);
        _exit(status);
    }
    waitpid(process, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NETWORK) {
        puts("needs root, network namespaces, ip and nft");
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_refused_by_whom(void **state)
{
    (void)state;
    apart(refuse_in_each_way);
}

static void test_connection_outlives_icmp(void **state)
{
    (void)state;
    apart(outlive_both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errno_reasons),
        cmocka_unit_test(test_refused_by_whom),
        cmocka_unit_test(test_connection_outlives_icmp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
