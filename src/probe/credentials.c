/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/credentials.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

/* As many octets of a secret in a row are not told. A shorter secret is not told where it stands as
 * a word: who has "lab" for a password still wants to read "unavailable". */
enum { TELLING_SIZE = 5, PLAIN_MAX = 1024, ENCODED_MAX = (PLAIN_MAX + 2) / 3 * 4 + 1 };

bool credentials_encode(const void *octets, size_t size, char *text, size_t room)
{
    if (size > PLAIN_MAX || (size + 2) / 3 * 4 + 1 > room)
        return false;
    EVP_EncodeBlock((unsigned char *)text, octets, (int)size);
    return true;
}

bool credentials_plain(const struct credentials *credentials, char *text, size_t room)
{
    char plain[PLAIN_MAX];
    size_t user_size = shared_size(credentials->user);
    size_t password_size = shared_size(credentials->password);

    if (user_size > sizeof plain - 2 || password_size > sizeof plain - 2 - user_size)
        return false;
    plain[0] = '\0';
    memcpy(plain + 1, shared_text(credentials->user), user_size);
    plain[1 + user_size] = '\0';
    memcpy(plain + 2 + user_size, shared_text(credentials->password), password_size);
    bool done = credentials_encode(plain, 2 + user_size + password_size, text, room);
    explicit_bzero(plain, sizeof plain);
    return done;
}

bool credentials_fit_line(const struct shared *text)
{
    const unsigned char *octets = (const unsigned char *)shared_text(text);
    for (size_t i = 0; i < shared_size(text); i++)
        if (octets[i] < ' ' || octets[i] == 0x7f)
            return false;
    return true;
}

bool credentials_can_quote(const struct shared *text)
{
    const unsigned char *octets = (const unsigned char *)shared_text(text);
    for (size_t i = 0; i < shared_size(text); i++)
        if (octets[i] == '\0' || octets[i] == '\r' || octets[i] == '\n' || octets[i] > 0x7e)
            return false;
    return true;
}

bool credentials_quote(const struct shared *text, char *quoted, size_t room)
{
    const char *octets = shared_text(text);
    size_t used = 0;

    if (room < 3)
        return false;
    quoted[used++] = '"';
    for (size_t i = 0; i < shared_size(text); i++) {
        if (room - used < 4) /* a backslash, the octet, the quote, NUL */
            return false;
        if (octets[i] == '"' || octets[i] == '\\')
            quoted[used++] = '\\';
        quoted[used++] = octets[i];
    }
    quoted[used++] = '"';
    quoted[used] = '\0';
    return true;
}

/* ---- what comes back ---- */

enum { HIDE_MAX = 1024 }; /* of a text; no detail is longer */

static bool is_within_word(const char *text, size_t length, size_t at)
{
    return at > 0 && at < length && isalnum((unsigned char)text[at - 1]) &&
           isalnum((unsigned char)text[at]);
}

/* Marks what of the secret stands in the text, be it a part, in any case: some servers quote in
 * capitals. */
static void mark_secret(const char *text, size_t length, const char *secret, size_t size,
                        bool *marks)
{
    size_t telling = size < TELLING_SIZE ? size : TELLING_SIZE;
    for (size_t at = 0; telling && at + telling <= length; at++)
        for (size_t from = 0; from + telling <= size; from++)
            if (strncasecmp(text + at, secret + from, telling) == 0 &&
                (telling == TELLING_SIZE || (!is_within_word(text, length, at) &&
                                             !is_within_word(text, length, at + telling))))
                memset(marks + at, true, telling);
}

void credentials_hide(const struct credentials *credentials, char *text, size_t size)
{
    const struct shared *password = credentials->password;
    char form[ENCODED_MAX];
    bool marks[HIDE_MAX] = {false};
    size_t length = size < HIDE_MAX ? size : HIDE_MAX;

    mark_secret(text, length, shared_text(password), shared_size(password), marks);
    if (credentials_quote(password, form, sizeof form))
        mark_secret(text, length, form + 1, strlen(form) - 2, marks);
    if (credentials_encode(shared_text(password), shared_size(password), form, sizeof form))
        mark_secret(text, length, form, strlen(form), marks);
    if (credentials_plain(credentials, form, sizeof form))
        mark_secret(text, length, form, strlen(form), marks);
    explicit_bzero(form, sizeof form);
    for (size_t i = 0; i < length; i++)
        if (marks[i])
            text[i] = '*';
}
