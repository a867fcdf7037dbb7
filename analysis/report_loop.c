/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning in the report: what the trainer and the
 * generators do in one of its steps, as bars on one scale, and where the tokens
 * went.  Definitions: docs/model.md, "RL loop".
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "report.h"

enum { TRAINER = 5, GENERATORS = 4 };

static void put_bars(struct lh__page *p, const struct lh_rl_result *r)
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
    const struct lh__bar bars[] = {
        {"trainer", figure, TRAINER, trainer, NAN, true},
        {"generators, on average", figure, GENERATORS, generators, NAN, true}};

    lh__legend_begin(p);
    lh__legend_item(p, "train", "training, generating");
    lh__legend_item(p, "log-prob", "forward passes");
    lh__legend_item(p, "gather", "weights");
    if (r->trainer.switch_s > 0)
        lh__legend_item(p, "switch", "switching");
    if (r->generators.away_s > 0)
        lh__legend_item(p, "other", "away");
    lh__legend_item(p, "wait", "waiting");
    lh__legend_end(p);
    lh__bars(p, "A step of the loop, by what trainer and generators do", bars,
             2, r->step_time_s);
}

static void row(struct lh__page *p, const char *name, const char *value)
{
    lh__table_row(p, (const char *[]){name, value}, 2);
}

static void put_table(struct lh__page *p, const struct lh_rl_result *r)
{
    static const char *const heads[] = {"of a step of the loop", ""};
    const struct {
        const char *name;
        double seconds;
    } times[] = {{"step", r->step_time_s},
                 {"trainer: training", r->trainer.train_s},
                 {"trainer: forward passes", r->trainer.log_prob_s},
                 {"trainer: gathering weights", r->trainer.gather_s},
                 {"trainer: switching", r->trainer.switch_s},
                 {"trainer: waiting", r->trainer.wait_s},
                 {"generators: generating", r->generators.generate_s},
                 {"generators: taking weights", r->generators.update_s},
                 {"generators: away", r->generators.away_s},
                 {"generators: waiting", r->generators.wait_s}};
    const struct {
        const char *name;
        int64_t n;
    } tokens[] = {{"tokens generated, all steps", r->tokens_generated},
                  {"tokens trained on", r->tokens_trained},
                  {"tokens discarded", r->tokens_discarded},
                  {"tokens in flight at the end", r->tokens_in_flight}};

    lh__table_begin(p, heads, 2);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        row(p, times[i].name, lh__seconds(p->arena, times[i].seconds));
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        row(p, tokens[i].name, lh_format(p->arena, "%" PRId64, tokens[i].n));
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
    const struct lh_rl_report *rl = p->in->report->rl;

    if (rl == NULL)
        return;
    lh__section_begin(p, "loop", "A step of the loop",
                      "What the trainer and the generators do, mean after "
                      "warm-up.");
    put_bars(p, &rl->result);
    put_table(p, &rl->result);
    lh__section_end(p);
}
