/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What each overlap of MegaScale (NSDI'24, arXiv:2402.15627, table 3; reference
 * 02b) is worth, in points of MFU: rows of
 * validation/rows/megascale-table-3.csv less the row before.
 *
 * Left out: the rows themselves, which rest on a window that is not stated.
 */
#include <math.h>

#include <longhaul/result.h>

#include "unit.h"

static const char rows[] = LH_SRCDIR "/validation/rows/megascale-table-3.csv";

enum { BASELINE, PARALLEL, WINDOW, TENSOR, PIPELINE, DATA, N_ROWS };

static void run(struct lh_validation *v, struct lh_ctx *ctx)
{
    const char *path = rows;

    *ctx = lh_ctx_begin();
    LH_REQUIRE(lh_validation_read(v, &path, 1, ctx) == LH_OK);
    LH_REQUIRE(lh_validation_run(v, 2, ctx) == LH_OK);
    LH_REQUIRE(v->sources[0].n_rows == N_ROWS);
}

/* Points over the row before. */
static double step(const struct lh_validation *v, int row, bool published)
{
    const struct lh_validation_row *r = &v->sources[0].rows[row];

    return published ? r->published - r[-1].published
                     : r->simulated - r[-1].simulated;
}

static void each_overlap_is_worth_what_was_measured(void)
{
    struct lh_validation v;
    struct lh_ctx ctx;

    run(&v, &ctx);
    LH_CHECK(fabs(step(&v, TENSOR, false) - step(&v, TENSOR, true)) < 1.0);
    LH_CHECK(fabs(step(&v, DATA, false) - step(&v, DATA, true)) < 1.0);
    LH_CHECK(fabs(step(&v, PIPELINE, false) - step(&v, PIPELINE, true)) < 1.0);
    lh_ctx_end(&ctx);
}

static void a_parallel_block_is_faster(void)
{
    struct lh_validation v;
    struct lh_ctx ctx;

    run(&v, &ctx);
    LH_CHECK(step(&v, PARALLEL, false) > 1.0);
    LH_CHECK(step(&v, PARALLEL, false) < step(&v, PARALLEL, true));
    lh_ctx_end(&ctx);
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"each overlap is worth what was measured",
         each_overlap_is_worth_what_was_measured},
        {"a parallel block is faster", a_parallel_block_is_faster},
    };

    return lh_unit_run("megascale", tests, LH_COUNT(tests));
}
