/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * longhaul run --chakra DIR: the program that was simulated as Chakra execution
 * traces, DIR/rank.R.et, of one rank of every template (a stage on a device),
 * or of those that --ranks names.  What a file holds is lh_program_chakra()'s.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

static int said(const char *path)
{
    fprintf(stderr, "longhaul: %s: error: cannot be written: %s\n", path,
            strerror(errno));
    return LH__EXIT_NO;
}

static int put(const char *path, const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    bool good;

    if (file == NULL) {
        return said(path);
    }
    good = fwrite(bytes, 1, n, file) == n;
    if (fclose(file) != 0 || !good) {
        return said(path);
    }
    return LH__EXIT_OK;
}

static int put_rank(const char *folder, const struct lh__stages *stages,
                    int index, lh_rank rank, struct lh_ctx *ctx)
{
    const char *path =
        lh_format(ctx->arena, "%s/rank.%" PRId64 ".et", folder, rank);
    struct lh_chakra_rank out;
    unsigned char *bytes;
    size_t n;

    lh_program_chakra(&out, &stages->program, index, rank, &stages->scenario,
                      ctx);
    lh_chakra_write(&bytes, &n, &out, ctx);
    return put(path, bytes, n);
}

/* The first rank that runs a template; -1: none does. */
static lh_rank rank_of(const struct lh_trace *trace, int index)
{
    lh_rank rank = -1;

    for (int32_t c = 0; c < trace->n_classes; c++) {
        if (trace->class_template[c] == index
            && (rank < 0 || trace->class_rank[c] < rank)) {
            rank = trace->class_rank[c];
        }
    }
    return rank;
}

static int put_all(const char *folder, const struct lh__stages *stages,
                   const struct lh_trace *trace, struct lh_ctx *ctx)
{
    int status = LH__EXIT_OK;

    for (int i = 0; i < stages->program.n_templates && status == LH__EXIT_OK;
         i++) {
        lh_rank rank = rank_of(trace, i);
        if (rank >= 0) {
            status = put_rank(folder, stages, i, rank, ctx);
        }
    }
    return status;
}

static int refuse(const char *text)
{
    fprintf(stderr, "longhaul: --ranks: %s\n", text);
    return LH__EXIT_INPUT;
}

/* "0,8,16" */
static int put_some(const char *folder, const char *ranks,
                    const struct lh__stages *stages, struct lh_ctx *ctx)
{
    const struct lh_program *p = &stages->program;
    int status = LH__EXIT_OK;
    char *end = NULL;

    if (p->n_devices > 1) {
        return refuse("sites have several devices; without it a rank of every "
                      "stage on each is written");
    }
    for (const char *at = ranks; status == LH__EXIT_OK; at = end + 1) {
        long long rank = strtoll(at, &end, 10);
        if (*at < '0' || *at > '9' || (*end != ',' && *end != '\0')) {
            return refuse("ranks with commas between them, e.g. 0,8,16");
        }
        if (rank >= lh_axes_ranks(&p->axes)) {
            return refuse(lh_format(ctx->arena,
                                    "the program has %" PRId64
                                    " ranks, from 0 on, not a rank %lld",
                                    lh_axes_ranks(&p->axes), rank));
        }
        status =
            put_rank(folder, stages,
                     (int)lh_axes_coordinate(&p->axes, rank, LH_AXIS_PIPELINE),
                     rank, ctx);
        if (*end == '\0') {
            break;
        }
    }
    return status;
}

int lh__chakra_put(const char *folder, const char *ranks,
                   const struct lh__stages *stages,
                   const struct lh_trace *trace, struct lh_ctx *ctx)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return said(folder);
    }
    return ranks ? put_some(folder, ranks, stages, ctx)
                 : put_all(folder, stages, trace, ctx);
}
