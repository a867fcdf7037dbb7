/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of keys as help: `longhaul explain`, docs/keys.md, and a JSON
 * Schema (draft 2020-12) for editors.
 */
#include "schema.h"

#include <string.h>

/* ---- one key in words --------------------------------------------------- */

static const char *default_text(const struct lh__key *key,
                                struct lh_arena *arena)
{
    if (key->flags & LH__REQUIRED)
        return "none: it must be given";
    if (key->fallback)
        return key->fallback;
    if (key->derived)
        return key->derived;
    if (key->flags & LH__ROW)
        return "the fabric's row";
    if (key->type == LH__GROUP)
        return "the defaults of its keys";
    return lh_format(arena, "none");
}

static void put_limit(struct lh_text *out, const struct lh__key *key,
                      double limit)
{
    if (key->type == LH__QUANTITY)
        lh_text_add(out, lh_units_canonical(out->arena, limit, key->dimension));
    else
        lh_text_double(out, limit);
}

/* "1 to 65536", "above 0", ""; a list's is that of an entry. */
static const char *range_text(const struct lh__key *key, struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    bool number = key->type == LH__COUNT || key->type == LH__NUMBER
                  || key->type == LH__QUANTITY || key->type == LH__COUNTS
                  || key->type == LH__NUMBERS;

    if (!number)
        return "";
    lh_text_add(&text, key->flags & LH__POSITIVE ? "above " : "");
    put_limit(&text, key, key->min);
    if (key->max > 0) {
        lh_text_add(&text, key->flags & LH__POSITIVE ? ", at most " : " to ");
        put_limit(&text, key, key->max);
    } else {
        lh_text_add(&text, key->flags & LH__POSITIVE ? "" : " or more");
    }
    return text.s;
}

static const char *unsupported_text(const struct lh__key *key,
                                    struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    char word[64];

    if (key->type == LH__LATER)
        return "in this version only [] is accepted";
    if (key->supported_max)
        return lh_format(arena,
                         key->type == LH__FLAG
                             ? "in this version only %s is accepted"
                             : "in this version at most %s",
                         key->supported_max);
    if (key->n_supported == 0)
        return NULL;
    for (int i = key->n_supported; lh__choice_at(word, key->choices, i); i++)
        lh_text_printf(&text, "%s%s", i > key->n_supported ? ", " : "", word);
    return lh_format(arena, "not in this version: %s", text.s);
}

static const char *condition_text(const char *when, struct lh_arena *arena)
{
    const char *equals = strchr(when, '=');
    char word[64];

    int n = (int)(equals - when);
    if (strcmp(equals + 1, "many") == 0)
        return "there are several sites";
    if (strcmp(equals + 1, "none") == 0)
        return lh_format(arena, "%.*s is not given", n, when);
    if (strcmp(equals + 1, "any") == 0)
        return lh_format(arena, "%.*s is given", n, when);
    struct lh_text text = lh_text_new(arena);
    lh_text_printf(&text, "%.*s is ", n, when);
    for (int i = 0; lh__choice_at(word, equals + 1, i); i++)
        lh_text_printf(&text, "%s%s%s", i ? " or " : "",
                       word[0] == '!' ? "not " : "", word + (word[0] == '!'));
    return text.s;
}

static const char *when_text(const struct lh__key *key, struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    const char *when;

    for (int i = 0; (when = lh__key_condition(key, i, arena)); i++)
        lh_text_printf(&text, "%s%s", i ? ", and " : "",
                       condition_text(when, arena));
    return text.n > 0 ? text.s : NULL;
}

static const char *domain_text(const struct lh__key *key,
                               struct lh_arena *arena)
{
    const char *domain = lh__key_domain(key, arena);

    return key->unit ? lh_format(arena, "%s (%s)", domain, key->unit) : domain;
}

static void put_row(struct lh_text *out, const char *label, const char *text)
{
    if (text && *text)
        lh_text_printf(out, "  %-9s %s\n", label, text);
}

static void explain_key(struct lh_text *out, const struct lh__key *key)
{
    struct lh_arena *arena = out->arena;
    const struct lh__key *child = NULL;

    lh_text_printf(out, "%s\n  %s\n", key->path, key->help);
    put_row(out, "value", domain_text(key, arena));
    put_row(out, "range", range_text(key, arena));
    put_row(out, "default", default_text(key, arena));
    put_row(out, "example", key->example);
    put_row(out, "limits", unsupported_text(key, arena));
    if (key->when)
        put_row(out, "only if", when_text(key, arena));
    if (key->bare)
        put_row(out, "short",
                lh_format(arena,
                          "a single value stands for "
                          "its key '%s'",
                          key->bare));
    if (!lh__key_is_group(key))
        return;
    lh_text_add(out, "  keys     ");
    while ((child = lh__key_next(key, child)))
        lh_text_printf(out, " %s", lh__key_name(child));
    lh_text_add(out, "\n");
}

/* ---- explain ------------------------------------------------------------ */

/* "fibres[0].length" -> "fibres[].length" */
static const char *general_path(struct lh_arena *arena, const char *path)
{
    struct lh_text text = lh_text_new(arena);

    for (const char *p = path; *p; p++) {
        lh_text_printf(&text, "%c", *p);
        if (*p == '[')
            p += strspn(p + 1, "0123456789");
    }
    return text.s;
}

/* Is the path, or its end after a dot, the key asked for? */
static bool matches(const struct lh__key *key, const char *path)
{
    size_t n = strlen(key->path), m = strlen(path);

    if (m > n || strcmp(key->path + n - m, path) != 0)
        return false;
    return m == n || key->path[n - m - 1] == '.';
}

static enum lh_status fault_key(const char *asked, const char *path,
                                struct lh_where where, struct lh_ctx *ctx)
{
    const char **words =
        LH_NEW(ctx->arena, const char *, 2 * (size_t)lh__key_count());
    int n = 0;

    for (int i = 0; i < lh__key_count(); i++)
        words[n++] = lh__key_at(i)->path;
    for (int i = 0; i < lh__key_count(); i++)
        words[n++] = lh__key_name(lh__key_at(i));
    const char *near = lh_nearest(path, words, n);
    lh_error(ctx, where, "no key '%s'%s%s%s", asked,
             near ? "; did you mean '" : "; see 'longhaul explain --all'",
             near ? near : "", near ? "'?" : "");
    return LH_BAD_INPUT;
}

const struct lh__key *lh__key_asked(const char *asked, struct lh_where where,
                                    struct lh_ctx *ctx)
{
    const char *path = general_path(ctx->arena, asked);
    const struct lh__key *key = lh__key_find(path);

    if (!key && fault_key(asked, path, where, ctx) != LH_OK)
        return NULL;
    return key;
}

enum lh_status lh_schema_explain(struct lh_text *out, const char *key,
                                 struct lh_ctx *ctx)
{
    const char *path = key ? general_path(ctx->arena, key) : NULL;
    const struct lh__key *exact = key ? lh__key_find(path) : NULL;
    int n = 0;

    for (int i = 0; i < lh__key_count(); i++) {
        const struct lh__key *row = lh__key_at(i);
        if (key && (exact ? row != exact : !matches(row, path)))
            continue;
        if (n++)
            lh_text_add(out, "\n");
        explain_key(out, row);
    }
    return n > 0 ? LH_OK : fault_key(key, path, LH_NOWHERE, ctx);
}

/* ---- docs/keys.md ------------------------------------------------------- */

static void put_cell(struct lh_text *out, const char *text)
{
    for (; *text; text++)
        lh_text_printf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static const char *cell_text(const struct lh__key *key, struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    const char *range = range_text(key, arena);
    const char *limits = unsupported_text(key, arena);
    const char *when = when_text(key, arena);

    lh_text_add(&text, domain_text(key, arena));
    if (*range)
        lh_text_printf(&text, "; %s", range);
    if (limits)
        lh_text_printf(&text, "; %s", limits);
    if (when)
        lh_text_printf(&text, "; has an effect only if %s", when);
    return text.s;
}

void lh_schema_print_markdown(struct lh_text *out, struct lh_ctx *ctx)
{
    lh_text_add(
        out,
        "# Keys of a scenario\n\n"
        "Made from the table in scenario/keys.c by `longhaul explain "
        "--markdown`; do not edit.\n\n"
        "Lengths, rates, sizes and times need a unit; counts, tokens, shares "
        "and degrees have none.  A whole number is written in digits alone "
        "(`1e3`, `1_000` and `0x10` are refused); a flag is `true` or "
        "`false`.  Paths are relative to the scenario's folder.  `[]` stands "
        "for every entry of a list; `--set` takes a number there, as in "
        "`--set fibres[0].length='300 km'`.\n\n"
        "| key | meaning | value | default |\n|---|---|---|---|\n");
    for (int i = 0; i < lh__key_count(); i++) {
        const struct lh__key *key = lh__key_at(i);
        lh_text_printf(out, "| `%s` | ", key->path);
        put_cell(out, key->help);
        lh_text_add(out, " | ");
        put_cell(out, cell_text(key, ctx->arena));
        lh_text_add(out, " | ");
        put_cell(out, default_text(key, ctx->arena));
        lh_text_add(out, " |\n");
    }
}

/* ---- JSON Schema -------------------------------------------------------- */

struct schema_out {
    struct lh_text *out;
    int depth;
};

static void line(struct schema_out *s, const char *name)
{
    lh_text_printf(s->out, "%*s\"%s\": ", s->depth, "", name);
}

static void put_choices(struct schema_out *s, const struct lh__key *key)
{
    char word[64];
    int n = key->n_supported;

    lh_text_add(s->out, "\"enum\": [");
    for (int i = 0; (n == 0 || i < n) && lh__choice_at(word, key->choices, i);
         i++)
        lh_text_printf(s->out, "%s\"%s\"", i ? ", " : "", word);
    lh_text_add(s->out, "]");
}

static void put_bounds(struct schema_out *s, const struct lh__key *key)
{
    double max = key->max;

    lh_text_printf(s->out, ", \"%s\": ",
                   key->flags & LH__POSITIVE ? "exclusiveMinimum" : "minimum");
    lh_text_json_double(s->out, key->min);
    if (max > 0) {
        lh_text_add(s->out, ", \"maximum\": ");
        if (key->supported_max)
            lh_text_add(s->out, key->supported_max);
        else
            lh_text_json_double(s->out, max);
    }
}

/* The constraints of a value; lists without their braces. */
static void put_type(struct schema_out *s, const struct lh__key *key)
{
    bool counts = key->type == LH__COUNTS || key->type == LH__COUNT;

    switch (key->type) {
    case LH__COUNT:
    case LH__NUMBER:
        lh_text_printf(s->out, "\"type\": %s",
                       key->flags & LH__AUTO ? "[\"integer\", \"string\"]"
                       : counts              ? "\"integer\""
                                             : "\"number\"");
        put_bounds(s, key);
        break;
    case LH__QUANTITY:
    case LH__NAME:
    case LH__TEXT:
    case LH__FILE:
        lh_text_add(s->out, key->flags & LH__ZERO
                                ? "\"type\": [\"string\", \"integer\"]"
                                : "\"type\": \"string\"");
        if (key->type == LH__NAME)
            lh_text_add(s->out, ", \"pattern\": \"^[A-Za-z0-9._-]+$\"");
        break;
    case LH__FLAG:
        if (key->choices)
            put_choices(s, key);
        else
            lh_text_add(s->out, key->supported_max ? "\"const\": false"
                                                   : "\"type\": \"boolean\"");
        break;
    case LH__CHOICE:
    case LH__WORD: put_choices(s, key); break;
    case LH__COUNTS:
    case LH__NUMBERS:
        lh_text_printf(s->out, "\"type\": %s, \"items\": {\"type\": \"%s\"}",
                       counts ? "\"array\"" : "[\"number\", \"array\"]",
                       counts ? "integer" : "number");
        break;
    case LH__LOCATION:
    case LH__PAIR:
        lh_text_printf(s->out,
                       "\"type\": \"array\", \"items\": {\"type\": \"%s\"}, "
                       "\"minItems\": 2, \"maxItems\": 2",
                       key->type == LH__PAIR ? "string" : "number");
        break;
    case LH__LATER:
        lh_text_add(s->out, "\"type\": \"array\", \"maxItems\": 0");
        break;
    case LH__GROUP:
    case LH__GROUPS: break;
    }
}

static void put_help(struct schema_out *s, const struct lh__key *key)
{
    lh_text_add(s->out, "\"description\": ");
    lh_text_json_string(s->out, key->help);
    if (key->fallback && !lh__key_is_group(key) && key->type != LH__LATER) {
        bool bare = key->type == LH__COUNT || key->type == LH__NUMBER
                    || (key->type == LH__FLAG && !key->choices);
        lh_text_add(s->out, ", \"default\": ");
        if (bare)
            lh_text_add(s->out, key->fallback);
        else
            lh_text_json_string(s->out, key->fallback);
    }
}

static void put_object(struct schema_out *s, const struct lh__key *group);

static void put_property(struct schema_out *s, const struct lh__key *key)
{
    line(s, lh__key_name(key));
    lh_text_add(s->out, "{");
    if (key->type == LH__GROUPS) {
        put_help(s, key);
        lh_text_printf(s->out,
                       ", \"type\": \"array\", \"minItems\": %d, "
                       "\"items\": {",
                       key->n_min);
        put_object(s, key);
        lh_text_add(s->out, "}");
    } else if (key->type == LH__GROUP && key->bare) {
        put_help(s, key);
        lh_text_add(s->out, ", \"oneOf\": [{\"type\": \"string\"}, {");
        put_object(s, key);
        lh_text_add(s->out, "}]");
    } else if (key->type == LH__GROUP) {
        put_help(s, key);
        lh_text_add(s->out, ", ");
        put_object(s, key);
    } else {
        put_type(s, key);
        lh_text_add(s->out, ", ");
        put_help(s, key);
    }
    lh_text_add(s->out, "}");
}

/* type, properties, required and the closing of the set, without braces. */
static void put_object(struct schema_out *s, const struct lh__key *group)
{
    const struct lh__key *key = NULL;
    struct lh_text required = lh_text_new(s->out->arena);
    bool first = true;

    lh_text_add(s->out, "\"type\": \"object\", \"properties\": {\n");
    s->depth += 2;
    while ((key = lh__key_next(group, key))) {
        if (!first)
            lh_text_add(s->out, ",\n");
        first = false;
        put_property(s, key);
        /* sites may come from a table */
        if ((key->flags & LH__REQUIRED) && strcmp(key->path, "sites") != 0)
            lh_text_printf(&required, "%s\"%s\"", required.n ? ", " : "",
                           lh__key_name(key));
    }
    s->depth -= 2;
    lh_text_printf(s->out, "\n%*s}", s->depth, "");
    if (required.n)
        lh_text_printf(s->out, ", \"required\": [%s]", required.s);
    lh_text_add(s->out, ", \"additionalProperties\": false");
}

void lh_schema_print_json_schema(struct lh_text *out, struct lh_ctx *ctx)
{
    struct schema_out s = {out, 2};

    (void)ctx;
    lh_text_add(
        out,
        "{\n"
        "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
        "  \"title\": \"longhaul scenario\",\n  ");
    put_object(&s, NULL);
    lh_text_add(out, "\n}\n");
}
