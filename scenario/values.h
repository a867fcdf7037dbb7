/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tree of a file as it was written: texts with their places, no types.
 * yaml.c makes it, tables.c and settings add to it, read.c gives it types.
 */
#ifndef LH_SCENARIO_VALUES_H
#define LH_SCENARIO_VALUES_H

#include <longhaul/base.h>

enum lh__kind { LH__SCALAR, LH__LIST, LH__MAPPING };

struct lh__value {
    enum lh__kind kind;
    struct lh_where where;
    bool bad;         /* a fault was reported here: say no more */
    bool plain;       /* SCALAR: not quoted */
    const char *text; /* SCALAR */
    int n;            /* LIST, MAPPING */
    size_t items_capacity, names_capacity, places_capacity;
    struct lh__value **items;
    const char **names;      /* MAPPING */
    struct lh_where *places; /* MAPPING: where the names stand */
};

enum { LH__DEPTH_MAX = 64 };

/* Parses one YAML document; faults go to the diag.  `place` replaces every
 * place where its file is not NULL and its line is 0 (a --set); else file is
 * the name.  *out is NULL if nothing could be read. */
enum lh_status lh__yaml_parse(struct lh__value **out, const char *text,
                              size_t n, struct lh_where place,
                              struct lh_ctx *ctx) LH_MUST_USE;

struct lh__value *lh__value_new(struct lh_arena *arena, enum lh__kind kind,
                                struct lh_where where);
void lh__value_append(struct lh_arena *arena, struct lh__value *list,
                      struct lh__value *item);
/* Adds or replaces. */
void lh__value_put(struct lh_arena *arena, struct lh__value *mapping,
                   const char *name, struct lh_where place,
                   struct lh__value *item);
/* NULL: absent, or not a mapping (NULL is allowed). */
struct lh__value *lh__value_get(const struct lh__value *mapping,
                                const char *name);
/* By a path such as "sites[1].fabric.group[0]"; NULL: absent. */
struct lh__value *lh__value_at(struct lh__value *root, const char *path);
/* No fault reported in it or below; NULL is fine. */
bool lh__value_ok(const struct lh__value *value);
/* "a mapping", "a list", "a single value" */
const char *lh__kind_name(enum lh__kind kind);

/* One step of a path: a name, or an index. */
struct lh__step {
    char name[64]; /* "" : index */
    int index;
};
/* Reads the next step at *at and moves it; false: no step there. */
bool lh__path_step(struct lh__step *out, const char **at);

#endif
