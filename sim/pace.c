/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Communication takes multiprocessors from computation: while kernels of
 * communications are in flight on a rank, what it computes goes on at
 *
 *   rate = speed(t) x (1 - min(1/2, sum of their multiprocessors / the
 *          device's))
 *
 * and an operation ends when the integral of its rate is its time at speed 1.
 * The taken part is constant between the changes that lh__pace_take() is told
 * of, the speed between those of its schedule, so this is exact.
 *
 * Place in the pipeline: what exec.c asks for the end of a compute operation.
 * Source: docs/model.md, "Multiprocessors taken by communication".
 * Leaves out: kernels that wait for other members, whether a kernel computes or
 * moves bytes, whole tiles on fewer multiprocessors.
 */
#include "pace.h"

#include <math.h>

/* Of a device's multiprocessors, at most this is taken. */
static const double taken_frac_max = 0.5;

static double free_frac(const struct lh__pace *pace)
{
    if (pace->sms == 0 || pace->taken == 0)
        return 1.0;
    return 1.0 - fmin(taken_frac_max, (double)pace->taken / (double)pace->sms);
}

void lh__pace_begin(struct lh__pace *pace, double now_s, double seconds)
{
    pace->runs = true;
    pace->since_s = now_s;
    pace->left_s = seconds;
}

double lh__pace_end_s(const struct lh__pace *pace)
{
    double left_s = pace->left_s / free_frac(pace);
    return pace->schedule
               ? lh__schedule_end(pace->schedule, pace->since_s, left_s)
               : pace->since_s + left_s / pace->speed;
}

/* Takes off what was done until now. */
static void settle(struct lh__pace *pace, double now_s)
{
    double done_s =
        pace->schedule
            ? lh__schedule_amount(pace->schedule, pace->since_s, now_s)
            : fmax(0.0, now_s - pace->since_s) * pace->speed;
    pace->left_s = fmax(0.0, pace->left_s - done_s * free_frac(pace));
    pace->since_s = fmax(pace->since_s, now_s);
}

bool lh__pace_take(struct lh__pace *pace, double now_s, int64_t sms)
{
    if (!pace->runs) {
        pace->taken += sms;
        return false;
    }
    double before = free_frac(pace);
    struct lh__pace after = *pace;
    after.taken += sms;
    bool moves = free_frac(&after) != before;
    if (moves)
        settle(pace, now_s);
    pace->taken += sms;
    return moves;
}
