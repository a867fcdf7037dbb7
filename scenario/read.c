/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tree of texts -> struct lh_scenario, by the table of keys: types, units,
 * ranges, choices, defaults, unknown and missing keys.  Every fault is
 * reported; a faulty value leaves the default, so that reading goes on.
 * Pipeline: yaml.c, tables.c -> this -> resolve.c.  What several keys say
 * together is resolve.c's.
 *
 * A plain value is read by the key's type alone: `no`, `1_000`, `0x10`,
 * `12:30` are never anything but text.  Whole numbers are digits; true and
 * false are the only flags.
 */
#include "schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- saying what is wrong ----------------------------------------------- */

/* The key in front of a message where its place alone does not name it. */
static const char *prefix(const struct lh__reader *r,
                          const struct lh__value *value, const char *shown)
{
    if (value->where.line > 0 && value->where.col == 0)
        return lh_format(r->ctx->arena, "%s: ", shown);
    return "";
}

#define FAULT(r, value, ...)                                                   \
    do {                                                                       \
        (value)->bad = true;                                                   \
        lh_error((r)->ctx, (value)->where, __VA_ARGS__);                       \
    } while (0)

static void fault_unsupported(struct lh__reader *r, struct lh__value *value,
                              const char *shown)
{
    value->bad = true;
    lh_error(r->ctx, value->where, "%s: '%s' is not supported by this version",
             shown, value->text);
}

/* Is it a single value with something in it? */
static bool check_scalar(struct lh__reader *r, const struct lh__key *key,
                         struct lh__value *value, const char *shown)
{
    const char *domain = lh__key_domain(key, r->ctx->arena);

    if (value->kind != LH__SCALAR) {
        FAULT(r, value, "%s is %s; it must be %s", shown,
              lh__kind_name(value->kind), domain);
        return false;
    }
    if (!*value->text) {
        FAULT(r, value, "%s has no value; write %s", shown, domain);
        return false;
    }
    return true;
}

/* ---- numbers ------------------------------------------------------------ */

/* [-] digits; saturates. */
static bool parse_count(int64_t *out, const char *text)
{
    size_t sign = *text == '-';
    size_t n = strspn(text + sign, "0123456789");

    if (n == 0 || text[sign + n])
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

/* [+-] digits [. digits] [e [+-] digits] */
static bool parse_number(double *out, const char *text)
{
    const char *p = text + (*text == '-' || *text == '+');
    size_t whole = strspn(p, "0123456789");
    size_t part = 0;

    p += whole;
    if (*p == '.') {
        part = strspn(p + 1, "0123456789");
        p += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        size_t n = strspn(p, "0123456789");
        if (n == 0)
            return false;
        p += n;
    }
    if (*p)
        return false;
    *out = strtod(text, NULL);
    return true;
}

static const char *limit_text(const struct lh__key *key, double limit,
                              struct lh_arena *arena)
{
    struct lh_text text;

    if (key->type == LH__QUANTITY)
        return lh_units_canonical(arena, limit, key->dimension);
    if (key->type == LH__COUNT || key->type == LH__COUNTS)
        return lh_format(arena, "%.0f", limit);
    text = lh_text_new(arena);
    lh_text_double(&text, limit);
    return text.s;
}

static bool check_range(struct lh__reader *r, const struct lh__key *key,
                        struct lh__value *value, const char *shown,
                        double number)
{
    bool positive = key->flags & LH__POSITIVE;
    struct lh_arena *arena = r->ctx->arena;

    if (number < key->min || (positive && number == key->min)) {
        FAULT(r, value, "%s must be %s %s; it is %s", shown,
              positive ? "above" : "at least", limit_text(key, key->min, arena),
              value->text);
        return false;
    }
    if (key->max > 0 && number > key->max) {
        FAULT(r, value, "%s must be at most %s; it is %s", shown,
              limit_text(key, key->max, arena), value->text);
        return false;
    }
    return true;
}

static bool read_count(int64_t *out, struct lh__reader *r,
                       const struct lh__key *key, struct lh__value *value,
                       const char *shown)
{
    int64_t count;

    if (!check_scalar(r, key, value, shown))
        return false;
    if ((key->flags & LH__AUTO) && strcmp(value->text, "auto") == 0) {
        *out = 0;
        return true;
    }
    if (!parse_count(&count, value->text)) {
        FAULT(r, value,
              "'%s' is not a whole number; %s is written in digits alone",
              value->text, shown);
        return false;
    }
    if (!check_range(r, key, value, shown, (double)count))
        return false;
    if (key->supported_max && count > strtoll(key->supported_max, NULL, 10)) {
        fault_unsupported(r, value, shown);
        return false;
    }
    *out = count;
    return true;
}

static bool read_number(double *out, struct lh__reader *r,
                        const struct lh__key *key, struct lh__value *value,
                        const char *shown)
{
    double number;

    if (!check_scalar(r, key, value, shown))
        return false;
    if (!parse_number(&number, value->text)) {
        FAULT(r, value, "'%s' is not a number; %s has no unit", value->text,
              shown);
        return false;
    }
    if (!check_range(r, key, value, shown, number))
        return false;
    *out = number;
    return true;
}

static void read_quantity(double *out, struct lh__reader *r,
                          const struct lh__key *key, struct lh__value *value,
                          const char *shown)
{
    const char *why = NULL;
    double number;

    if (!check_scalar(r, key, value, shown))
        return;
    if ((key->flags & LH__ZERO) && strcmp(value->text, "0") == 0) {
        *out = 0;
        return;
    }
    if (lh_units_read(&number, value->text, key->dimension, r->ctx->arena, &why)
        != LH_OK) {
        FAULT(r, value, "%s%s", prefix(r, value, shown), why);
        return;
    }
    if (check_range(r, key, value, shown, number))
        *out = number;
}

/* ---- words -------------------------------------------------------------- */

static void fault_choice(struct lh__reader *r, const struct lh__key *key,
                         struct lh__value *value, const char *shown)
{
    const char *words[16];
    char word[64];
    int n = 0;

    while (n < 16 && lh__choice_at(word, key->choices, n)) {
        words[n] = lh_strdup(r->ctx->arena, word);
        n++;
    }
    const char *near = lh_nearest(value->text, words, n);
    if (near)
        FAULT(r, value, "unknown value '%s' of %s; did you mean '%s'?",
              value->text, shown, near);
    else
        FAULT(r, value, "unknown value '%s' of %s; it must be %s", value->text,
              shown, lh__key_domain(key, r->ctx->arena));
}

/* The index of the choice; -1: a fault, reported. */
static int read_choice(struct lh__reader *r, const struct lh__key *key,
                       struct lh__value *value, const char *shown)
{
    char word[64];

    if (!check_scalar(r, key, value, shown))
        return -1;
    for (int i = 0; lh__choice_at(word, key->choices, i); i++) {
        if (strcmp(word, value->text) != 0)
            continue;
        if (key->n_supported == 0 || i < key->n_supported)
            return i;
        fault_unsupported(r, value, shown);
        return -1;
    }
    fault_choice(r, key, value, shown);
    return -1;
}

static void read_flag(bool *out, struct lh__reader *r,
                      const struct lh__key *key, struct lh__value *value,
                      const char *shown)
{
    if (key->choices) {
        int i = read_choice(r, key, value, shown);
        if (i >= 0)
            *out = i == 1;
        return;
    }
    if (!check_scalar(r, key, value, shown))
        return;
    bool yes = strcmp(value->text, "true") == 0;
    if (!yes && strcmp(value->text, "false") != 0) {
        FAULT(r, value, "'%s' is not a flag; %s must be true or false",
              value->text, shown);
    } else if (yes && key->supported_max) {
        fault_unsupported(r, value, shown);
    } else {
        *out = yes;
    }
}

static void read_text(const char **out, struct lh__reader *r,
                      const struct lh__key *key, struct lh__value *value,
                      const char *shown)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789._-";

    if (!check_scalar(r, key, value, shown))
        return;
    if (key->type == LH__NAME && value->text[strspn(value->text, letters)])
        FAULT(r, value,
              "'%s' is not a name; %s holds letters, digits, '.', '_' and '-'",
              value->text, shown);
    else if (key->type == LH__FILE)
        *out = lh__join_path(r->ctx->arena, r->dir, value->text);
    else
        *out = value->text;
}

/* ---- lists -------------------------------------------------------------- */

static bool check_list(struct lh__reader *r, const struct lh__key *key,
                       struct lh__value *value, const char *shown)
{
    if (value->kind != LH__LIST) {
        FAULT(r, value, "%s is %s; it must be %s", shown,
              lh__kind_name(value->kind), lh__key_domain(key, r->ctx->arena));
        return false;
    }
    if (value->n < key->n_min || (key->n_max > 0 && value->n > key->n_max)) {
        FAULT(r, value, "%s has %d entries; it must have %s %d", shown,
              value->n, value->n < key->n_min ? "at least" : "at most",
              value->n < key->n_min ? key->n_min : key->n_max);
        return false;
    }
    return true;
}

/* A bare number is a list of one. */
static void wrap_in_list(struct lh__reader *r, struct lh__value *value)
{
    struct lh__value *item = LH_NEW(r->ctx->arena, struct lh__value, 1);

    *item = *value;
    *value = (struct lh__value){.kind = LH__LIST, .where = item->where};
    lh__value_append(r->ctx->arena, value, item);
}

static void read_list(struct lh__reader *r, const struct lh__key *key,
                      struct lh__value *value, void *object, const char *shown)
{
    struct lh_arena *arena = r->ctx->arena;
    char *at = (char *)object + key->offset;
    int *count = (int *)(void *)((char *)object + key->count);
    char *array = at;
    bool good = true;

    if (key->type == LH__NUMBERS && value->kind == LH__SCALAR)
        wrap_in_list(r, value);
    if (!check_list(r, key, value, shown))
        return;
    if (!(key->flags & LH__INLINE)) {
        array = lh_alloc(arena, (size_t)value->n, sizeof(double));
        *(void **)(void *)at = array;
    }
    for (int i = 0; i < value->n; i++) {
        const char *name = lh_format(arena, "%s[%d]", shown, i);
        void *item = array + (size_t)i * sizeof(double);
        if (key->type == LH__COUNTS)
            good &= read_count(item, r, key, value->items[i], name);
        else
            good &= read_number(item, r, key, value->items[i], name);
    }
    if (good)
        *count = value->n;
}

static void read_location(struct lh__reader *r, const struct lh__key *key,
                          struct lh__value *value, void *object,
                          const char *shown)
{
    static const struct lh__key axes[2] = {
        {"latitude", LH__NUMBER, .min = -90, .max = 90},
        {"longitude", LH__NUMBER, .min = -180, .max = 180},
    };
    double *degrees = (double *)(void *)((char *)object + key->offset);

    if (value->kind != LH__LIST || value->n != 2) {
        FAULT(r, value, "%s must be [degrees north, degrees east], e.g. %s",
              shown, key->example);
        return;
    }
    bool good = true;
    for (int i = 0; i < 2; i++)
        good &= read_number(&degrees[i], r, &axes[i], value->items[i],
                            lh_format(r->ctx->arena, "%s[%d]", shown, i));
    *((bool *)object + key->count) = good;
}

/* Two texts; resolve.c finds the sites. */
static void check_pair(struct lh__reader *r, const struct lh__key *key,
                       struct lh__value *value, const char *shown)
{
    static const struct lh__key name = {.path = "name", .type = LH__NAME};
    const char *text;

    if (value->kind != LH__LIST || value->n != 2) {
        FAULT(r, value, "%s must name two sites, e.g. %s", shown, key->example);
        return;
    }
    for (int i = 0; i < 2; i++)
        read_text(&text, r, &name, value->items[i],
                  lh_format(r->ctx->arena, "%s[%d]", shown, i));
}

static void check_later(struct lh__reader *r, struct lh__value *value,
                        const char *shown)
{
    if (value->kind == LH__LIST && value->n == 0)
        return;
    value->bad = true;
    lh_error(r->ctx, value->where, "%s is not supported by this version",
             shown);
}

/* ---- keys --------------------------------------------------------------- */

static void read_leaf(struct lh__reader *r, const struct lh__key *key,
                      struct lh__value *value, void *object, const char *shown)
{
    void *at = (char *)object + key->offset;
    int choice;

    lh__key_store_default(key, object, r->ctx->arena);
    if (!value || value->bad)
        return;
    switch (key->type) {
    case LH__COUNT: read_count(at, r, key, value, shown); break;
    case LH__NUMBER: read_number(at, r, key, value, shown); break;
    case LH__QUANTITY: read_quantity(at, r, key, value, shown); break;
    case LH__FLAG: read_flag(at, r, key, value, shown); break;
    case LH__CHOICE:
        choice = read_choice(r, key, value, shown);
        if (choice >= 0)
            *(int *)at = choice;
        break;
    case LH__WORD:
        if (read_choice(r, key, value, shown) >= 0)
            *(const char **)at = value->text;
        break;
    case LH__NAME:
    case LH__TEXT:
    case LH__FILE: read_text(at, r, key, value, shown); break;
    case LH__COUNTS:
    case LH__NUMBERS: read_list(r, key, value, object, shown); break;
    case LH__LOCATION: read_location(r, key, value, object, shown); break;
    case LH__PAIR: check_pair(r, key, value, shown); break;
    case LH__LATER: check_later(r, value, shown); break;
    case LH__GROUP:
    case LH__GROUPS: break;
    }
}

enum { NAMES_MAX = 64 };

/* Names of the keys below a group. */
static int child_names(const char *names[static NAMES_MAX],
                       const struct lh__key *group)
{
    const struct lh__key *key = NULL;
    int n = 0;

    while (n < NAMES_MAX && (key = lh__key_next(group, key)))
        names[n++] = lh__key_name(key);
    return n;
}

static void fault_unknown(struct lh__reader *r, const struct lh__key *group,
                          struct lh__value *value, int i, const char *shown)
{
    const char *names[NAMES_MAX];
    int n = child_names(names, group);
    const char *in = *shown ? lh_format(r->ctx->arena, " in %s", shown) : "";
    const char *near = lh_nearest(value->names[i], names, n);

    value->bad = true;
    if (near) {
        lh_error(r->ctx, value->places[i],
                 "unknown key '%s'%s; did you mean '%s'?", value->names[i], in,
                 near);
        return;
    }
    struct lh_text text = lh_text_new(r->ctx->arena);
    for (int k = 0; k < n; k++)
        lh_text_printf(&text, "%s%s", k ? ", " : "", names[k]);
    lh_error(r->ctx, value->places[i], "unknown key '%s'%s; the keys are %s",
             value->names[i], in, text.s);
}

static void check_unknown(struct lh__reader *r, const struct lh__key *group,
                          struct lh__value *value, const char *shown)
{
    const char *names[NAMES_MAX];
    const struct lh__value *kind = lh__value_get(value, "kind");
    int n = child_names(names, group);

    if (kind && kind->bad)
        return; /* which keys stand here depends on it */
    for (int i = 0; i < value->n; i++) {
        bool known = false;
        for (int k = 0; k < n && !known; k++)
            known = strcmp(names[k], value->names[i]) == 0;
        if (!known)
            fault_unknown(r, group, value, i, shown);
    }
}

/* A required key that is missing, unless a misspelt one explains it. */
static void check_missing(struct lh__reader *r, const struct lh__key *key,
                          struct lh__value *group, const char *shown)
{
    const char *name = lh__key_name(key);
    const char *names[NAMES_MAX];
    char parent[128];
    size_t n_parent = strlen(key->path) - strlen(name);

    if (!(key->flags & LH__REQUIRED) || !group || lh__value_get(group, name))
        return;
    snprintf(parent, sizeof parent, "%.*s",
             (int)(n_parent > 0 ? n_parent - 1 : 0), key->path);
    size_t n = strlen(parent);
    if (n > 2 && strcmp(parent + n - 2, "[]") == 0)
        parent[n - 2] = '\0';
    int n_names = child_names(names, *parent ? lh__key_find(parent) : NULL);
    for (int i = 0; i < group->n; i++) {
        const char *near = lh_nearest(group->names[i], names, n_names);
        if (near && strcmp(near, name) == 0)
            return;
    }
    lh_error(r->ctx, group->where, "missing key '%s'%s%s%s%s%s", name,
             *shown ? " in " : "", shown,
             key->example ? lh_format(r->ctx->arena, "; e.g. '%s: ", name)
                          : ": ",
             key->example ? key->example : lh__key_domain(key, r->ctx->arena),
             key->example ? "'" : "");
    if (*shown) /* the whole scenario is not at fault by it */
        group->bad = true;
}

static void read_group(struct lh__reader *r, const struct lh__key *group,
                       struct lh__value *value, void *object,
                       const char *shown);

static void read_groups(struct lh__reader *r, const struct lh__key *key,
                        struct lh__value *value, void *object,
                        const char *shown)
{
    void **array = (void **)(void *)((char *)object + key->offset);
    int *count = (int *)(void *)((char *)object + key->count);

    *array = NULL;
    *count = 0;
    if (!value || value->bad || !check_list(r, key, value, shown))
        return;
    *array = lh_alloc(r->ctx->arena, (size_t)value->n, key->size);
    *count = value->n;
    for (int i = 0; i < value->n; i++)
        read_group(r, key, value->items[i],
                   (char *)*array + (size_t)i * key->size,
                   lh_format(r->ctx->arena, "%s[%d]", shown, i));
}

/* `fabric: dgx-h100-rails` is `fabric: {name: dgx-h100-rails}`. */
static void wrap_in_mapping(struct lh__reader *r, const struct lh__key *group,
                            struct lh__value *value)
{
    struct lh__value *item = LH_NEW(r->ctx->arena, struct lh__value, 1);

    *item = *value;
    *value = (struct lh__value){.kind = LH__MAPPING, .where = item->where};
    lh__value_put(r->ctx->arena, value, group->bare, item->where, item);
}

/* The mapping of a group, or NULL where there is none to read. */
static struct lh__value *group_mapping(struct lh__reader *r,
                                       const struct lh__key *group,
                                       struct lh__value *value,
                                       const char *shown)
{
    const char *what = *shown ? shown : "the scenario";
    bool scalar = value && value->kind == LH__SCALAR;

    if (!value || (value->bad && value->kind != LH__MAPPING))
        return NULL;
    if (scalar && group && group->bare && *value->text)
        wrap_in_mapping(r, group, value);
    if (value->kind == LH__MAPPING)
        return value;
    if (scalar && !*value->text)
        FAULT(r, value, "%s has no value; it must be a mapping", what);
    else
        FAULT(r, value, "%s is %s; it must be a mapping", what,
              lh__kind_name(value->kind));
    return NULL;
}

static void read_group(struct lh__reader *r, const struct lh__key *group,
                       struct lh__value *value, void *object, const char *shown)
{
    const struct lh__key *key = NULL;

    value = group_mapping(r, group, value, shown);
    if (group && group->enter)
        group->enter(r, value, object);
    if (group && group->type == LH__GROUP && group->count)
        *((bool *)object + group->count) = value != NULL;
    while ((key = lh__key_next(group, key))) {
        const char *name = lh__key_name(key);
        struct lh__value *item = lh__value_get(value, name);
        const char *path =
            *shown ? lh_format(r->ctx->arena, "%s.%s", shown, name) : name;
        check_missing(r, key, value, shown);
        if (key->type == LH__GROUP)
            read_group(r, key, item, object, path);
        else if (key->type == LH__GROUPS)
            read_groups(r, key, item, object, path);
        else
            read_leaf(r, key, item, object, path);
    }
    if (value)
        check_unknown(r, group, value, shown);
}

void lh__read_root(struct lh__reader *r)
{
    read_group(r, NULL, r->values, r->root, "");
}
