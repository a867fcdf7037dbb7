/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The quantities of validation rows: what a published figure is, its units,
 * and how FLOPs are counted where it holds FLOPs.
 *
 *   error            simulated / published - 1, in the row's own quantity
 *
 * Conventions of FLOPs of a step:
 *   model           without recomputation (workloads/flops.c)
 *   hardware        with what the plan recomputes
 *   megatron-sc21   Narayanan et al. 2021 (arXiv:2104.04473), equation 3:
 *                   96 B s l h^2 (1 + s/(6h) + V/(16 l h)), every layer's
 *                   forward pass counted twice whatever the plan recomputes
 * Place in the pipeline: after lh_result_make(), or after a collective alone.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "validate.h"

struct unit {
    const char *name;
    double in_base; /* the quantity's own unit */
};

enum { UNITS_MAX = 4 };

const char *lh__no_value(const struct lh_validation_row *row)
{
    return row->kind == LH_ROW_RL
               ? "the scenario has no loop (rl), or the row none to compare"
               : "operations of a single layer need plan.tensor above 1";
}

struct lh__quantity {
    struct lh_choice choice;
    enum lh_row_kind kind;
    bool is_rate;
    bool has_convention;
    struct unit units[UNITS_MAX]; /* the first is the usual */
    double (*value)(const struct lh_validation_row *row,
                    const struct lh__measured *m);
};

/* ---- FLOPs ----------------------------------------------------------------
 */

static double sc21_flops(const struct lh_scenario *s)
{
    double batch = (double)s->training.global_batch;
    double length = (double)s->training.sequence_length;
    double layers = (double)s->model.layers, h = (double)s->model.hidden;
    double vocabulary = (double)s->model.vocab;
    return 96 * batch * length * layers * h * h
           * (1 + length / (6 * h) + vocabulary / (16 * layers * h));
}

static double flops(const struct lh_validation_row *row,
                    const struct lh__measured *m)
{
    if (strcmp(row->convention, "hardware") == 0)
        return m->program->hardware_flops;
    if (strcmp(row->convention, "megatron-sc21") == 0)
        return sc21_flops(m->scenario);
    return m->program->model_flops;
}

/* ---- values ---------------------------------------------------------------
 */

static double ranks(const struct lh__measured *m)
{
    return (double)lh_axes_ranks(&m->program->axes);
}

static double step_time(const struct lh_validation_row *row,
                        const struct lh__measured *m)
{
    (void)row;
    return m->result->step_time_s;
}

static double tokens_per_s(const struct lh_validation_row *row,
                           const struct lh__measured *m)
{
    (void)row;
    return m->result->tokens_per_s;
}

static double tokens_per_s_per_gpu(const struct lh_validation_row *row,
                                   const struct lh__measured *m)
{
    (void)row;
    return m->result->tokens_per_s / ranks(m);
}

static double sequences_per_s(const struct lh_validation_row *row,
                              const struct lh__measured *m)
{
    (void)row;
    return (double)m->scenario->training.global_batch / m->result->step_time_s;
}

static double mfu(const struct lh_validation_row *row,
                  const struct lh__measured *m)
{
    (void)row;
    return m->result->mfu;
}

static double hfu(const struct lh_validation_row *row,
                  const struct lh__measured *m)
{
    (void)row;
    return m->result->hfu;
}

static double tflops_per_gpu(const struct lh_validation_row *row,
                             const struct lh__measured *m)
{
    return flops(row, m) / (m->result->step_time_s * ranks(m) * 1e12);
}

static double layer_forward_time(const struct lh_validation_row *row,
                                 const struct lh__measured *m)
{
    (void)row;
    return lh__layer_time_s(m->trace, m->program, m->scenario->model.layers,
                            false);
}

static double layer_backward_time(const struct lh_validation_row *row,
                                  const struct lh__measured *m)
{
    (void)row;
    return lh__layer_time_s(m->trace, m->program, m->scenario->model.layers,
                            true);
}

static double busbw(const struct lh_validation_row *row,
                    const struct lh__measured *m)
{
    (void)row;
    return m->bus_bytes_per_s;
}

static double rl_step_time(const struct lh_validation_row *row,
                           const struct lh__measured *m)
{
    (void)row;
    return m->rl ? m->rl->result.step_time_s : (double)NAN;
}

static double rl_train_time(const struct lh_validation_row *row,
                            const struct lh__measured *m)
{
    (void)row;
    return m->rl ? m->rl->result.trainer.train_s : m->result->step_time_s;
}

/* From the trainer that stands still to the last replica that has them. */
static double weight_sync_time(const struct lh_validation_row *row,
                               const struct lh__measured *m)
{
    (void)row;
    return m->rl ? m->rl->result.weight_sync_s : (double)NAN;
}

/* Of two rows: lh__speed_ups(). */
static double rl_speed_up(const struct lh_validation_row *row,
                          const struct lh__measured *m)
{
    (void)row;
    (void)m;
    return (double)NAN;
}

static const struct lh__quantity quantities[] = {
    {{"step_time", "time of a step"},
     LH_ROW_TRAINING,
     false,
     false,
     {{"s", 1}, {"ms", 1e-3}, {"min", 60}},
     step_time},
    {{"tokens_per_s", "tokens of all accelerators a second"},
     LH_ROW_TRAINING,
     true,
     false,
     {{"tokens/s", 1}, {"ktokens/s", 1e3}},
     tokens_per_s},
    {{"tokens_per_s_per_gpu", "the same of one accelerator"},
     LH_ROW_TRAINING,
     true,
     false,
     {{"tokens/s", 1}, {"ktokens/s", 1e3}},
     tokens_per_s_per_gpu},
    {{"sequences_per_s", "sequences of all accelerators a second"},
     LH_ROW_TRAINING,
     true,
     false,
     {{"sequences/s", 1}},
     sequences_per_s},
    {{"mfu", "model FLOPs over the dense bf16 peak"},
     LH_ROW_TRAINING,
     true,
     false,
     {{"1", 1}, {"%", 0.01}},
     mfu},
    {{"hfu", "the same with what is recomputed"},
     LH_ROW_TRAINING,
     true,
     false,
     {{"1", 1}, {"%", 0.01}},
     hfu},
    {{"tflops_per_gpu", "FLOP/s of one accelerator, as `convention` counts"},
     LH_ROW_TRAINING,
     true,
     true,
     {{"TFLOP/s", 1}},
     tflops_per_gpu},
    {{"layer_forward_time", "forward of one layer, communication included"},
     LH_ROW_TRAINING,
     false,
     false,
     {{"s", 1}, {"ms", 1e-3}},
     layer_forward_time},
    {{"layer_backward_time", "its backward, recomputation included"},
     LH_ROW_TRAINING,
     false,
     false,
     {{"s", 1}, {"ms", 1e-3}},
     layer_backward_time},
    {{"busbw", "bus bandwidth of a collective alone, as nccl-tests defines it; "
               "columns `collective`, `size` and `algorithm`"},
     LH_ROW_BUSBW,
     true,
     false,
     {{"GB/s", 1e9}},
     busbw},
    {{"rl_step_time", "time of a step of the RL loop (`rl`)"},
     LH_ROW_RL,
     false,
     false,
     {{"s", 1}, {"min", 60}},
     rl_step_time},
    {{"rl_train_time", "training in a step of the loop; without `rl`, the "
                       "step of an RL trainer alone"},
     LH_ROW_RL,
     false,
     false,
     {{"s", 1}, {"ms", 1e-3}},
     rl_train_time},
    {{"weight_sync_time", "weights from the trainer to all generators"},
     LH_ROW_RL,
     false,
     false,
     {{"s", 1}, {"ms", 1e-3}},
     weight_sync_time},
    {{"rl_speed_up", "`rl_step_time` of the row named in `over` by that of the "
                     "row of this one's name"},
     LH_ROW_RL,
     true,
     false,
     {{"1", 1}},
     rl_speed_up},
};

enum { N_QUANTITIES = (int)(sizeof quantities / sizeof quantities[0]) };

const struct lh_choice *lh_quantity_at(int i)
{
    return i < N_QUANTITIES ? &quantities[i].choice : NULL;
}

const struct lh__quantity *lh__quantity_find(const char *name)
{
    for (int i = 0; i < N_QUANTITIES; i++) {
        if (strcmp(quantities[i].choice.name, name) == 0)
            return &quantities[i];
    }
    return NULL;
}

bool lh__quantity_is_rate(const struct lh__quantity *quantity)
{
    return quantity->is_rate;
}

enum lh_row_kind lh__quantity_kind(const struct lh__quantity *quantity)
{
    return quantity->kind;
}

const char *lh__quantity_unit(const struct lh__quantity *quantity,
                              const char *unit, const char **known,
                              struct lh_arena *arena)
{
    struct lh_text text = lh_text_new(arena);
    if (*unit == '\0')
        return quantity->units[0].name;
    for (int i = 0; i < UNITS_MAX && quantity->units[i].name; i++) {
        if (strcmp(quantity->units[i].name, unit) == 0)
            return quantity->units[i].name;
        lh_text_printf(&text, "%s%s", i > 0 ? ", " : "",
                       quantity->units[i].name);
    }
    *known = text.s;
    return NULL;
}

bool lh__quantity_convention(const struct lh__quantity *quantity,
                             const char *convention, const char **known)
{
    *known = quantity->has_convention ? "model, hardware, megatron-sc21" : "";
    if (!quantity->has_convention)
        return *convention == '\0';
    return strcmp(convention, "model") == 0
           || strcmp(convention, "hardware") == 0
           || strcmp(convention, "megatron-sc21") == 0;
}

double lh__quantity_value(const struct lh_validation_row *row,
                          const struct lh__measured *measured)
{
    const struct lh__quantity *quantity = lh__quantity_find(row->quantity);
    double value = quantity->value(row, measured);
    for (int i = 0; i < UNITS_MAX && quantity->units[i].name; i++) {
        if (strcmp(quantity->units[i].name, row->unit) == 0)
            return value / quantity->units[i].in_base;
    }
    return value;
}

double lh__published_step_s(const struct lh_validation_row *row)
{
    double ratio = row->simulated / row->published;
    return lh__quantity_is_rate(lh__quantity_find(row->quantity))
               ? row->step_time_s * ratio
               : row->step_time_s / ratio;
}
