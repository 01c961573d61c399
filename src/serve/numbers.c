/* SPDX-License-Identifier: BSD-2-Clause */
#include "serve/numbers.h"

#include "serve/cookie.h"
#include "wire/rrtype.h"

void numbers_add(struct responder_numbers *sum, const struct responder *responder)
{
    for (unsigned i = 0; i < TYPE_SLOTS; i++) {
        uint64_t count = counter_read(&responder->types[i]);
        sum->types[i] += count;
        sum->queries += count;
    }
    for (unsigned i = 0; i < RCODES; i++) {
        uint64_t count = counter_read(&responder->rcodes[i]);
        sum->rcodes[i] += count;
        sum->answers += count;
        sum->edns += count;
    }
    sum->edns -= counter_read(&responder->plain);
    sum->truncated += counter_read(&responder->truncated);
    sum->malformed += counter_read(&responder->malformed);
    sum->dropped += counter_read(&responder->dropped);
    for (unsigned i = 0; i < COOKIE_SLOTS; i++)
        sum->cookies[i] += counter_read(&responder->cookies[i]);
}

const char *number_rcode_name(unsigned rcode)
{
    static const char *const names[RCODES] = {
        [RCODE_NOERROR] = "noerror",   [RCODE_FORMERR] = "formerr", [RCODE_SERVFAIL] = "servfail",
        [RCODE_NXDOMAIN] = "nxdomain", [RCODE_NOTIMP] = "notimp",   [RCODE_REFUSED] = "refused",
        [RCODE_YXDOMAIN] = "yxdomain", [RCODE_BADVERS] = "badvers", [RCODE_BADCOOKIE] = "badcookie",
    };
    return rcode < RCODES ? names[rcode] : NULL;
}

/* ---- rows ---- */

struct walk {
    void (*each)(void *context, const struct number_row *row);
    void *context;
};

static void tell(const struct walk *walk, const char *family, const char *help, const char *label,
                 const char *value, uint64_t count)
{
    walk->each(walk->context, &(struct number_row){family, help, label, value, count});
}

static void tell_types(const struct walk *walk, const uint64_t *types)
{
    for (unsigned i = 0; i < TYPE_SLOTS; i++) {
        char text[RRTYPE_TEXT_SIZE];
        const char *name = i == TYPE_SLOT_OTHER  ? "other"
                           : i == TYPE_SLOT_NONE ? "none"
                                                 : rrtype_to_text((uint16_t)i, text);
        if (types[i])
            tell(walk, "evermx_dns_queries_total",
                 "Packets received, by the type asked for; none: no question could be read.",
                 "type", name, types[i]);
    }
}

static void tell_rcodes(const struct walk *walk, const uint64_t *rcodes)
{
    for (unsigned i = 0; i < RCODES; i++)
        if (number_rcode_name(i) && (rcodes[i] || i <= RCODE_REFUSED))
            tell(walk, "evermx_dns_answers_total", "Answers, by their response code.", "rcode",
                 number_rcode_name(i), rcodes[i]);
}

static void tell_cookies(const struct walk *walk, const uint64_t *cookies)
{
    static const char *const kinds[COOKIE_SLOTS] = {
        [COOKIE_CLIENT] = "client", [COOKIE_GOOD] = "good", [COOKIE_BAD] = "bad"};
    for (unsigned i = 0; i < COOKIE_SLOTS; i++)
        if (kinds[i])
            tell(walk, "evermx_dns_cookies_total",
                 "Queries with a DNS cookie: the client's part alone, one of ours that is good, or "
                 "one that is not.",
                 "kind", kinds[i], cookies[i]);
}

void numbers_walk(const struct responder_numbers *numbers,
                  void (*each)(void *context, const struct number_row *row), void *context)
{
    const struct walk walk = {each, context};
    tell_types(&walk, numbers->types);
    tell_rcodes(&walk, numbers->rcodes);
    tell(&walk, "evermx_dns_edns_queries_total", "Queries with EDNS that were answered.", NULL,
         NULL, numbers->edns);
    tell(&walk, "evermx_dns_truncated_total",
         "Answers that went out empty, with TC: they did not fit, or were above a rate limit.",
         NULL, NULL, numbers->truncated);
    tell(&walk, "evermx_dns_malformed_total", "Packets that were no whole query: FORMERR.", NULL,
         NULL, numbers->malformed);
    tell(&walk, "evermx_dns_dropped_total",
         "Packets that were not answered: shorter than a header, or answers themselves.", NULL,
         NULL, numbers->dropped);
    tell_cookies(&walk, numbers->cookies);
}
