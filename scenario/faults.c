/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the keys of faults[] and background[] say together: each names one
 * thing, with what that thing needs, and no cut is for ever.
 * Pipeline: after plan.c, which says how many ranks there are.
 *
 * Source: docs/model.md, "Faults".  Left to sim/faults.c, which sees the
 * topology: whether links have the names given, whether entries overlap, and
 * whether background leaves anything of a link.
 */
#include "resolve.h"

#include <inttypes.h>
#include <string.h>

/* The keys that name what an entry is about; a list of NULL-ended names. */
static const char *const fault_things[] = {"rank",    "site", "link",
                                           "between", "duct", NULL};
static const char *const background_things[] = {"link", "between", NULL};

/* The one key of `things` that the entry has; NULL: none or several, which is
 * reported. */
static const char *thing_of(struct lh__reader *r, struct lh__value *entry,
                            const char *path, const char *const *things)
{
    struct lh_text all = lh_text_new(r->ctx->arena);
    const char *found = NULL;
    int n = 0;

    for (int i = 0; things[i]; i++) {
        lh_text_printf(&all, "%s'%s'",
                       i == 0          ? ""
                       : things[i + 1] ? ", "
                                       : " and ",
                       things[i]);
        if (lh__value_get(entry, things[i])) {
            found = things[i];
            n++;
        }
    }
    if (n == 1)
        return found;
    lh_error(r->ctx, entry->where, "%s %s of %s; give one of them", path,
             n == 0 ? "has none" : "has several", all.s);
    entry->bad = true;
    return NULL;
}

/* The two sites of `between`; false: reported. */
static bool resolve_pair(struct lh__reader *r, struct lh__value *entry,
                         const char *path, int *a, int *b)
{
    struct lh__value *between = lh__value_get(entry, "between");

    *a = lh__find_site(r, between->items[0]);
    *b = lh__find_site(r, between->items[1]);
    between->bad = *a < 0 || *b < 0;
    if (!between->bad && *a == *b) {
        lh_error(r->ctx, between->where,
                 "%s names site '%s' twice; fibres join two sites", path,
                 between->items[0]->text);
        between->bad = true;
    }
    return !between->bad;
}

static void check_rank(struct lh__reader *r, const struct lh_fault *fault,
                       const char *path)
{
    const struct lh_plan *p = &r->root->s.plan;
    int64_t ranks = p->tensor * p->pipeline * p->context * p->data;

    if (r->root->s.sync == LH_SYNC_ASYNC_DILOCO)
        lh_error(r->ctx, fault->where,
                 "%s has a rank; sync.kind: async-diloco takes all islands of "
                 "a site to be alike, and has 'site' for what slows them",
                 path);
    else if (fault->bytes_per_s >= 0)
        lh_error(r->ctx, fault->where,
                 "%s has a rank and a capacity; a rank takes 'slowdown'", path);
    else if (fault->slowdown < 0)
        lh_error(r->ctx, fault->where,
                 "missing key 'slowdown' in %s: how many times as long the "
                 "rank's compute takes",
                 path);
    if (p->data > 0 && fault->rank >= ranks)
        lh_error(r->ctx,
                 lh__where_at(r, lh_format(r->ctx->arena, "%s.rank", path)),
                 "%s.rank is %" PRId64 "; the plan has ranks 0 to %" PRId64,
                 path, fault->rank, ranks - 1);
}

/* All ranks of a site are slow; or, where islands wait for nobody, away. */
static void check_site(struct lh__reader *r, const struct lh_fault *fault,
                       const char *path)
{
    bool alone = r->root->s.sync == LH_SYNC_ASYNC_DILOCO;

    if (fault->bytes_per_s >= 0)
        lh_error(r->ctx, fault->where,
                 "%s has a site and a capacity; a site takes 'slowdown'", path);
    else if (fault->slowdown < 0 && !alone)
        lh_error(r->ctx, fault->where,
                 "missing key 'slowdown' in %s: without a site the step would "
                 "never end (but with sync.kind: async-diloco)",
                 path);
    else if (fault->slowdown < 0 && isinf(fault->for_s))
        lh_error(r->ctx, fault->where,
                 "%s has a site that is away for ever; say 'for' how long, or "
                 "leave it out of the sites",
                 path);
}

static void check_link(struct lh__reader *r, const struct lh_fault *fault,
                       const char *path, const char *thing)
{
    if (fault->slowdown >= 0)
        lh_error(r->ctx, fault->where,
                 "%s has '%s' and a slowdown; a link takes 'capacity'", path,
                 thing);
    else if (fault->bytes_per_s < 0)
        lh_error(r->ctx, fault->where,
                 "missing key 'capacity' in %s: what the link has then", path);
    else if (fault->bytes_per_s == 0 && isinf(fault->for_s) && !fault->reroute)
        lh_error(r->ctx, fault->where,
                 "%s cuts a link for ever, and a step that needs it would "
                 "never end; say 'for' how long, or 'reroute'",
                 path);
}

static bool duct_known(struct lh__reader *r, const struct lh_fault *fault,
                       const char *path)
{
    const struct lh_scenario *s = &r->root->s;
    const char **ducts = LH_NEW(r->ctx->arena, const char *, s->n_fibres + 1);
    int n = 0;

    for (int i = 0; i < s->n_fibres; i++) {
        if (!s->fibres[i].duct)
            continue;
        if (strcmp(s->fibres[i].duct, fault->duct) == 0)
            return true;
        ducts[n++] = s->fibres[i].duct;
    }
    const char *near = lh_nearest(fault->duct, ducts, n);
    lh_error(r->ctx, fault->where, "%s: no fibre lies in a duct '%s'%s%s%s",
             path, fault->duct, near ? "; did you mean '" : "",
             near ? near : "", near ? "'?" : "");
    return false;
}

static void resolve_fault(struct lh__reader *r, int i)
{
    struct lh_fault *fault = &r->root->s.faults[i];
    const char *path = lh_format(r->ctx->arena, "faults[%d]", i);
    struct lh__value *entry = lh__value_at(r->values, path);
    const char *thing;

    fault->where = entry->where;
    if (fault->reroute && fault->switch_time_s < 0)
        fault->switch_time_s = 50e-3;
    if (!lh__value_ok(entry))
        return;
    thing = thing_of(r, entry, path, fault_things);
    if (!thing)
        return;
    if (fault->rank >= 0) {
        check_rank(r, fault, path);
        return;
    }
    if (fault->site_name) {
        fault->site = lh__find_site(r, lh__value_get(entry, "site"));
        if (fault->site >= 0)
            check_site(r, fault, path);
        return;
    }
    if (fault->duct ? duct_known(r, fault, path)
                    : fault->link
                          || resolve_pair(r, entry, path, &fault->site_a,
                                          &fault->site_b))
        check_link(r, fault, path, thing);
}

/* Of one site only one may hold at a time. */
static void check_sites_apart(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;

    for (int i = 0; i < s->n_faults; i++)
        for (int k = 0; k < i; k++) {
            const struct lh_fault *a = &s->faults[k], *b = &s->faults[i];

            if (!a->site_name || !b->site_name || a->site != b->site
                || a->at_s >= b->at_s + b->for_s
                || b->at_s >= a->at_s + a->for_s)
                continue;
            lh_error(r->ctx, b->where,
                     "faults[%d] and faults[%d] are both on site '%s'; give "
                     "each a time of its own",
                     k, i, b->site_name);
            return;
        }
}

/* The share of its bandwidth at a time of the day; without one the mean. */
static double level_of(const struct lh_background *others, double time_s)
{
    double sum = 0;

    if (others->n_day == 0)
        return 1;
    for (int i = 0; i < others->n_day; i++)
        sum += others->day[i];
    if (time_s < 0)
        return sum / others->n_day;
    int part = (int)(time_s / 86400 * others->n_day);
    return others->day[part < others->n_day ? part : 0]; /* 24 h is 0 h */
}

/* The time picks a level only. */
static void check_time(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    bool used = s->time_of_day_s < 0;

    for (int i = 0; i < s->n_background; i++)
        used = used || s->background[i].n_day > 0;
    if (used)
        return;
    lh_warn(r->ctx, lh__where_at(r, "time_of_day"),
            "time_of_day has no effect because no background has a 'day'");
    s->time_of_day_s = -1;
}

static void resolve_background(struct lh__reader *r, int i)
{
    struct lh_background *others = &r->root->s.background[i];
    const char *path = lh_format(r->ctx->arena, "background[%d]", i);
    struct lh__value *entry = lh__value_at(r->values, path);

    others->where = entry->where;
    others->level_frac = level_of(others, r->root->s.time_of_day_s);
    if (!lh__value_ok(entry) || !thing_of(r, entry, path, background_things)
        || others->link)
        return;
    (void)resolve_pair(r, entry, path, &others->site_a, &others->site_b);
}

void lh__resolve_faults(struct lh__reader *r)
{
    for (int i = 0; i < r->root->s.n_faults; i++)
        resolve_fault(r, i);
    check_sites_apart(r);
    for (int i = 0; i < r->root->s.n_background; i++)
        resolve_background(r, i);
    check_time(r);
}
