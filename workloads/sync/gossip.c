/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Gossip: islands average with one other island at a time, by two messages,
 * one each way, and wait for nobody else.  Beside outer.c, which says when.
 *
 *   tournament   M even: round r = 0 .. M - 2, i < M - 1 meets (r - i) mod
 *                (M - 1), and the last who would meet itself; M odd: r = 0 ..
 *                M - 1, i meets (r - i) mod M, and who would meet itself rests:
 *                all meet all once (the circle method of tournaments)
 *   hypercube    round r = 0 .. log2 M - 1, i meets i xor 2^r: the mean of all
 *                after log2 M rounds
 *
 * Round r is held in step (r + 1) H of a cycle of rounds x H steps, payload q a
 * parameter:
 *
 *   weights   q N/n each way (gossip: Lian et al. 2018, arXiv:1710.06952)
 *   outer     2 q N/n, pseudo-gradient and outer parameters (NoLoCo:
 *             Kolehmainen et al. 2025, arXiv:2506.10911, who draw the pairs)
 *
 * Memory: send 4 bytes a parameter, or 12 (outer and inner in, difference out);
 * merge 14 (both weights in; fp32 and bf16 out), or 34 (both differences and
 * outer parameters and the momentum in; momentum, outer, inner, bf16 out).
 *
 * Leaves out: pairs drawn at random; pipelines whose stages are routed anew
 * (NoLoCo's other half).
 */
#include "../workload.h"

int64_t lh_shift_rounds(enum lh_shift kind, int64_t size)
{
    int64_t rounds = 0;

    if (kind == LH_SHIFT_TOURNAMENT)
        return size % 2 == 0 ? size - 1 : size;
    for (; kind == LH_SHIFT_HYPERCUBE && (int64_t)1 << rounds < size;)
        rounds++;
    return rounds;
}

/* i meets (round - i) mod n; n odd. */
static int64_t mirrored(int64_t round, int64_t n, int64_t i)
{
    return ((round - i) % n + n) % n;
}

static int64_t tournament(int64_t round, int64_t size, int64_t i)
{
    int64_t n = size % 2 == 0 ? size - 1 : size, to;

    if (i == n) /* the last of an even number: meets who is left, 2 x = round */
        return round * ((n + 1) / 2) % n;
    to = mirrored(round, n, i);
    return to == i && n < size ? n : to;
}

int64_t lh_shift_to(enum lh_shift kind, int shift_or_round, int64_t size,
                    int64_t from)
{
    switch (kind) {
    case LH_SHIFT_TOURNAMENT: return tournament(shift_or_round, size, from);
    case LH_SHIFT_HYPERCUBE: return from ^ (int64_t)1 << shift_or_round;
    case LH_SHIFT_CYCLIC: break;
    }
    return ((from + shift_or_round) % size + size) % size;
}

static enum lh_shift shift_kind(const struct lh_outer *outer)
{
    return outer->pairs == LH_PAIRS_HYPERCUBE ? LH_SHIFT_HYPERCUBE
                                              : LH_SHIFT_TOURNAMENT;
}

int64_t lh__outer_rounds(const struct lh_scenario *s)
{
    int64_t islands;

    if (s->sync != LH_SYNC_GOSSIP)
        return 1;
    islands = s->plan.data / s->outer.island;
    return islands > 1 ? lh_shift_rounds(shift_kind(&s->outer), islands) : 1;
}

double lh__gossip_merge_bytes(const struct lh_outer *outer)
{
    return outer->average == LH_AVERAGE_OUTER ? 34.0 : 14.0;
}

int32_t lh__gossip_swap(struct lh__builder *b, double bytes, int64_t round)
{
    const struct lh_outer *outer = &b->fit->scenario->outer;
    struct lh__comm_spec send = {
        .comm =
            {
                .collective = LH_SEND,
                .shift_axis = LH_AXIS_DATA,
                .shift_kind = shift_kind(outer),
                .shift = (int)round,
                .bytes =
                    outer->average == LH_AVERAGE_OUTER ? 2.0 * bytes : bytes,
                .category = LH_DATA_COMM,
                .algorithm = "auto",
            },
        .row = -1,
        .stream = LH_STREAM_PEER_SEND,
        .task = LH_TASK_OUTER,
        .role = LH_ROLE_SENDER,
        .layer = -1,
    };
    struct lh__comm_spec receive = send;
    int32_t ready = b->last_compute, sent = lh__emit_comm(b, &send);

    receive.row = b->ops[sent].comm;
    receive.stream = LH_STREAM_PEER_RECV;
    receive.role = LH_ROLE_RECEIVER;
    return lh__emit_beside(b, &receive, ready);
}
