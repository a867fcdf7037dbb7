/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A 1 GiB all-reduce over 8 to 1,048,576 ranks, as a step of its own through
 * placing, folding and SimGrid, against its closed form, with the wall time it
 * takes.  On one switch, on a fat-tree without oversubscription, on tori.
 *
 *   switch     alpha + 2 (n-1)/n S / NIC
 *   fat-tree   alpha + 2 (n-1)/n S max(1/(8 NIC), 7/8 / scale-up); 8 channels
 *   torus      alpha + the largest over the sides of
 *              c (units of a hop) S/(D n) / link, c = 2 on a side of two
 *   snake      alpha + 2 (n-1)/n S / link
 *
 *   alpha      the longest chain of hops (docs/model.md), written out below
 *
 * growth: wall time over that of the line before, over the same of the ranks.
 * Exits 1 where a time differs from its closed form by more than 1e-9 of it.
 * usage: bench/all_reduce [MOST RANKS]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../tests/lone_comm.h"

static const double bytes = 1024.0 * 1024 * 1024;
static const double base_s = 1e-5;
static const double tolerance = 1e-9;

static const struct lh_fabric fabric = {
    .name = "bench",
    .scale_up_gpus = 1,
    .scale_up_bytes_per_s = 450e9,
    .scale_up_latency_s = 1.5e-6,
    .scale_up_frac = 1,
    .nic_bytes_per_s = 50e9,
    .nic_latency_s = 1.4e-6,
    .nic_frac = 1,
    .switch_latency_s = 0.45e-6,
    .spread_frac = 1,
    .n_oversubscription = 1,
    .oversubscription = {1},
};

/* ---- closed forms -------------------------------------------------------- */

static double ring_bytes(double n)
{
    return 2 * (n - 1) / n * bytes;
}

static double switch_s(const struct lh_fabric *f, double n)
{
    return 2 * (n - 1) * 2 * f->nic_latency_s
           + ring_bytes(n) / f->nic_bytes_per_s;
}

/* Hops between nodes that pass a level: as many as it has switches, if more
 * than one; each goes up and down.  2 (n-1) hops are two rounds without the
 * two in a row that are the shortest. */
static double fat_tree_s(const struct lh_fabric *f, double n)
{
    double k = (double)f->scale_up_gpus;
    double intra_s = 2 * f->scale_up_latency_s;
    double switches = n / k;
    double round_s = (n - n / k) * intra_s + n / k * 2 * f->nic_latency_s;

    if (n <= k)
        return 2 * (n - 1) * intra_s + ring_bytes(n) / f->scale_up_bytes_per_s;
    for (int level = 0; level < f->n_levels; level++) {
        switches = ceil(switches / (double)f->group[level]);
        if (switches > 1)
            round_s += switches * 2 * f->switch_latency_s;
    }
    return 2 * round_s - intra_s - fmin(intra_s, 2 * f->nic_latency_s)
           + ring_bytes(n)
                 * fmax(1 / (k * f->nic_bytes_per_s),
                        (k - 1) / k / f->scale_up_bytes_per_s);
}

/* Of the sides longer than 1. */
static double torus_s(const struct lh_fabric *f, double n)
{
    double side[LH_TORUS_DIMS], most = 0, chain = 0;
    int dims = 0;

    for (int d = 0; d < f->n_dims; d++)
        if (f->dims[d] > 1)
            side[dims++] = (double)f->dims[d];
    for (int q = 0; q < dims; q++) {
        double units = 0; /* on a hop along q, of parts that begin along p */
        for (int p = 0; p < dims; p++) {
            double part = n * (side[q] - 1) / side[q];
            for (int k = p; k % dims != q; k++)
                part /= side[k % dims];
            units += part;
        }
        most = fmax(most, units * (side[q] == 2 ? 2 : 1));
        chain += side[q] - 1;
    }
    return 2 * chain * f->scale_up_latency_s
           + most * bytes / (dims * n) / f->scale_up_bytes_per_s;
}

static double snake_s(const struct lh_fabric *f, double n)
{
    return 2 * (n - 1) * f->scale_up_latency_s
           + ring_bytes(n) / f->scale_up_bytes_per_s;
}

/* ---- lines --------------------------------------------------------------- */

struct series {
    const char *fabric, *algorithm;
    double (*expected_s)(const struct lh_fabric *fabric, double n);
    double wall_s; /* of the line before; 0: the first */
    int64_t ranks;
};

static double wall_now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Runs and prints one line; false where it is off. */
static bool line(struct series *s, const struct lh_fabric *f, int64_t ranks)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lone_comm c = {.fabric = *f,
                          .ranks = ranks,
                          .collective = LH_ALL_REDUCE,
                          .algorithm = s->algorithm,
                          .bytes = bytes,
                          .base_s = base_s};
    struct lone_comm_result got;
    double expected_s = base_s + s->expected_s(f, (double)ranks);
    double begin_s = wall_now_s();

    if (lone_comm_run(&got, &c, &ctx) != LH_OK) {
        for (int i = 0; i < lh_diag_total(&ctx); i++)
            fprintf(stderr, "%s\n", lh_diag_at(&ctx, i)->text);
        lh_ctx_end(&ctx);
        return false;
    }
    double wall_s = wall_now_s() - begin_s;
    double off = got.time_s / expected_s - 1;

    printf("%-14s %-12s %8lld %14.9f %14.9f %9.1e %8.3f", s->fabric,
           got.algorithm, (long long)ranks, got.time_s, expected_s, off,
           wall_s);
    if (s->wall_s > 0)
        printf(" %7.2f",
               wall_s / s->wall_s / ((double)ranks / (double)s->ranks));
    printf("\n");
    fflush(stdout);
    s->wall_s = wall_s;
    s->ranks = ranks;
    lh_ctx_end(&ctx);
    return fabs(off) <= tolerance;
}

/* ---- series -------------------------------------------------------------- */

static const int64_t all_ranks[] = {8, 64, 512, 4096, 32768, 262144, 1048576};
enum { N_RANKS = (int)(sizeof all_ranks / sizeof all_ranks[0]) };

static bool switches(int64_t most)
{
    struct series s = {"switch", "ring", switch_s, 0, 0};
    struct lh_fabric f = fabric;
    bool fine = true;

    f.kind = LH_FABRIC_SWITCH;
    for (int i = 0; i < N_RANKS && all_ranks[i] <= most; i++)
        fine = line(&s, &f, all_ranks[i]) && fine;
    return fine;
}

static bool fat_trees(int64_t most)
{
    struct series s = {"fat-tree", "ring", fat_tree_s, 0, 0};
    struct lh_fabric f = fabric;
    bool fine = true;

    f.kind = LH_FABRIC_FAT_TREE;
    f.scale_up_gpus = 8;
    f.n_levels = 3;
    f.group[0] = 8;
    f.group[1] = f.group[2] = 32;
    for (int i = 0; i < N_RANKS && all_ranks[i] <= most; i++)
        fine = line(&s, &f, all_ranks[i]) && fine;
    return fine;
}

static bool torus_line(struct series *s, int64_t x, int64_t y, int64_t z,
                       int64_t most)
{
    struct lh_fabric f = fabric;
    char name[64];

    if (x * y * z > most)
        return true;
    f.kind = LH_FABRIC_TORUS;
    f.scale_up_gpus = x * y * z;
    f.scale_up_bytes_per_s = 45e9;
    f.n_dims = 3;
    f.dims[0] = x;
    f.dims[1] = y;
    f.dims[2] = z;
    snprintf(name, sizeof name, "%lldx%lldx%lld", (long long)x, (long long)y,
             (long long)z);
    s->fabric = name;
    return line(s, &f, f.scale_up_gpus);
}

static bool tori(struct series *s, int64_t most)
{
    bool fine = true;

    s->wall_s = 0;
    for (int64_t side = 2; side <= 64; side *= 2)
        fine = torus_line(s, side, side, side, most) && fine;
    s->wall_s = 0;
    fine = torus_line(s, 4, 4, 8, most) && fine;
    fine = torus_line(s, 16, 16, 24, most) && fine;
    return fine;
}

int main(int argc, char **argv)
{
    int64_t most = argc > 1 ? atoll(argv[1]) : all_ranks[N_RANKS - 1];
    struct series parts = {.algorithm = "torus", .expected_s = torus_s};
    struct series snake = {.algorithm = "hamiltonian", .expected_s = snake_s};

    printf("%-14s %-12s %8s %14s %14s %9s %8s %7s\n", "fabric", "algorithm",
           "ranks", "simulated_s", "closed_form_s", "ratio-1", "wall_s",
           "growth");
    bool fine = switches(most);
    fine = fat_trees(most) && fine;
    fine = tori(&parts, most) && fine;
    fine = tori(&snake, most) && fine;
    return fine ? 0 : 1;
}
