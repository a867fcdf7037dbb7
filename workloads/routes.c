/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where the chunks of a stage stand in the model, and the transfers of
 * micro-batches between stages.  Beside fit.c.
 *
 *   chunk c of stage s      is chunk c p + s of the model
 *   dualpipe                s and p - 1 - s; micro-batches go both ways, half
 *                           of them each: a stage's chunk 0 is the one that
 *                           stands nearer to the model's begin
 *   dualpipe-v              s and 2 p - 1 - s; there and back
 *
 * Boundary k lies between the k-th and the next chunk of the model; one row for
 * each way, boundary, micro-batch and direction, shared by the sender's op and
 * the receiver's.  2 T h bytes, each accelerator its 1/t under sequence
 * parallelism (the gather is the next segment's) and where the stack scatters
 * (Narayanan et al. 2021, arXiv:2104.04473, section 4.1).  Where both chunks
 * are of one stage (the turn of dualpipe-v) nothing is sent.  transfer.c says
 * when.
 */
#include "workload.h"

bool lh__fit_goes_both_ways(const struct lh__fit *fit)
{
    return fit->scenario->plan.schedule == LH_SCHEDULE_DUALPIPE;
}

static bool turns_back(const struct lh__fit *fit)
{
    return fit->scenario->plan.schedule == LH_SCHEDULE_DUALPIPE_V;
}

bool lh__fit_meets_itself(const struct lh__fit *fit)
{
    return lh__fit_goes_both_ways(fit) || turns_back(fit);
}

int lh__fit_places(const struct lh__fit *fit)
{
    return lh__fit_goes_both_ways(fit) ? fit->n_stages
                                       : fit->n_stages * fit->n_chunks;
}

int lh__fit_passes(const struct lh__fit *fit)
{
    return lh__fit_goes_both_ways(fit) ? fit->n_micro_batches / 2
                                       : fit->n_micro_batches;
}

int lh__fit_place(const struct lh__fit *fit, int stage, int chunk)
{
    int mirror = lh__fit_places(fit) - 1 - stage;

    if (lh__fit_meets_itself(fit))
        return (chunk == 0) == (stage <= mirror) ? stage : mirror;
    return chunk * fit->n_stages + stage;
}

const struct lh__chunk *lh__fit_chunk(const struct lh__fit *fit, int stage,
                                      int chunk)
{
    return &fit->chunks[lh__fit_place(fit, stage, chunk)];
}

/* 0: as stages are numbered, 1: the other way. */
static int way_of(const struct lh__fit *fit, int stage, int chunk)
{
    if (lh__fit_goes_both_ways(fit))
        return lh__fit_place(fit, stage, chunk) != stage;
    return turns_back(fit) ? chunk : 0;
}

/* Stages from the sender to the receiver of a forward over boundary k; 0: it
 * is within one. */
static int shift_of(const struct lh__fit *fit, int way, int k)
{
    if (turns_back(fit))
        return (k < fit->n_stages - 1) - (k >= fit->n_stages);
    return way == 0 ? 1 : -1;
}

static size_t route_index(const struct lh__fit *fit, bool backward, int way,
                          int k)
{
    int n_ways = lh__fit_goes_both_ways(fit) ? 2 : 1;
    int n_boundaries = lh__fit_places(fit) - 1;

    return (size_t)((backward * n_ways + (n_ways > 1 ? way : 0)) * n_boundaries
                    + k)
           * (size_t)lh__fit_passes(fit);
}

int32_t *lh__route_rows(struct lh__rows *rows, const struct lh__fit *fit,
                        struct lh_ctx *ctx)
{
    int n_ways = lh__fit_goes_both_ways(fit) ? 2 : 1;
    int n_boundaries = lh__fit_places(fit) - 1, n = lh__fit_passes(fit);
    int32_t *sends =
        LH_NEW(ctx->arena, int32_t,
               2 * (size_t)n_ways * (size_t)n_boundaries * (size_t)n);
    double parts = lh__fit_scatters(fit) ? fit->dims.tensor : fit->dims.shards;
    struct lh_comm send = {
        .collective = LH_SEND,
        .shift_axis = LH_AXIS_PIPELINE,
        .bytes = 2.0 * fit->dims.tokens * fit->dims.hidden / parts,
        .category = LH_PIPELINE_COMM,
        .algorithm = "auto",
    };

    for (int i = 0; i < 2 * n_ways * n_boundaries; i++) {
        bool backward = i >= n_ways * n_boundaries;
        int way = i / n_boundaries % n_ways, k = i % n_boundaries;

        send.shift = (backward ? -1 : 1) * shift_of(fit, way, k);
        for (int m = 0; m < n; m++)
            sends[route_index(fit, backward, way, k) + (size_t)m] =
                send.shift == 0 ? -1 : lh__rows_add(rows, &send, ctx->arena);
    }
    return sends;
}

/* The boundary that a pass receives or sends over; -1: none. */
static int boundary(const struct lh__builder *b, const struct lh__slot *slot,
                    bool send)
{
    int place = lh__fit_place(b->fit, b->stage, slot->chunk);
    bool behind = slot->backward != send; /* the boundary behind the chunk */

    if (slot->half == LH__WEIGHTS)
        return -1;
    if (behind)
        return place < lh__fit_places(b->fit) - 1 ? place : -1;
    return place - 1;
}

bool lh__route_make(struct lh__comm_spec *out, const struct lh__builder *b,
                    const struct lh__slot *slot, bool send)
{
    static const enum lh_stream streams[2][2][2] = {
        {{LH_STREAM_FORWARD_RECV, LH_STREAM_FORWARD_SEND},
         {LH_STREAM_BACKWARD_RECV, LH_STREAM_BACKWARD_SEND}},
        {{LH_STREAM_RETURN_FORWARD_RECV, LH_STREAM_RETURN_FORWARD_SEND},
         {LH_STREAM_RETURN_BACKWARD_RECV, LH_STREAM_RETURN_BACKWARD_SEND}},
    };
    int way = way_of(b->fit, b->stage, slot->chunk);
    int k = boundary(b, slot, send);

    if (k < 0)
        return false;
    *out = (struct lh__comm_spec){
        .row = b->sends[route_index(b->fit, slot->backward, way, k)
                        + (size_t)slot->micro_batch],
        .stream = streams[way][slot->backward][send],
        .task = LH_TASK_ACTIVATIONS,
        .role = send ? LH_ROLE_SENDER : LH_ROLE_RECEIVER,
        .layer = -1,
    };
    return true;
}
