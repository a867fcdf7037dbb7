/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What each link carried in one step.  Links that cannot be told apart (kind,
 * sites, capacity, latency, bytes) are one row with a count; rows are ordered
 * by busy share, then kind, then the first link's id.
 *
 * busy share = bytes / (capacity x step time): the part of what the link could
 * have carried in the step; capacity as faults and background leave it, where
 * it changes in the step the largest.
 */
#include "breakdown.h"

#include <math.h>
#include <stdlib.h>

struct row {
    struct lh_link_info info;
    lh_link link;
    double bytes;
    int64_t count;
    double busy_frac;
};

static int by_value(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_kind(const struct row *a, const struct row *b)
{
    if (a->info.kind != b->info.kind)
        return (int)a->info.kind - (int)b->info.kind;
    if (a->info.site_from != b->info.site_from)
        return a->info.site_from - b->info.site_from;
    if (a->info.site_to != b->info.site_to)
        return a->info.site_to - b->info.site_to;
    int d =
        by_value(a->info.capacity_bytes_per_s, b->info.capacity_bytes_per_s);
    if (d == 0)
        d = by_value(a->info.latency_s, b->info.latency_s);
    return d;
}

static int by_class(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int d = by_kind(a, b);
    if (d == 0)
        d = by_value(a->bytes, b->bytes);
    return d != 0 ? d : (a->link > b->link) - (a->link < b->link);
}

static int by_busy(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int d = by_value(b->busy_frac, a->busy_frac);
    if (d == 0)
        d = (int)a->info.kind - (int)b->info.kind;
    return d != 0 ? d : (a->link > b->link) - (a->link < b->link);
}

/* Bytes are sums whose order differs from link to link: equal to 1e-9. */
static bool same_row(const struct row *a, const struct row *b)
{
    return by_kind(a, b) == 0 && fabs(a->bytes - b->bytes) <= 1e-9 * b->bytes;
}

static int by_link(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    return (a->link > b->link) - (a->link < b->link);
}

/* A fibre that is a link in several sets of routes is one, with all its bytes;
 * its capacity is that in any set. */
static int sets_join(struct row *rows, int n, const struct lh_topology *t)
{
    int kept = 0;
    if (lh_topology_link_end(t) == lh_topology_link_count(t))
        return n;
    for (int i = 0; i < n; i++) {
        if (lh_topology_link_set(t, rows[i].link) > 0)
            rows[i].link = lh_topology_link_in_set(t, rows[i].link, 0);
    }
    qsort(rows, (size_t)n, sizeof *rows, by_link);
    for (int i = 0; i < n; i++) {
        if (kept == 0 || rows[kept - 1].link != rows[i].link) {
            rows[kept++] = rows[i];
            continue;
        }
        rows[kept - 1].bytes += rows[i].bytes;
        rows[kept - 1].info.capacity_bytes_per_s =
            fmax(rows[kept - 1].info.capacity_bytes_per_s,
                 rows[i].info.capacity_bytes_per_s);
    }
    return kept;
}

static int collapse(struct row *rows, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++) {
        if (kept > 0 && same_row(&rows[kept - 1], &rows[i])) {
            rows[kept - 1].count += rows[i].count;
            if (rows[i].link < rows[kept - 1].link) {
                rows[kept - 1].link = rows[i].link;
                rows[kept - 1].info = rows[i].info;
            }
        } else {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

void lh__links(struct lh_result *out, const struct lh_trace *trace,
               const struct lh_topology *topology, struct lh_ctx *ctx)
{
    int n = trace->n_links;
    struct row *rows = LH_NEW(ctx->arena, struct row, n);
    for (int i = 0; i < n; i++) {
        rows[i].info = lh_topology_link_at(topology, trace->link_first[i]);
        rows[i].info.capacity_bytes_per_s = trace->link_capacity[i];
        rows[i].link = trace->link_first[i];
        rows[i].bytes = trace->link_bytes[i];
        rows[i].count = trace->link_count[i];
    }
    n = sets_join(rows, n, topology);
    for (int i = 0; i < n; i++) {
        double could_bytes =
            rows[i].info.capacity_bytes_per_s * trace->step_time_s;
        rows[i].busy_frac = could_bytes > 0 && isfinite(could_bytes)
                                ? rows[i].bytes / could_bytes
                                : 0.0;
    }
    qsort(rows, (size_t)n, sizeof *rows, by_class);
    n = collapse(rows, n);
    qsort(rows, (size_t)n, sizeof *rows, by_busy);
    out->n_links = n;
    out->links = LH_NEW(ctx->arena, struct lh_link_use, n);
    for (int i = 0; i < n; i++) {
        out->links[i] = (struct lh_link_use){
            .name = rows[i].info.name,
            .kind = rows[i].info.kind,
            .count = rows[i].count,
            .capacity_bytes_per_s = rows[i].info.capacity_bytes_per_s,
            .bytes = rows[i].bytes,
            .busy_frac = rows[i].busy_frac};
    }
}
