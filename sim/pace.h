/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How fast a rank computes: the speed that faults leave it, times the part of
 * its multiprocessors that communications in flight do not take; and how much
 * of the operation that runs is left.  pace.c has the equation.
 */
#ifndef LH_SIM_PACE_H
#define LH_SIM_PACE_H

#include "faults.h"

struct lh__pace {
    const struct lh__schedule *schedule; /* of speed; NULL: constant */
    double speed;                        /* constant, 1 = nominal */
    int64_t sms;   /* multiprocessors; 0: nothing takes any */
    int64_t taken; /* by communications in flight */
    bool runs;
    double since_s; /* what is left was left then */
    double left_s;  /* of the operation that runs, at speed 1 */
};

/* An operation of `seconds` at speed 1 begins. */
void lh__pace_begin(struct lh__pace *pace, double now_s, double seconds);
/* A communication begins to take `sms`, or gives them back (negative).  True:
 * an operation runs, and its end has moved. */
bool lh__pace_take(struct lh__pace *pace, double now_s, int64_t sms);
/* When the operation that runs ends, if nothing changes. */
double lh__pace_end_s(const struct lh__pace *pace);

#endif
