/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/text.h"

#include "base/memory.h"
#include "model/template.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

const char *name_text(struct arena *arena, const uint8_t *name)
{
    char text[NAME_TEXT_SIZE];
    return arena_strdup(arena, name_to_text(name, text));
}

char *zone_name_text(const struct zone *zone, const uint8_t *name, char text[ZONE_TEXT_SIZE])
{
    uint8_t prefix[NAME_MAX_SIZE];
    size_t size;
    if (zone == NULL || !name_is_in_template(name, &size))
        return name_to_text(name, text);
    memcpy(prefix, name, size);
    prefix[size] = 0;
    size_t length = size > 0 ? strlen(name_to_text(prefix, text)) : 0;
    snprintf(text + length, ZONE_TEXT_SIZE - length, "%s%s", length > 0 ? "." : "", zone->name);
    return text;
}

char *model_name_text(const struct model *model, const uint8_t *name, char text[ZONE_TEXT_SIZE])
{
    size_t size;
    bool relative = name_is_in_template(name, &size);
    return zone_name_text(relative ? model_zone(model, name + size) : NULL, name, text);
}

/* \# SIZE HEX (RFC 3597 section 5). */
static const char *generic_text(struct arena *arena, const struct rdata *record)
{
    char *hex = ARENA_ARRAY(arena, char, 2 * (size_t)record->size + 1);
    for (size_t i = 0; i < record->size; i++)
        sprintf(hex + 2 * i, "%02x", record->bytes[i]);
    return arena_printf(arena, "\\# %u%s%s", record->size, record->size ? " " : "", hex);
}

/* ldns reads rdata behind its length. */
static bool read_wire(ldns_rr *rr, const struct rdata *record)
{
    size_t at = 0;
    uint8_t *wire = memory_array(2 + (size_t)record->size, 1);
    ldns_write_uint16(wire, record->size);
    memcpy(wire + 2, record->bytes, record->size);
    ldns_status status = ldns_wire2rdf(rr, wire, 2 + (size_t)record->size, &at);
    free(wire);
    return status == LDNS_STATUS_OK && at == 2 + (size_t)record->size;
}

/* ldns writes "owner<tab>TTL<tab>class<tab>type<tab>rdata<newline>". */
static const char *cut_rdata(struct arena *arena, char *line)
{
    char *at = line;
    for (int tabs = 0; at && tabs < 4; tabs++) {
        at = strchr(at, '\t');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return NULL;
    at[strcspn(at, "\n")] = '\0';
    return arena_strdup(arena, at);
}

const char *rdata_text(struct arena *arena, uint16_t rrtype, const struct rdata *record)
{
    const char *text = NULL;
    ldns_rr *rr = ldns_rr_new();
    if (rr) {
        ldns_rr_set_owner(rr, ldns_dname_new_frm_str("."));
        ldns_rr_set_type(rr, (ldns_rr_type)rrtype);
        char *line =
            read_wire(rr, record) ? ldns_rr2str_fmt(ldns_output_format_nocomments, rr) : NULL;
        if (line)
            text = cut_rdata(arena, line);
        free(line);
        ldns_rr_free(rr);
    }
    return text ? text : generic_text(arena, record);
}
