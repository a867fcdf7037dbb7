/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pipeline schedules: one line each, LH__SCHEDULE(file and function, value of
 * enum lh_schedule).  A schedule is the order in which a stage runs its
 * passes, and nothing else.
 */
LH__SCHEDULE(gpipe, LH_SCHEDULE_GPIPE)
LH__SCHEDULE(one_f_one_b, LH_SCHEDULE_1F1B)
LH__SCHEDULE(interleaved, LH_SCHEDULE_INTERLEAVED)
LH__SCHEDULE(zero_bubble, LH_SCHEDULE_ZERO_BUBBLE)
LH__SCHEDULE(dualpipe, LH_SCHEDULE_DUALPIPE)
LH__SCHEDULE(dualpipe_v, LH_SCHEDULE_DUALPIPE_V)
