/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Folding: random scenarios of 4 to 64 ranks, folded and unfolded, must agree
 * (tests/fold_pair.c says in what); one that does not is made smaller while it
 * still disagrees, and printed.  And planted wrong folds must be found
 * (tests/fold_planted.c).
 *
 * usage: test_fold [DRAWS [SEED]]; draw i of seed s is draw 0 of seed s + i.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fold_features.h"
#include "fold_planted.h"
#include "unit.h"

enum { DRAWS = 100 };
static const uint64_t seed_default = 20260;

struct outcome {
    bool refused; /* not a scenario */
    bool failed;
    bool failed_to_run;
    bool sensitive; /* to rounding: not compared between engines */
    char text[8192], why[1024];
};

static void say(char *to, size_t n, const char *text)
{
    snprintf(to, n, "%s", text);
}

/* The draw's fault, by a run without it; none where that fails, so that the run
 * that is to be compared says why. */
static void strike(struct mishap *out, const struct draw *d, const char *dir,
                   struct lh_arena *arena)
{
    struct pair healthy = pair_begin();
    *out = (struct mishap){.kind = NO_FAULT};
    enum lh_status st = pair_build(&healthy, d, out, dir);
    if (st == LH_OK)
        st = pair_run(&healthy);
    if (st == LH_OK)
        *out = mishap_of(&d->fault, &healthy, arena);
    pair_end(&healthy);
}

/* Runs one draw; counts its features where `count` is not NULL. */
static void try(struct outcome *out, const struct draw *d, const char *dir,
                int *count)
{
    struct pair p = pair_begin();
    struct mishap mishap = {.kind = NO_FAULT};
    const char *why = NULL;
    *out = (struct outcome){0};
    if (d->fault.kind != NO_FAULT)
        strike(&mishap, d, dir, p.ctx.arena);
    enum lh_status st = pair_build(&p, d, &mishap, dir);
    out->refused = st == LH_BAD_INPUT;
    if (st == LH_OK)
        st = pair_run(&p);
    if (st != LH_OK) {
        int n = lh_diag_total(&p.ctx);
        why = n > 0 ? lh_diag_at(&p.ctx, n - 1)->text : "no message";
        out->failed_to_run = !out->refused;
    } else {
        why = pair_differs(&p);
        if (why == NULL)
            why = generated_differs(&p);
        if (count != NULL)
            features_count(count, d, &p);
    }
    if (why != NULL)
        say(out->why, sizeof out->why, why);
    out->failed = why != NULL && !out->refused;
    out->sensitive = p.is_sensitive;
    say(out->text, sizeof out->text, p.text);
    pair_end(&p);
}

static bool shrinks(struct outcome *worst, struct draw *d, int way,
                    const char *dir)
{
    struct draw smaller = *d;
    struct outcome now;
    draw_shrink(&smaller, way);
    if (draw_cost(&smaller) >= draw_cost(d))
        return false;
    try(&now, &smaller, dir, NULL);
    if (!now.failed || now.failed_to_run != worst->failed_to_run)
        return false;
    *d = smaller;
    *worst = now;
    return true;
}

static void report(const struct outcome *first, struct draw d, const char *dir)
{
    struct outcome worst = *first;
    printf("seed %llu: %s\n%s", (unsigned long long)d.seed, worst.why,
           worst.text);
    for (bool again = true; again;) {
        again = false;
        for (int way = 0; way < SHRINKS; way++)
            again |= shrinks(&worst, &d, way, dir);
    }
    printf("smallest that fails (layers %d, hidden %d): %s\n%s",
           draw_chunks(&d) + d.surplus, d.hidden, worst.why, worst.text);
}

/* Set by main() alone. */
static struct {
    int draws;
    uint64_t seed;
} options;

static struct draw drawn(uint64_t seed, const struct drawable *can)
{
    struct draw d = draw_make(seed);
    if (!can->faults)
        d.fault = (struct fault){0};
    if (!can->windows)
        d.window = (struct window){0};
    return d;
}

static void folded_equals_unfolded(void)
{
    char name[] = "/tmp/longhaul-fold-XXXXXX";
    char *dir = pair_folder(name);
    int count[N_FEATURES] = {0}, n_failed = 0, n_refused = 0, n_done = 0;
    int n_sensitive = 0;
    struct drawable can = {faults_are_read(), windows_are_read()};
    uint64_t seed = options.seed;
    printf("%d draws from seed %llu\n", options.draws,
           (unsigned long long)seed);
    for (; n_done < options.draws && n_failed < 3; seed++) {
        struct draw d = drawn(seed, &can);
        struct outcome out;
        try(&out, &d, dir, count);
        n_refused += out.refused;
        n_sensitive += out.sensitive;
        n_done += !out.refused;
        if (out.refused && n_refused == 1)
            printf("refused: %s\n%s", out.why, out.text);
        if (out.failed) {
            report(&out, d, dir);
            n_failed++;
        }
    }
    pair_folder_remove(dir);
    LH_CHECK(n_failed == 0);
    LH_CHECK(n_done == options.draws);
    LH_CHECK(n_refused == 0);
    if (n_sensitive > 0)
        printf("(%d that rounding moves) ", n_sensitive);
    LH_CHECK(n_sensitive <= 1 + options.draws / 100);
    if (n_failed == 0)
        features_check(count, options.draws, DRAWS, &can);
}

int main(int argc, char **argv)
{
    static const struct lh_unit tests[] = {
        {"the right fold is accepted", the_right_fold_is_accepted},
        {"one moved to another class is refused",
         one_moved_to_another_class_is_refused},
        {"another latency in a class is refused",
         another_latency_in_a_class_is_refused},
        {"a planted wrong weight is refused",
         a_planted_wrong_weight_is_refused},
        {"a planted colliding hash is refused",
         a_planted_colliding_hash_is_refused},
        {"a planted dropped order is seen", a_planted_dropped_order_is_seen},
        {"a planted wrong alpha is seen", a_planted_wrong_alpha_is_seen},
        {"a planted wrong phi is seen", a_planted_wrong_phi_is_seen},
        {"a planted wrong share is seen", a_planted_wrong_share_is_seen},
        {"a planted wrong gcd is seen", a_planted_wrong_gcd_is_seen},
        {"loads tell rows apart", loads_tell_rows_apart},
        {"messages know the loads", messages_know_the_loads},
        {"a planted wrong count is refused", a_planted_wrong_count_is_refused},
        {"generated equals refined at thousands",
         generated_equals_refined_at_thousands},
        {"generated equals refined with a part domain",
         generated_equals_refined_with_a_part_domain},
        {"folded equals unfolded", folded_equals_unfolded},
    };
    options.draws = argc > 1 ? atoi(argv[1]) : DRAWS;
    options.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed_default;
    return lh_unit_run("fold", tests, LH_COUNT(tests));
}
