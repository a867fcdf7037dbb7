/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A sweep: one scenario with several values of several keys, and the store
 * that its results are kept in.
 *
 *     DIR/sweep.json         what was asked; written last
 *     DIR/points.jsonl       one line a point: number, id, baseline
 *     DIR/results/W.jsonl    one line a result, one file a worker
 *
 * A point's id is a hash of its canonical scenario, of what that names, and of
 * the program's version, so that a result is never taken for another's.
 *
 * Ownership: the context's arena.
 */
#ifndef LONGHAUL_SWEEP_H
#define LONGHAUL_SWEEP_H

#include <longhaul/result.h>

enum { LH_ID_LENGTH = 32 };      /* hexadecimal digits */

struct lh_planned {
    char id[LH_ID_LENGTH + 1];
    char baseline[LH_ID_LENGTH + 1]; /* of the one-site scenario; "": none */
};

struct lh_sweep {
    const char *file;            /* absolute paths */
    const char *data_dir;        /* NULL: none */
    int n_settings;
    struct lh_setting *settings;
    bool zip;                    /* values side by side, else all with all */
    int n_vary;
    const char **vary_texts;
    struct lh_vary *vary;
    int n_points;
    struct lh_planned *points;   /* [n_points], once planned */
    const char *version;         /* of the program */
    char tables[LH_ID_LENGTH + 1]; /* hash of the data tables */
    char id[LH_ID_LENGTH + 1];   /* of all of it */
};

/* Reads vary_texts; sets vary and n_points, and zeroed points. */
enum lh_status lh_sweep_make(struct lh_sweep *sweep,
                             struct lh_ctx *ctx) LH_MUST_USE;
/* The value of key `vary` in a point; the last key varies fastest. */
const char *lh_sweep_value(const struct lh_sweep *sweep, int point, int vary);
/* All settings of a point, the sweep's own first; *n of them. */
struct lh_setting *lh_sweep_settings(const struct lh_sweep *sweep, int point,
                                     int *n, struct lh_arena *arena);
/* "fibres[0].length=80 km, plan.tensor=4" */
const char *lh_sweep_title(const struct lh_sweep *sweep, int point,
                           struct lh_arena *arena);
/* Of a point that was read; scenario NULL: it was refused. */
void lh_sweep_identify(struct lh_planned *out, const struct lh_sweep *sweep,
                       int point, const struct lh_scenario *scenario,
                       struct lh_ctx *ctx);
/* Sets sweep->id, once all points have theirs. */
void lh_sweep_seal(struct lh_sweep *sweep, struct lh_arena *arena);

/* ---- the store ------------------------------------------------------------- */

/* Begins a store, or finds that DIR holds this sweep; another is refused. */
enum lh_status lh_store_begin(const char *dir, const struct lh_sweep *sweep,
                              struct lh_ctx *ctx) LH_MUST_USE;
enum lh_status lh_store_read(struct lh_sweep *out, const char *dir,
                             struct lh_ctx *ctx) LH_MUST_USE;
/* A new file for a worker's lines; its descriptor, or -1 with a message. */
int lh_store_open(const char *dir, int worker, struct lh_ctx *ctx);

/* What came of a point. */
enum lh_outcome_kind {
    LH_OUTCOME_OK,
    LH_OUTCOME_REFUSED,          /* the scenario: again each time */
    LH_OUTCOME_FAILED,           /* the machine: a resumed sweep tries again */
    LH_OUTCOME_MISSING
};
struct lh_outcome {
    const char *id;
    enum lh_outcome_kind kind;
    const char *message;         /* "" where ok */
    int n;
    struct lh_column *columns;   /* [n]; where ok */
};
const char *lh_outcome_name(enum lh_outcome_kind kind);
/* One line, with its end. */
void lh_outcome_write(struct lh_text *out, int point,
                      const struct lh_outcome *outcome);
/* Writes the line and has it on the disk; false with errno. */
bool lh_store_put(int file, const struct lh_text *line);
/* Of each point; a last line without its end, which a killed worker left, is
 * none, nor is any that cannot be read. */
enum lh_status lh_store_outcomes(struct lh_outcome *out, const char *dir,
                                 const struct lh_sweep *sweep,
                                 struct lh_ctx *ctx) LH_MUST_USE;

/* ---- one table ------------------------------------------------------------- */

/* One row a point, in their order.  Columns: point, every varied key as it was
 * set and, of a quantity, in SI (KEY_m, KEY_bytes_per_s); status; those of the
 * results; message. */
struct lh_sweep_table {
    int n_columns;
    const char **names;          /* [n_columns] */
    bool *is_text;               /* [n_columns] in any row */
    int n_rows;
    struct lh_column *cells;     /* [n_rows * n_columns] */
};
void lh_sweep_table_make(struct lh_sweep_table *out,
                         const struct lh_sweep *sweep,
                         const struct lh_outcome *outcomes,
                         struct lh_arena *arena);
void lh_sweep_csv(struct lh_text *out, const struct lh_sweep_table *table);
/* Tables `points` and `sweep` in a new file, which takes the old one's
 * place. */
enum lh_status lh_sweep_sqlite(const char *path, const struct lh_sweep *sweep,
                               const struct lh_sweep_table *table,
                               struct lh_ctx *ctx) LH_MUST_USE;

/* ---- Slurm ----------------------------------------------------------------- */

struct lh_slurm {
    const char *program, *dir;   /* absolute paths */
    int shards, jobs;
    int n_options;
    const char **options;        /* for sbatch, as they are */
    const char *csv, *sqlite;    /* of the merge; NULL: none */
};
/* Scripts for sbatch: an array with a task a shard, and the merge. */
void lh_slurm_array(struct lh_text *out, const struct lh_slurm *slurm);
void lh_slurm_merge(struct lh_text *out, const struct lh_slurm *slurm);

#endif
