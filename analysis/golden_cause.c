/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why a figure left its golden: keys in which the scenario differs from the
 * one that was kept (scenario/differ.c), rows of the data tables that it names
 * and that differ, and where there is neither, the code.  A row that gives a
 * key its default shows as both.
 *
 * Place in the pipeline: behind the comparison.  The two scenarios are compared
 * as echoed, every default written out, with their folder as @dir@, so that
 * another checkout is no difference.  Leaves out what files say that the
 * scenario names (config.json, a map).
 */
#include <longhaul/golden.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "writers.h"

enum { CAUSES_MAX = 12 };

static const char hidden[] = "@dir@";

/* ---- the folder ---------------------------------------------------------- */

static const char *folder_of(const char *file, struct lh_arena *arena)
{
    char buffer[PATH_MAX];
    const char *slash;

    if (realpath(file, buffer) == NULL) {
        return NULL;
    }
    slash = strrchr(buffer, '/');
    return lh_strndup(arena, buffer, (size_t)(slash - buffer));
}

static const char *replaced(const char *text, const char *what,
                            const char *with, struct lh_arena *arena)
{
    struct lh_text out = lh_text_new(arena);
    const char *at;

    for (; (at = strstr(text, what)) != NULL; text = at + strlen(what)) {
        lh_text_add(&out, lh_strndup(arena, text, (size_t)(at - text)));
        lh_text_add(&out, with);
    }
    lh_text_add(&out, text);
    return out.s;
}

const char *lh__golden_hide_folder(const char *echo, const char *file,
                                   struct lh_arena *arena)
{
    const char *folder = folder_of(file, arena);

    if (folder == NULL) {
        return echo;
    }
    return replaced(echo, lh_format(arena, "\"%s/", folder),
                    lh_format(arena, "\"%s/", hidden), arena);
}

static const char *shown_folder(const char *echo, const char *file,
                                struct lh_arena *arena)
{
    const char *folder = folder_of(file, arena);

    return replaced(echo, lh_format(arena, "\"%s/", hidden),
                    lh_format(arena, "\"%s/", folder != NULL ? folder : "."),
                    arena);
}

/* ---- causes -------------------------------------------------------------- */

static void add(struct lh_golden_result *out, const char *cause)
{
    if (out->n_causes < CAUSES_MAX) {
        out->causes[out->n_causes++] = cause;
    }
}

static enum lh_status read_echo(struct lh_scenario *out, const char *echo,
                                const char *file, struct lh_ctx *ctx)
{
    const char *text = shown_folder(echo, file, ctx->arena);

    return lh_scenario_read_text(out, "kept scenario", text, strlen(text), ".",
                                 NULL, 0, ctx);
}

static void add_keys(struct lh_golden_result *out, const struct lh_golden *now,
                     struct lh_ctx *ctx)
{
    /* Messages of scenarios that were accepted once are not the user's. */
    struct lh_ctx quiet = lh_ctx_begin();
    struct lh_scenario a, b;
    struct lh_difference *differences;
    const char *file = out->kept->scenario_path;
    int n;

    quiet.data_dir = ctx->data_dir;
    if (read_echo(&a, out->kept->golden.echo, file, &quiet) != LH_OK
        || read_echo(&b, now->echo, file, &quiet) != LH_OK) {
        add(out, "the scenario: the kept one is not accepted any more");
    } else {
        n = lh_scenario_differences(&differences, &a, &b, quiet.arena);
        for (int i = 0; i < n; i++) {
            add(out, lh_format(ctx->arena, "%s %s -> %s", differences[i].path,
                               differences[i].a, differences[i].b));
        }
    }
    lh_ctx_end(&quiet);
}

static const char *cell_of(const struct lh_golden_row *row, const char *column)
{
    for (int i = 0; i < row->n_cells; i++) {
        if (strcmp(row->columns[i], column) == 0) {
            return row->cells[i];
        }
    }
    return "-";
}

static void compare_row(struct lh_golden_result *out,
                        const struct lh_golden_row *kept,
                        const struct lh_golden_row *now, struct lh_arena *arena)
{
    for (int i = 0; i < now->n_cells; i++) {
        const char *was = cell_of(kept, now->columns[i]);
        if (strcmp(was, now->cells[i]) != 0) {
            add(out, lh_format(arena, "data row %s: %s %s -> %s", now->name,
                               now->columns[i], was, now->cells[i]));
        }
    }
    for (int i = 0; i < kept->n_cells; i++) {
        if (strcmp(cell_of(now, kept->columns[i]), "-") == 0) {
            add(out, lh_format(arena, "data row %s: %s %s -> -", now->name,
                               kept->columns[i], kept->cells[i]));
        }
    }
}

static void add_rows(struct lh_golden_result *out, const struct lh_golden *now,
                     struct lh_arena *arena)
{
    const struct lh_golden *then = &out->kept->golden;

    for (int i = 0; i < now->n_rows; i++) {
        for (int k = 0; k < then->n_rows; k++) {
            if (strcmp(now->rows[i].name, then->rows[k].name) == 0) {
                compare_row(out, &then->rows[k], &now->rows[i], arena);
            }
        }
    }
}

void lh_golden_causes(struct lh_golden_result *out, const struct lh_golden *now,
                      struct lh_ctx *ctx)
{
    out->causes = LH_NEW(ctx->arena, const char *, CAUSES_MAX);
    out->n_causes = 0;
    add_keys(out, now, ctx);
    add_rows(out, now, ctx->arena);
    if (out->n_causes == 0) {
        add(out, "code");
    }
}
