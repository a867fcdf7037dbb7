/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What can be asked of a row of the table in keys.c: its place in the tree,
 * its domain in words, its default, the value stored for it as text.
 * Used by read.c, print.c and explain.c; leaves out all of reading.
 */
#include "schema.h"

#include <stdlib.h>
#include <string.h>

/* ---- the tree of rows --------------------------------------------------- */

const struct lh__key *lh__key_find(const char *path)
{
    for (int i = 0; i < lh__key_count(); i++) {
        if (strcmp(lh__key_at(i)->path, path) == 0)
            return lh__key_at(i);
    }
    return NULL;
}

/* What a child's path begins with, as a length; -1: not a child. */
static bool is_child(const struct lh__key *parent, const struct lh__key *key)
{
    const char *rest = key->path;

    if (parent) {
        size_t n = strlen(parent->path);
        const char *link = parent->type == LH__GROUPS ? "[]." : ".";
        if (strncmp(rest, parent->path, n) != 0
            || strncmp(rest + n, link, strlen(link)) != 0)
            return false;
        rest += n + strlen(link);
    }
    return !strchr(rest, '.');
}

const struct lh__key *lh__key_next(const struct lh__key *parent,
                                   const struct lh__key *after)
{
    const struct lh__key *end = lh__key_at(0) + lh__key_count();
    const struct lh__key *key = after    ? after + 1
                                : parent ? parent + 1
                                         : lh__key_at(0);

    for (; key < end; key++) {
        if (is_child(parent, key))
            return key;
    }
    return NULL;
}

const char *lh__key_name(const struct lh__key *key)
{
    const char *dot = strrchr(key->path, '.');
    return dot ? dot + 1 : key->path;
}

bool lh__key_is_group(const struct lh__key *key)
{
    return key->type == LH__GROUP || key->type == LH__GROUPS;
}

bool lh__choice_at(char out[static 64], const char *choices, int i)
{
    for (; i > 0; i--) {
        choices = strchr(choices, '|');
        if (!choices)
            return false;
        choices++;
    }
    size_t n = strcspn(choices, "|");
    if (n >= 64)
        return false;
    memcpy(out, choices, n);
    out[n] = '\0';
    return true;
}

/* ---- words -------------------------------------------------------------- */

static const char *choices_text(const char *choices, struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    char word[64];

    for (int i = 0; lh__choice_at(word, choices, i); i++)
        lh_text_printf(&text, "%s%s", i ? ", " : "", word);
    return strchr(choices, '|') ? lh_format(arena, "one of %s", text.s)
                                : text.s;
}

const char *lh__key_domain(const struct lh__key *key, struct lh_arena *arena)
{
    switch (key->type) {
    case LH__GROUP: return "a mapping";
    case LH__GROUPS: return "a list of mappings";
    case LH__COUNT:
        return key->flags & LH__AUTO ? "a whole number, or auto"
                                     : "a whole number";
    case LH__NUMBER: return "a number";
    case LH__QUANTITY:
        return lh_format(arena, "%s, e.g. '%s'",
                         lh_dimension_name(key->dimension),
                         lh_dimension_example(key->dimension));
    case LH__FLAG:
        return key->choices ? choices_text(key->choices, arena)
                            : "true or false";
    case LH__CHOICE:
    case LH__WORD: return choices_text(key->choices, arena);
    case LH__NAME: return "a name";
    case LH__TEXT: return "a text";
    case LH__FILE: return "a path, relative to the scenario's folder";
    case LH__COUNTS: return "a list of whole numbers";
    case LH__NUMBERS: return "a number or a list of numbers";
    case LH__LOCATION: return "[degrees north, degrees east]";
    case LH__PAIR: return "a list of two sites' names";
    case LH__LATER: return "not supported by this version";
    }
    return "";
}

/* ---- stored values ------------------------------------------------------ */

static int choice_index(const char *choices, const char *word)
{
    char name[64];

    for (int i = 0; lh__choice_at(name, choices, i); i++) {
        if (strcmp(name, word) == 0)
            return i;
    }
    return 0;
}

static const char *flag_choices(const struct lh__key *key)
{
    return key->choices ? key->choices : "false|true";
}

static double default_quantity(const struct lh__key *key,
                               struct lh_arena *arena)
{
    const char *why;
    double value = key->absent;

    if (key->fallback
        && lh_units_read(&value, key->fallback, key->dimension, arena, &why)
               != LH_OK)
        abort(); /* a row of keys.c is wrong */
    return value;
}

void lh__key_store_default(const struct lh__key *key, void *object,
                           struct lh_arena *arena)
{
    char *at = (char *)object + key->offset;
    char *count = (char *)object + key->count;
    const char *fallback = key->fallback;

    if (key->flags & LH__ROW)
        return;
    switch (key->type) {
    case LH__COUNT:
        *(int64_t *)(void *)at =
            fallback ? strtoll(fallback, NULL, 10) : (int64_t)key->absent;
        break;
    case LH__NUMBER:
        *(double *)(void *)at = fallback ? strtod(fallback, NULL) : key->absent;
        break;
    case LH__QUANTITY:
        *(double *)(void *)at = default_quantity(key, arena);
        break;
    case LH__FLAG:
        *(bool *)at = choice_index(flag_choices(key), fallback) == 1;
        break;
    case LH__CHOICE:
        *(int *)(void *)at = choice_index(key->choices, fallback);
        break;
    case LH__WORD:
    case LH__NAME:
    case LH__TEXT:
    case LH__FILE: *(const char **)(void *)at = fallback; break;
    case LH__COUNTS:
    case LH__NUMBERS: *(int *)(void *)count = 0; break;
    case LH__LOCATION: *(bool *)count = false; break;
    case LH__PAIR:
        *(int *)(void *)at = -1;
        *(int *)(void *)count = -1;
        break;
    case LH__GROUP:
    case LH__GROUPS:
    case LH__LATER: break;
    }
}

static const char *list_text(const struct lh__key *key, const char *at, int n,
                             struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    const void *array = key->flags & LH__INLINE || key->type == LH__LOCATION
                            ? (const void *)at
                            : *(void *const *)(const void *)at;

    for (int i = 0; i < n; i++) {
        if (i)
            lh_text_add(&text, ", ");
        if (key->type == LH__COUNTS)
            lh_text_printf(&text, "%lld",
                           (long long)((const int64_t *)array)[i]);
        else
            lh_text_double(&text, ((const double *)array)[i]);
    }
    return text.s;
}

static const char *choice_text(const char *choices, int i,
                               struct lh_arena *arena)
{
    char word[64] = "";

    lh__choice_at(word, choices, i);
    return lh_strdup(arena, word);
}

static const char *number_text(const struct lh__key *key, double value,
                               struct lh_arena *arena)
{
    struct lh_text text;

    if (!key->fallback && !(key->flags & LH__ROW) && value == key->absent)
        return NULL;
    if (key->type == LH__QUANTITY)
        return lh_units_canonical(arena, value, key->dimension);
    text = lh_text_new(arena);
    lh_text_double(&text, value);
    return text.s;
}

const char *lh__key_text(const struct lh__key *key, const void *object,
                         struct lh_arena *arena)
{
    const char *at = (const char *)object + key->offset;
    const char *count = (const char *)object + key->count;
    int64_t whole;

    switch (key->type) {
    case LH__COUNT:
        whole = *(const int64_t *)(const void *)at;
        if (key->absent < key->min && whole == (int64_t)key->absent)
            return NULL;
        return lh_format(arena, "%lld", (long long)whole);
    case LH__NUMBER:
    case LH__QUANTITY:
        return number_text(key, *(const double *)(const void *)at, arena);
    case LH__FLAG:
        return choice_text(flag_choices(key), *(const bool *)at, arena);
    case LH__CHOICE:
        return choice_text(key->choices, *(const int *)(const void *)at, arena);
    case LH__WORD:
    case LH__NAME:
    case LH__TEXT:
    case LH__FILE: return *(const char *const *)(const void *)at;
    case LH__COUNTS:
    case LH__NUMBERS:
        return list_text(key, at, *(const int *)(const void *)count, arena);
    case LH__LOCATION:
        return *(const bool *)count ? list_text(key, at, 2, arena) : NULL;
    case LH__GROUPS:
        return *(const int *)(const void *)count > 1 ? "many" : "one";
    case LH__GROUP:
    case LH__PAIR:
    case LH__LATER: break;
    }
    return NULL;
}

bool lh__key_is_default(const struct lh__key *key, const void *object,
                        struct lh_arena *arena)
{
    const char *text = lh__key_text(key, object, arena);
    double value;

    if (!text)
        return true;
    if (!key->fallback)
        return *text == '\0';
    switch (key->type) {
    case LH__QUANTITY:
        memcpy(&value, (const char *)object + key->offset, sizeof value);
        return value == default_quantity(key, arena);
    case LH__NUMBER:
        memcpy(&value, (const char *)object + key->offset, sizeof value);
        return value == strtod(key->fallback, NULL);
    default: return strcmp(text, key->fallback) == 0;
    }
}

/* "sites[]." of "sites[].fabric.kind" as a length; 0: at the top. */
static size_t element_prefix(const char *path)
{
    const char *mark = strstr(path, "[].");
    return mark ? (size_t)(mark + 3 - path) : 0;
}

/* Of one condition, "plan.schedule=interleaved|x". */
static bool holds(const char *when, const struct lh__root *root,
                  const void *object, struct lh_arena *arena,
                  const char **because)
{
    const char *equals = strchr(when, '=');
    const char *path = lh_strndup(arena, when, (size_t)(equals - when));
    const struct lh__key *other = lh__key_find(path);
    if (element_prefix(path) == 0)
        object = root;
    const char *text = lh__key_text(other, object, arena);
    char word[64];
    for (int i = 0; lh__choice_at(word, equals + 1, i); i++) {
        bool is_not = word[0] == '!';
        bool equal = strcmp(word + is_not, text ? text : "none") == 0
                     || (text && strcmp(word, "any") == 0);
        if (equal != is_not)
            return true;
    }
    path += element_prefix(path);
    if (other->type == LH__GROUPS)
        *because = "there is only one site";
    else if (strcmp(equals + 1, "none") == 0)
        *because = lh_format(arena, "%s is given", path);
    else
        *because = lh_format(arena, "%s is %s", path, text ? text : "none");
    return false;
}

const char *lh__key_condition(const struct lh__key *key, int i,
                              struct lh_arena *arena)
{
    const char *at = key->when;

    for (; at && i > 0; i--) {
        at = strchr(at, '&');
        at = at ? at + 1 : NULL;
    }
    return at ? lh_strndup(arena, at, strcspn(at, "&")) : NULL;
}

bool lh__key_applies(const struct lh__key *key, const struct lh__root *root,
                     const void *object, struct lh_arena *arena,
                     const char **because)
{
    const char *when;

    for (int i = 0; (when = lh__key_condition(key, i, arena)); i++) {
        if (!holds(when, root, object, arena, because))
            return false;
    }
    return true;
}
