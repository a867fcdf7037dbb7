/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * YAML text -> tree of texts with places, by libyaml's events.
 * Pipeline: the first step of scenario/; read.c gives the tree its types.
 *
 * A plain part of YAML is read: block and flow mappings and lists, plain and
 * quoted values on one line.  Refused, each with its place: anchors, aliases,
 * tags, merge keys, further documents, a key twice, tabs as indentation,
 * control characters, bytes that are not UTF-8, more than LH__DEPTH_MAX
 * levels, more than VALUES_MAX values.  A syntax error ends the reading;
 * everything else is reported and the reading goes on.
 */
#include "values.h"

#include <string.h>
#include <yaml.h>

enum { VALUES_MAX = 2000000, KEYS_MAX = 1000 };

struct reader {
    yaml_parser_t yaml;
    const char *text;
    size_t n;
    struct lh_where place; /* line 0: every place is this one */
    int n_values;
    struct lh_ctx *ctx;
};

static struct lh_where where_of(const struct reader *r, yaml_mark_t mark)
{
    if (r->place.line == 0)
        return r->place;
    return (struct lh_where){r->place.file, (int)mark.line + 1,
                             (int)mark.column + 1};
}

/* The place of a byte that is not a character. */
static struct lh_where where_of_byte(const struct reader *r, size_t offset)
{
    struct lh_where where = {r->place.file, 1, 1};

    if (r->place.line == 0)
        return r->place;
    for (size_t i = 0; i < offset && i < r->n; i++) {
        if (r->text[i] == '\n') {
            where.line++;
            where.col = 1;
        } else if (((unsigned char)r->text[i] & 0xc0) != 0x80) {
            where.col++;
        }
    }
    return where;
}

/* Is there a tab in the indentation of the line, or at the mark itself? */
static bool is_tab(const struct reader *r, yaml_mark_t mark)
{
    const char *line = r->text;
    const char *end = r->text + r->n;
    size_t col = 0;

    for (size_t i = 0; i < mark.line; i++) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            return false;
        line = next + 1;
    }
    for (; line < end && (*line == ' ' || *line == '\t'); line++) {
        if (*line == '\t')
            return true;
    }
    for (; line < end && *line != '\n' && col < mark.column; line++)
        col++;
    return line < end && *line == '\t';
}

static void report_syntax(struct reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    const char *problem = y->problem ? y->problem : "cannot be read";

    if (y->error == YAML_READER_ERROR) {
        bool control = strncmp(problem, "control", 7) == 0;
        lh_error(r->ctx, where_of_byte(r, y->problem_offset), "%s",
                 control ? "control characters are not allowed"
                         : "not UTF-8 text");
        return;
    }
    if (is_tab(r, y->problem_mark)) {
        lh_error(r->ctx, where_of(r, y->problem_mark),
                 "a tab where only spaces may stand");
        return;
    }
    if (!y->context) {
        lh_error(r->ctx, where_of(r, y->problem_mark), "%s", problem);
        return;
    }
    if (r->place.line == 0) {
        lh_error(r->ctx, r->place, "%s %s", problem, y->context);
        return;
    }
    lh_error(r->ctx, where_of(r, y->problem_mark), "%s %s that begins at %d:%d",
             problem, y->context, (int)y->context_mark.line + 1,
             (int)y->context_mark.column + 1);
}

static bool next_event(yaml_event_t *event, struct reader *r)
{
    if (yaml_parser_parse(&r->yaml, event))
        return true;
    report_syntax(r);
    return false;
}

/* Line breaks and controls inside a value would not survive being echoed;
 * U+2028, U+2029, U+FEFF, U+FFFE and U+FFFF are among them. */
static bool has_control(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < n && (unsigned char)text[i + 1] < 0xa0)
            return true;
        if (i + 2 < n
            && (memcmp(text + i, "\xe2\x80\xa8", 3) == 0
                || memcmp(text + i, "\xe2\x80\xa9", 3) == 0
                || memcmp(text + i, "\xef\xbf\xbe", 3) == 0
                || memcmp(text + i, "\xef\xbb\xbf", 3) == 0
                || memcmp(text + i, "\xef\xbf\xbf", 3) == 0))
            return true;
    }
    return false;
}

/* Reports what a node may not carry; true: it may stay. */
static bool check_decoration(struct reader *r, struct lh_where where,
                             const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        lh_error(r->ctx, where, "anchors are not supported ('&%s')", anchor);
    if (tag)
        lh_error(r->ctx, where, "tags are not supported ('%s')", tag);
    return !anchor && !tag;
}

static struct lh__value *make_scalar(struct reader *r,
                                     const yaml_event_t *event)
{
    struct lh_arena *arena = r->ctx->arena;
    struct lh_where where = where_of(r, event->start_mark);
    struct lh__value *value = lh__value_new(arena, LH__SCALAR, where);
    const char *text = (const char *)event->data.scalar.value;
    size_t n = event->data.scalar.length;

    value->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    value->text = lh_strndup(arena, text, n);
    value->bad = !check_decoration(r, where, event->data.scalar.anchor,
                                   event->data.scalar.tag);
    if (has_control(text, n)) {
        lh_error(r->ctx, where,
                 "line breaks and control characters are not allowed "
                 "in a value");
        value->bad = true;
    }
    return value;
}

static struct lh__value *make_node(struct reader *r, yaml_event_t *event,
                                   int depth);

static bool fill_list(struct reader *r, struct lh__value *list, int depth)
{
    yaml_event_t event;

    for (;;) {
        if (!next_event(&event, r))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        struct lh__value *item = make_node(r, &event, depth + 1);
        if (!item)
            return false;
        lh__value_append(r->ctx->arena, list, item);
    }
}

/* Puts a pair unless the key is a fault by itself. */
static void put_pair(struct reader *r, struct lh__value *mapping,
                     const struct lh__value *key, struct lh__value *item)
{
    if (key->kind != LH__SCALAR) {
        lh_error(r->ctx, key->where, "a key must be a single word");
        mapping->bad = true;
        return;
    }
    if (key->bad) {
        mapping->bad = true;
        return;
    }
    if (key->plain && strcmp(key->text, "<<") == 0) {
        lh_error(r->ctx, key->where, "merge keys ('<<') are not supported");
        mapping->bad = true;
        return;
    }
    for (int i = 0; i < mapping->n; i++) {
        if (strcmp(mapping->names[i], key->text) == 0) {
            lh_error(r->ctx, key->where,
                     "key '%s' stands here twice, first in line %d", key->text,
                     mapping->places[i].line);
            mapping->items[i]->bad = true;
            return;
        }
    }
    lh__value_put(r->ctx->arena, mapping, key->text, key->where, item);
}

static bool fill_mapping(struct reader *r, struct lh__value *mapping, int depth)
{
    yaml_event_t event;

    for (;;) {
        if (!next_event(&event, r))
            return false;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        struct lh__value *key = make_node(r, &event, depth + 1);
        if (!key || !next_event(&event, r))
            return false;
        struct lh__value *item = make_node(r, &event, depth + 1);
        if (!item)
            return false;
        put_pair(r, mapping, key, item);
        if (mapping->n > KEYS_MAX) {
            lh_error(r->ctx, mapping->where, "more than %d keys in one mapping",
                     KEYS_MAX);
            return false;
        }
    }
}

static struct lh__value *make_alias(struct reader *r, const yaml_event_t *event)
{
    struct lh_where where = where_of(r, event->start_mark);
    struct lh__value *value = lh__value_new(r->ctx->arena, LH__SCALAR, where);

    lh_error(r->ctx, where, "aliases are not supported ('*%s')",
             event->data.alias.anchor);
    value->text = "";
    value->bad = true;
    return value;
}

static struct lh__value *make_collection(struct reader *r,
                                         const yaml_event_t *event, int depth)
{
    bool is_list = event->type == YAML_SEQUENCE_START_EVENT;
    struct lh__value *value =
        lh__value_new(r->ctx->arena, is_list ? LH__LIST : LH__MAPPING,
                      where_of(r, event->start_mark));
    bool plain = is_list ? check_decoration(r, value->where,
                                            event->data.sequence_start.anchor,
                                            event->data.sequence_start.tag)
                         : check_decoration(r, value->where,
                                            event->data.mapping_start.anchor,
                                            event->data.mapping_start.tag);

    value->bad = !plain;
    if (depth >= LH__DEPTH_MAX) {
        lh_error(r->ctx, value->where, "nested more than %d levels deep",
                 LH__DEPTH_MAX);
        return NULL;
    }
    if (is_list ? fill_list(r, value, depth) : fill_mapping(r, value, depth))
        return value;
    return NULL;
}

/* Deletes the event; NULL: reading cannot go on, the diag says why. */
static struct lh__value *make_node(struct reader *r, yaml_event_t *event,
                                   int depth)
{
    struct lh__value *value = NULL;

    if (++r->n_values > VALUES_MAX) {
        lh_error(r->ctx, where_of(r, event->start_mark), "more than %d values",
                 VALUES_MAX);
    } else if (event->type == YAML_SCALAR_EVENT) {
        value = make_scalar(r, event);
    } else if (event->type == YAML_ALIAS_EVENT) {
        value = make_alias(r, event);
    } else {
        value = make_collection(r, event, depth);
    }
    yaml_event_delete(event);
    return value;
}

static struct lh__value *make_document(struct reader *r)
{
    struct lh__value *root = NULL;
    yaml_event_t event;
    bool more;

    if (!next_event(&event, r)) /* the stream's start */
        return NULL;
    yaml_event_delete(&event);
    if (!next_event(&event, r))
        return NULL;
    more = event.type == YAML_DOCUMENT_START_EVENT;
    yaml_event_delete(&event);
    if (!more) {
        struct lh_where where = {r->place.file, 0, 0};
        lh_error(r->ctx, where, "holds nothing");
        return NULL;
    }
    if (!next_event(&event, r))
        return NULL;
    root = make_node(r, &event, 0);
    if (!root || !next_event(&event, r)) /* the document's end */
        return root;
    yaml_event_delete(&event);
    if (!next_event(&event, r))
        return root;
    if (event.type == YAML_DOCUMENT_START_EVENT) {
        lh_error(r->ctx, where_of(r, event.start_mark),
                 "a second document begins here; one file is one scenario");
    }
    yaml_event_delete(&event);
    return root;
}

enum lh_status lh__yaml_parse(struct lh__value **out, const char *text,
                              size_t n, struct lh_where place,
                              struct lh_ctx *ctx)
{
    struct reader r = {.text = text, .n = n, .place = place, .ctx = ctx};
    int before = lh_diag_count(ctx, LH_ERROR);

    *out = NULL;
    if (!yaml_parser_initialize(&r.yaml)) {
        lh_error(ctx, place, "libyaml cannot start");
        return LH_FAILED;
    }
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text, n);
    *out = make_document(&r);
    yaml_parser_delete(&r.yaml);
    return lh_diag_count(ctx, LH_ERROR) > before ? LH_BAD_INPUT : LH_OK;
}
