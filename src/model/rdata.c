/* SPDX-License-Identifier: BSD-2-Clause */
/* Rdata from text; see rdata.h. */
#include "model/rdata.h"

#include "base/memory.h"
#include "model/model.h"
#include "wire/rrtype.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

/* ldns's readers copy a field's text to buffers of 64 KiB. */
enum { FIELD_TEXT_MAX = 65534 };

/* One record in the making. */
struct reader {
    char *text; /* what is left of the entry */
    const uint8_t *origin;
    uint8_t *bytes;
    size_t size;
    struct error *error;
};

static bool reader_put(struct reader *reader, const void *bytes, size_t size)
{
    if (size > RDATA_MAX_SIZE - reader->size)
        return error_set(reader->error, "the record is larger than 65535 octets");
    if (size > 0) /* an empty field of ldns's has no bytes at all */
        memcpy(reader->bytes + reader->size, bytes, size);
    reader->size += size;
    return true;
}

static uint64_t unit_seconds(char unit)
{
    switch (tolower((unsigned char)unit)) {
    case 'w':
        return 7 * 24 * 3600;
    case 'd':
        return 24 * 3600;
    case 'h':
        return 3600;
    case 'm':
        return 60;
    default:
        return 1;
    }
}

bool period_from_text(const char *text, uint32_t *seconds)
{
    uint64_t total = 0;
    do {
        uint64_t number = 0;
        if (!isdigit((unsigned char)*text))
            return false;
        for (; isdigit((unsigned char)*text); text++)
            if ((number = number * 10 + (uint64_t)(*text - '0')) > UINT32_MAX)
                return false;
        total += number * unit_seconds(*text);
        if (total > UINT32_MAX)
            return false;
        if (*text != '\0' && strchr("wdhmsWDHMS", *text) != NULL)
            text++;
    } while (*text != '\0');
    *seconds = (uint32_t)total;
    return true;
}

size_t master_name_from_text(const struct token *token, const uint8_t *origin,
                             uint8_t name[NAME_MAX_SIZE], struct error *error)
{
    bool here = token->size == 1 && token->text[0] == '@' && !token->quoted;
    size_t size = 0;
    if (here && origin != NULL)
        memcpy(name, origin, size = name_size(origin));
    else if (!here)
        size = name_parse(token->text, token->size, origin, name);
    if (size == 0 && origin == NULL && (here || name_from_text(token->text, name) != 0))
        error_set(error, "\"%.100s\" is relative, and no $ORIGIN stands before it", token->text);
    else if (size == 0)
        error_set(error,
                  "\"%.100s\" is no domain name (labels have 1 to 63 octets, names at most 255)",
                  token->text);
    return size;
}

static bool put_name(struct reader *reader, const struct token *token)
{
    uint8_t name[NAME_MAX_SIZE];
    size_t size = master_name_from_text(token, reader->origin, name, reader->error);
    return size > 0 && reader_put(reader, name, size);
}

/* In network order, as the last octets of eight. */
static bool put_number(struct reader *reader, uint64_t number, size_t octets)
{
    uint64_t wire = htobe64(number);
    return reader_put(reader, (const uint8_t *)&wire + 8 - octets, octets);
}

static bool put_integer(struct reader *reader, const char *text, size_t octets)
{
    uint64_t largest = (UINT64_C(1) << (8 * octets)) - 1;
    uint64_t number = 0;
    if (*text == '\0')
        return error_set(reader->error, "an integer is missing");
    for (const char *digit = text; *digit != '\0'; digit++) {
        if (isdigit((unsigned char)*digit))
            number = number * 10 + (uint64_t)(*digit - '0');
        if (!isdigit((unsigned char)*digit) || number > largest)
            return error_set(reader->error, "\"%.100s\" is no integer from 0 to %llu", text,
                             (unsigned long long)largest);
    }
    return put_number(reader, number, octets);
}

static bool put_period(struct reader *reader, const char *text)
{
    uint32_t seconds;
    if (!period_from_text(text, &seconds))
        return error_set(reader->error, "\"%.100s\" is no time (as 3600 or 1h30m)", text);
    return put_number(reader, seconds, 4);
}

static bool put_rrtype(struct reader *reader, const char *text)
{
    uint16_t rrtype;
    if (!rrtype_from_text(text, &rrtype))
        return error_set(reader->error, "\"%.100s\" is no record type", text);
    return put_number(reader, rrtype, 2);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = digit | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Blanks may stand between the digits. */
static bool put_hex(struct reader *reader, const char *text)
{
    int high = -1;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == ' ')
            continue;
        int digit = hex_value(*at);
        if (digit < 0)
            return error_set(reader->error, "\"%.100s\" are not all hexadecimal digits", text);
        if (high < 0) {
            high = digit;
            continue;
        }
        uint8_t octet = (uint8_t)(high << 4 | digit);
        if (!reader_put(reader, &octet, 1))
            return false;
        high = -1;
    }
    return high < 0 || error_set(reader->error, "the number of hexadecimal digits is odd");
}

static const char *field_meaning(ldns_rdf_type field)
{
    switch (field) {
    case LDNS_RDF_TYPE_A:
        return "IPv4 address";
    case LDNS_RDF_TYPE_AAAA:
        return "IPv6 address";
    case LDNS_RDF_TYPE_STR:
        return "string of at most 255 octets";
    case LDNS_RDF_TYPE_B64:
        return "base64 text";
    case LDNS_RDF_TYPE_APL:
        return "address prefix (as 1:192.0.2.0/24)";
    case LDNS_RDF_TYPE_SVCPARAMS:
        return "list of service parameters";
    case LDNS_RDF_TYPE_UNKNOWN:
        return "rdata of this type (use \\# of RFC 3597)";
    default:
        return "value for this field";
    }
}

/* Whatever ldns alone knows how to read. */
static bool put_by_ldns(struct reader *reader, ldns_rdf_type field, const char *text)
{
    if (strlen(text) > FIELD_TEXT_MAX)
        return error_set(reader->error, "a field is longer than %d characters", FIELD_TEXT_MAX);
    errno = 0; /* ldns looks at it without clearing it before (HIP) */
    ldns_rdf *rdf = ldns_rdf_new_frm_str(field, text);
    if (rdf == NULL)
        return error_set(reader->error, "\"%.100s\" is no %s", text, field_meaning(field));
    bool good = reader_put(reader, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
    ldns_rdf_deep_free(rdf);
    return good;
}

/* ldns takes unknown mnemonics in NSEC's bitmap for type 0. */
static bool put_type_bitmap(struct reader *reader, const char *text)
{
    char *copy = memory_strdup(text), *rest = copy;
    struct token token;
    uint16_t rrtype;
    bool good = true;
    while (good && token_next(&rest, &token))
        good = rrtype_from_text(token.text, &rrtype) ||
               error_set(reader->error, "\"%.100s\" is no record type", token.text);
    free(copy);
    return good && put_by_ldns(reader, LDNS_RDF_TYPE_NSEC, text);
}

/* A gateway of the type that an octet before it names (RFC 4025 section 2.3). */
static bool put_gateway(struct reader *reader, unsigned type, const struct token *token)
{
    switch (type) {
    case 0:
        return strcmp(token->text, ".") == 0 ||
               error_set(reader->error, "a gateway of type 0 is written as \".\"");
    case 1:
        return put_by_ldns(reader, LDNS_RDF_TYPE_A, token->text);
    case 2:
        return put_by_ldns(reader, LDNS_RDF_TYPE_AAAA, token->text);
    case 3:
        return put_name(reader, token);
    default:
        return error_set(reader->error, "%u is no type of gateway (0 to 3)", type);
    }
}

/* ldns's readers of these two leak where the text is wrong, and take the gateway's name for
 * absolute. */
static bool put_ipseckey(struct reader *reader, char *text)
{
    struct token precedence, type, algorithm, gateway;
    if (!token_next(&text, &precedence) || !token_next(&text, &type) ||
        !token_next(&text, &algorithm) || !token_next(&text, &gateway))
        return error_set(reader->error, "precedence, type, algorithm or gateway are missing");
    size_t at = reader->size;
    return put_integer(reader, precedence.text, 1) && put_integer(reader, type.text, 1) &&
           put_integer(reader, algorithm.text, 1) &&
           put_gateway(reader, reader->bytes[at + 1], &gateway) &&
           (*text == '\0' || put_by_ldns(reader, LDNS_RDF_TYPE_B64, text));
}

/* A number, or a word that ldns knows. */
static bool put_mnemonic(struct reader *reader, ldns_rdf_type field, const char *text,
                         size_t octets)
{
    return isalpha((unsigned char)*text) ? put_by_ldns(reader, field, text)
                                         : put_integer(reader, text, octets);
}

static bool put_field(struct reader *reader, ldns_rdf_type field, const struct token *token)
{
    switch (field) {
    case LDNS_RDF_TYPE_DNAME:
        return put_name(reader, token);
    case LDNS_RDF_TYPE_INT8:
        return put_integer(reader, token->text, 1);
    case LDNS_RDF_TYPE_INT16:
        return put_integer(reader, token->text, 2);
    case LDNS_RDF_TYPE_INT32:
        return put_integer(reader, token->text, 4);
    case LDNS_RDF_TYPE_PERIOD:
        return put_period(reader, token->text);
    case LDNS_RDF_TYPE_TYPE:
        return put_rrtype(reader, token->text);
    case LDNS_RDF_TYPE_HEX:
        return put_hex(reader, token->text);
    case LDNS_RDF_TYPE_NSEC:
        return put_type_bitmap(reader, token->text);
    case LDNS_RDF_TYPE_IPSECKEY:
        return put_ipseckey(reader, token->text);
    case LDNS_RDF_TYPE_ALG:
    case LDNS_RDF_TYPE_CERTIFICATE_USAGE:
    case LDNS_RDF_TYPE_SELECTOR:
    case LDNS_RDF_TYPE_MATCHING_TYPE:
        return put_mnemonic(reader, field, token->text, 1);
    case LDNS_RDF_TYPE_CERT_ALG:
        return put_mnemonic(reader, field, token->text, 2);
    default:
        return put_by_ldns(reader, field, token->text);
    }
}

/* How many blank-separated tokens of the entry are one field's text; 0: all that are left. */
static unsigned field_tokens(ldns_rdf_type field, bool last)
{
    switch (field) {
    case LDNS_RDF_TYPE_HIP:
        return 3;
    case LDNS_RDF_TYPE_B64:
    case LDNS_RDF_TYPE_HEX:
    case LDNS_RDF_TYPE_NSEC:
    case LDNS_RDF_TYPE_LOC:
    case LDNS_RDF_TYPE_WKS:
    case LDNS_RDF_TYPE_IPSECKEY:
    case LDNS_RDF_TYPE_AMTRELAY:
    case LDNS_RDF_TYPE_SVCPARAMS:
        return last ? 0 : 1;
    default:
        return 1;
    }
}

/* Takes a field's text off the entry. False: nothing is left of it. */
static bool field_next(struct reader *reader, unsigned ntokens, struct token *field)
{
    char *begin = reader->text + (*reader->text == ' ' ? 1 : 0);
    if (ntokens == 1 || *begin == '\0')
        return token_next(&reader->text, field);
    char *end = begin + strlen(begin);
    if (ntokens > 1) {
        end = begin;
        for (unsigned i = 0; i < ntokens; i++)
            end += strcspn(end, " ") + (i + 1 < ntokens && strchr(end, ' ') != NULL ? 1 : 0);
    }
    reader->text = *end == '\0' ? end : end + 1;
    *end = '\0';
    *field = (struct token){.text = begin, .size = (size_t)(end - begin)};
    return true;
}

static bool put_fields(struct reader *reader, const ldns_rr_descriptor *type)
{
    size_t most = ldns_rr_descriptor_maximum(type), count = 0;
    struct token token;
    for (; count < most; count++) {
        ldns_rdf_type field = ldns_rr_descriptor_field_type(type, count);
        if (!field_next(reader, field_tokens(field, count + 1 == most), &token))
            break;
        if (!put_field(reader, field, &token))
            return false;
    }
    if (count < ldns_rr_descriptor_minimum(type))
        return error_set(reader->error, "the record ends too early: field %zu is missing",
                         count + 1);
    if (token_next(&reader->text, &token))
        return error_set(reader->error, "\"%.100s\" is more than the record may hold", token.text);
    return true;
}

/* The octets of a name at bytes; more than left when it does not end in time or is compressed. */
static size_t name_octets(const uint8_t *bytes, size_t left)
{
    size_t size = 0;
    while (size < left && bytes[size] != 0)
        size += 1u + bytes[size];
    return size < left && name_valid(bytes, size + 1) ? size + 1 : left + 1;
}

/* The octets that a field in wire format takes; more than left when it is cut short. */
static size_t field_octets(ldns_rdf_type field, const uint8_t *bytes, size_t left)
{
    switch (field) {
    case LDNS_RDF_TYPE_DNAME:
        return name_octets(bytes, left);
    case LDNS_RDF_TYPE_INT8:
    case LDNS_RDF_TYPE_ALG:
    case LDNS_RDF_TYPE_CERTIFICATE_USAGE:
    case LDNS_RDF_TYPE_SELECTOR:
    case LDNS_RDF_TYPE_MATCHING_TYPE:
        return 1;
    case LDNS_RDF_TYPE_INT16:
    case LDNS_RDF_TYPE_TYPE:
    case LDNS_RDF_TYPE_CERT_ALG:
        return 2;
    case LDNS_RDF_TYPE_INT32:
    case LDNS_RDF_TYPE_PERIOD:
    case LDNS_RDF_TYPE_TIME:
    case LDNS_RDF_TYPE_A:
        return 4;
    case LDNS_RDF_TYPE_EUI48:
        return 6;
    case LDNS_RDF_TYPE_EUI64:
    case LDNS_RDF_TYPE_ILNP64:
        return 8;
    case LDNS_RDF_TYPE_AAAA:
    case LDNS_RDF_TYPE_LOC:
        return 16;
    case LDNS_RDF_TYPE_STR:
    case LDNS_RDF_TYPE_TAG:
    case LDNS_RDF_TYPE_NSEC3_SALT:
    case LDNS_RDF_TYPE_NSEC3_NEXT_OWNER:
        return 1u + bytes[0];
    case LDNS_RDF_TYPE_HIP:
        return left < 4 ? 4 : 4u + bytes[0] + (bytes[2] << 8 | bytes[3]);
    default: /* goes to the end of the record */
        return left;
    }
}

/* Whether octets given by number are a well-formed record of a type that is known. */
static bool check_generic(const struct reader *reader, const ldns_rr_descriptor *type)
{
    size_t at = 0, count = 0, most = ldns_rr_descriptor_maximum(type);
    for (; count < most; count++) {
        ldns_rdf_type field = ldns_rr_descriptor_field_type(type, count);
        /* The value of a CAA record may be empty (RFC 8659 section 4.1.1). */
        if (at > reader->size || (at == reader->size && field != LDNS_RDF_TYPE_LONG_STR))
            break;
        at += field_octets(field, reader->bytes + at, reader->size - at);
    }
    return at == reader->size && count >= ldns_rr_descriptor_minimum(type);
}

/* RFC 3597 section 5: \# SIZE HEX, for types known and unknown. */
static bool put_generic(struct reader *reader, const ldns_rr_descriptor *type)
{
    struct token size;
    if (!token_next(&reader->text, &size) || !put_integer(reader, size.text, 2))
        return error_set(reader->error, "\\# lacks the number of octets (0 to 65535)");
    size_t wanted = (size_t)reader->bytes[0] << 8 | reader->bytes[1];
    reader->size = 0;
    if (!put_hex(reader, reader->text))
        return false;
    if (reader->size != wanted)
        return error_set(reader->error, "\\# announces %zu octets, %zu follow", wanted,
                         reader->size);
    bool opaque = ldns_rr_descriptor_field_type(type, 0) == LDNS_RDF_TYPE_UNKNOWN;
    return opaque || check_generic(reader, type) ||
           error_set(reader->error, "the octets are no well-formed record of this type");
}

int rdata_from_text(uint16_t rrtype, char *text, const uint8_t *origin,
                    uint8_t bytes[RDATA_MAX_SIZE], struct error *error)
{
    struct reader reader = {.text = text, .origin = origin, .bytes = bytes, .error = error};
    const ldns_rr_descriptor *type = ldns_rr_descript(rrtype);
    size_t mark = strspn(text, " ");
    bool generic =
        strncmp(text + mark, "\\#", 2) == 0 && (text[mark + 2] == ' ' || text[mark + 2] == '\0');
    if (generic)
        reader.text += mark + 2;
    bool good = generic ? put_generic(&reader, type) : put_fields(&reader, type);
    return good ? (int)reader.size : -1;
}

/* Where the name of a gateway or relay stands that such a field ends with (RFC 4025 section 2.1,
 * RFC 8777 section 4.2); 0: it has none. */
static size_t gateway_offset(ldns_rdf_type field, const uint8_t *bytes, size_t left)
{
    if (field == LDNS_RDF_TYPE_IPSECKEY)
        return left > 3 && bytes[1] == 3 ? 3 : 0;
    if (field == LDNS_RDF_TYPE_AMTRELAY)
        return left > 2 && (bytes[1] & 0x7f) == 3 ? 2 : 0;
    return 0;
}

unsigned rdata_names(uint16_t rrtype, const struct rdata *record, uint16_t offsets[RDATA_NAMES_MAX])
{
    const ldns_rr_descriptor *type = ldns_rr_descript(rrtype);
    size_t most = ldns_rr_descriptor_maximum(type), at = 0;
    unsigned count = 0;
    for (size_t i = 0; i < most && at < record->size; i++) {
        ldns_rdf_type field = ldns_rr_descriptor_field_type(type, i);
        size_t left = record->size - at, gateway = gateway_offset(field, record->bytes + at, left);
        bool is_name = field == LDNS_RDF_TYPE_DNAME || gateway > 0;
        if (is_name && count < RDATA_NAMES_MAX)
            offsets[count] = (uint16_t)(at + gateway);
        count += is_name;
        at += field_octets(field, record->bytes + at, left);
    }
    return count;
}

const uint8_t *rdata_target(uint16_t rrtype, const uint8_t *bytes)
{
    switch (rrtype) {
    case RRTYPE_MX:
        return bytes + 2; /* behind the preference */
    case RRTYPE_SRV:
        return bytes + 6; /* behind priority, weight and port */
    default:
        return bytes;
    }
}

uint16_t rdata_srv_weight(const uint8_t *bytes)
{
    return (uint16_t)(bytes[2] << 8 | bytes[3]);
}

uint16_t rdata_srv_port(const uint8_t *bytes)
{
    return (uint16_t)(bytes[4] << 8 | bytes[5]);
}
