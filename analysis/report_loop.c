/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning in the report: what the trainer and the
 * generators do in one of its steps, as bars on one scale, and where the tokens
 * went.  Definitions: docs/model.md, "RL loop".
 */
#include <inttypes.h>
#include <math.h>

#include "report.h"

enum { TRAINER = 5, GENERATORS = 3 };

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
        {r->generators.wait_s, "wait", "waiting"}};
    const char *figure = lh__seconds(p->arena, r->step_time_s);
    const struct lh__bar bars[] = {
        {"trainer", figure, TRAINER, trainer, NAN, true},
        {"generators, on average", figure, GENERATORS, generators, NAN, true}};

    lh__legend_begin(p);
    lh__legend_item(p, "train", "training, generating");
    lh__legend_item(p, "log-prob", "forward passes");
    lh__legend_item(p, "gather", "weights");
    lh__legend_item(p, "switch", "switching");
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

void lh__report_loop(struct lh__page *p)
{
    const struct lh_rl_report *rl = p->in->report->rl;

    if (rl == NULL)
        return;
    lh__section_begin(p, "loop", "A step of the loop",
                      "Mean after warm-up.  What follows below is one "
                      "optimizer step of the trainer.");
    put_bars(p, &rl->result);
    put_table(p, &rl->result);
    lh__section_end(p);
}
