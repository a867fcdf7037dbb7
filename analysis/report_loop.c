/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning in the report: what the trainer and the
 * generators do in one of its steps, as bars on one scale, and where the tokens
 * went.  Definitions: docs/model.md, "RL loop".
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { TRAINER = 5, GENERATORS = 4 };

static struct lh__part *copied(struct lh__page *p, const struct lh__part *parts,
                               int n)
{
    struct lh__part *copy = LH_NEW(p->arena, struct lh__part, n);

    memcpy(copy, parts, (size_t)n * sizeof *copy);
    return copy;
}

/* The trainer's and the generators'. */
static void loop_bars(struct lh__bar out[2], struct lh__page *p,
                      const struct lh_rl_result *r, const char *title,
                      bool strong)
{
    const struct lh__part trainer[TRAINER] = {
        {r->trainer.train_s, "train", "training"},
        {r->trainer.log_prob_s, "log-prob", "forward passes"},
        {r->trainer.gather_s, "gather", "gathering weights"},
        {r->trainer.switch_s, "switch", "switching"},
        {r->trainer.wait_s, "wait", "waiting"}};
    const struct lh__part generators[GENERATORS] = {
        {r->generators.generate_s, "generate", "generating"},
        {r->generators.update_s, "gather", "taking weights"},
        {r->generators.away_s, "other", "away"},
        {r->generators.wait_s, "wait", "waiting"}};
    const char *figure = lh__seconds(p->arena, r->step_time_s);

    out[0] = (struct lh__bar){.label = title == NULL ? "trainer" : title,
                              .figure = figure,
                              .n = TRAINER,
                              .parts = copied(p, trainer, TRAINER),
                              .mark = NAN,
                              .strong = strong};
    out[1] = (struct lh__bar){.label = strong ? "generators, on average"
                                              : "generators",
                              .figure = figure,
                              .n = GENERATORS,
                              .parts = copied(p, generators, GENERATORS),
                              .mark = NAN,
                              .strong = strong};
}

/* The scenario's, and those of variants. */
struct loops {
    int n;
    const char **titles; /* NULL: the scenario, as it stands */
    const struct lh_rl_result **of;
};

static struct loops find_loops(struct lh__page *p)
{
    const struct lh_report_page *in = p->in;
    struct loops loops = {
        .titles = LH_NEW(p->arena, const char *, in->n_bars + 1),
        .of = LH_NEW(p->arena, const struct lh_rl_result *, in->n_bars + 1)};

    loops.titles[0] = in->title;
    loops.of[loops.n++] = &in->report->rl->result;
    for (int i = 0; i < in->n_bars; i++) {
        if (in->bars[i].loop == NULL)
            continue;
        loops.titles[loops.n] = in->bars[i].title;
        loops.of[loops.n++] = in->bars[i].loop;
    }
    return loops;
}

static void put_legend(struct lh__page *p, const struct loops *loops)
{
    bool switches = false, away = false;

    for (int i = 0; i < loops->n; i++) {
        switches |= loops->of[i]->trainer.switch_s > 0;
        away |= loops->of[i]->generators.away_s > 0;
    }
    lh__legend_begin(p);
    lh__legend_item(p, "train", "training, generating");
    lh__legend_item(p, "log-prob", "forward passes");
    lh__legend_item(p, "gather", "weights");
    if (switches)
        lh__legend_item(p, "switch", "switching");
    if (away)
        lh__legend_item(p, "other", "away");
    lh__legend_item(p, "wait", "waiting");
    lh__legend_end(p);
}

static void put_bars(struct lh__page *p, const struct loops *loops)
{
    struct lh__bar *bars = LH_NEW(p->arena, struct lh__bar, 2 * loops->n);
    double most = 0;

    for (int i = 0; i < loops->n; i++) {
        loop_bars(&bars[2 * i], p, loops->of[i], loops->titles[i], i == 0);
        most = fmax(most, loops->of[i]->step_time_s);
    }
    lh__bars(p, "A step of the loop, by what trainer and generators do", bars,
             2 * loops->n, most);
}

/* ---- table ----------------------------------------------------------------
 */

enum { TIMES = 10, TOKENS = 4 };

static void times_of(double out[TIMES], const struct lh_rl_result *r)
{
    const double times[TIMES] = {
        r->step_time_s,           r->trainer.train_s,     r->trainer.log_prob_s,
        r->trainer.gather_s,      r->trainer.switch_s,    r->trainer.wait_s,
        r->generators.generate_s, r->generators.update_s, r->generators.away_s,
        r->generators.wait_s};

    memcpy(out, times, sizeof times);
}

static void tokens_of(int64_t out[TOKENS], const struct lh_rl_result *r)
{
    const int64_t tokens[TOKENS] = {r->tokens_generated, r->tokens_trained,
                                    r->tokens_discarded, r->tokens_in_flight};

    memcpy(out, tokens, sizeof tokens);
}

static const char *cell_of(struct lh__page *p, const struct lh_rl_result *r,
                           int row)
{
    double times[TIMES];
    int64_t tokens[TOKENS];

    times_of(times, r);
    tokens_of(tokens, r);
    return row < TIMES ? lh__seconds(p->arena, times[row])
                       : lh_format(p->arena, "%" PRId64, tokens[row - TIMES]);
}

static void put_table(struct lh__page *p, const struct loops *loops)
{
    static const char *const names[TIMES + TOKENS] = {
        "step",
        "trainer: training",
        "trainer: forward passes",
        "trainer: gathering weights",
        "trainer: switching",
        "trainer: waiting",
        "generators: generating",
        "generators: taking weights",
        "generators: away",
        "generators: waiting",
        "tokens generated, all steps",
        "tokens trained on",
        "tokens discarded",
        "tokens in flight at the end"};
    const char **cells = LH_NEW(p->arena, const char *, loops->n + 1);

    cells[0] = "of a step of the loop";
    for (int i = 0; i < loops->n; i++)
        cells[i + 1] = loops->titles[i] != NULL ? loops->titles[i]
                       : loops->n > 1           ? "as it stands"
                                                : "";
    lh__table_begin(p, cells, loops->n + 1);
    for (int row = 0; row < TIMES + TOKENS; row++) {
        cells[0] = names[row];
        for (int i = 0; i < loops->n; i++)
            cells[i + 1] = cell_of(p, loops->of[i], row);
        lh__table_row(p, cells, loops->n + 1);
    }
    lh__table_end(p);
}

/* ---- fibres that weights cross ---------------------------------------------
 */

enum { FIBRES = 12 };

static int by_busy(const void *a, const void *b)
{
    const struct lh_rl_fibre *x = *(const struct lh_rl_fibre *const *)a;
    const struct lh_rl_fibre *y = *(const struct lh_rl_fibre *const *)b;
    int busy = (x->busy_frac < y->busy_frac) - (x->busy_frac > y->busy_frac);

    return busy != 0 ? busy : (x > y) - (x < y);
}

static void push_table(struct lh__page *p,
                       const struct lh_rl_fibre *const *fibres, int n)
{
    static const char *const heads[] = {"fibre", "each way", "bytes of a push",
                                        "bytes of a loop step", "busy"};

    lh__table_begin(p, heads, 5);
    for (int i = 0; i < n; i++) {
        const struct lh_rl_fibre *f = fibres[i];
        const char *cells[] = {
            lh__link_words(p->arena, f->name),
            lh_units_human(p->arena, f->capacity_bytes_per_s, LH_DIM_BANDWIDTH),
            lh_units_human(p->arena, f->push_bytes, LH_DIM_BYTES),
            lh_units_human(p->arena, f->step_bytes, LH_DIM_BYTES),
            lh__share_text(p->arena, f->busy_frac)};
        lh__table_row(p, cells, 5);
    }
    lh__table_end(p);
}

void lh__report_push(struct lh__page *p)
{
    const struct lh_rl_report *rl = p->in->report->rl;
    const struct lh_rl_fibre **fibres;
    struct lh__bar bars[FIBRES];
    int n;

    if (rl == NULL || rl->n_fibres == 0)
        return;
    fibres = LH_NEW(p->arena, const struct lh_rl_fibre *, rl->n_fibres);
    for (int i = 0; i < rl->n_fibres; i++)
        fibres[i] = &rl->fibres[i];
    qsort(fibres, (size_t)rl->n_fibres, sizeof *fibres, by_busy);
    n = rl->n_fibres < FIBRES ? rl->n_fibres : FIBRES;
    for (int i = 0; i < n; i++) {
        struct lh__part *part = LH_NEW(p->arena, struct lh__part, 1);
        *part = (struct lh__part){fibres[i]->busy_frac, "wan",
                                  lh__link_words(p->arena, fibres[i]->name)};
        bars[i] =
            (struct lh__bar){.label = part->name,
                             .figure = lh__share_text(p->arena, part->value),
                             .n = 1,
                             .parts = part,
                             .mark = NAN,
                             .strong = i == 0};
    }
    lh__section_begin(p, "push", "Fibres that weights cross",
                      "Bytes of a step of the loop over what the fibre could "
                      "carry in it.  The full width is 100 %.");
    lh__bars(p, "Busy share of the fibres that weights cross", bars, n, 1);
    push_table(p, fibres, n);
    lh__section_end(p);
}

/* ---- the loop -------------------------------------------------------------
 */

void lh__report_loop(struct lh__page *p)
{
    struct loops loops;

    if (p->in->report->rl == NULL)
        return;
    loops = find_loops(p);
    lh__section_begin(p, "loop", "A step of the loop",
                      loops.n > 1
                          ? "What the trainer does, and under it the "
                            "generators, mean after warm-up."
                          : "What the trainer and the generators do, mean "
                            "after warm-up.");
    put_legend(p, &loops);
    put_bars(p, &loops);
    put_table(p, &loops);
    lh__section_end(p);
}
