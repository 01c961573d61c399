/* SPDX-License-Identifier: BSD-2-Clause */
#include "mails.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void mails_add(struct mails *mails, int64_t sent_ms)
{
    mails->list = memory_grow(mails->list, mails->count, &mails->capacity, sizeof *mails->list);
    mails->list[mails->count++] = (struct mail){.sent_ms = sent_ms};
}

void mails_free(struct mails *mails)
{
    free(mails->list);
    *mails = (struct mails){0};
}

static int compare_times(const void *key, const void *element)
{
    const int64_t *sent_ms = key;
    const struct mail *mail = element;
    return (*sent_ms > mail->sent_ms) - (*sent_ms < mail->sent_ms);
}

static struct mail *find(const struct mails *mails, int64_t sent_ms)
{
    if (mails->count == 0)
        return NULL;
    return bsearch(&sent_ms, mails->list, mails->count, sizeof *mails->list, compare_times);
}

/* Behind the word; NULL: it is not in the line. */
static const char *after(const char *line, const char *word)
{
    const char *found = strstr(line, word);
    return found ? found + strlen(word) : NULL;
}

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* "... to=<lab+t1795344086956@lab.test>, relay=..., delay=0.06, delays=..., status=sent (250 ...)"
 */
bool mails_read_line(struct mails *mails, const char *line)
{
    const char *to = after(line, " to=<lab+t"), *delay = after(line, " delay="),
               *status = after(line, " status=");
    struct mail *mail = to && delay && status ? find(mails, strtoll(to, NULL, 10)) : NULL;
    if (!mail)
        return false;
    if (begins(status, "sent ")) {
        mail->delivered = true;
        mail->delay_s = strtod(delay, NULL);
    } else if (begins(status, "deferred ")) {
        mail->deferred = true;
    } else if (begins(status, "bounced ")) {
        mail->bounced = true;
    }
    return true;
}

static bool is_at_once(const struct mail *mail)
{
    return mail->delivered && mail->delay_s <= MAILS_AT_ONCE_S;
}

/* Of the two digits that a delay has: what would be a step more is not told apart from it. What
 * hung on the broken host is delivered as it is mended, and must not look like just before. */
static double latest_s(const struct mail *mail)
{
    double step_s = mail->delay_s >= 100 ? 10 : mail->delay_s >= 10 ? 1 : 0.1;
    return (double)mail->sent_ms / 1000 + mail->delay_s + step_s;
}

static void judge(const struct mail *mail, int64_t mend_ms, struct mails_outage *outage,
                  struct figures *delays)
{
    bool in_time = mail->delivered && latest_s(mail) <= (double)mend_ms / 1000;
    outage->sent++;
    outage->deferred += mail->deferred;
    if (mail->bounced)
        outage->bounced++;
    else if (is_at_once(mail))
        outage->at_once++;
    else if (in_time)
        outage->late++;
    else
        outage->held++;
    if (!delays)
        return;
    if (in_time || is_at_once(mail))
        figures_add(delays, mail->delay_s);
    else
        figures_add_never(delays);
}

struct mails_outage mails_judge(const struct mails *mails, int64_t break_ms, int64_t mend_ms,
                                struct figures *delays)
{
    struct mails_outage outage = {.served = true};
    for (size_t i = 0; i < mails->count; i++) {
        const struct mail *mail = &mails->list[i];
        if (mail->sent_ms < break_ms || mail->sent_ms >= mend_ms)
            continue;
        judge(mail, mend_ms, &outage, delays);
        if (!is_at_once(mail)) {
            outage.served = false;
        } else if (!outage.served) {
            outage.served = true;
            outage.served_s = (double)(mail->sent_ms - break_ms) / 1000;
        }
    }
    return outage;
}
