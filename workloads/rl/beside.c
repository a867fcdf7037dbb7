/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Training beside weights on their way, over the same NICs: each goes on, but
 * slower.
 *
 *   training     at 1 / (1 + train_extra) of its speed while weights are on
 *                their way to any entry
 *   weights      at 1 / (1 + push_extra) while the trainer trains
 *
 * Both speeds are constant between the beginnings and ends of the two, so that
 * what is left of each is exact.  The two shares are of a step of the trainer
 * beside an endless push (sim/beside.c, max-min), and so means over a step:
 * where in the step a push falls does not count.
 * Place in the pipeline: behind trainer.c and push.c.
 * Leaves out: log-probabilities and other entries' pushes, which share too.
 */
#include "loop.h"

struct alarm {
    struct lh__work *work;
    int64_t serial;
};

static void adapt_all(struct lh__loop *l);

static void rang(void *data)
{
    const struct alarm *alarm = data;
    struct lh__work *w = alarm->work;
    struct lh__loop *l = w->loop;

    if (!w->runs || w->serial != alarm->serial || l->ended)
        return;
    w->runs = false;
    if (w != &l->training)
        l->n_transfers--;
    adapt_all(l);
    w->done(w->data);
}

static double speed_of(const struct lh__work *w)
{
    const struct lh__loop *l = w->loop;

    if (w == &l->training)
        return l->n_transfers > 0 ? 1 / (1 + l->in->train_extra) : 1;
    return l->training.runs ? 1 / (1 + l->in->push_extra) : 1;
}

/* What is left goes on at the speed of now. */
static void go_on(struct lh__work *w)
{
    struct lh__loop *l = w->loop;
    struct alarm *alarm = LH_NEW(l->ctx->arena, struct alarm, 1);

    w->speed = speed_of(w);
    *alarm = (struct alarm){w, ++w->serial};
    lh__loop_at(l, w->since_s + w->left_s / w->speed, rang, alarm);
}

static void adapt(struct lh__work *w)
{
    double now_s;

    if (!w->runs || speed_of(w) == w->speed)
        return;
    now_s = lh__loop_now(w->loop);
    w->left_s -= (now_s - w->since_s) * w->speed;
    if (w->left_s < 0)
        w->left_s = 0; /* rounding, at its end */
    w->since_s = now_s;
    go_on(w);
}

/* Something began or ended. */
static void adapt_all(struct lh__loop *l)
{
    adapt(&l->training);
    for (int f = 0; f < l->in->n_fleets; f++)
        adapt(&l->arrivals[f].transfer);
}

static void begin(struct lh__work *w, struct lh__loop *l, double seconds)
{
    w->loop = l;
    w->left_s = seconds;
    w->since_s = lh__loop_now(l);
    w->runs = true;
    go_on(w);
    adapt_all(l);
}

void lh__beside_train(struct lh__loop *l, double seconds, lh_callback done)
{
    l->training.done = done;
    l->training.data = l;
    begin(&l->training, l, seconds);
}

void lh__beside_transfer(struct lh__arrival *a, double seconds,
                         lh_callback done)
{
    a->transfer.done = done;
    a->transfer.data = a;
    a->loop->n_transfers++;
    begin(&a->transfer, a->loop, seconds);
}
