/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Faults of a draw: a rank that computes more slowly, always or for a while, a
 * link of less capacity, and an outage of a link while a communication of the
 * healthy step is on it.  Times are of the healthy step; with a fault that has
 * a date one step from rest is simulated, whose times are about the same, so
 * mishap_acts() looks at what ran.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fold_pair.h"
#include "unit.h"

/* ---- what this build reads ----------------------------------------------- */

static bool is_read(const char *fibre_key, const char *keys)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_scenario s;
    const char *text =
        lh_format(ctx.arena,
                  "longhaul: 1\nname: probe\nmodel: {name: llama-3.1-8b}\n"
                  "plan: {tensor: 8}\nsites:\n"
                  "  - {name: a, gpus: 8, device: h100-sxm}\n"
                  "  - {name: b, gpus: 8, device: h100-sxm}\n"
                  "fibres:\n  - {between: [a, b], length: 10 km%s}\n%s",
                  fibre_key, keys);
    bool read = lh_scenario_read_text(&s, "probe.yaml", text, strlen(text), ".",
                                      NULL, 0, &ctx)
                == LH_OK;
    for (int i = 0; !read && i < lh_diag_total(&ctx); i++) {
        const char *said = lh_diag_at(&ctx, i)->text;
        bool is_later = strstr(said, "not supported by this version") != NULL;
        if (!is_later)
            printf("%s\n%s", said, text);
        LH_CHECK(is_later);
    }
    lh_ctx_end(&ctx);
    return read;
}

bool faults_are_read(void)
{
    return is_read("", "faults:\n  - {rank: 1, slowdown: 1.5}\n");
}

bool windows_are_read(void)
{
    return is_read(", transport: {kind: tcp, streams: 4, window: 64 KiB}", "");
}

/* ---- where and when ------------------------------------------------------ */

/* The links of a record's flow; NULL: it has none. */
static const struct lh__shape *shape_of(const struct pair *p, int64_t record)
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    int32_t g = p->trace[FOLDED].group[record];
    if (g < 0 || placed->shapes[placed->group_shape[g]].n_links == 0)
        return NULL;
    return &placed->shapes[placed->group_shape[g]];
}

static int32_t class_of(const struct lh_trace *t, int64_t record)
{
    int32_t c = 0;
    while (t->class_first[c + 1] <= record)
        c++;
    return c;
}

/* Can the link of a class fail so?  It has a limit, and only fibres have
 * detours. */
static bool can_fail(const struct pair *p, int32_t link_class,
                     enum fault_kind kind)
{
    const struct lh__placed *placed = &p->placed[FOLDED];
    return isfinite(placed->link_capacity[link_class])
           && (kind != DETOUR
               || lh__fold_link(&placed->fold, link_class)
                      >= lh_topology_first_fibre(p->topology));
}

/* Links of a shape that can fail. */
static int32_t limits_of(const struct pair *p, const struct lh__shape *s,
                         enum fault_kind kind)
{
    int32_t n = 0;
    for (int32_t k = 0; s != NULL && k < s->n_links; k++)
        n += can_fail(p, s->links[k], kind);
    return n;
}

/* The nth record, counted again and again, on a link that can fail; -1: none
 * is. */
static int64_t flow_record(const struct pair *p, uint64_t nth,
                           enum fault_kind kind)
{
    int64_t n_records = p->trace[FOLDED].n_records;
    uint64_t n = 0;
    for (int64_t r = 0; r < n_records; r++)
        n += limits_of(p, shape_of(p, r), kind) > 0;
    if (n == 0)
        return -1;
    nth %= n;
    for (int64_t r = 0;; r++) {
        if (limits_of(p, shape_of(p, r), kind) > 0 && nth-- == 0)
            return r;
    }
}

/* One of the links that can fail and that a shape's communicators cross. */
static lh_link link_of(const struct pair *p, const struct lh__shape *s,
                       uint64_t pick, enum fault_kind kind)
{
    const struct lh__fold *f = &p->placed[FOLDED].fold;
    int32_t k = 0;
    int32_t rest = (int32_t)(pick % (uint64_t)limits_of(p, s, kind));
    while (!can_fail(p, s->links[k], kind) || rest-- > 0)
        k++;
    int32_t j = s->links[k];
    uint64_t nth = (pick >> 16) % (uint64_t)f->link_size[j];
    lh_link l = 0;
    while (lh__fold_link_class(f, l) != j || nth-- > 0)
        l++;
    return l;
}

static bool is_cut(enum fault_kind kind)
{
    return kind == OUTAGE || kind == DETOUR;
}

static void put_dates(struct lh_text *t, const struct mishap *m)
{
    if (m->kind == LATE_STRAGGLER || is_cut(m->kind))
        lh_text_printf(t, "at: %.9f s, for: %.9f s, ", m->at_s, m->for_s);
}

static void rank_strike(struct mishap *m, const struct fault *f,
                        const struct pair *healthy, struct lh_text *t)
{
    double step_s = healthy->trace[FOLDED].step_time_s;
    m->rank =
        (lh_rank)(f->pick % (uint64_t)lh_axes_ranks(&healthy->program.axes));
    m->at_s = 0;
    m->for_s = INFINITY;
    if (f->kind == LATE_STRAGGLER) {
        m->at_s = step_s * f->at_permille / 1000;
        m->for_s = 1e-6 + step_s * f->for_permille / 1000;
    }
    put_dates(t, m);
    if (f->pick >> 40 & 1) { /* with all of its site */
        const struct lh__ranks *ranks =
            &healthy->placed[FOLDED].incidence.ranks;
        int site = lh__rank_site(ranks, m->rank);
        lh_text_printf(t, "site: %s",
                       healthy->scenario[FOLDED].sites[site].name);
    } else {
        lh_text_printf(t, "rank: %lld", (long long)m->rank);
    }
    lh_text_printf(t, ", slowdown: %.2f}\n", 1 + f->percent / 100.0);
}

static void link_strike(struct mishap *m, const struct fault *f,
                        const struct pair *healthy, struct lh_text *t)
{
    const struct lh_trace *trace = &healthy->trace[FOLDED];
    int64_t r = flow_record(healthy, f->pick >> 32, f->kind);
    if (r < 0) {
        m->kind = NO_FAULT;
        return;
    }
    double begin_s = trace->class_begin_s[class_of(trace, r)];
    int64_t i = r; /* in the first step in which it runs */
    while (trace->start_s[i] < 0)
        i += trace->n_records;
    double length_s = trace->end_s[i] - trace->start_s[i];
    m->link = link_of(healthy, shape_of(healthy, r), f->pick, f->kind);
    m->at_s =
        fmax(0, trace->start_s[i] - begin_s + length_s * f->at_permille / 1000);
    m->for_s = 1e-6 + trace->step_time_s * f->for_permille / 1000;
    put_dates(t, m);
    struct lh_link_info link = lh_topology_link_at(healthy->topology, m->link);
    double left = link.capacity_bytes_per_s * f->percent / 100;
    if (f->kind == DETOUR)
        lh_text_printf(t, "reroute: true, switch_time: %.9f s, ",
                       m->for_s * f->percent / 200);
    lh_text_printf(t, "link: \"%s\", capacity: %.0f bit/s}\n", link.name,
                   is_cut(f->kind) ? 0 : 8 * left);
}

struct mishap mishap_of(const struct fault *f, const struct pair *healthy,
                        struct lh_arena *arena)
{
    struct mishap m = {.kind = f->kind};
    struct lh_text t = lh_text_new(arena);
    lh_text_add(&t, "faults:\n  - {");
    if (f->kind == STRAGGLER || f->kind == LATE_STRAGGLER)
        rank_strike(&m, f, healthy, &t);
    else
        link_strike(&m, f, healthy, &t);
    m.text = m.kind == NO_FAULT ? "" : t.s;
    return m;
}

/* ---- whether it acts ----------------------------------------------------- */

static bool is_hit(const struct pair *p, int64_t record)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    const struct lh__fold *f = &p->placed[FOLDED].fold;
    const struct mishap *m = &p->mishap;
    if (m->kind == STRAGGLER || m->kind == LATE_STRAGGLER)
        return t->group[record] < 0
               && class_of(t, record) == lh__fold_rank_class(f, m->rank);
    const struct lh__shape *s = shape_of(p, record);
    for (int32_t k = 0; s != NULL && k < s->n_links; k++) {
        if (s->links[k] == lh__fold_link_class(f, m->link))
            return true;
    }
    return false;
}

bool mishap_acts(const struct pair *p)
{
    const struct lh_trace *t = &p->trace[FOLDED];
    const struct mishap *m = &p->mishap;
    bool is_dated = m->kind == LATE_STRAGGLER || is_cut(m->kind);
    if (m->kind == NO_FAULT)
        return false;
    for (int64_t r = 0; r < lh_trace_steps(t) * t->n_records; r++) {
        bool meanwhile =
            !is_dated
            || (t->start_s[r] < m->at_s + m->for_s && t->end_s[r] > m->at_s);
        if (t->start_s[r] >= 0 && meanwhile && is_hit(p, r % t->n_records))
            return true;
    }
    return false;
}
