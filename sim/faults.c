/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Faults and background of a scenario as schedules of ranks and links
 * (docs/model.md, "Faults"):
 *
 *   speed(t)    = 1 / slowdown of the fault that holds at t, else 1
 *   capacity(t) = that of the fault that holds at t, else the link's own,
 *                 less the bandwidth of all background that holds at t
 *
 * Each entry of the scenario becomes a piece a rank or link that it is about;
 * pieces of one rank or link, together, its schedule.
 * Pipeline: scenario/faults.c -> this -> incidence (classes), place (speeds,
 * capacities), exec (changes while the step runs).
 *
 * Where cuts are routed around, reroute.c gives every fibre a schedule a set of
 * routes.
 * Leaves out: recovery; `auto` decides on the links as they are without
 * faults.
 */
#include "faults.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "ranks.h"

/* Names of so many links are searched for the one that was meant. */
enum { NAMES_MAX = 4096 };

/* An entry, on one rank or link. */
struct piece {
    bool is_link;
    bool is_background;
    int64_t what; /* rank or link */
    double from_s, to_s;
    double value; /* speed; capacity; background: bytes/s taken off */
    int entry;    /* of faults[] or background[] */
};

struct pieces {
    const struct lh_sim_point *point;
    struct lh_ctx *ctx;
    size_t n, capacity;
    struct piece *piece;
    enum lh_status st;
};

static const char *entry_name(const struct pieces *ps, const struct piece *p)
{
    return lh_format(ps->ctx->arena, "%s[%d]",
                     p->is_background ? "background" : "faults", p->entry);
}

static struct lh_where entry_where(const struct pieces *ps,
                                   const struct piece *p)
{
    const struct lh_scenario *s = ps->point->scenario;
    return p->is_background ? s->background[p->entry].where
                            : s->faults[p->entry].where;
}

static void add(struct pieces *ps, struct piece piece, int64_t what)
{
    piece.what = what;
    ps->piece = lh_grow(ps->ctx->arena, ps->piece, &ps->capacity, ps->n + 1,
                        sizeof *ps->piece);
    ps->piece[ps->n++] = piece;
}

/* ---- links by name, and between sites ------------------------------------ */

static const char *name_near(const struct pieces *ps, const char *name)
{
    const struct lh_topology *t = ps->point->topology;
    int n = lh_topology_link_count(t);
    if (n > NAMES_MAX)
        return NULL;
    const char **names = LH_NEW(ps->ctx->arena, const char *, n);
    for (lh_link l = 0; l < n; l++)
        names[l] = lh_topology_link_at(t, l).name;
    return lh_nearest(name, names, n);
}

/* Of a site whose learners are simulated without the others. */
static bool is_alone(const struct pieces *ps, lh_link l)
{
    enum lh_link_kind kind =
        lh_topology_link_facts(ps->point->topology, l).kind;

    return ps->point->scenario->sync == LH_SYNC_ASYNC_DILOCO
           && kind != LH_LINK_WAN && kind != LH_LINK_GATEWAY;
}

static void add_link(struct pieces *ps, struct piece piece, const char *name)
{
    lh_link l = lh_topology_link_find(ps->point->topology, name);
    if (l >= 0 && is_alone(ps, l)) {
        lh_error(ps->ctx, entry_where(ps, &piece),
                 "%s: sync.kind: async-diloco has faults and background of "
                 "fibres and gateways, '%s' is neither",
                 entry_name(ps, &piece), name);
        ps->st = LH_BAD_INPUT;
        return;
    }
    if (l >= 0) {
        add(ps, piece, l);
        return;
    }
    const char *near = name_near(ps, name);
    lh_error(ps->ctx, entry_where(ps, &piece),
             "%s: no link has the name '%s'%s", entry_name(ps, &piece), name,
             near ? lh_format(ps->ctx->arena, "; did you mean '%s'?", near)
                  : "; longhaul show topology lists them");
    ps->st = LH_BAD_INPUT;
}

static void add_fibres(struct pieces *ps, struct piece piece, int a, int b)
{
    const struct lh_topology *t = ps->point->topology;
    size_t before = ps->n;
    for (lh_link l = lh_topology_first_fibre(t); l < lh_topology_link_count(t);
         l++) {
        struct lh_link_info f = lh_topology_link_facts(t, l);
        if ((f.site_from == a && f.site_to == b)
            || (f.site_from == b && f.site_to == a))
            add(ps, piece, l);
    }
    if (ps->n > before)
        return;
    const struct lh_site *sites = ps->point->scenario->sites;
    lh_error(ps->ctx, entry_where(ps, &piece),
             "%s: no fibre joins '%s' and '%s' directly; name a link",
             entry_name(ps, &piece), sites[a].name, sites[b].name);
    ps->st = LH_BAD_INPUT;
}

/* Of a bundle, the cables that lie in the duct. */
static void add_duct(struct pieces *ps, struct piece piece,
                     const struct lh_fault *f)
{
    const struct lh_topology *t = ps->point->topology;
    for (lh_link l = lh_topology_first_fibre(t); l < lh_topology_link_count(t);
         l++) {
        piece.value = lh_topology_duct_left(t, l, f->duct, f->bytes_per_s);
        if (piece.value >= 0)
            add(ps, piece, l);
    }
}

/* ---- pieces of the scenario -----------------------------------------------
 */

/* Only between sites there is another route.  What no route takes any more
 * needs no piece. */
static void reroute_check(struct pieces *ps, const struct lh_fault *f, int i,
                          size_t before)
{
    lh_link fibres = lh_topology_first_fibre(ps->point->topology);
    bool always = f->at_s == 0 && isinf(f->for_s);
    size_t kept = before;
    for (size_t k = before; f->reroute && k < ps->n; k++) {
        if (ps->piece[k].what < fibres) {
            lh_error(ps->ctx, f->where,
                     "faults[%d] has 'reroute' and a link that is no fibre "
                     "between sites",
                     i);
            ps->st = LH_BAD_INPUT;
        }
        if (!always || ps->piece[k].value > 0)
            ps->piece[kept++] = ps->piece[k];
    }
    if (f->reroute)
        ps->n = kept;
}

/* Learners that wait for nobody are simulated alone, and paced by
 * analysis/async.c. */
static void add_site(struct pieces *ps, struct piece piece, int site)
{
    struct lh__ranks ranks;

    if (ps->point->scenario->sync == LH_SYNC_ASYNC_DILOCO)
        return;
    ps->st = lh__ranks_place(&ranks, ps->point, ps->ctx);
    if (ps->st != LH_OK)
        return;
    for (lh_rank rank = ranks.site_rank[site]; rank < ranks.site_rank[site + 1];
         rank++)
        add(ps, piece, rank);
}

static void add_fault(struct pieces *ps, int i)
{
    size_t before = ps->n;
    const struct lh_fault *f = &ps->point->scenario->faults[i];
    bool of_ranks = f->rank >= 0 || f->site_name;
    struct piece piece = {.is_link = !of_ranks,
                          .from_s = f->at_s,
                          .to_s = f->at_s + f->for_s,
                          .value =
                              of_ranks ? 1.0 / f->slowdown : f->bytes_per_s,
                          .entry = i};
    if (f->site_name)
        add_site(ps, piece, f->site);
    else if (f->rank >= 0)
        add(ps, piece, f->rank);
    else if (f->link)
        add_link(ps, piece, f->link);
    else if (f->duct)
        add_duct(ps, piece, f);
    else
        add_fibres(ps, piece, f->site_a, f->site_b);
    reroute_check(ps, f, i, before);
}

static void add_background(struct pieces *ps, int i)
{
    const struct lh_background *b = &ps->point->scenario->background[i];
    struct piece piece = {.is_link = true,
                          .is_background = true,
                          .from_s = b->at_s,
                          .to_s = b->at_s + b->for_s,
                          .value = b->bytes_per_s * b->level_frac,
                          .entry = i};
    if (b->link)
        add_link(ps, piece, b->link);
    else
        add_fibres(ps, piece, b->site_a, b->site_b);
}

/* Ranks before links, in their order; faults before background; by date. */
static int by_what(const void *x, const void *y)
{
    const struct piece *a = x, *b = y;
    if (a->is_link != b->is_link)
        return a->is_link ? 1 : -1;
    if (a->what != b->what)
        return a->what < b->what ? -1 : 1;
    if (a->is_background != b->is_background)
        return a->is_background ? 1 : -1;
    if (a->from_s != b->from_s)
        return a->from_s < b->from_s ? -1 : 1;
    return (a->entry > b->entry) - (a->entry < b->entry);
}

static bool same_what(const struct piece *a, const struct piece *b)
{
    return a->is_link == b->is_link && a->what == b->what;
}

/* What the entry is about, in its own words. */
static const char *what_name(const struct pieces *ps, const struct piece *p)
{
    const struct lh_scenario *s = ps->point->scenario;
    const struct lh_fault *f = &s->faults[p->entry];
    const struct lh_background *b = &s->background[p->entry];
    const char *link = p->is_background ? b->link : f->link;
    if (!p->is_link)
        return lh_format(ps->ctx->arena, "rank %lld", (long long)p->what);
    if (link)
        return lh_format(ps->ctx->arena, "link '%s'", link);
    if (!p->is_background && f->duct)
        return lh_format(ps->ctx->arena, "a fibre in duct '%s'", f->duct);
    return lh_format(ps->ctx->arena, "a fibre between '%s' and '%s'",
                     s->sites[p->is_background ? b->site_a : f->site_a].name,
                     s->sites[p->is_background ? b->site_b : f->site_b].name);
}

/* Faults of one rank or link must not overlap: which would hold?  Where one
 * ends as the next begins, the sum of at and for may be rounded. */
static void overlaps_check(struct pieces *ps)
{
    for (size_t i = 1; i < ps->n; i++) {
        const struct piece *a = &ps->piece[i - 1], *b = &ps->piece[i];
        if (!same_what(a, b) || b->is_background
            || b->from_s >= a->to_s * (1 - 1e-12))
            continue;
        const struct piece *later = a->entry > b->entry ? a : b;
        lh_error(ps->ctx, entry_where(ps, later),
                 "%s and %s are both on %s at %s; give each a time of its own",
                 entry_name(ps, a->entry > b->entry ? b : a),
                 entry_name(ps, later), what_name(ps, b),
                 lh_units_human(ps->ctx->arena, b->from_s, LH_DIM_TIME));
        ps->st = LH_BAD_INPUT;
    }
}

/* ---- schedules ------------------------------------------------------------
 */

static bool holds(const struct piece *p, double date_s)
{
    return p->from_s <= date_s && date_s < p->to_s;
}

/* A link without limit has all there is to take off, and no capacity to come
 * back to in the course of a step. */
static bool unlimited_check(struct pieces *ps, const struct piece *p, size_t n,
                            double nominal)
{
    for (size_t i = 0; i < n && isinf(nominal); i++) {
        bool always = p[i].from_s == 0 && isinf(p[i].to_s);
        if (always && !p[i].is_background)
            continue;
        lh_error(ps->ctx, entry_where(ps, &p[i]),
                 "%s: %s has no limit of its own; give its site a "
                 "gateway_bandwidth",
                 entry_name(ps, &p[i]), what_name(ps, &p[i]));
        ps->st = LH_BAD_INPUT;
        return false;
    }
    return true;
}

/* What holds at a date; `n` pieces of one rank or link. */
static double value_at(struct pieces *ps, const struct piece *p, size_t n,
                       double nominal, double date_s)
{
    const struct piece *last = NULL;
    double value = nominal, taken = 0;
    for (size_t i = 0; i < n; i++) {
        if (!holds(&p[i], date_s))
            continue;
        if (p[i].is_background) {
            taken += p[i].value;
            last = &p[i];
        } else {
            value = p[i].value;
        }
    }
    if (value == 0 || last == NULL || value > taken)
        return fmax(0, value - taken);
    lh_error(ps->ctx, entry_where(ps, last),
             "%s leaves nothing of %s, which has %s; all background on it "
             "takes %s",
             entry_name(ps, last), what_name(ps, last),
             lh_units_human(ps->ctx->arena, value, LH_DIM_BANDWIDTH),
             lh_units_human(ps->ctx->arena, taken, LH_DIM_BANDWIDTH));
    ps->st = LH_BAD_INPUT;
    return value;
}

static int by_date(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static struct lh__schedule schedule_of(struct pieces *ps, const struct piece *p,
                                       size_t n, double nominal)
{
    struct lh_arena *arena = ps->ctx->arena;
    double *date_s = LH_NEW(arena, double, 2 * n + 1);
    struct lh__schedule s = {.changes =
                                 LH_NEW(arena, struct lh__change, 2 * n + 1)};
    for (size_t i = 0; i < n; i++) {
        date_s[2 * i + 1] = p[i].from_s;
        date_s[2 * i + 2] = p[i].to_s;
    }
    qsort(date_s, 2 * n + 1, sizeof *date_s, by_date);
    for (size_t i = 0; i < 2 * n + 1 && isfinite(date_s[i]); i++) {
        if (i > 0 && date_s[i] == date_s[i - 1])
            continue;
        double value = value_at(ps, p, n, nominal, date_s[i]);
        if (s.n > 0 && s.changes[s.n - 1].value == value)
            continue;
        s.changes[s.n++] = (struct lh__change){date_s[i], value};
    }
    return s;
}

/* The schedule of the `n` pieces of one rank or link, unless it is nominal. */
static void thing_add(struct lh__faults *f, struct pieces *ps,
                      const struct piece *p, size_t n)
{
    double nominal = p->is_link ? lh_topology_link_capacity(ps->point->topology,
                                                            (lh_link)p->what)
                                : 1.0;
    if (!unlimited_check(ps, p, n, nominal))
        return;
    struct lh__schedule s = schedule_of(ps, p, n, nominal);
    if (s.n == 1 && s.changes[0].value == nominal)
        return;
    if (p->is_link) {
        f->link[f->n_links] = (lh_link)p->what;
        f->link_schedule[f->n_links++] = lh__schedule_add(f, s);
    } else {
        f->rank[f->n_ranks] = p->what;
        f->rank_schedule[f->n_ranks++] = lh__schedule_add(f, s);
    }
}

enum lh_status lh__faults_make(struct lh__faults *out,
                               const struct lh_sim_point *p, struct lh_ctx *ctx)
{
    struct pieces ps = {.point = p, .ctx = ctx, .st = LH_OK};
    *out = (struct lh__faults){0};
    for (int i = 0; i < p->scenario->n_faults; i++)
        add_fault(&ps, i);
    for (int i = 0; i < p->scenario->n_background; i++)
        add_background(&ps, i);
    if (ps.n == 0)
        return ps.st;
    qsort(ps.piece, ps.n, sizeof *ps.piece, by_what);
    overlaps_check(&ps);
    lh__faults_room(out, ps.n, ctx->arena);
    size_t first = 0;
    for (size_t i = 0; i < ps.n; i++) {
        const struct piece *piece = &ps.piece[i];
        out->dated |= piece->from_s > 0 || isfinite(piece->to_s);
        if (i + 1 < ps.n && same_what(piece, piece + 1))
            continue;
        thing_add(out, &ps, &ps.piece[first], i + 1 - first);
        first = i + 1;
    }
    if (lh_topology_link_end(p->topology) > lh_topology_link_count(p->topology))
        lh__reroutes_add(out, p->topology, ctx->arena);
    return ps.st;
}

/* ---- asking ---------------------------------------------------------------
 */

static int by_rank(const void *x, const void *y)
{
    lh_rank a = *(const lh_rank *)x, b = *(const lh_rank *)y;
    return (a > b) - (a < b);
}

int32_t lh__faults_rank(const struct lh__faults *f, lh_rank rank)
{
    if (f->n_ranks == 0)
        return -1;
    const lh_rank *at =
        bsearch(&rank, f->rank, (size_t)f->n_ranks, sizeof rank, by_rank);
    return at == NULL ? -1 : f->rank_schedule[at - f->rank];
}

int32_t lh__faults_link(const struct lh__faults *f, lh_link link)
{
    int32_t at = lh__link_search(f->link, f->n_links, link);
    return at < 0 ? -1 : f->link_schedule[at];
}
