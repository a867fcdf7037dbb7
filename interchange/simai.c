/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SimAI's workload text (aliyun/SimAI, aliyun/aicb), for model.trace; the same
 * as that of ASTRA-sim 1.0 with more words in its header.
 *
 *   HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: 2 ep: 16 pp: 12
 *       vpp: 8 ga: 24 all_gpus: 9216 checkpoints: 0 checkpoint_initiates: 0
 *       pp_comm 50331648                              (one line)
 *   1789                                              lines that follow
 *   name -1  ns COMM bytes   ns COMM bytes   ns COMM bytes   ns
 *            forward         input gradient  weight gradient  after a comm
 *
 * COMM is NONE or ALLREDUCE, ALLGATHER, REDUCESCATTER, ALLTOALL, alone (over
 * the tensor group; of weight gradients over all replicas), with _EP or _DP_EP.
 * Bytes are the buffer of an all-reduce, the output of an all-gather, what a
 * member has of a reduce-scatter and an all-to-all.
 *
 * Micro-batches: with pp > 1 the longest lines, one behind the other, that come
 * `ga` times with the same names and communications; a file without them has no
 * pipeline that could be told from it.
 *
 * Source: aliyun/SimAI, astra-sim/workload/Workload.cc, initialize_workload(),
 * and MockNcclGroup.cc; aliyun/aicb, SimAI_training_workload_generator.py.
 * Refused: other parallelisms than HYBRID_TRANSFORMER(_FWD_IN_BCKWD),
 * checkpoints, ALLREDUCEALLTOALL.  Leaves out: the second column, which SimAI
 * does not use.
 */
#include <longhaul/interchange.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 4000000 };

struct reader {
    struct lh_ctx *ctx;
    struct lh_where where; /* of the next word */
    const char *at;        /* the rest of the text */
    const char *line;      /* where its line begins */
    bool failed;
};

static void fail(struct reader *r, struct lh_where where, const char *text)
{
    if (!r->failed)
        lh_error(r->ctx, where, "%s", text);
    r->failed = true;
}

/* ---- words --------------------------------------------------------------- */

/* The next word; of this line only where `same_line`.  NULL: there is none. */
static const char *word(struct reader *r, bool same_line)
{
    size_t n;

    for (; *r->at && strchr(" \t\r\n", *r->at); r->at++) {
        if (*r->at != '\n')
            continue;
        if (same_line)
            return NULL;
        r->where.line++;
        r->line = r->at + 1;
    }
    r->where.col = (int)(r->at - r->line) + 1;
    n = strcspn(r->at, " \t\r\n");
    if (n == 0)
        return NULL;
    r->at += n;
    return lh_strndup(r->ctx->arena, r->at - n, n);
}

/* A whole number that is not negative, of what `what` says. */
static double number(struct reader *r, bool same_line, const char *what)
{
    const char *text = word(r, same_line);
    char *end = NULL;
    double value;

    if (text == NULL) {
        fail(r, r->where, lh_format(r->ctx->arena, "the %s is missing", what));
        return 0;
    }
    value = strtod(text, &end);
    if (text[strspn(text, "0123456789")] != '\0' || *end != '\0'
        || value > 1e18) {
        fail(r, r->where,
             lh_format(r->ctx->arena, "'%s' is no %s: a whole number from 0",
                       text, what));
        return 0;
    }
    return value;
}

static int64_t count(struct reader *r, const char *what, double least,
                     double most)
{
    double value = number(r, true, what);

    if (!r->failed && (value < least || value > most)) {
        fail(r, r->where,
             lh_format(r->ctx->arena, "%s is %.0f, not between %.0f and %.0f",
                       what, value, least, most));
        return (int64_t)least;
    }
    return (int64_t)value;
}

/* ---- the header ---------------------------------------------------------- */

static void read_policy(struct reader *r)
{
    const char *policy = word(r, false);

    if (policy && strcmp(policy, "HYBRID_TRANSFORMER") != 0
        && strcmp(policy, "HYBRID_TRANSFORMER_FWD_IN_BCKWD") != 0)
        fail(r, r->where,
             lh_format(r->ctx->arena,
                       "parallelism '%s' is not supported: "
                       "HYBRID_TRANSFORMER and HYBRID_TRANSFORMER_FWD_IN_BCKWD "
                       "are",
                       policy));
    else if (policy == NULL)
        fail(r, r->where, "no workload: the file is empty");
}

static void read_header(struct reader *r, struct lh_simai *out)
{
    struct {
        const char *name;
        int64_t *value;
        double least;
    } keys[] = {
        {"model_parallel_NPU_group", &out->tensor, 1},
        {"ep", &out->expert, 1},
        {"pp", &out->pipeline, 1},
        {"vpp", &out->chunks, 1},
        {"ga", &out->micro_batches, 1},
        {"all_gpus", &out->gpus, 1},
    };
    bool seen = false;
    const char *key;

    read_policy(r);
    while (!r->failed && (key = word(r, true)) != NULL) {
        size_t n = strlen(key) - (key[strlen(key) - 1] == ':');
        const char *name = lh_strndup(r->ctx->arena, key, n);
        size_t k = 0;

        while (k < sizeof keys / sizeof *keys
               && strcmp(keys[k].name, name) != 0)
            k++;
        if (k < sizeof keys / sizeof *keys) {
            *keys[k].value = count(r, name, keys[k].least, 1e9);
            seen = seen || k == 0;
        } else if (strcmp(name, "pp_comm") == 0) {
            out->send_bytes = number(r, true, name);
        } else if (strcmp(name, "checkpoints") == 0
                   || strcmp(name, "checkpoint_initiates") == 0) {
            if (number(r, true, name) > 0)
                fail(r, r->where,
                     "checkpoints, whose forward runs again in the backward, "
                     "are not supported by this version");
        } else {
            fail(
                r, r->where,
                lh_format(r->ctx->arena, "'%s' is no key of the header", name));
        }
    }
    if (!seen)
        fail(r, r->where,
             "the header has no 'model_parallel_NPU_group: N', the size of a "
             "tensor group");
}

/* ---- the lines ----------------------------------------------------------- */

static void read_group(struct reader *r, struct lh_simai_part *out,
                       const char *comm, const char *rest, int part)
{
    if (*rest == '\0')
        out->group = part == LH_SIMAI_WEIGHTS ? LH_SIMAI_DP : LH_SIMAI_TP;
    else if (strcmp(rest, "_EP") == 0)
        out->group = LH_SIMAI_EP;
    else if (strcmp(rest, "_DP_EP") == 0)
        out->group = LH_SIMAI_DP_EP;
    else
        fail(r, r->where,
             lh_format(r->ctx->arena,
                       "'%s' is no communication: NONE, or ALLREDUCE, "
                       "ALLGATHER, REDUCESCATTER, ALLTOALL, alone, with _EP or "
                       "_DP_EP",
                       comm));
}

static void read_part(struct reader *r, struct lh_simai_part *out, int part)
{
    static const struct {
        const char *name;
        enum lh_simai_comm comm;
    } kinds[] = {
        {"ALLREDUCE", LH_SIMAI_ALL_REDUCE},
        {"ALLGATHER", LH_SIMAI_ALL_GATHER},
        {"REDUCESCATTER", LH_SIMAI_REDUCE_SCATTER},
        {"ALLTOALL", LH_SIMAI_ALL_TO_ALL},
    };
    const char *comm;
    const char *rest = "?";

    out->compute_s = number(r, true, "time of computing in ns") / 1e9;
    comm = r->failed ? NULL : word(r, true);
    if (comm == NULL) {
        fail(r, r->where, "the communication is missing");
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].name);
        if (strncmp(comm, kinds[i].name, n) == 0) {
            out->comm = kinds[i].comm;
            rest = comm + n;
        }
    }
    if (strcmp(comm, "NONE") != 0)
        read_group(r, out, comm, rest, part);
    if (!r->failed)
        out->bytes = number(r, true, "size in bytes");
    if (out->bytes == 0)
        out->comm = LH_SIMAI_NONE;
}

static void read_line(struct reader *r, struct lh_simai_line *out)
{
    const char *unused;

    out->name = word(r, false);
    if (out->name == NULL) {
        fail(r, r->where, "fewer lines than the second line says");
        return;
    }
    unused = word(r, true);
    if (unused == NULL)
        fail(r, r->where, "the second column, -1, is missing");
    for (int part = 0; part < LH_SIMAI_PARTS && !r->failed; part++)
        read_part(r, &out->parts[part], part);
    if (!r->failed)
        out->update_s =
            number(r, true, "time after a communication in ns") / 1e9;
    if (!r->failed && word(r, true) != NULL)
        fail(r, r->where, "more than twelve columns");
}

static void read_lines(struct reader *r, struct lh_simai *out)
{
    double n = r->failed ? 0 : number(r, false, "number of lines");

    if (!r->failed && (n < 1 || n > LINES_MAX))
        fail(r, r->where,
             lh_format(r->ctx->arena, "%.0f lines: 1 to %d are read", n,
                       LINES_MAX));
    /* A line has at least 12 bytes: no more is asked for than can be there. */
    if (!r->failed && n > (double)strlen(r->at) / 12 + 1)
        fail(r, r->where,
             lh_format(r->ctx->arena, "%.0f lines do not follow", n));
    if (r->failed)
        return;
    out->n_lines = (int)n;
    out->lines = LH_NEW(r->ctx->arena, struct lh_simai_line, (size_t)n);
    for (int i = 0; i < out->n_lines && !r->failed; i++)
        read_line(r, &out->lines[i]);
    if (!r->failed && word(r, false) != NULL)
        fail(r, r->where, "more lines than the second line says");
}

/* ---- micro-batches ------------------------------------------------------- */

/* Times of computing aside, in which the first micro-batch that aicb writes
 * differs from the others. */
static bool are_alike(const struct lh_simai_line *a,
                      const struct lh_simai_line *b)
{
    bool same = strcmp(a->name, b->name) == 0;

    for (int i = 0; i < LH_SIMAI_PARTS && same; i++)
        same = a->parts[i].comm == b->parts[i].comm
               && a->parts[i].group == b->parts[i].group
               && a->parts[i].bytes == b->parts[i].bytes;
    return same;
}

/* Where `micro_batches` periods alike begin; -1: nowhere. */
static int find_repeated(const struct lh_simai *w, int period)
{
    int64_t needed = (w->micro_batches - 1) * (int64_t)period;
    int64_t run = 0;

    if (needed == 0)
        return period == w->n_lines ? 0 : -1;
    for (int i = 0; i + period < w->n_lines; i++) {
        run = are_alike(&w->lines[i], &w->lines[i + period]) ? run + 1 : 0;
        if (run == needed)
            return i + 1 - (int)run;
    }
    return -1;
}

static void find_micro_batches(struct reader *r, struct lh_simai *out)
{
    int64_t most = out->n_lines / out->micro_batches;

    out->period = out->n_lines;
    if (out->pipeline == 1)
        return;
    for (int64_t period = most; period > 0; period--) {
        int first = find_repeated(out, (int)period);
        if (first >= 0) {
            out->first = first;
            out->period = (int)period;
            return;
        }
    }
    fail(r, (struct lh_where){r->where.file, 1, 0},
         lh_format(r->ctx->arena,
                   "no lines come %" PRId64 " times (ga): without "
                   "micro-batches there is no pipeline (pp)",
                   out->micro_batches));
}

enum lh_status lh_simai_read(struct lh_simai *out, const char *path,
                             struct lh_ctx *ctx)
{
    struct reader r = {.ctx = ctx, .where = {path, 1, 1}};
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);

    if (st != LH_OK)
        return st;
    *out = (struct lh_simai){.tensor = 1,
                             .expert = 1,
                             .pipeline = 1,
                             .chunks = 1,
                             .micro_batches = 1};
    r.at = r.line = text;
    if (strlen(text) != n)
        fail(&r, (struct lh_where){path, 0, 0},
             "a zero byte: no workload text");
    else
        read_header(&r, out);
    read_lines(&r, out);
    if (!r.failed)
        find_micro_batches(&r, out);
    if (!r.failed && out->pipeline > 1 && out->send_bytes == 0)
        lh_warn(ctx, (struct lh_where){path, 1, 0},
                "pp is %" PRId64 " and pp_comm missing: stages send each other "
                "nothing",
                out->pipeline);
    return r.failed ? LH_BAD_INPUT : LH_OK;
}
