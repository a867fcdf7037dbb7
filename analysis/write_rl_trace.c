/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The loop of reinforcement learning as Chrome trace events: a process a role
 * and site.  The trainer, weights on their way, the first replica of each
 * entry of generators with how many samples run in the entry at ends of the
 * trainer's steps, and the first worker of each verifier.
 *
 * Place in the pipeline: called by write_perfetto.c, behind the trainer's step.
 * The loop has a time axis of its own: its 0 is the begin of the loop, and
 * stands where the first record of the trainer's step does.
 * Leaves out: other replicas and workers (workloads/rl/spans.c).
 */
#include "writers.h"

#include <inttypes.h>
#include <math.h>

static void name(struct lh_text *out, int64_t pid, const char *text)
{
    lh_text_printf(out,
                   ",\n{\"ph\":\"M\",\"pid\":%" PRId64 ",\"tid\":0,"
                   "\"name\":\"process_name\",\"args\":{\"name\":",
                   pid);
    lh_text_json_string(out, text);
    lh_text_add(out, "}}");
}

static void names(struct lh_text *out, const struct lh_rl_report *report,
                  int64_t pid)
{
    const struct lh_rl *rl = &report->scenario->rl;
    struct lh_arena *arena = out->arena;
    int64_t at = pid + LH_RL_LANE_ROLES;

    name(out, pid + LH_RL_LANE_TRAINER,
         lh_format(arena, "loop: trainer at %s", rl->trainer_site_name));
    name(out, pid + LH_RL_LANE_WEIGHTS, "loop: weights on their way");
    for (int i = 0; i < rl->n_fleets; i++)
        name(out, at++,
             lh_format(arena, "loop: generators at %s, the first replica",
                       rl->fleets[i].site_name));
    for (int i = 0; i < rl->n_verifiers; i++)
        name(out, at++,
             lh_format(arena, "loop: %s at %s, the first worker",
                       lh__rl_judge(&rl->verifiers[i]),
                       rl->verifiers[i].site_name));
}

static void add_us(struct lh_text *out, int64_t t_ns)
{
    lh_text_printf(out, "%" PRId64 ".%03d", t_ns / 1000, (int)(t_ns % 1000));
}

static void span(struct lh_text *out, const struct lh_rl_span *s, int64_t pid)
{
    int64_t begin_ns = llround(s->begin_s * 1e9);
    int64_t end_ns = llround(s->end_s * 1e9);

    lh_text_printf(out,
                   ",\n{\"ph\":\"X\",\"pid\":%" PRId64 ",\"tid\":1,\"ts\":",
                   pid + s->lane);
    add_us(out, begin_ns);
    lh_text_add(out, ",\"dur\":");
    add_us(out, end_ns - begin_ns);
    lh_text_printf(out, ",\"name\":\"%s\"}", s->name);
}

static void running(struct lh_text *out, const struct lh_rl_report *report,
                    int64_t pid)
{
    const struct lh_rl_spans *spans = &report->spans;
    int n = report->scenario->rl.n_fleets;

    for (int64_t i = 0; i < spans->n_steps * n; i++) {
        lh_text_printf(out,
                       ",\n{\"ph\":\"C\",\"pid\":%" PRId64 ",\"tid\":0,\"ts\":",
                       pid + LH_RL_LANE_ROLES + i % n);
        add_us(out, llround(spans->step_s[i / n] * 1e9));
        lh_text_printf(out,
                       ",\"name\":\"samples that run\",\"args\":"
                       "{\"samples\":%" PRId64 "}}",
                       spans->running[i]);
    }
}

void lh__write_rl_trace(struct lh_text *out, const struct lh_rl_report *report,
                        int64_t first_pid)
{
    names(out, report, first_pid);
    for (int64_t i = 0; i < report->spans.n_spans; i++)
        span(out, &report->spans.spans[i], first_pid);
    running(out, report, first_pid);
}
