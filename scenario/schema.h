/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The one table of keys, and what walks over it: read.c (text -> struct),
 * print.c (struct -> text), explain.c (table -> help).
 *
 * A row is a key.  Its path says where it stands: "plan.tensor",
 * "sites[].fabric.group" ([] after a list of mappings).  Its offset says where
 * it is stored: in struct lh__root, or below a list of mappings in the element
 * (struct lh_site, struct lh_fibre).  Rows stand in the order of reading and
 * echoing, a mapping before its keys.  To add a key: a field and a row.
 */
#ifndef LH_SCENARIO_SCHEMA_H
#define LH_SCENARIO_SCHEMA_H

#include <longhaul/scenario.h>

#include "values.h"

enum lh__type {
    LH__GROUP,    /* a mapping; its keys are the rows below it; with a bool
                     at count it is told there and echoed if present     */
    LH__GROUPS,   /* a list of mappings: pointer at offset, int at count */
    LH__COUNT,    /* int64_t: a whole number                             */
    LH__NUMBER,   /* double without unit                                 */
    LH__QUANTITY, /* double of a dimension                               */
    LH__FLAG,     /* bool: false | true, or the two words of `choices`    */
    LH__CHOICE,   /* an enum in the order of `choices`                   */
    LH__WORD,     /* const char *: one of `choices`                      */
    LH__NAME,     /* const char *: letters, digits, '.', '_', '-'        */
    LH__TEXT,     /* const char *: anything on one line                  */
    LH__FILE,     /* const char *: a path; kept relative to the caller   */
    LH__COUNTS,   /* int64_t *, or inline; int at count                  */
    LH__NUMBERS,  /* double *, or inline; int at count; one may stand bare */
    LH__LOCATION, /* two doubles, degrees; bool at count                 */
    LH__PAIR,     /* const char *[2]: names of two sites                 */
    LH__LATER,    /* nothing but an empty list is supported              */
};

enum {
    LH__REQUIRED = 1, /* has no default and must stand there             */
    LH__POSITIVE = 2, /* above min, not at it                            */
    LH__ROW = 4,      /* the default is a cell of a data table, stored
                         before the group's keys are read (`enter`)      */
    LH__INLINE = 8,   /* the list is an array inside the struct          */
    LH__SILENT = 16,  /* read, never echoed (what it makes is echoed)    */
    LH__ZERO = 32,    /* 0 may stand without a unit                      */
    LH__AUTO = 64,    /* COUNT: "auto" may stand, stored as 0            */
};

/* What the keys say and struct lh_scenario does not keep. */
struct lh__extra {
    int64_t version;
    const char *model_name;
    const char *model_config;
    const char *sites_file, *fibres_file;
};

struct lh__root {
    struct lh_scenario s;
    struct lh__extra extra;
};

/* The private part of a read scenario. */
struct lh_values {
    struct lh__value *root;
    struct lh__extra extra;
};

struct lh__reader;

struct lh__key {
    const char *path;
    enum lh__type type;
    unsigned flags;
    enum lh_dimension dimension;
    size_t offset;
    size_t count;              /* offset of the int or bool beside it    */
    size_t size;               /* GROUPS: of an element; else 0          */
    double min, max;           /* both 0: any that is not negative       */
    int n_min, n_max;          /* lists: length; n_max 0: any            */
    const char *choices;       /* "a|b|c"                                */
    int n_supported;           /* CHOICE: the first ones; 0: all         */
    double absent;             /* a number without default: stored so    */
    const char *fallback;      /* the default as it would be written     */
    const char *derived;       /* the default in words                   */
    const char *supported_max; /* COUNT: above is not supported; FLAG:
                                  "false": true is not                   */
    const char *bare;          /* GROUP: the key a single value stands for */
    const char *when;          /* "plan.schedule=interleaved|x", "a=!0": else the
                                  key has no effect; several with &; "=none"
                                  not given, "=any" given */
    const char *unit;          /* in words, of plain numbers             */
    const char *help;
    const char *example; /* where the type's own says too little   */
    /* Called before a group's keys are read; value may be NULL. */
    void (*enter)(struct lh__reader *r, const struct lh__value *value,
                  void *object);
};

int lh__key_count(void);
const struct lh__key *lh__key_at(int i);
const struct lh__key *lh__key_find(const char *path); /* NULL: none */
/* The next row directly below parent (NULL: the top) after `after` (NULL: the
 * first); NULL: no more. */
const struct lh__key *lh__key_next(const struct lh__key *parent,
                                   const struct lh__key *after);
const char *lh__key_name(const struct lh__key *key); /* last part of path */
bool lh__key_is_group(const struct lh__key *key);
/* The i-th of "a|b|c" into out; false: fewer. */
bool lh__choice_at(char out[static 64], const char *choices, int i);
/* The key of a path such as "fibres[0].length"; NULL: a message at `where`. */
const struct lh__key *lh__key_asked(const char *asked, struct lh_where where,
                                    struct lh_ctx *ctx);
/* One sentence on what may be written: "one of a, b, c", "a whole number". */
const char *lh__key_domain(const struct lh__key *key, struct lh_arena *arena);

/* Stores the default of a key that is not a group. */
void lh__key_store_default(const struct lh__key *key, void *object,
                           struct lh_arena *arena);
/* The stored value as text without quotes; NULL: nothing is stored.  Lists of
 * numbers are joined by ", ". */
const char *lh__key_text(const struct lh__key *key, const void *object,
                         struct lh_arena *arena);
bool lh__key_is_default(const struct lh__key *key, const void *object,
                        struct lh_arena *arena);
/* The i-th of the conditions joined in `when`; NULL: fewer. */
const char *lh__key_condition(const struct lh__key *key, int i,
                              struct lh_arena *arena);
/* Does the key's `when` hold?  Where not, *because says what is instead. */
bool lh__key_applies(const struct lh__key *key, const struct lh__root *root,
                     const void *object, struct lh_arena *arena,
                     const char **because);

/* ---- reading ------------------------------------------------------------ */

struct lh__reader {
    struct lh__root *root;
    struct lh__value *values;
    const char *dir;
    struct lh_ctx *ctx;
};

/* Tree -> struct with defaults; faults to the diag. */
void lh__read_root(struct lh__reader *r);
/* Sets one --set into the tree. */
void lh__read_setting(struct lh__reader *r, const struct lh_setting *setting);
/* Puts the rows of tables.sites and tables.fibres into the tree. */
void lh__read_tables(struct lh__reader *r);
/* Derives, resolves names, checks what several keys say together. */
void lh__resolve(struct lh__reader *r);
/* Warns of keys without effect. */
void lh__warn_idle_keys(struct lh__reader *r);
/* `enter` of sites[].fabric: the row of data/fabrics.csv. */
void lh__enter_fabric(struct lh__reader *r, const struct lh__value *value,
                      void *object);
/* dir/path unless path is absolute. */
const char *lh__join_path(struct lh_arena *arena, const char *dir,
                          const char *path);
/* Where the value of a path stands, else the nearest mapping around it. */
struct lh_where lh__where_at(const struct lh__reader *r, const char *path);
struct lh_where lh__key_where(const struct lh__reader *r, const char *path);
/* Marks the value at a path as reported. */
void lh__mark_bad(struct lh__reader *r, const char *path);

#endif
