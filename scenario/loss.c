/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The statistical price of loose agreement (sync.equal_loss): how many times
 * the tokens of every-step a method needs for the same loss, from the nearest
 * published run of data/loss.csv or as the scenario states it.
 *
 *   factor = (loss / baseline)^(1 / exponent)      loss ~ tokens^-exponent
 *   low, high: both losses half a unit of their last printed digit off
 *
 * The nearest row has the kind and the compression of the scenario, at most
 * twice or half the steps between agreements and the replicas, and of those the
 * least ratio of these steps, then of replicas, of parameters, of bits.  Last
 * of resolving, for it needs the islands.  Sources: data/loss.csv row by row.
 * Leaves out: what tuning, batch size, pattern, overlap and data change;
 * between rows nothing is interpolated.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "resolve.h"
#include "rows.h"

struct lh__loss_row {
    const char *name, *kind, *compression;
    int64_t every, replicas, payload_bits;
    double parameters, tokens;
    const char *loss, *baseline_loss; /* digits as printed */
    double exponent;
    const char *source;
};

#define AT(field) offsetof(struct lh__loss_row, field)
#define TEXT(field)                                                            \
    {                                                                          \
#field, LH__CELL_TEXT, AT(field), NULL, 0, 0, 0, 0                     \
    }
#define COUNT(field)                                                           \
    {                                                                          \
#field, LH__CELL_COUNT, AT(field), NULL, 0, 0, 0, 0                    \
    }
#define NUMBER(field)                                                          \
    {                                                                          \
#field, LH__CELL_QUANTITY, AT(field), NULL, LH_DIM_NONE, 0, 0, 0       \
    }

static const struct lh__column columns[] = {
    TEXT(name),      TEXT(kind),          TEXT(compression),  COUNT(every),
    COUNT(replicas), COUNT(payload_bits), NUMBER(parameters), NUMBER(tokens),
    TEXT(loss),      TEXT(baseline_loss), NUMBER(exponent),   TEXT(source),
};
static const struct lh__table table = {
    "loss", "published loss", columns,
    (int)(sizeof columns / sizeof columns[0])};

/* ---- the nearest row ------------------------------------------------------
 */

enum { EVERY, REPLICAS, PARAMETERS, BITS, DISTANCES };

/* How far a figure is carried: steps and replicas by a factor of two. */
static const double farthest = 2 * (1 + 1e-9);

static int64_t replicas_of(const struct lh_scenario *s)
{
    return s->outer.island > 0 ? s->plan.data / s->outer.island : 1;
}

static int64_t bits_of(const struct lh_outer *outer)
{
    static const int64_t bits[] = {[LH_PAYLOAD_32] = 32,
                                   [LH_PAYLOAD_16] = 16,
                                   [LH_PAYLOAD_8] = 8,
                                   [LH_PAYLOAD_4] = 4};
    return bits[outer->payload];
}

static double ratio(double a, double b)
{
    return a > 0 && b > 0 ? fabs(log(a / b)) : INFINITY;
}

/* In the order of what weighs more. */
static void distances(double out[DISTANCES], const struct lh__loss_row *row,
                      const struct lh_scenario *s)
{
    out[EVERY] = ratio((double)row->every, (double)s->outer.every);
    out[REPLICAS] = ratio((double)row->replicas, (double)replicas_of(s));
    out[PARAMETERS] = ratio(row->parameters, (double)s->model.parameters);
    out[BITS] = ratio((double)row->payload_bits, (double)bits_of(&s->outer));
}

static bool is_near_enough(const struct lh__loss_row *row,
                           const struct lh_scenario *s)
{
    double d[DISTANCES];

    distances(d, row, s);
    return d[EVERY] <= log(farthest) && d[REPLICAS] <= log(farthest);
}

static bool is_nearer(const struct lh__loss_row *row,
                      const struct lh__loss_row *than,
                      const struct lh_scenario *s)
{
    double a[DISTANCES], b[DISTANCES];

    if (than->name == NULL)
        return true;
    distances(a, row, s);
    distances(b, than, s);
    for (int i = 0; i < DISTANCES; i++) {
        if (fabs(a[i] - b[i]) > 1e-9)
            return a[i] < b[i];
    }
    return false;
}

static enum lh_status find_row(struct lh__loss_row *out, struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;
    const char *kind =
        lh__key_text(lh__key_find("sync.kind"), r->root, r->ctx->arena);
    const char *compression =
        lh__key_text(lh__key_find("sync.compression"), r->root, r->ctx->arena);
    struct lh_csv csv;
    enum lh_status st = lh_data_read(&csv, table.file, r->ctx);

    out->name = NULL;
    for (int i = 0; st == LH_OK && i < csv.n_rows; i++) {
        struct lh__loss_row row;
        st = lh__row_read(&row, &table, lh_csv_cell(&csv, i, 0), NULL,
                          LH_NOWHERE, r->ctx);
        if (st == LH_OK && strcmp(row.kind, kind) == 0
            && strcmp(row.compression, compression) == 0
            && is_near_enough(&row, s) && is_nearer(&row, out, s))
            *out = row;
    }
    return st;
}

/* ---- the factor ------------------------------------------------------------
 */

/* Half a unit of the last digit of "2.26". */
static double half_unit(const char *digits)
{
    const char *point = strchr(digits, '.');

    return 0.5 * pow(10, point ? -(double)strlen(point + 1) : 0);
}

static bool read_loss(double *out, const char *digits)
{
    char *end;

    *out = strtod(digits, &end);
    return end != digits && *end == '\0' && isfinite(*out)
           && *out > half_unit(digits);
}

static bool set_factor(struct lh_equal_loss *out,
                       const struct lh__loss_row *row)
{
    double loss, baseline, power = 1 / row->exponent;

    if (!read_loss(&loss, row->loss)
        || !read_loss(&baseline, row->baseline_loss) || !isfinite(power))
        return false;
    double off = half_unit(row->loss), base_off = half_unit(row->baseline_loss);
    out->tokens_factor = pow(loss / baseline, power);
    out->low = pow((loss - off) / (baseline + base_off), power);
    out->high = pow((loss + off) / (baseline - base_off), power);
    return true;
}

static void from_row(struct lh__reader *r, const struct lh__loss_row *row)
{
    struct lh_equal_loss *out = &r->root->s.equal_loss;
    struct lh_arena *arena = r->ctx->arena;

    if (!set_factor(out, row)) {
        lh_error(r->ctx, LH_NOWHERE,
                 "data table loss, row '%s': losses and exponent must be "
                 "positive numbers",
                 row->name);
        return;
    }
    out->source = row->source;
    out->basis = lh_format(
        arena, "loss %s for %s at %.3gB, H %lld, %lld replica%s, %lld bits",
        row->loss, row->baseline_loss, row->parameters / 1e9,
        (long long)row->every, (long long)row->replicas,
        row->replicas == 1 ? "" : "s", (long long)row->payload_bits);
}

void lh__resolve_loss(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh_equal_loss *out = &s->equal_loss;
    struct lh__loss_row row;

    out->tokens_factor = out->low = out->high = NAN;
    if (!out->on || s->sync == LH_SYNC_EVERY_STEP
        || lh_diag_count(r->ctx, LH_ERROR) > 0)
        return;
    if (out->stated > 0) {
        out->tokens_factor = out->low = out->high = out->stated;
        out->source = "sync.tokens_factor";
        out->basis = "as stated";
    } else if (find_row(&row, r) == LH_OK && row.name != NULL) {
        from_row(r, &row);
    } else if (lh_diag_count(r->ctx, LH_ERROR) == 0) {
        lh_warn(
            r->ctx, lh__where_at(r, "sync.equal_loss"),
            "no published figure near enough of the tokens that this method "
            "needs for equal loss (data/loss.csv); sync.tokens_factor "
            "states one");
    }
}
