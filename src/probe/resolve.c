/* SPDX-License-Identifier: BSD-2-Clause */
/* evdns_getaddrinfo is not used: it cannot tell "no such address" from a failed look-up, appends
 * search domains, and drops the failure of one family when the other succeeds. Nor does evdns give
 * its hosts file to anything else, so that file is read here. */
#include "probe/resolve.h"

#include "base/log.h"
#include "base/memory.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    REFRESH_MS = 30000,
    RETRY_MS = 5000,
    FAMILY_MAX = 32, /* addresses of one family; evdns gives no more */
};

enum family { FAMILY_A, FAMILY_AAAA, FAMILIES };

/* Sorted, without duplicates. */
struct address_set {
    size_t count;
    struct address list[FAMILY_MAX];
};

/* A question under way. evdns calls back even after it was cancelled. */
struct question {
    struct external *external; /* NULL: nobody waits any more */
    enum family family;
};

struct external {
    struct external *next;
    struct resolver *resolver;
    uint32_t id;
    char *name;
    struct event timer;
    struct question *questions[FAMILIES]; /* NULL: not under way */
    bool answered[FAMILIES];              /* in this round; also by "there is none" */
    struct address_set found[FAMILIES];   /* in this round */
    struct address_set known[FAMILIES];
};

struct hosts_entry {
    char *name;
    struct address address;
};

struct resolver {
    struct event_base *base;
    struct evdns_base *dns;
    char *resolv_conf;
    resolve_report *report;
    void *context;
    int64_t refresh_ms, retry_ms;
    struct external *externals;
    struct hosts_entry *hosts;
    size_t nhosts, hosts_capacity;
};

/* ---- sets ---- */

static void set_add(struct address_set *set, const struct address *address)
{
    size_t at = 0;
    int order = 1;

    while (at < set->count && (order = memcmp(&set->list[at], address, sizeof *address)) < 0)
        at++;
    if (set->count == FAMILY_MAX || (at < set->count && order == 0))
        return;
    memmove(&set->list[at + 1], &set->list[at], (set->count - at) * sizeof *address);
    set->list[at] = *address;
    set->count++;
}

static bool set_equal(const struct address_set *one, const struct address_set *other)
{
    return one->count == other->count &&
           !memcmp(one->list, other->list, one->count * sizeof *one->list);
}

/* ---- /etc/hosts ---- */

/* "ADDRESS NAME NAME... # comment": hosts(5). */
static void hosts_add_line(struct resolver *resolver, char *line)
{
    char *state, *word;
    struct address address;

    line[strcspn(line, "#\n")] = '\0';
    word = strtok_r(line, " \t\r", &state);
    if (!word || !address_parse(word, &address))
        return;
    while ((word = strtok_r(NULL, " \t\r", &state))) {
        resolver->hosts = memory_grow(resolver->hosts, resolver->nhosts, &resolver->hosts_capacity,
                                      sizeof *resolver->hosts);
        resolver->hosts[resolver->nhosts++] =
            (struct hosts_entry){.name = memory_strdup(word), .address = address};
    }
}

static void hosts_forget(struct resolver *resolver)
{
    while (resolver->nhosts)
        free(resolver->hosts[--resolver->nhosts].name);
}

static void hosts_read(struct resolver *resolver)
{
    char *line = NULL;
    size_t size = 0;
    FILE *in = fopen("/etc/hosts", "re");

    hosts_forget(resolver);
    if (!in) /* a machine may do without */
        return;
    while (getline(&line, &size, in) >= 0)
        hosts_add_line(resolver, line);
    free(line);
    fclose(in);
}

/* A name that stands there is not asked for in the DNS, as the system does it. */
static bool hosts_answer(struct external *external)
{
    const struct resolver *resolver = external->resolver;
    bool found = false;

    for (size_t i = 0; i < resolver->nhosts; i++) {
        const struct hosts_entry *entry = &resolver->hosts[i];
        if (strcasecmp(entry->name, external->name) != 0)
            continue;
        set_add(&external->found[entry->address.family == 6 ? FAMILY_AAAA : FAMILY_A],
                &entry->address);
        found = true;
    }
    if (found)
        external->answered[FAMILY_A] = external->answered[FAMILY_AAAA] = true;
    return found;
}

/* ---- a round: both families asked, and what comes of it ---- */

static void external_tell(struct external *external)
{
    struct address all[FAMILIES * FAMILY_MAX];
    const struct address_set *known = external->known;
    struct resolver *resolver = external->resolver;

    memcpy(all, known[FAMILY_A].list, known[FAMILY_A].count * sizeof *all);
    memcpy(all + known[FAMILY_A].count, known[FAMILY_AAAA].list,
           known[FAMILY_AAAA].count * sizeof *all);
    resolver->report(resolver->context, external->id, all,
                     known[FAMILY_A].count + known[FAMILY_AAAA].count);
}

static void external_sleep(struct external *external, int64_t wait_ms)
{
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    event_add(&external->timer, &wait);
}

static void external_end_round(struct external *external)
{
    bool failed = false, changed = false;
    size_t count = 0;

    for (int family = 0; family < FAMILIES; family++) {
        if (!external->answered[family]) {
            failed = true;
            external->found[family] = external->known[family];
        }
        count += external->found[family].count;
        changed |= !set_equal(&external->found[family], &external->known[family]);
    }
    external_sleep(external,
                   failed ? external->resolver->retry_ms : external->resolver->refresh_ms);
    if (!count || !changed)
        return;
    memcpy(external->known, external->found, sizeof external->known);
    external_tell(external);
}

static void external_on_answer(int result, char type, int count, int ttl, void *addresses,
                               void *context)
{
    struct question *question = context;
    struct external *external = question->external;
    enum family family = question->family;
    size_t size = family == FAMILY_AAAA ? 16 : 4;
    (void)type, (void)ttl;

    free(question);
    if (!external)
        return;
    external->questions[family] = NULL;
    external->answered[family] =
        result == DNS_ERR_NONE || result == DNS_ERR_NOTEXIST || result == DNS_ERR_NODATA;
    for (int i = 0; result == DNS_ERR_NONE && i < count; i++) {
        struct address address = {.family = family == FAMILY_AAAA ? 6 : 4};
        memcpy(address.bytes, (const uint8_t *)addresses + (size_t)i * size, size);
        set_add(&external->found[family], &address);
    }
    if (!external->questions[FAMILY_A] && !external->questions[FAMILY_AAAA])
        external_end_round(external);
}

static void external_ask(struct external *external, enum family family)
{
    struct question *question = memory_alloc(sizeof *question);
    struct evdns_base *dns = external->resolver->dns;
    const int flags = DNS_QUERY_NO_SEARCH;
    struct evdns_request *request;

    *question = (struct question){.external = external, .family = family};
    external->questions[family] = question;
    if (family == FAMILY_AAAA)
        request = evdns_base_resolve_ipv6(dns, external->name, flags, external_on_answer, question);
    else
        request = evdns_base_resolve_ipv4(dns, external->name, flags, external_on_answer, question);
    if (request)
        return;
    free(question); /* no name that can be asked for */
    external->questions[family] = NULL;
}

static void external_on_timer(evutil_socket_t fd, short what, void *context)
{
    struct external *external = context;
    (void)fd, (void)what;

    memset(external->found, 0, sizeof external->found);
    memset(external->answered, 0, sizeof external->answered);
    if (!hosts_answer(external)) {
        external_ask(external, FAMILY_A);
        external_ask(external, FAMILY_AAAA);
    }
    if (!external->questions[FAMILY_A] && !external->questions[FAMILY_AAAA])
        external_end_round(external);
}

/* ---- the resolver ---- */

/* Names are whole: no search domains. */
static void resolver_read(struct resolver *resolver)
{
    const int what = DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC;
    hosts_read(resolver);
    if (evdns_base_resolv_conf_parse(resolver->dns, what, resolver->resolv_conf))
        log_warning("reading %s: no nameserver found; asking 127.0.0.1", resolver->resolv_conf);
}

struct resolver *resolver_new(struct event_base *base, const char *resolv_conf,
                              resolve_report *report, void *context)
{
    struct resolver *resolver = memory_alloc(sizeof *resolver);

    resolver->base = base;
    resolver->resolv_conf = memory_strdup(resolv_conf ? resolv_conf : "/etc/resolv.conf");
    resolver->report = report;
    resolver->context = context;
    resolver_set_rhythm(resolver, REFRESH_MS, RETRY_MS);
    resolver->dns = evdns_base_new(base, 0);
    if (!resolver->dns)
        memory_exhausted(sizeof *resolver);
    resolver_read(resolver);
    return resolver;
}

void resolver_reread(struct resolver *resolver)
{
    evdns_base_clear_nameservers_and_suspend(resolver->dns);
    resolver_read(resolver);
    evdns_base_resume(resolver->dns);
}

void resolver_set_rhythm(struct resolver *resolver, int64_t refresh_ms, int64_t retry_ms)
{
    resolver->refresh_ms = refresh_ms;
    resolver->retry_ms = retry_ms;
}

void resolver_add(struct resolver *resolver, uint32_t id, const char *name)
{
    struct external *external = memory_alloc(sizeof *external);
    external->resolver = resolver;
    external->id = id;
    external->name = memory_strdup(name);
    external->next = resolver->externals;
    resolver->externals = external;
    evtimer_assign(&external->timer, resolver->base, external_on_timer, external);
    external_sleep(external, 0);
}

static void external_free(struct external *external)
{
    event_del(&external->timer);
    for (int family = 0; family < FAMILIES; family++)
        if (external->questions[family])
            external->questions[family]->external = NULL;
    free(external->name);
    free(external);
}

void resolver_remove(struct resolver *resolver, uint32_t id)
{
    struct external **at = &resolver->externals, *external;
    while ((*at)->id != id)
        at = &(*at)->next;
    external = *at;
    *at = external->next;
    external_free(external);
}

void resolver_free(struct resolver *resolver)
{
    struct external *external;
    while ((external = resolver->externals)) {
        resolver->externals = external->next;
        external_free(external);
    }
    evdns_base_free(resolver->dns, 1);
    hosts_forget(resolver);
    free(resolver->hosts);
    free(resolver->resolv_conf);
    free(resolver);
}
