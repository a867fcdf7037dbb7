/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * DualPipe: micro-batches enter at both ends, half of them at each; stage s of
 * p holds the chunks s and p - 1 - s of the model, the forward of one beside
 * the backward of the other.  DualPipeV: one way there and back; stage s of p
 * holds the chunks s and 2 p - 1 - s.  In both a stage lies h stages from where
 * its way there begins and back ends, H - h from its middle (p/2 and p of
 * them):
 *
 *   2 (H - h - 1) F0; h + 1 times F0 F1; H - h - 1 times B1 W1 F1;
 *   M - 2 H + h + 1 times F0+B1 F1+B0; H - h - 1 times B1 F1+B0;
 *   h + 1 times B1 B0, of which the second half leave W for later;
 *   H - h - 1 times W B0; h + 1 W
 *
 * with M micro-batches of a chunk, at least 2 H; chunk 0 is the one that the
 * stage meets first, + is two passes side by side (pair.c).  The middle
 * stage's first pair is not.  Bubble (H - 1) (F&B + B - 3 W), F&B of a pair and
 * B a whole backward, with 2 H + 1 chunks in flight.
 * Source: DeepSeek-AI 2024, arXiv:2412.19437, section 3.2.1 and table 2;
 * github.com/deepseek-ai/DualPipe.
 */
#include "schedules.h"

struct ways {
    struct lh__slots *slots;
    int forward[2], backward[2]; /* the next micro-batch of a chunk */
    int weights;                 /* slot before the next split backward */
};

static void forward(struct ways *w, int chunk)
{
    lh__slots_add(w->slots, false, chunk, w->forward[chunk]++);
}

static void backward(struct ways *w, int chunk, enum lh__half half)
{
    lh__slots_add(w->slots, true, chunk, w->backward[chunk]++);
    w->slots->at[w->slots->n - 1].half = half;
}

/* Of the oldest backward that left them. */
static void weights(struct ways *w)
{
    const struct lh__slot *at = w->slots->at;

    while (at[w->weights].half != LH__INPUTS)
        w->weights++;
    lh__slots_add(w->slots, true, at[w->weights].chunk,
                  at[w->weights].micro_batch);
    w->slots->at[w->slots->n - 1].half = LH__WEIGHTS;
    w->weights++;
}

static void both(struct ways *w, int forward_chunk)
{
    forward(w, forward_chunk);
    w->slots->at[w->slots->n - 1].paired = true;
    backward(w, 1 - forward_chunk, LH__WHOLE);
}

static void begin(struct ways *w, int outer, int inner)
{
    for (int i = 0; i < 2 * outer; i++)
        forward(w, 0);
    for (int i = 0; i < inner; i++) {
        forward(w, 0);
        forward(w, 1);
    }
    for (int i = 0; i < outer; i++) {
        backward(w, 1, LH__INPUTS);
        weights(w);
        forward(w, 1);
    }
}

static void end(struct ways *w, int outer, int inner)
{
    for (int i = 0; i < outer; i++) {
        backward(w, 1, LH__WHOLE);
        both(w, 1);
    }
    for (int i = 0; i < 2 * inner; i++)
        backward(w, 1 - i % 2, i < inner ? LH__WHOLE : LH__INPUTS);
    for (int i = 0; i < outer; i++) {
        weights(w);
        backward(w, 0, LH__INPUTS);
    }
    for (int i = 0; i < inner; i++)
        weights(w);
}

/* half: H; at: h. */
static void schedule(struct lh__slots *slots, int n_micro_batches, int half,
                     int at)
{
    struct ways w = {.slots = slots};
    int outer = half - at - 1, inner = at + 1;
    int middle = n_micro_batches - 2 * half + inner;

    begin(&w, outer, inner);
    for (int i = 0; i < middle; i++) {
        both(&w, 0);
        if (i == 0 && outer == 0)
            slots->at[slots->n - 2].paired = false;
        both(&w, 1);
    }
    end(&w, outer, inner);
}

void lh__schedule_dualpipe(struct lh__slots *slots,
                           const struct lh__pipeline *pipeline)
{
    int p = pipeline->n_stages, s = pipeline->stage;

    schedule(slots, pipeline->n_micro_batches, p / 2,
             s < p / 2 ? s : p - 1 - s);
}

void lh__schedule_dualpipe_v(struct lh__slots *slots,
                             const struct lh__pipeline *pipeline)
{
    schedule(slots, pipeline->n_micro_batches, pipeline->n_stages,
             pipeline->stage);
}
