/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Invariants of a program.  Faults here are ours, not the user's: LH_FAILED.
 *
 *   shape     CSR in range, kinds, streams and roles agree, seconds finite
 *   rows      every row is used, once a template, in the same turn by all; a
 *             send has one sending and one receiving stage, `shift` apart;
 *             loads are an all-to-all's
 *   devices   the templates of a stage differ in seconds only; where devices
 *             have unequal batches each is checked as a program of its own
 *   order     between two stages and streams, receives come in the order of
 *             the sends
 *   progress  a step of all stages runs to its end when communication takes
 *             no time: no cycle through dependencies, streams and
 *             communications together
 */
#include <longhaul/program.h>

#include <math.h>
#include <string.h>

/* One template a stage stands for all its devices in `order`, `progress`: the
 * first, or of unequal batches each in turn. */
static const struct lh_template *stage_template(const struct lh_program *p,
                                                int stage, int device)
{
    return &p->templates[stage * p->n_devices + device];
}

static enum lh_status broken(struct lh_ctx *ctx, const struct lh_template *t,
                             int32_t op, const char *what)
{
    lh_error(ctx, LH_NOWHERE, "internal: program, %s, op %d: %s", t->name,
             (int)op, what);
    return LH_FAILED;
}

/* ---- shape -------------------------------------------------------------- */

/* Behind each comes the stream that receives. */
static bool is_sending(enum lh_stream stream)
{
    return stream == LH_STREAM_FORWARD_SEND || stream == LH_STREAM_BACKWARD_SEND
           || stream == LH_STREAM_RETURN_FORWARD_SEND
           || stream == LH_STREAM_RETURN_BACKWARD_SEND
           || stream == LH_STREAM_PEER_SEND;
}

static bool stream_legal(const struct lh_op *op, const struct lh_comm *comm)
{
    if (op->kind == LH_OP_COMPUTE)
        return op->stream == LH_STREAM_COMPUTE || op->stream == LH_STREAM_HOST;
    if (comm->collective != LH_SEND)
        return op->role == LH_ROLE_MEMBER
               && (op->stream == LH_STREAM_TENSOR
                   || op->stream == LH_STREAM_CONTEXT
                   || op->stream == LH_STREAM_DATA
                   || op->stream == LH_STREAM_WEIGHTS
                   || op->stream == LH_STREAM_REPLICAS
                   || op->stream == LH_STREAM_SITES);
    if (op->role == LH_ROLE_SENDER)
        return is_sending(op->stream);
    return op->role == LH_ROLE_RECEIVER && is_sending(op->stream - 1);
}

static enum lh_status check_op(const struct lh_program *p,
                               const struct lh_template *t, int32_t i,
                               struct lh_ctx *ctx)
{
    const struct lh_op *op = &t->ops[i];
    bool comm = op->kind == LH_OP_COMM;

    if (comm != (op->comm >= 0) || op->comm >= p->n_comms)
        return broken(ctx, t, i, "row out of range");
    if (!stream_legal(op, comm ? &p->comms[op->comm] : NULL))
        return broken(ctx, t, i, "kind, role and stream do not agree");
    if (!comm
        && !(isfinite(op->seconds) && op->gap_s >= 0.0 && op->slowest_s >= 0.0
             && op->seconds >= op->gap_s + op->slowest_s))
        return broken(ctx, t, i, "seconds out of range");
    if (op->turn < 0 || op->turn > lh_cycle_steps(p))
        return broken(ctx, t, i, "turn out of range");
    if (t->dep_begin[i] > t->dep_begin[i + 1])
        return broken(ctx, t, i, "dependencies out of order");
    for (int32_t k = t->dep_begin[i]; k < t->dep_begin[i + 1]; k++) {
        int32_t d = t->deps[k] < 0 ? ~t->deps[k] : t->deps[k];

        if (d >= t->n_ops || t->deps[k] == i)
            return broken(ctx, t, i, "dependency out of range");
    }
    return LH_OK;
}

/* ---- rows --------------------------------------------------------------- */

/* Stages of a row, by role; -1: none yet. */
struct row_use {
    int sender, receiver, member;
    int32_t turn;
};

static enum lh_status note_use(struct row_use *use, const struct lh_template *t,
                               int32_t i, struct lh_ctx *ctx)
{
    const struct lh_op *op = &t->ops[i];
    int *slot = op->role == LH_ROLE_SENDER     ? &use[op->comm].sender
                : op->role == LH_ROLE_RECEIVER ? &use[op->comm].receiver
                                               : &use[op->comm].member;

    if (*slot == t->stage || (*slot >= 0 && op->role != LH_ROLE_MEMBER))
        return broken(ctx, t, i, "its row is used twice");
    if (use[op->comm].turn >= 0 && use[op->comm].turn != op->turn)
        return broken(ctx, t, i, "its row has another turn elsewhere");
    use[op->comm].turn = op->turn;
    *slot = t->stage;
    return LH_OK;
}

static bool loads_fine(const struct lh_program *p, const struct lh_comm *comm)
{
    int64_t n = 1;

    if (comm->load == NULL)
        return true;
    for (int i = 0; i < LH_AXES; i++)
        n *= comm->axes & LH_AXIS_BIT(i) ? p->axes.size[i] : 1;
    for (int64_t i = 0; i < n; i++)
        if (comm->load[i] < 1)
            return false;
    return comm->collective == LH_ALL_TO_ALL;
}

/* Along other axes a stage sends to itself. */
static bool stages_fine(const struct lh_comm *comm, const struct row_use *use,
                        int64_t n)
{
    if (comm->shift_axis != LH_AXIS_PIPELINE)
        return use->sender == use->receiver;
    return comm->shift_kind == LH_SHIFT_CYCLIC
           && lh_shift_to(LH_SHIFT_CYCLIC, comm->shift, n, use->sender)
                  == use->receiver;
}

static enum lh_status check_row(const struct lh_program *p, int32_t row,
                                const struct row_use *use, struct lh_ctx *ctx)
{
    const struct lh_comm *comm = &p->comms[row];
    int64_t n = p->axes.size[LH_AXIS_PIPELINE];
    bool fine =
        isfinite(comm->bytes) && comm->bytes >= 0.0 && loads_fine(p, comm);

    if (comm->collective == LH_SEND)
        fine = fine && use->sender >= 0 && use->receiver >= 0
               && stages_fine(comm, use, n);
    else
        fine = fine && use->member >= 0 && comm->axes != 0;
    if (fine)
        return LH_OK;
    lh_error(ctx, LH_NOWHERE,
             "internal: program: row %d (%s) is not used as "
             "it must be",
             (int)row, lh_collective_name(comm->collective));
    return LH_FAILED;
}

static bool is_used(const struct row_use *use)
{
    return use->sender >= 0 || use->receiver >= 0 || use->member >= 0;
}

/* A row may be another device's. */
static enum lh_status check_rows(const struct lh_program *p, int device,
                                 bool *used, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;
    struct row_use *use =
        LH_NEW(ctx->arena, struct row_use, (size_t)p->n_comms);

    for (int32_t r = 0; r < p->n_comms; r++)
        use[r] = (struct row_use){-1, -1, -1, -1};
    for (int s = 0; s < p->n_stages && st == LH_OK; s++) {
        const struct lh_template *t = stage_template(p, s, device);

        for (int32_t i = 0; i < t->n_ops && st == LH_OK; i++)
            if (t->ops[i].kind == LH_OP_COMM)
                st = note_use(use, t, i, ctx);
    }
    for (int32_t r = 0; r < p->n_comms && st == LH_OK; r++) {
        used[r] = used[r] || is_used(&use[r]);
        if (p->device_batches == NULL || is_used(&use[r]))
            st = check_row(p, r, &use[r], ctx);
    }
    return st;
}

/* ---- devices ------------------------------------------------------------ */

static bool op_equal(const struct lh_op *a, const struct lh_op *b)
{
    return a->kind == b->kind && a->stream == b->stream
           && a->category == b->category && a->task == b->task
           && a->role == b->role && a->comm == b->comm
           && a->micro_batch == b->micro_batch && a->layer == b->layer
           && a->turn == b->turn;
}

static enum lh_status check_devices(const struct lh_template *a,
                                    const struct lh_template *b,
                                    struct lh_ctx *ctx)
{
    size_t n = (size_t)a->n_ops;

    if (a->n_ops != b->n_ops
        || memcmp(a->dep_begin, b->dep_begin, (n + 1) * sizeof(int32_t)) != 0
        || memcmp(a->deps, b->deps, (size_t)a->dep_begin[n] * sizeof(int32_t))
               != 0)
        return broken(ctx, b, 0, "differs from the stage's first device");
    for (int32_t i = 0; i < a->n_ops; i++)
        if (!op_equal(&a->ops[i], &b->ops[i]))
            return broken(ctx, b, i, "differs from the stage's first device");
    return LH_OK;
}

/* ---- order -------------------------------------------------------------- */

/* The next op from *i on with a send row of this shift and stream, or -1. */
static int32_t next_send(const struct lh_program *p,
                         const struct lh_template *t, int32_t i,
                         enum lh_stream stream, int shift)
{
    for (; i < t->n_ops; i++) {
        const struct lh_op *op = &t->ops[i];

        if (op->kind == LH_OP_COMM && op->stream == stream
            && p->comms[op->comm].collective == LH_SEND
            && p->comms[op->comm].shift_axis == LH_AXIS_PIPELINE
            && p->comms[op->comm].shift == shift)
            return i;
    }
    return -1;
}

static enum lh_status check_order(const struct lh_program *p, int device,
                                  int stage, enum lh_stream stream, int shift,
                                  struct lh_ctx *ctx)
{
    int n = p->n_stages;
    const struct lh_template *from = stage_template(p, stage, device);
    const struct lh_template *to =
        stage_template(p, (stage + shift + n) % n, device);
    int32_t i = 0, j = 0;

    for (;;) {
        i = next_send(p, from, i, stream, shift);
        j = next_send(p, to, j, stream + 1, shift);
        if (i < 0 && j < 0)
            return LH_OK;
        if (i < 0 || j < 0 || from->ops[i].comm != to->ops[j].comm)
            return broken(ctx, to, j,
                          "receives are not in the order of the "
                          "sends");
        i++;
        j++;
    }
}

static enum lh_status check_orders(const struct lh_program *p, int device,
                                   int stage, struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;

    for (int i = 0; i < 2 * LH_STREAMS && st == LH_OK; i++)
        if (is_sending((enum lh_stream)(i / 2)))
            st = check_order(p, device, stage, (enum lh_stream)(i / 2),
                             i % 2 == 0 ? 1 : -1, ctx);
    return st;
}

/* ---- progress ----------------------------------------------------------- */

/* done[op] of one stage, and the next op of each stream. */
struct stage_state {
    bool *done;
    int32_t *next_in_stream; /* [n_ops] -1: the last */
    int32_t head[LH_STREAMS];
    int32_t posted[LH_STREAMS]; /* head that has been posted, -1 */
};

static void state_make(struct stage_state *out, const struct lh_template *t,
                       struct lh_ctx *ctx)
{
    int32_t last[LH_STREAMS];

    out->done = LH_NEW(ctx->arena, bool, (size_t)t->n_ops);
    out->next_in_stream = LH_NEW(ctx->arena, int32_t, (size_t)t->n_ops);
    for (int s = 0; s < LH_STREAMS; s++)
        out->head[s] = out->posted[s] = last[s] = -1;
    for (int32_t i = 0; i < t->n_ops; i++) {
        int s = (int)t->ops[i].stream;

        out->next_in_stream[i] = -1;
        if (last[s] >= 0)
            out->next_in_stream[last[s]] = i;
        else
            out->head[s] = i;
        last[s] = i;
    }
}

static bool ready(const struct lh_template *t, const struct stage_state *state,
                  int32_t i)
{
    for (int32_t k = t->dep_begin[i]; k < t->dep_begin[i + 1]; k++)
        if (t->deps[k] >= 0 && !state->done[t->deps[k]])
            return false;
    return true;
}

/* Runs what a stage can; counts rows' posts; returns how much happened. */
static int64_t advance(const struct lh_template *t, struct stage_state *state,
                       int32_t *posts, const int32_t *needed)
{
    int64_t moved = 0;

    for (int s = 0; s < LH_STREAMS; s++) {
        while (state->head[s] >= 0) {
            int32_t i = state->head[s];
            const struct lh_op *op = &t->ops[i];

            if (state->posted[s] != i) {
                if (!ready(t, state, i))
                    break;
                state->posted[s] = i;
                if (op->comm >= 0)
                    posts[op->comm]++;
                moved++;
            }
            if (op->comm >= 0 && posts[op->comm] < needed[op->comm])
                break;
            state->done[i] = true;
            state->head[s] = state->next_in_stream[i];
            moved++;
        }
    }
    return moved;
}

static enum lh_status check_progress(const struct lh_program *p, int device,
                                     struct lh_ctx *ctx)
{
    struct stage_state *states =
        LH_NEW(ctx->arena, struct stage_state, (size_t)p->n_stages);
    int32_t *posts = LH_NEW(ctx->arena, int32_t, (size_t)p->n_comms);
    int32_t *needed = LH_NEW(ctx->arena, int32_t, (size_t)p->n_comms);
    int64_t moved = 1;

    for (int s = 0; s < p->n_stages; s++) {
        const struct lh_template *t = stage_template(p, s, device);

        state_make(&states[s], t, ctx);
        for (int32_t i = 0; i < t->n_ops; i++)
            if (t->ops[i].comm >= 0)
                needed[t->ops[i].comm]++;
    }
    while (moved > 0) {
        moved = 0;
        for (int s = 0; s < p->n_stages; s++)
            moved += advance(stage_template(p, s, device), &states[s], posts,
                             needed);
    }
    for (int s = 0; s < p->n_stages; s++)
        for (int k = 0; k < LH_STREAMS; k++)
            if (states[s].head[k] >= 0)
                return broken(ctx, stage_template(p, s, device),
                              states[s].head[k], "waits for ever");
    return LH_OK;
}

static enum lh_status check_device(const struct lh_program *p, int device,
                                   bool *used, struct lh_ctx *ctx)
{
    enum lh_status st = check_rows(p, device, used, ctx);

    for (int s = 0; s < p->n_stages && st == LH_OK; s++)
        st = check_orders(p, device, s, ctx);
    return st == LH_OK ? check_progress(p, device, ctx) : st;
}

enum lh_status lh_program_check(const struct lh_program *program,
                                struct lh_ctx *ctx)
{
    enum lh_status st = LH_OK;
    int n_kinds = program->device_batches ? program->n_devices : 1;
    bool *used = LH_NEW(ctx->arena, bool, (size_t)program->n_comms);

    for (int k = 0; k < program->n_templates && st == LH_OK; k++) {
        const struct lh_template *t = &program->templates[k];

        for (int32_t i = 0; i < t->n_ops && st == LH_OK; i++)
            st = check_op(program, t, i, ctx);
        if (st == LH_OK && program->device_batches == NULL)
            st = check_devices(stage_template(program, t->stage, 0), t, ctx);
    }
    for (int d = 0; d < n_kinds && st == LH_OK; d++)
        st = check_device(program, d, used, ctx);
    for (int32_t r = 0; r < program->n_comms && st == LH_OK; r++) {
        if (!used[r]) {
            lh_error(ctx, LH_NOWHERE, "internal: program: no op has row %d",
                     (int)r);
            st = LH_FAILED;
        }
    }
    return st;
}
