/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Torus: rings along the dimensions of a torus, in both directions at once.
 * The buffer is cut into 2 D parts, D the dimensions that are longer than 1;
 * part (p, direction) is scattered and reduced along dimension p, what is left
 * of it along p + 1, and so on round all D, and gathered back along them in the
 * opposite order.  All parts and phases work at once on different chunks, so
 * one coupled flow.
 *
 *   reduce-scatter   the first half
 *   all-gather       the second half
 *   all-reduce       both
 *
 * With sides n_0 .. n_(D-1) and n their product, part p passes on a hop along
 * q, in either half,
 *
 *   S/(2 D) x (n_q - 1)/n_q / (product of the sides before q from p on)
 *
 * which is (n_q - 1) x (product of the sides after q) units of S/(2 D n).  A
 * hop carries the sum over p, the same along all of q; equal sides: n - 1
 * units.  Then a link carries S 2 (n - 1)/n / (2 D) of an all-reduce; on a side
 * of two, whose members have one cable, twice that.
 *
 *   alpha   of each dimension, the largest chain of n_q - 1 hops in a row on
 *           any of its rings; summed, an all-reduce twice.  All parts pass all
 *           dimensions, so it is every part's
 *
 * Defined where the members are all accelerators of one torus, in any order.
 *
 * Source: Sack and Gropp, Collective algorithms for multiported torus networks,
 * ACM Transactions on Parallel Computing 1 (2015), for all links at once; Ying
 * et al., Image classification at supercomputer scale (arXiv:1811.06992, 2018),
 * for dimension after dimension on TPUs.
 * Leaves out: parts of unequal size, which would balance unequal sides; the
 * fill of the pipeline in the coupled form.
 */
#include "list.h"

#include <math.h>
#include <stdlib.h>

/* Chunks of the message form; equal sides keep step without any. */
enum { CHUNKS = 16 };

bool lh__torus_whole(struct lh__torus_sides *out,
                     const struct lh_members *members)
{
    int64_t stride = 1;
    bool whole = true;

    *out = (struct lh__torus_sides){0};
    for (int d = 0; d < members->n_dims; d++) {
        if (members->dims[d] > 1) {
            out->size[out->n_dims] = members->dims[d];
            out->stride[out->n_dims++] = stride;
        }
        stride *= members->dims[d];
    }
    if (members->n < 2 || members->n_dims == 0 || members->n != stride)
        return false;
    bool *seen = calloc((size_t)stride, sizeof *seen);
    if (seen == NULL)
        abort();
    for (int64_t i = 0; whole && i < members->n; i++) {
        int64_t place = members->place[i];
        whole = members->domain[i] == members->domain[0] && place >= 0
                && place < stride && !seen[place];
        if (whole)
            seen[place] = true;
    }
    free(seen);
    return whole;
}

int64_t *lh__torus_members(const struct lh_members *members, struct lh_ctx *ctx)
{
    int64_t *at = LH_NEW(ctx->arena, int64_t, members->n);

    for (int64_t i = 0; i < members->n; i++)
        at[members->place[i]] = i;
    return at;
}

static bool torus_defined(enum lh_collective collective,
                          const struct lh_members *members)
{
    struct lh__torus_sides sides;

    return collective < LH_ALL_TO_ALL && lh__torus_whole(&sides, members);
}

/* ---- rings --------------------------------------------------------------- */

/* The rings of a dimension and direction follow each other; slot i is the
 * (i mod side)-th stop of its ring. */
static int64_t slot_place(const struct lh__torus_sides *t, int q, bool up,
                          int64_t slot)
{
    int64_t size = t->size[q];
    int64_t ring = slot / size;
    int64_t stop = slot % size;
    int64_t at = up ? stop : (size - stop) % size;

    return ring / t->stride[q] * t->stride[q] * size + ring % t->stride[q]
           + at * t->stride[q];
}

/* The inverse of slot_place(). */
static int64_t place_slot(const struct lh__torus_sides *t, int q, bool up,
                          int64_t place)
{
    int64_t size = t->size[q];
    int64_t at = place / t->stride[q] % size;
    int64_t ring =
        place / (t->stride[q] * size) * t->stride[q] + place % t->stride[q];

    return ring * size + (up ? at : (size - at) % size);
}

static int64_t slot_after(const struct lh__torus_sides *t, int q, int64_t slot)
{
    return slot % t->size[q] == t->size[q] - 1 ? slot - t->size[q] + 1
                                               : slot + 1;
}

static int64_t slot_before(const struct lh__torus_sides *t, int q, int64_t slot)
{
    return slot % t->size[q] == 0 ? slot + t->size[q] - 1 : slot - 1;
}

/* ---- hops ---------------------------------------------------------------- */

/* Units of S/(2 D n) on a hop along q, of one half, over all parts. */
static int64_t hop_units(const struct lh__torus_sides *t, int q)
{
    int64_t units = 0;

    for (int p = 0; p < t->n_dims; p++) {
        int64_t part = t->size[q] - 1;
        for (int k = (q + 1) % t->n_dims; k != p; k = (k + 1) % t->n_dims)
            part *= t->size[k];
        units += part;
    }
    return units;
}

/* Hops: dimension by dimension, up then down, ring by ring. */
static void torus_hops(struct lh_hops *out, enum lh_collective collective,
                       const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh__torus_sides t;
    int64_t n = members->n;
    int64_t *member = lh__torus_members(members, ctx);
    int64_t h = 0;

    lh__torus_whole(&t, members);
    lh__hops_new(out, 2 * t.n_dims * n, ctx);
    for (int ring = 0; ring < 2 * t.n_dims; ring++) {
        int q = ring / 2;
        bool up = ring % 2 == 0;
        for (int64_t slot = 0; slot < n; slot++, h++) {
            int64_t next = slot_after(&t, q, slot);
            out->from[h] = member[slot_place(&t, q, up, slot)];
            out->to[h] = member[slot_place(&t, q, up, next)];
            out->weight[h] = hop_units(&t, q);
        }
    }
    out->unit_frac = (collective == LH_ALL_REDUCE ? 2.0 : 1.0)
                     / (2.0 * (double)t.n_dims * (double)n);
    lh__hops_reduce(out);
}

static double torus_latency(const struct lh_hops *hops,
                            enum lh_collective collective,
                            const struct lh_members *members,
                            const double *latency_s)
{
    struct lh__torus_sides t;
    double sum_s = 0.0;

    (void)hops;
    lh__torus_whole(&t, members);
    for (int q = 0; q < t.n_dims; q++) {
        const double *of_q = latency_s + 2 * q * members->n;
        double most_s = 0.0;
        for (int64_t h = 0; h < 2 * members->n; h += t.size[q])
            most_s =
                fmax(most_s, lh__cycle_max(of_q + h, t.size[q], t.size[q] - 1));
        sum_s += most_s;
    }
    return collective == LH_ALL_REDUCE ? 2.0 * sum_s : sum_s;
}

/* ---- pipes --------------------------------------------------------------- */

/* The phases of part p: D to scatter, D to gather, or one half of them. */
static int phase_count(const struct lh__torus_sides *t,
                       enum lh_collective collective)
{
    return collective == LH_ALL_REDUCE ? 2 * t->n_dims : t->n_dims;
}

/* How many dimensions part p has been scattered along before this phase (or
 * will stay so after it): its dimension is that many after p. */
static int phase_depth(const struct lh__torus_sides *t,
                       enum lh_collective collective, int phase)
{
    if (collective == LH_ALL_GATHER)
        return t->n_dims - 1 - phase;
    return phase < t->n_dims ? phase : 2 * t->n_dims - 1 - phase;
}

/* S fraction of a round of part p at a depth. */
static double round_frac(const struct lh__torus_sides *t, int p, int depth)
{
    double frac = 1.0 / (2.0 * (double)t->n_dims);

    for (int k = 0; k <= depth; k++)
        frac /= (double)t->size[(p + k) % t->n_dims];
    return frac;
}

/* A part's phase: one pipe a member, in the order of the slots.  Its first
 * round waits for the phase before. */
struct phase {
    int64_t first, first_before; /* pipe; < 0: no phase before */
    int q, q_before;
    bool up;
    double frac;
};

static void phase_fill(struct lh_pipes *out, const struct phase *f,
                       const struct lh__torus_sides *t, const int64_t *member,
                       int64_t n)
{
    int64_t rounds = t->size[f->q] - 1;

    for (int64_t slot = 0; slot < n; slot++) {
        int64_t pipe = f->first + slot;
        int64_t from = slot_place(t, f->q, f->up, slot);
        int64_t to = slot_place(t, f->q, f->up, slot_after(t, f->q, slot));
        int64_t gate = out->gate_begin[pipe];
        out->from[pipe] = member[from];
        out->to[pipe] = member[to];
        out->chain[pipe] = f->first + slot_before(t, f->q, slot);
        out->round_begin[pipe + 1] = out->round_begin[pipe] + rounds;
        for (int64_t k = 0; k < rounds; k++)
            out->round_frac[out->round_begin[pipe] + k] = f->frac;
        if (f->first_before >= 0)
            out->gates[gate++] =
                f->first_before
                + slot_before(t, f->q_before,
                              place_slot(t, f->q_before, f->up, from));
        out->gate_begin[pipe + 1] = gate;
    }
}

static bool is_cube(const struct lh__torus_sides *t)
{
    for (int q = 1; q < t->n_dims; q++) {
        if (t->size[q] != t->size[0])
            return false;
    }
    return true;
}

static void torus_pipes(struct lh_pipes *out, enum lh_collective collective,
                        const struct lh_members *members, struct lh_ctx *ctx)
{
    struct lh__torus_sides t;
    int64_t n = members->n;
    int64_t rounds = 0;
    int64_t *member = lh__torus_members(members, ctx);
    struct phase f = {0};

    lh__torus_whole(&t, members);
    int n_phases = phase_count(&t, collective);
    for (int q = 0; q < t.n_dims; q++)
        rounds += 2 * n_phases * n * (t.size[q] - 1);
    lh__pipes_new(out, 2 * t.n_dims * n_phases * n, rounds,
                  2 * t.n_dims * n_phases * n, ctx);
    out->chunks = is_cube(&t) ? 1 : CHUNKS;
    for (int part = 0; part < 2 * t.n_dims; part++) {
        int p = part / 2;
        f.up = part % 2 == 0;
        f.first_before = -1;
        for (int phase = 0; phase < n_phases; phase++) {
            int depth = phase_depth(&t, collective, phase);
            f.q = (p + depth) % t.n_dims;
            f.frac = round_frac(&t, p, depth);
            phase_fill(out, &f, &t, member, n);
            f.first_before = f.first;
            f.q_before = f.q;
            f.first += n;
        }
    }
}

const struct lh_algorithm lh__torus_algorithm = {
    .name = "torus",
    .help = "rings along all dimensions of a torus, both ways at once",
    .defined = torus_defined,
    .hops = torus_hops,
    .latency = torus_latency,
    .pipes = torus_pipes,
};
