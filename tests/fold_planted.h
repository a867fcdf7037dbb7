/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tests of tests/fold_planted.c, for the list in tests/test_fold.c.
 */
#ifndef LH_FOLD_PLANTED_H
#define LH_FOLD_PLANTED_H

void the_right_fold_is_accepted(void);
void one_moved_to_another_class_is_refused(void);
void another_latency_in_a_class_is_refused(void);
void a_planted_wrong_weight_is_refused(void);
void a_planted_colliding_hash_is_refused(void);
void a_planted_dropped_order_is_seen(void);
void a_planted_wrong_alpha_is_seen(void);
void a_planted_wrong_phi_is_seen(void);
void a_planted_wrong_share_is_seen(void);
void a_planted_wrong_gcd_is_seen(void);
void loads_tell_rows_apart(void);
void messages_know_the_loads(void);

#endif
