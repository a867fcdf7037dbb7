/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Collectives: closed forms (tests/cases/collectives.case), the coupled form
 * against message by message, rescaling, and what each algorithm must conserve.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/collective.h"
#include "../sim/engine.h"
#include "../sim/flow.h"
#include "../sim/fork.h"
#include "../workloads/collectives/list.h"
#include "fake_engine.h"
#include "unit.h"

enum { SITES_MAX = 3, MEMBERS_MAX = 64 };

static const struct lh__engine_kind fake = {fake_engine_open,
                                            fake_engine_channel};

/* ---- topologies ---- */

static const double nic = 50e9;
static const double t_nic = 2e-6, t_nvl = 1e-6, t_sw = 5e-7;
static const double equipment_s = 1e-6;

struct land {
    const char *name;
    enum lh_fabric_kind kind;
    int n_sites;
    double fibre;      /* bytes/s */
    double length_m;
    /* 0: as commonly, 4 accelerators a node, 400e9 bytes/s a scale-up link,
     * all accelerators in order, leaves oversubscribed (fat-tree). */
    int node;
    double nvl;
    int stride;        /* every stride-th accelerator is a member */
    bool uneven;       /* the first 3 of a node, the first 2 of the next */
    bool full;         /* no oversubscription */
    int64_t dims[LH_TORUS_DIMS];
};

static const struct land lands[] = {
    {"switch", LH_FABRIC_SWITCH, 1, .fibre = 0},
    {"rails", LH_FABRIC_RAILS, 1, .fibre = 0},
    {"fat-tree", LH_FABRIC_FAT_TREE, 1, .fibre = 0},
    {"two-sites", LH_FABRIC_SWITCH, 2, 12.5e9, .length_m = 1000e3},
    {"two-sites-fast", LH_FABRIC_SWITCH, 2, 400e9, .length_m = 1000e3},
    {"three-sites", LH_FABRIC_SWITCH, 3, 12.5e9, .length_m = 1000e3},
    /* For coupled against messages: two sites that differ in one thing. */
    {"near", LH_FABRIC_SWITCH, 2, 1600e9, .length_m = 1},
    {"ten-times-slower", LH_FABRIC_SWITCH, 2, 5e9, .length_m = 1},
    {"5-ms-long", LH_FABRIC_SWITCH, 2, 50e9, .length_m = 5e-3 / 4.9e-9},
    {"two-rail-sites", LH_FABRIC_RAILS, 2, 400e9, .length_m = 1000e3},
    /* Several members a node. */
    {"rails-of-8", LH_FABRIC_RAILS, 1, .node = 8, .nvl = 600e9},
    {"rails-of-8-slow-nvl", LH_FABRIC_RAILS, 1, .node = 8, .nvl = 300e9},
    {"rails-stride-4", LH_FABRIC_RAILS, 1, .node = 8, .stride = 4},
    {"rails-3-and-2", LH_FABRIC_RAILS, 1, .uneven = true},
    {"fat-tree-full", LH_FABRIC_FAT_TREE, 1, .full = true},
    {"near-rails", LH_FABRIC_RAILS, 2, 1600e9, .length_m = 1},
    {"slow-rails", LH_FABRIC_RAILS, 2, 20e9, .length_m = 1},
    {"5-ms-long-rails", LH_FABRIC_RAILS, 2, 200e9, .length_m = 5e-3 / 4.9e-9},
    {"torus-4x4x4", LH_FABRIC_TORUS, 1, .node = 64, .dims = {4, 4, 4}},
    {"torus-8x8", LH_FABRIC_TORUS, 1, .node = 64, .dims = {8, 8, 1}},
    {"torus-64", LH_FABRIC_TORUS, 1, .node = 64, .dims = {64, 1, 1}},
    {"torus-2x4x8", LH_FABRIC_TORUS, 1, .node = 64, .dims = {2, 4, 8}},
};

static const struct land *land_find(const char *name)
{
    for (size_t i = 0; i < LH_COUNT(lands); i++) {
        if (strcmp(lands[i].name, name) == 0)
            return &lands[i];
    }
    return NULL;
}

static double fibre_latency_s(const struct land *land)
{
    return land->length_m * 4.9e-9 + equipment_s;
}

static int node_of(const struct land *land)
{
    return land->kind == LH_FABRIC_SWITCH ? 1 : land->node ? land->node : 4;
}

static double nvl_of(const struct land *land)
{
    return land->nvl > 0 ? land->nvl : 400e9;
}

static struct lh_fabric fabric_of(const struct land *land)
{
    enum lh_fabric_kind kind = land->kind;
    return (struct lh_fabric){
        .name = "test", .kind = kind, .scale_up_gpus = node_of(land),
        .scale_up_bytes_per_s = nvl_of(land), .scale_up_latency_s = t_nvl,
        .scale_up_frac = 1, .nic_bytes_per_s = nic, .nic_latency_s = t_nic,
        .nic_frac = 1, .switch_latency_s = t_sw, .spread_frac = 1,
        .n_levels = kind == LH_FABRIC_SWITCH ? 0 : 1,
        .group = {kind == LH_FABRIC_RAILS ? 16 : 2},
        .n_oversubscription = 1,
        .oversubscription = {
            kind == LH_FABRIC_FAT_TREE && !land->full ? 16 : 1},
        .n_dims = kind == LH_FABRIC_TORUS ? LH_TORUS_DIMS : 0,
        .dims = {land->dims[0], land->dims[1], land->dims[2]},
        .source = "test",
    };
}

struct world {
    struct lh_ctx ctx;
    const struct land *land;
    struct lh_topology *t;
};

/* 64 accelerators a site; a ring of fibres. */
static struct world world_begin(const char *name)
{
    static const char *const names[] = {"a", "b", "c"};
    struct world w = {.ctx = lh_ctx_begin(), .land = land_find(name)};
    LH_REQUIRE(w.land != NULL);
    struct lh_scenario s = {.name = name, .n_sites = w.land->n_sites};
    w.ctx.data_dir = LH_SRCDIR "/data";
    s.sites = LH_NEW(w.ctx.arena, struct lh_site, s.n_sites);
    s.n_fibres = s.n_sites == 3 ? 3 : s.n_sites - 1;
    s.fibres = LH_NEW(w.ctx.arena, struct lh_fibre, s.n_fibres);
    for (int i = 0; i < s.n_sites; i++) {
        s.sites[i].name = names[i];
        s.sites[i].gpus = MEMBERS_MAX;
        s.sites[i].fabric = fabric_of(w.land);
        s.sites[i].gateway_bytes_per_s = INFINITY;
    }
    for (int i = 0; i < s.n_fibres; i++)
        s.fibres[i] = (struct lh_fibre){
            .site_a = i, .site_b = (i + 1) % s.n_sites,
            .length_m = w.land->length_m, .route_factor = 1,
            .bytes_per_s = w.land->fibre,
            .equipment_latency_s = equipment_s};
    LH_REQUIRE(lh_topology_build(&w.t, &s, &w.ctx) == LH_OK);
    return w;
}

static void world_end(struct world *w)
{
    lh_topology_free(w->t);
    lh_ctx_end(&w->ctx);
}

/* The i-th member of a site, as an accelerator of it. */
static int64_t accelerator_at(const struct land *land, int64_t i)
{
    if (land->uneven)
        return i / 5 * 2 * node_of(land) +
               (i % 5 < 3 ? i % 5 : node_of(land) + i % 5 - 3);
    return land->stride ? i * land->stride : i;
}

/* n members as evenly over the sites as can be, the first sites more. */
static void members_choose(int64_t *out, const struct land *land, int64_t n)
{
    int64_t i = 0;
    for (int64_t site = 0; site < land->n_sites; site++) {
        int64_t here = n / land->n_sites + (site < n % land->n_sites);
        for (int64_t k = 0; k < here; k++)
            out[i++] = site * MEMBERS_MAX + accelerator_at(land, k);
    }
}

/* ---- arithmetic in case files ---- */

struct variable {
    const char *name;
    double value;
};

struct reader {
    const char *s;
    const struct variable *variables;
    size_t n_variables;
    bool ok;
};

static double read_sum(struct reader *r);

static bool accept(struct reader *r, char c)
{
    while (*r->s == ' ')
        r->s++;
    if (*r->s != c)
        return false;
    r->s++;
    return true;
}

static double read_call(struct reader *r, const char *name, size_t n)
{
    double a = read_sum(r);
    double b = accept(r, ',') ? read_sum(r) : 0;
    r->ok = accept(r, ')') && r->ok;
    if (n == 3 && strncmp(name, "max", n) == 0)
        return fmax(a, b);
    if (n == 3 && strncmp(name, "min", n) == 0)
        return fmin(a, b);
    if (n == 4 && strncmp(name, "log2", n) == 0)
        return floor(log2(a));
    r->ok = false;
    return NAN;
}

static double read_name(struct reader *r)
{
    const char *name = r->s;
    while (isalnum((unsigned char)*r->s) || *r->s == '_')
        r->s++;
    size_t n = (size_t)(r->s - name);
    if (accept(r, '('))
        return read_call(r, name, n);
    for (size_t i = 0; i < r->n_variables; i++) {
        if (strlen(r->variables[i].name) == n &&
            strncmp(r->variables[i].name, name, n) == 0)
            return r->variables[i].value;
    }
    r->ok = false;
    return NAN;
}

static double read_factor(struct reader *r)
{
    if (accept(r, '(')) {
        double value = read_sum(r);
        r->ok = accept(r, ')') && r->ok;
        return value;
    }
    if (isalpha((unsigned char)*r->s))
        return read_name(r);
    char *end;
    double value = strtod(r->s, &end);
    r->ok = r->ok && end != r->s;
    r->s = end;
    return value;
}

static double read_product(struct reader *r)
{
    double value = read_factor(r);
    for (;;) {
        if (accept(r, '*'))
            value *= read_factor(r);
        else if (accept(r, '/'))
            value /= read_factor(r);
        else
            return value;
    }
}

static double read_sum(struct reader *r)
{
    double value = read_product(r);
    for (;;) {
        if (accept(r, '+'))
            value += read_product(r);
        else if (accept(r, '-'))
            value -= read_product(r);
        else
            return value;
    }
}

/* ---- cases ---- */

struct test_case {
    char *name, *topology, *collective, *algorithm, *n, *bytes, *load,
        *expected, *tolerance, *source;
};

static char **field_find(struct test_case *c, const char *key)
{
    struct {
        const char *key;
        char **field;
    } fields[] = {
        {"name", &c->name}, {"topology", &c->topology},
        {"collective", &c->collective}, {"algorithm", &c->algorithm},
        {"n", &c->n}, {"bytes", &c->bytes}, {"load", &c->load},
        {"expected", &c->expected},
        {"tolerance", &c->tolerance}, {"source", &c->source}};
    for (size_t i = 0; i < LH_COUNT(fields); i++) {
        if (strcmp(fields[i].key, key) == 0)
            return fields[i].field;
    }
    return NULL;
}

/* Reads the next block of *text; false at the end.  Cuts up the text. */
static bool case_read(struct test_case *out, char **text)
{
    bool any = false;
    *out = (struct test_case){0};
    while (**text) {
        char *line = *text;
        char *end = strchrnul(line, '\n');
        *text = *end ? end + 1 : end;
        *end = '\0';
        if (line[0] == '\0' && any)
            return true;
        if (line[0] == '\0' || line[0] == '#')
            continue;
        char *colon = strstr(line, ": ");
        LH_REQUIRE(colon != NULL);
        *colon = '\0';
        char **field = field_find(out, line);
        LH_REQUIRE(field != NULL && *field == NULL);
        *field = colon + 2;
        any = true;
    }
    return any;
}

static enum lh_collective collective_find(const char *name)
{
    int c = 0;
    while (c < LH_COLLECTIVES &&
           strcmp(lh_collective_name((enum lh_collective)c), name) != 0)
        c++;
    LH_REQUIRE(c < LH_COLLECTIVES);
    return (enum lh_collective)c;
}

/* Loads of n members: those listed, again and again; NULL: none are. */
static const int64_t *loads_read(int64_t loads[MEMBERS_MAX], const char *list,
                                 int64_t n)
{
    int64_t n_listed = 0;
    char *end;
    for (const char *s = list; s && *s; s = end) {
        LH_REQUIRE(n_listed < MEMBERS_MAX);
        loads[n_listed++] = strtoll(s, &end, 10);
        LH_REQUIRE(end != s);
    }
    for (int64_t i = n_listed; list && i < n; i++)
        loads[i] = loads[i - n_listed];
    return list ? loads : NULL;
}

struct load_figures {
    double sum, least, most;
};

static struct load_figures loads_figures(const int64_t *loads, int64_t n)
{
    struct load_figures f = {0, INFINITY, 0};
    for (int64_t i = 0; i < n; i++) {
        double load = loads ? (double)loads[i] : 1.0;
        f.sum += load;
        f.least = fmin(f.least, load);
        f.most = fmax(f.most, load);
    }
    return f;
}

static double expected_value(const struct test_case *t,
                             const struct lh_collective_case *c,
                             const struct land *land)
{
    double sites = land->n_sites;
    struct load_figures load = loads_figures(c->load, c->n);
    struct variable variables[] = {
        {"n", (double)c->n}, {"S", c->bytes}, {"base", c->base_s},
        {"W", load.sum}, {"least", load.least}, {"most", load.most},
        {"k", ceil((double)c->n / sites)}, {"nic", nic}, {"nvl", nvl_of(land)},
        {"up", 2 * 4 * nic / 16}, {"fibre", land->fibre}, {"t_nic", t_nic},
        {"t_nvl", t_nvl}, {"t_sw", t_sw},
        {"t_fibre", fibre_latency_s(land)}};
    struct reader r = {t->expected, variables, LH_COUNT(variables), true};
    double value = read_sum(&r);
    LH_CHECK(r.ok && *r.s == '\0');
    return value;
}

/* On the fake at every n, on SimGrid at some. */
static void case_run_at(const struct test_case *t, struct world *w, int64_t n)
{
    int64_t members[MEMBERS_MAX], loads[MEMBERS_MAX];
    struct lh_collective_case c = {
        .collective = collective_find(t->collective),
        .algorithm = t->algorithm, .n = n, .accelerators = members,
        .bytes = atof(t->bytes), .load = loads_read(loads, t->load, n),
        .base_s = 1e-5, .rescale = 1};
    double tolerance = atof(t->tolerance);
    double time_s = NAN;
    members_choose(members, w->land, n);
    double expected_s = expected_value(t, &c, w->land);
    LH_REQUIRE(lh__collective_run(&time_s, &c, w->t, &fake, &w->ctx) == LH_OK);
    if (!(fabs(time_s - expected_s) <= tolerance * expected_s))
        printf("case '%s', n = %d\n", t->name, (int)n);
    LH_CHECK_NEAR(time_s, expected_s, tolerance);
    if (n > 8 && n % 32 != 0)
        return;
    LH_REQUIRE(lh_sim_collective(&time_s, &c, w->t, &w->ctx) == LH_OK);
    LH_CHECK_NEAR(time_s, expected_s, tolerance);
}

static void case_run(const struct test_case *t)
{
    long first, last, step;
    LH_REQUIRE(t->name && t->topology && t->collective && t->algorithm &&
               t->n && t->bytes && t->expected && t->tolerance && t->source);
    LH_REQUIRE(sscanf(t->n, "%ld..%ld:+%ld", &first, &last, &step) == 3);
    LH_REQUIRE(first >= 2 && last >= first && step >= 1);
    struct world w = world_begin(t->topology);
    for (long n = first; n <= last; n += step)
        case_run_at(t, &w, n);
    world_end(&w);
}

static void equals_closed_forms(void)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct test_case t;
    char *text;
    size_t n;
    int count = 0;
    LH_REQUIRE(lh_file_read(&text, &n,
                            LH_SRCDIR "/tests/cases/collectives.case",
                            &ctx) == LH_OK);
    for (; case_read(&t, &text); count++)
        case_run(&t);
    LH_CHECK(count >= 30);
    lh_ctx_end(&ctx);
}

/* ---- algorithms ---- */

/* Uneven sites that exercise the least common multiple. */
static const int32_t splits[][4] = {
    {1, 1, 0, 0}, {2, 1, 0, 0}, {4, 6, 0, 0}, {7, 11, 13, 0},
    {8, 8, 8, 8}, {1, 5, 2, 9}, {64, 0, 0, 0}, {61, 59, 53, 47},
};

/* Nodes of members, of which the last of a site may have less. */
static const int32_t node_sizes[] = {1, 3, 4, 64};

static struct lh_members members_of(const int32_t *split, int32_t node,
                                    struct lh_ctx *ctx)
{
    struct lh_members m = {0};
    int32_t *site = LH_NEW(ctx->arena, int32_t, 4 * MEMBERS_MAX);
    int64_t *domain = LH_NEW(ctx->arena, int64_t, 4 * MEMBERS_MAX);
    for (int32_t s = 0; s < 4; s++) {
        for (int32_t k = 0; k < split[s]; k++) {
            domain[m.n] = s * MEMBERS_MAX + k / node;
            site[m.n++] = s;
        }
    }
    m.site = site;
    m.domain = domain;
    return m;
}

/* S fractions that pass from a member to another one: [from * n + to]. */
static double *hop_fractions(const struct lh_hops *hops, int64_t n,
                             struct lh_ctx *ctx)
{
    double *sum = LH_NEW(ctx->arena, double, n * n);
    for (int64_t h = 0; h < hops->n; h++)
        sum[hops->from[h] * n + hops->to[h]] +=
            (double)hops->weight[h] * hops->unit_frac;
    return sum;
}

static double *pipe_fractions(const struct lh_pipes *pipes, int64_t n,
                              struct lh_ctx *ctx)
{
    double *sum = LH_NEW(ctx->arena, double, n * n);
    for (int64_t p = 0; p < pipes->n; p++) {
        for (int64_t k = pipes->round_begin[p]; k < pipes->round_begin[p + 1];
             k++)
            sum[pipes->from[p] * n + pipes->to[p]] += pipes->round_frac[k];
    }
    return sum;
}

static void forms_compare(const struct lh_algorithm *a, enum lh_collective c,
                          const struct lh_members *m)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_hops hops;
    struct lh_pipes pipes;
    a->hops(&hops, c, m, &ctx);
    a->pipes(&pipes, c, m, &ctx);
    double *by_hop = hop_fractions(&hops, m->n, &ctx);
    double *by_pipe = pipe_fractions(&pipes, m->n, &ctx);
    double worst = 0;
    for (int64_t i = 0; i < m->n * m->n; i++)
        worst = fmax(worst, fabs(by_hop[i] - by_pipe[i]));
    LH_CHECK(worst < 1e-12);
    lh_ctx_end(&ctx);
}

/* Loads as of a router that prefers some members: Zipf-like, out of order. */
static int64_t *zipf_loads(int64_t n, struct lh_ctx *ctx)
{
    int64_t *load = LH_NEW(ctx->arena, int64_t, n);
    for (int64_t i = 0; i < n; i++)
        load[(i * 7 + 3) % n] = 0;
    for (int64_t i = 0, at = 0; i < n; i++) {
        at = (at + 7) % n;
        while (load[at] != 0)
            at = (at + 1) % n;
        load[at] = 1000 / (i + 1) + 1;
    }
    return load;
}

static void hops_and_messages_carry_the_same(void)
{
    for (size_t k = 0; k < LH_COUNT(splits) * LH_COUNT(node_sizes); k++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_members m =
            members_of(splits[k / LH_COUNT(node_sizes)],
                       node_sizes[k % LH_COUNT(node_sizes)], &ctx);
        for (int i = 0; i < lh_algorithm_count(); i++) {
            for (int c = 0; c < LH_COLLECTIVES; c++) {
                const struct lh_algorithm *a = lh_algorithm_at(i);
                m.load = NULL;
                if (!a->defined((enum lh_collective)c, &m))
                    continue;
                forms_compare(a, (enum lh_collective)c, &m);
                if (c == LH_ALL_TO_ALL) {
                    m.load = zipf_loads(m.n, &ctx);
                    forms_compare(a, LH_ALL_TO_ALL, &m);
                }
            }
        }
        lh_ctx_end(&ctx);
    }
}

/* Sums over all hops of the hierarchical all-reduce, inside and across. */
static void conserves_bytes(const int32_t *split, int32_t node)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_members m = members_of(split, node, &ctx);
    const struct lh_algorithm *a = lh_algorithm_find("hierarchical");
    double n_sites = 0, across = 0, inside = 0, expected = 0;
    struct lh_hops hops;
    for (int k = 0; k < 4; k++) {
        n_sites += split[k] > 0;
        expected += split[k] > 0 ? 2.0 * (split[k] - 1) : 0;
    }
    LH_CHECK(a->defined(LH_ALL_REDUCE, &m) == (n_sites > 1));
    if (n_sites > 1) {
        a->hops(&hops, LH_ALL_REDUCE, &m, &ctx);
        for (int64_t h = 0; h < hops.n; h++) {
            double f = (double)hops.weight[h] * hops.unit_frac;
            if (m.site[hops.from[h]] == m.site[hops.to[h]])
                inside += f;
            else
                across += f;
        }
        /* The rings inside carry 2 (n_a - 1) S in all, each direction of the
         * ring of sites 2 (M - 1)/M S. */
        LH_CHECK_NEAR(inside, expected, 1e-12);
        LH_CHECK_NEAR(across, 2 * (n_sites - 1), 1e-12);
    }
    lh_ctx_end(&ctx);
}

static void hierarchical_conserves_bytes(void)
{
    for (size_t k = 0; k < LH_COUNT(splits) * LH_COUNT(node_sizes); k++)
        conserves_bytes(splits[k / LH_COUNT(node_sizes)],
                        node_sizes[k % LH_COUNT(node_sizes)]);
}

/* ---- all-to-all ---- */

/* Every member sends W - its own load, gets n - 1 times it; unit S/W. */
static void pairwise_check(const struct lh_members *m, struct lh_ctx *ctx)
{
    const struct lh_algorithm *a = lh_algorithm_find("pairwise");
    struct lh_hops hops;
    double sum = 0, heaviest = 0;
    a->hops(&hops, LH_ALL_TO_ALL, m, ctx);
    double *by_pair = hop_fractions(&hops, m->n, ctx);
    for (int64_t i = 0; i < m->n; i++)
        sum += m->load ? (double)m->load[i] : 1.0;
    for (int64_t i = 0; i < m->n; i++) {
        double load = m->load ? (double)m->load[i] : 1.0;
        double sent = 0, got = 0;
        for (int64_t k = 0; k < m->n; k++) {
            sent += by_pair[i * m->n + k];
            got += by_pair[k * m->n + i];
        }
        LH_CHECK(by_pair[i * m->n + i] == 0);
        LH_CHECK_NEAR(sent, (sum - load) / sum, 1e-12);
        LH_CHECK_NEAR(got, (double)(m->n - 1) * load / sum, 1e-12);
    }
    for (int64_t h = 0; h < hops.n; h++)
        heaviest = fmax(heaviest, (double)hops.weight[h]);
    LH_CHECK_NEAR(hops.phi * heaviest, 1, 1e-15);
    LH_CHECK(hops.n == m->n * (m->n - 1));
}

static void all_to_all_conserves_bytes(void)
{
    for (size_t k = 0; k < LH_COUNT(splits); k++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_members m = members_of(splits[k], 4, &ctx);
        pairwise_check(&m, &ctx);
        m.load = zipf_loads(m.n, &ctx);
        pairwise_check(&m, &ctx);
        lh_ctx_end(&ctx);
    }
}

static void all_to_all_is_for_some_members(void)
{
    const struct lh_algorithm *a = lh_algorithm_find("pairwise");
    struct lh_members m = {.n = 1};
    LH_CHECK(!a->defined(LH_ALL_TO_ALL, &m));
    m.n = 4096;
    LH_CHECK(a->defined(LH_ALL_TO_ALL, &m));
    m.n = 4097;
    LH_CHECK(!a->defined(LH_ALL_TO_ALL, &m));
    m.n = 8;
    for (int c = 0; c < LH_COLLECTIVES; c++)
        LH_CHECK(a->defined((enum lh_collective)c, &m) ==
                 (c == LH_ALL_TO_ALL));
}

/* ---- channels ---- */

static struct lh_members runs_of(const int *run, int n_runs,
                                 struct lh_ctx *ctx)
{
    struct lh_members m = {0};
    int64_t *domain = LH_NEW(ctx->arena, int64_t, 4 * MEMBERS_MAX);
    for (int r = 0; r < n_runs; r++) {
        for (int k = 0; k < run[r]; k++)
            domain[m.n++] = r;
    }
    m.domain = domain;
    m.site = LH_NEW(ctx->arena, int32_t, m.n);
    return m;
}

struct channels_case {
    int runs[4];
    int n_runs;
    int64_t count;
    bool is_even;      /* each member of a run is first equally often */
};

static void channels_check(const struct channels_case *c)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_members m = runs_of(c->runs, c->n_runs, &ctx);
    struct lh__channels channels;
    int64_t *order = LH_NEW(ctx.arena, int64_t, m.n);
    int64_t *is_first = LH_NEW(ctx.arena, int64_t, m.n);
    lh__channels_make(&channels, m.domain, m.n, 0, &ctx);
    LH_CHECK(channels.count == c->count);
    for (int64_t k = 0; k < channels.count; k++) {
        bool *seen = LH_NEW(ctx.arena, bool, m.n);
        lh__channels_order(order, &channels, k);
        for (int64_t i = 0; i < m.n; i++) {
            LH_CHECK(!seen[order[i]] &&
                     m.domain[order[i]] == m.domain[i]);
            seen[order[i]] = true;
            if (i == 0 || m.domain[i] != m.domain[i - 1])
                is_first[order[i]]++;
        }
    }
    for (int64_t i = 0; c->is_even && i < m.n; i++)
        LH_CHECK(is_first[i] * c->runs[m.domain[i]] == c->count);
    lh_ctx_end(&ctx);
}

static void channels_start_at_every_member(void)
{
    static const struct channels_case cases[] = {
        {{1, 1, 1, 1}, 4, 1, true},   {{8, 8, 8, 8}, 4, 8, true},
        {{3, 2, 3, 2}, 4, 6, true},   {{4, 1, 2}, 3, 4, true},
        {{16, 8}, 2, 16, true},       {{8, 7}, 2, 8, false},
        {{20, 20}, 2, 16, false},     {{5, 4, 3}, 3, 5, false},
        {{8}, 1, 1, false},
    };
    for (size_t i = 0; i < LH_COUNT(cases); i++)
        channels_check(&cases[i]);
}

/* Every member hangs on the root of its tree, by itself or by others; in a
 * channel, a run is entered at one member and is a chain below it. */
static void tree_check(const struct lh_hops *hops, int64_t first,
                       const struct lh_members *m)
{
    int64_t parent[MEMBERS_MAX];
    int entries[MEMBERS_MAX] = {0};
    int inside[MEMBERS_MAX] = {0};
    for (int64_t i = 0; i < m->n; i++)
        parent[i] = -1;
    for (int64_t h = first; h < first + 2 * (m->n - 1); h += 2) {
        LH_CHECK(parent[hops->from[h]] == -1);
        parent[hops->from[h]] = hops->to[h];
        LH_CHECK(hops->from[h] == hops->to[h + 1] &&
                 hops->to[h] == hops->from[h + 1]);
        if (m->domain[hops->from[h]] == m->domain[hops->to[h]])
            inside[hops->to[h]]++;
        else
            entries[m->domain[hops->from[h]]]++;
    }
    for (int64_t i = 0; i < m->n; i++) {
        int64_t steps = 0;
        for (int64_t k = i; parent[k] >= 0 && steps <= m->n; k = parent[k])
            steps++;
        LH_CHECK(steps < m->n);
        LH_CHECK(inside[i] <= 1 && entries[m->domain[i]] <= 1);
    }
}

static void trees_are_chains_in_nodes(void)
{
    static const int runs[][4] = {
        {4, 4, 4, 4}, {3, 2, 3, 2}, {1, 5, 2, 6}, {8, 8, 0, 0}};
    for (size_t i = 0; i < LH_COUNT(runs); i++) {
        struct lh_ctx ctx = lh_ctx_begin();
        struct lh_members m = runs_of(runs[i], runs[i][2] ? 4 : 2, &ctx);
        struct lh_hops hops;
        lh_algorithm_find("tree")->hops(&hops, LH_ALL_REDUCE, &m, &ctx);
        LH_CHECK(hops.n % (4 * (m.n - 1)) == 0);
        for (int64_t h = 0; h < hops.n; h += 2 * (m.n - 1))
            tree_check(&hops, h, &m);
        lh_ctx_end(&ctx);
    }
}

/* Every NIC of a member, and no other, carries as much, in both directions. */
static void nics_are_equal(const char *land, const char *algorithm,
                           enum lh_collective collective)
{
    struct world w = world_begin(land);
    int64_t members[MEMBERS_MAX];
    int64_t n = w.land->stride ? 16 : 32;
    members_choose(members, w.land, n);
    struct lh__flow_request request = {.collective = collective,
                                       .algorithm = algorithm, .n = n,
                                       .accelerators = members,
                                       .bytes = 1e9};
    struct lh__flow_shape shape;
    double least = INFINITY, most = 0;
    int64_t n_nics = 0;
    LH_REQUIRE(lh__flow_shape_make(&shape, &request, w.t, &w.ctx) == LH_OK);
    for (int32_t i = 0; i < shape.n_links; i++) {
        struct lh_link_info link = lh_topology_link_at(w.t, shape.links[i]);
        if (link.kind != LH_LINK_NIC)
            continue;
        double bytes = (double)shape.weights[i] * shape.unit_frac;
        least = fmin(least, bytes);
        most = fmax(most, bytes);
        n_nics++;
    }
    LH_CHECK(n_nics == 2 * n);
    LH_CHECK_NEAR(least, most, 1e-12);
    world_end(&w);
}

static void nics_are_used_equally(void)
{
    static const char *const lands_of_nodes[] = {
        "rails", "rails-of-8", "rails-stride-4", "fat-tree",
        "two-rail-sites"};
    for (size_t i = 0; i < LH_COUNT(lands_of_nodes); i++) {
        for (int c = 0; c < LH_ALL_TO_ALL; c++)
            nics_are_equal(lands_of_nodes[i], "ring",
                           (enum lh_collective)c);
    }
    for (int c = 0; c < LH_ALL_TO_ALL; c++)
        nics_are_equal("two-rail-sites", "hierarchical",
                       (enum lh_collective)c);
}

/* Bus bandwidth 2 (n - 1)/n S/t of 16 GiB, as nccl-tests has it. */
static void dgx_h100_reaches_its_nics(void)
{
    static const int64_t nodes[] = {2, 4, 16};
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_site site = {.name = "a", .gpus = 128,
                           .gateway_bytes_per_s = INFINITY};
    struct lh_scenario s = {.name = "dgx", .n_sites = 1, .sites = &site};
    struct lh_topology *t;
    int64_t members[128];
    ctx.data_dir = LH_SRCDIR "/data";
    LH_REQUIRE(lh_fabric_by_name(&site.fabric, "dgx-h100-rails", LH_NOWHERE,
                                 &ctx) == LH_OK);
    LH_REQUIRE(lh_topology_build(&t, &s, &ctx) == LH_OK);
    for (int64_t i = 0; i < 128; i++)
        members[i] = i;
    for (size_t k = 0; k < LH_COUNT(nodes); k++) {
        double time_s;
        double n = 8.0 * (double)nodes[k];
        struct lh_collective_case c = {
            .collective = LH_ALL_REDUCE, .algorithm = "ring",
            .n = 8 * nodes[k], .accelerators = members,
            .bytes = 16.0 * 1024 * 1024 * 1024, .base_s = 1e-5};
        LH_REQUIRE(lh_sim_collective(&time_s, &c, t, &ctx) == LH_OK);
        double busbw = 2 * (n - 1) / n * c.bytes / time_s;
        /* 8 x 48 of the NICs, 0.822 x 450 of the scale-up links. */
        LH_CHECK_NEAR(busbw, fmin(8 * 48e9, 0.822 * 450e9), 0.03);
        LH_CHECK(busbw < 0.822 * 450e9);
    }
    lh_topology_free(t);
    lh_ctx_end(&ctx);
}

/* A row of data/fabrics.csv of 64 accelerators, and what is expected of its
 * first n, or of every stride-th. */
struct by_size {
    const char *fabric;
    enum lh_collective collective;
    const char *algorithm, *protocol;
    int64_t n;
    double bytes;
    double expected_s;
    int64_t stride;      /* 0: 1 */
    const char *library; /* NULL: the row's */
    bool sharp;
};

static double by_size_s(const struct by_size *b, enum lh_collectives mode)
{
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_site site = {.name = "a", .gpus = 64,
                           .gateway_bytes_per_s = INFINITY};
    struct lh_scenario s = {.name = "nccl", .n_sites = 1, .sites = &site};
    struct lh_collective_choice choice;
    struct lh_topology *t;
    int64_t members[64];
    double time_s;
    ctx.data_dir = LH_SRCDIR "/data";
    LH_REQUIRE(lh_fabric_by_name(&site.fabric, b->fabric, LH_NOWHERE, &ctx)
               == LH_OK);
    if (b->library != NULL)
        LH_REQUIRE(lh_library_by_name(&site.fabric.library, b->library,
                                      LH_NOWHERE, &ctx)
                   == LH_OK);
    if (b->sharp)
        site.fabric.in_network = LH_IN_NETWORK_SHARP;
    LH_REQUIRE(lh_topology_build(&t, &s, &ctx) == LH_OK);
    for (int64_t i = 0; i < b->n; i++)
        members[i] = i * (b->stride > 0 ? b->stride : 1);
    struct lh_collective_case c = {.collective = b->collective,
                                   .algorithm = "auto", .n = b->n,
                                   .accelerators = members, .mode = mode,
                                   .bytes = b->bytes, .base_s = 1};
    LH_REQUIRE(lh_sim_collective(&time_s, &c, t, &ctx) == LH_OK);
    LH_REQUIRE(lh_sim_collective_choice(&choice, &c, t, &ctx) == LH_OK);
    LH_CHECK_TEXT(choice.algorithm, b->algorithm);
    LH_CHECK_TEXT(choice.protocol, b->protocol);
    lh_topology_free(t);
    lh_ctx_end(&ctx);
    return time_s;
}

/* Bases and hops of data/protocols.csv; 450 GB/s x 0.822 a scale-up link. */
static void protocols_go_by_size(void)
{
    const double us = 1e-6, line = 450e9, ring = 0.822 * line;
    const struct by_size cases[] = {
        {"dgx-h100-rails", LH_ALL_REDUCE, "ring", "LL", 8, 1e6,
         (6.6 + 14 * 0.6) * us + 2 * 1.75 * 1e6 / ring, 0, NULL, false},
        {"dgx-h100-rails", LH_ALL_GATHER, "ring", "LL128", 8, 1e7,
         (14 + 7 * 1.9) * us + 128.0 / 120 * 0.875 * 1e7 / ring, 0, NULL, false},
        {"dgx-h100-rails", LH_ALL_GATHER, "ring", "Simple", 8, 1e9,
         (8.4 + 7 * 3.4) * us + 0.875 * 1e9 / ring, 0, NULL, false},
        {"dgx-h100-rails", LH_ALL_REDUCE, "nvls", "NVLS", 8, 1e9,
         (23 + 25) * us + 1e9 / (0.61 * line), 0, NULL, false},
        /* no NVLink SHARP */
        {"dgx-a100-rails", LH_ALL_REDUCE, "ring", "Simple", 8, 1e9,
         (8.4 + 14 * 3.4) * us + 1.75 * 1e9 / (0.783 * 300e9), 0, NULL, false},
        /* no library: the stack's base, and a path of 2.8 us */
        {"switch", LH_ALL_GATHER, "ring", "-", 8, 1e6,
         1 + 7 * 2.8 * us + 0.875 * 1e6 / 50e9, 0, NULL, false}};
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        LH_CHECK_NEAR(by_size_s(&cases[i], LH_COUPLED), cases[i].expected_s,
                      1e-9);
        LH_CHECK_NEAR(by_size_s(&cases[i], LH_MESSAGES), cases[i].expected_s,
                      0.02);
    }
}

/* NCCL's constants; a NIC of 48 GB/s, of the scale-up switch 274.5.  Two nodes:
 * an edge of a tree S/(2 K) both ways, K = 8; the switch limits.  Of four a NIC
 * sends up in one tree, up and to two below in the other: 2 S/8. */
static void switches_reduce_over_several_nodes(void)
{
    const double us = 1e-6, in_switch = 0.61 * 450e9, nic_rate = 48e9;
    const struct by_size cases[] = {
        {"dgx-h100-rails", LH_ALL_REDUCE, "nvls-tree", "NVLS", 16, 1e9,
         (25 + 2 * (11.2 + 2.8)) * us + 1e9 / in_switch, 0, NULL, false},
        {"dgx-h100-rails", LH_ALL_REDUCE, "nvls-tree", "NVLS", 32, 1e9,
         (25 + 4 * (11.2 + 2.8)) * us + 2 * 1e9 / 8 / nic_rate, 0, NULL, false},
        {"dgx-h100-rails", LH_ALL_REDUCE, "sharp", "SHARP", 32, 1e9,
         (25 + 15.2 + 2.8) * us + 1e9 / in_switch, 0, NULL, true}};
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        LH_CHECK_NEAR(by_size_s(&cases[i], LH_COUPLED), cases[i].expected_s,
                      2e-4);
        LH_CHECK_NEAR(by_size_s(&cases[i], LH_MESSAGES), cases[i].expected_s,
                      0.05);
    }
}

/* One member a node: log2 n hops and a linear part, 3/4 of the bandwidth; of
 * six the three steps pass 3, 1 and 1 sixths.  Large buffers go by rings. */
static void gathers_go_by_trees(void)
{
    const double us = 1e-6, nic_rate = 48e9, hop = 3.2 + 2.8;
    const struct by_size cases[] = {
        {"dgx-h100-rails", LH_ALL_GATHER, "pat", "Simple", 8, 1e6,
         (8 + 8 * 2.8 + 3 * hop) * us + 7.0 / 8 * 1e6 / (0.75 * nic_rate), 8,
         "nccl-2.23", false},
        {"dgx-h100-rails", LH_REDUCE_SCATTER, "pat", "Simple", 6, 1e6,
         (8 + 6 * 2.8 + 3 * hop) * us + 5.0 / 6 * 1e6 / (0.75 * nic_rate), 8,
         "nccl-2.23", false},
        {"dgx-h100-rails", LH_ALL_GATHER, "ring", "Simple", 8, 1e9,
         (8.4 + 7 * 27.2) * us + 7.0 / 8 * 1e9 / nic_rate, 8, "nccl-2.23",
         false},
        {"dgx-h100-rails", LH_ALL_GATHER, "ring", "LL128", 8, 1e6,
         (14 + 7 * 17.2) * us + 128.0 / 120 * 7 / 8 * 1e6 / nic_rate, 8, "nccl",
         false}};
    for (size_t i = 0; i < LH_COUNT(cases); i++) {
        LH_CHECK_NEAR(by_size_s(&cases[i], LH_COUPLED), cases[i].expected_s,
                      1e-9);
        LH_CHECK_NEAR(by_size_s(&cases[i], LH_MESSAGES), cases[i].expected_s,
                      0.02);
    }
}

/* Bus bandwidth of a large all-reduce in one node, rack or slice of every row
 * of data/fabrics.csv, by hand: the plateau of a ring, or of NVLink SHARP
 * (share x rate x 2 (n-1)/n), or 2 D links of a torus, the slowest of which
 * limits all. */
static void every_fabric_reduces_at_its_plateau(void)
{
    static const struct {
        const char *fabric;
        int64_t n;
        double bus_gb_per_s;
    } rows[] = {
        {"dgx-a100-rails", 8, 0.783 * 300},
        {"dgx-h100-rails", 8, 0.61 * 450 * 1.75},
        {"dgx-h200-rails", 8, 0.61 * 450 * 1.75},
        {"dgx-h800-rails", 8, 0.68 * 200},
        {"dgx-b200-rails", 8, 0.5 * 900 * 1.75},
        {"p6-b200-efa", 8, 0.5 * 900 * 1.75},
        {"gb200-nvl72", 72, 0.49 * 900 * 142 / 72},
        {"gb300-nvl72", 72, 0.49 * 900 * 142 / 72},
        {"h100-roce-pods", 8, 0.61 * 450 * 1.75},
        {"switch", 8, 50},
        {"mi300x-rails", 8, 7 * 48},
        {"tpu-v4", 64, 6 * 45},
        {"tpu-v5p", 64, 6 * 90},
        {"tpu-v6e", 256, 4 * 90},
        {"trainium2", 16, 4 * 128},
        {"trainium2-ultra", 64, 6 * 64},
    };
    struct lh_ctx ctx = lh_ctx_begin();
    struct lh_csv csv;

    LH_REQUIRE(lh_data_read(&csv, "fabrics", &ctx) == LH_OK);
    LH_CHECK(csv.n_rows == (int)LH_COUNT(rows));
    for (size_t i = 0; i < LH_COUNT(rows); i++) {
        struct lh_site site = {.name = "a", .gpus = rows[i].n,
                               .gateway_bytes_per_s = INFINITY};
        struct lh_scenario s = {.name = "plateau", .n_sites = 1,
                                .sites = &site};
        int64_t members[256];
        struct lh_topology *t;
        double n = (double)rows[i].n, time_s;
        for (int64_t k = 0; k < rows[i].n; k++)
            members[k] = k;
        struct lh_collective_case c = {
            .collective = LH_ALL_REDUCE, .algorithm = "auto", .n = rows[i].n,
            .accelerators = members, .bytes = 256e9, .base_s = 1e-5};
        LH_REQUIRE(lh_fabric_by_name(&site.fabric, rows[i].fabric, LH_NOWHERE,
                                     &ctx)
                   == LH_OK);
        LH_REQUIRE(lh_topology_build(&t, &s, &ctx) == LH_OK);
        LH_REQUIRE(lh_sim_collective(&time_s, &c, t, &ctx) == LH_OK);
        LH_CHECK_NEAR(2 * (n - 1) / n * c.bytes / time_s / 1e9,
                      rows[i].bus_gb_per_s, 0.001);
        lh_topology_free(t);
    }
    lh_ctx_end(&ctx);
}

/* Tiny messages: 47 us on two nodes (NVIDIA/nccl issue 1244), 13 to 17 on one
 * (dgxc-benchmarking, H100). */
static void tiny_messages_take_the_floor(void)
{
    const struct by_size one = {"dgx-h100-rails", LH_ALL_REDUCE, "ring", "LL",
                                8, 64, 0, 0, NULL, false};
    const struct by_size two = {"dgx-h100-rails", LH_ALL_REDUCE, "tree", "LL",
                                16, 64, 0, 0, NULL, false};
    LH_CHECK_NEAR(by_size_s(&one, LH_COUPLED), 15e-6, 0.01);
    LH_CHECK_NEAR(by_size_s(&two, LH_COUPLED), 47e-6, 0.01);
}

/* Every member but the root is below the root, inner in one tree at most (n
 * odd: one member in both). */
static void trees_span_and_swap_leaves(void)
{
    for (int64_t n = 2; n <= 65; n++) {
        struct lh_ctx ctx = lh_ctx_begin();
        int64_t *domain = LH_NEW(ctx.arena, int64_t, n);
        struct lh_members m = {.n = n, .domain = domain};
        struct lh_hops hops;
        for (int64_t i = 0; i < n; i++)
            domain[i] = i;
        int *children = LH_NEW(ctx.arena, int, 2 * n);
        int twice = 0;
        lh_algorithm_find("tree")->hops(&hops, LH_ALL_REDUCE, &m, &ctx);
        LH_REQUIRE(hops.n == 4 * (n - 1));
        for (int64_t h = 0; h < hops.n; h += 2) {
            int tree = h >= hops.n / 2;
            children[tree * n + hops.to[h]]++;
            LH_CHECK(hops.from[h] == hops.to[h + 1] &&
                     hops.to[h] == hops.from[h + 1]);
        }
        for (int64_t i = 0; i < n; i++) {
            LH_CHECK(children[i] <= 2 && children[n + i] <= 2);
            twice += children[i] > 0 && children[n + i] > 0;
        }
        LH_CHECK(twice == n % 2);
        lh_ctx_end(&ctx);
    }
}

static void refuses_what_is_not_defined(void)
{
    struct world w = world_begin("switch");
    int64_t members[] = {0, 1, 2};
    double time_s = -1;
    struct lh_collective_case c = {
        .collective = LH_ALL_REDUCE, .algorithm = "hierarchical", .n = 3,
        .accelerators = members, .bytes = 1e6};
    LH_CHECK(lh_sim_collective(&time_s, &c, w.t, &w.ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&w.ctx, 0)->text,
                  "all-reduce by algorithm 'hierarchical' is not defined for "
                  "these 3 members");
    c.algorithm = "rign";
    LH_CHECK(lh_sim_collective(&time_s, &c, w.t, &w.ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&w.ctx, 1)->text,
                  "unknown collective algorithm 'rign'");
    c.algorithm = "ring";
    members[1] = 2;
    LH_CHECK(lh_sim_collective(&time_s, &c, w.t, &w.ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&w.ctx, 2)->text,
                  "collective: an accelerator is a member twice");
    c.n = 1;
    LH_CHECK(lh_sim_collective(&time_s, &c, w.t, &w.ctx) == LH_BAD_INPUT);
    members[1] = 1;
    c.n = 3;
    c.collective = LH_ALL_TO_ALL;
    LH_CHECK(lh_sim_collective(&time_s, &c, w.t, &w.ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&w.ctx, 4)->text,
                  "all-to-all by algorithm 'ring' is not defined for these 3 "
                  "members");
    c.algorithm = "auto";
    c.load = (const int64_t[]){1, 0, 2};
    LH_CHECK(lh_sim_collective(&time_s, &c, w.t, &w.ctx) == LH_BAD_INPUT);
    LH_CHECK_TEXT(lh_diag_at(&w.ctx, 5)->text,
                  "collective: a load must be 1 or more");
    LH_CHECK(time_s == -1);
    world_end(&w);
}

/* ---- the fibre ---- */

static double fibre_bytes(struct world *w, const char *algorithm,
                          const int64_t *members, int64_t n)
{
    struct lh__flow_request request = {.collective = LH_ALL_REDUCE,
                                       .algorithm = algorithm, .n = n,
                                       .accelerators = members,
                                       .bytes = 1e9};
    struct lh__flow_shape shape;
    double bytes = 0;
    LH_REQUIRE(lh__flow_shape_make(&shape, &request, w->t, &w->ctx) == LH_OK);
    LH_CHECK(shape.crosses_wan);
    for (int32_t i = 0; i < shape.n_links; i++) {
        struct lh_link_info link = lh_topology_link_at(w->t, shape.links[i]);
        if (link.kind == LH_LINK_WAN && link.site_from == 0 &&
            link.site_to == 1)
            bytes += (double)shape.weights[i] * shape.unit_frac * 1e9;
    }
    return bytes;
}

static void fibre_carries_the_ratio(void)
{
    static const char *const names[] = {"two-sites", "three-sites",
                                        "two-rail-sites"};
    for (size_t i = 0; i < LH_COUNT(names); i++) {
        struct world w = world_begin(names[i]);
        int64_t members[MEMBERS_MAX];
        double sites = w.land->n_sites;
        for (int64_t n = 4; n <= MEMBERS_MAX; n++) {
            members_choose(members, w.land, n);
            double flat = fibre_bytes(&w, "flat-ring", members, n);
            double staged = fibre_bytes(&w, "hierarchical", members, n);
            double all = (double)n;
            LH_CHECK_NEAR(flat, 2 * (all - 1) / all * 1e9, 1e-12);
            LH_CHECK_NEAR(staged, 2 * (sites - 1) / sites * 1e9, 1e-12);
            LH_CHECK_NEAR(staged / flat,
                          (2 * (sites - 1) / sites) / (2 * (all - 1) / all),
                          1e-12);
        }
        world_end(&w);
    }
}

/* ---- rescaling ---- */

static void rescaling_changes_nothing(void)
{
    static const char *const names[] = {"ring", "tree", "hierarchical",
                                        "pairwise"};
    struct world w = world_begin("two-rail-sites");
    int64_t members[MEMBERS_MAX];
    members_choose(members, w.land, 24);
    for (size_t i = 0; i < LH_COUNT(names); i++) {
        double plain_s, scaled_s;
        bool is_pairwise = strcmp(names[i], "pairwise") == 0;
        struct lh_collective_case c = {
            .collective = is_pairwise ? LH_ALL_TO_ALL : LH_ALL_REDUCE,
            .algorithm = names[i], .n = 24, .accelerators = members,
            .bytes = 1e8, .base_s = 1e-5, .rescale = 1};
        LH_REQUIRE(lh_sim_collective(&plain_s, &c, w.t, &w.ctx) == LH_OK);
        for (c.rescale = 2; c.rescale <= 8; c.rescale++) {
            LH_REQUIRE(lh_sim_collective(&scaled_s, &c, w.t, &w.ctx) == LH_OK);
            LH_CHECK_NEAR(scaled_s, plain_s, 1e-12);
            LH_REQUIRE(lh__collective_run(&scaled_s, &c, w.t, &fake,
                                          &w.ctx) == LH_OK);
            LH_CHECK_NEAR(scaled_s, plain_s, 1e-12);
        }
    }
    world_end(&w);
}

/* Two flows share links 0 and 1; the first one's scale is chosen. */
struct duel {
    const struct lh__engine_kind *kind;
    int64_t scale;
    struct lh_engine engine;
    double end_s[2];
    int n_ended;
};

struct duellist {
    struct duel *duel;
    int i;
};

static void duellist_ends(void *data)
{
    struct duellist *d = data;
    d->duel->end_s[d->i] = d->duel->engine.now(d->duel->engine.self);
}

static enum lh_status duel_run(void *shared, const void *input,
                               struct lh_ctx *ctx)
{
    static const double capacity[] = {7e9, 5e9};
    static const int32_t links[] = {0, 1};
    struct duel duel = *(const struct duel *)input;
    struct duellist duellists[] = {{&duel, 0}, {&duel, 1}};
    int64_t weights[2][2] = {{3 * duel.scale, duel.scale}, {2, 5}};
    const double bytes[] = {1e9 / (double)duel.scale, 3e9};
    const double phi[] = {0.5 / (double)duel.scale, 1.0};
    enum lh_status st = duel.kind->open(&duel.engine, 2, capacity, ctx);
    for (int i = 0; st == LH_OK && i < 2; i++) {
        struct lh_channel_spec spec = {.n_links = 2, .links = links,
                                       .weights = weights[i],
                                       .alpha_s = 1e-3, .phi = phi[i]};
        lh_channel channel = duel.kind->channel(&duel.engine, &spec);
        st = duel.engine.send(duel.engine.self, channel, bytes[i],
                              duellist_ends, &duellists[i], NULL);
    }
    if (st == LH_OK)
        st = duel.engine.run(duel.engine.self);
    memcpy(shared, duel.end_s, sizeof duel.end_s);
    return st;
}

static void rescaling_one_of_two_changes_nothing(void)
{
    static const struct lh__engine_kind simgrid = {lh__engine_open,
                                                   lh__engine_channel};
    struct lh_ctx ctx = lh_ctx_begin();
    /* Level v/phi of both: link 0 takes 3 x 0.5 + 2 = 3.5 of it up to 7e9,
     * link 1 0.5 + 5 = 5.5 up to 5e9: level 5e9/5.5 first.  Flow 1 ends
     * later, alone at min(7e9/2, 5e9/5) = 1e9, or flow 0 does. */
    double level = 5e9 / 5.5, first_s = 1e9 / (0.5 * level);
    double second_s = first_s + (3e9 - level * first_s) / 1e9;
    for (int64_t scale = 1; scale <= 64; scale *= 4) {
        for (int k = 0; k < 2; k++) {
            struct duel duel = {.kind = k == 0 ? &fake : &simgrid,
                                .scale = scale};
            struct lh__job job = {.bytes = 2 * sizeof(double),
                                  .input = &duel, .work = duel_run};
            LH_REQUIRE(lh__fork_all(&job, 1, 1, &ctx) == LH_OK);
            const double *end_s = job.shared;
            LH_CHECK_NEAR(end_s[0], 1e-3 + first_s, 1e-12);
            LH_CHECK_NEAR(end_s[1], 1e-3 + second_s, 1e-12);
            lh__fork_end(&job, 1);
        }
    }
    lh_ctx_end(&ctx);
}

/* ---- coupled against message by message ---- */

/* The coupled form adds alpha to the time of the bytes; messages hide a part
 * of alpha behind bytes (docs/model.md), so what is not a ring of equally
 * fast hops is compared where bytes matter more, or hardly at all. */
struct comparison {
    const char *topology;
    enum lh_collective collective;
    const char *algorithm;
    double bytes;
    double spread;     /* of arrivals, x the coupled time */
    double tolerance;
};

#define MiB 1048576.0

static const struct comparison equal_hops[] = {
    {"switch", LH_ALL_TO_ALL, "pairwise", MiB, 0, 1e-9},
    {"switch", LH_ALL_TO_ALL, "pairwise", 1024 * MiB, 0, 1e-9},
    {"rails", LH_ALL_TO_ALL, "pairwise", 64 * MiB, 0, 0.01},
    {"switch", LH_ALL_REDUCE, "ring", MiB, 0, 0.01},
    {"switch", LH_REDUCE_SCATTER, "ring", MiB, 0, 0.01},
    {"switch", LH_ALL_GATHER, "ring", MiB, 0, 0.01},
    {"switch", LH_ALL_REDUCE, "ring", 1024 * MiB, 0, 0.01},
    {"switch", LH_ALL_REDUCE, "tree", 64 * MiB, 0, 0.01},
    {"near", LH_ALL_REDUCE, "hierarchical", 1024 * MiB, 0, 0.01},
    {"near", LH_REDUCE_SCATTER, "hierarchical", 1024 * MiB, 0, 0.01},
    {"near", LH_ALL_GATHER, "hierarchical", 1024 * MiB, 0, 0.01},
};

static const struct comparison slow_hop[] = {
    {"ten-times-slower", LH_ALL_REDUCE, "ring", 64 * MiB, 0, 0.03},
    {"ten-times-slower", LH_REDUCE_SCATTER, "ring", 64 * MiB, 0, 0.03},
    {"ten-times-slower", LH_ALL_GATHER, "ring", 64 * MiB, 0, 0.03},
    {"ten-times-slower", LH_ALL_REDUCE, "tree", 64 * MiB, 0, 0.03},
    {"ten-times-slower", LH_ALL_REDUCE, "hierarchical", 64 * MiB, 0, 0.03},
    {"ten-times-slower", LH_REDUCE_SCATTER, "hierarchical", 64 * MiB, 0,
     0.03},
    {"ten-times-slower", LH_ALL_GATHER, "hierarchical", 64 * MiB, 0, 0.03},
};

static const struct comparison long_hop[] = {
    {"5-ms-long", LH_ALL_REDUCE, "ring", MiB, 0, 0.03},
    {"5-ms-long", LH_REDUCE_SCATTER, "ring", 1024 * MiB, 0, 0.03},
    {"5-ms-long", LH_ALL_GATHER, "ring", 64 * MiB, 0, 0.03},
    {"5-ms-long", LH_ALL_REDUCE, "ring", 1024 * MiB, 0, 0.03},
    {"5-ms-long", LH_ALL_REDUCE, "tree", MiB, 0, 0.03},
    {"5-ms-long", LH_ALL_REDUCE, "tree", 16384 * MiB, 0, 0.03},
    {"5-ms-long", LH_ALL_REDUCE, "hierarchical", MiB, 0, 0.03},
    {"5-ms-long", LH_ALL_REDUCE, "hierarchical", 16384 * MiB, 0, 0.03},
    {"5-ms-long", LH_REDUCE_SCATTER, "hierarchical", 16384 * MiB, 0, 0.03},
    {"5-ms-long", LH_ALL_GATHER, "hierarchical", 16384 * MiB, 0, 0.03},
};

/* A tree whose root comes last has less left to do than one whose inner
 * members do: its bound is wider. */
static const struct comparison late_members[] = {
    {"switch", LH_ALL_REDUCE, "ring", 1024 * MiB, 0.5, 0.1},
    {"switch", LH_REDUCE_SCATTER, "ring", 1024 * MiB, 0.5, 0.1},
    {"switch", LH_ALL_GATHER, "ring", 1024 * MiB, 0.5, 0.1},
    {"switch", LH_ALL_REDUCE, "tree", 1024 * MiB, 0.5, 0.2},
    {"near", LH_ALL_REDUCE, "hierarchical", 1024 * MiB, 0.5, 0.1},
    {"near", LH_REDUCE_SCATTER, "hierarchical", 1024 * MiB, 0.5, 0.1},
    {"near", LH_ALL_GATHER, "hierarchical", 1024 * MiB, 0.5, 0.1},
};

/* Sites of unequal size where NICs limit: members have unequal numbers of
 * pipes, and fair shares of a pipe are not what the coupled rate gives it. */
static const struct comparison uneven_sites[] = {
    {"near", LH_ALL_REDUCE, "hierarchical", 1024 * MiB, 0, 0.12},
    {"near", LH_REDUCE_SCATTER, "hierarchical", 1024 * MiB, 0, 0.12},
    {"near", LH_ALL_GATHER, "hierarchical", 1024 * MiB, 0, 0.12},
    {"ten-times-slower", LH_ALL_REDUCE, "hierarchical", 1024 * MiB, 0, 0.03},
};

/* Several members a node: hops inside a node are faster than those across, so
 * a part of alpha hides (docs/model.md).  Large sizes therefore, or a fibre
 * that limits, or one whose latency is nearly all. */
static const struct comparison on_nodes[] = {
    {"rails", LH_ALL_REDUCE, "ring", 16384 * MiB, 0, 0.01},
    {"rails", LH_REDUCE_SCATTER, "ring", 16384 * MiB, 0, 0.01},
    {"rails", LH_ALL_GATHER, "ring", 16384 * MiB, 0, 0.01},
    {"rails-of-8", LH_ALL_REDUCE, "ring", 16384 * MiB, 0, 0.01},
    {"rails-stride-4", LH_ALL_REDUCE, "ring", 1024 * MiB, 0, 0.01},
    {"fat-tree-full", LH_ALL_REDUCE, "ring", 1024 * MiB, 0, 0.01},
    {"near-rails", LH_ALL_REDUCE, "ring", 1024 * MiB, 0, 0.01},
    {"rails", LH_ALL_REDUCE, "tree", 1024 * MiB, 0, 0.01},
    {"near-rails", LH_REDUCE_SCATTER, "hierarchical", 1024 * MiB, 0, 0.01},
    {"near-rails", LH_ALL_GATHER, "hierarchical", 1024 * MiB, 0, 0.01},
    {"slow-rails", LH_ALL_REDUCE, "ring", 64 * MiB, 0, 0.03},
    {"slow-rails", LH_ALL_REDUCE, "tree", 64 * MiB, 0, 0.03},
    {"slow-rails", LH_REDUCE_SCATTER, "hierarchical", 64 * MiB, 0, 0.03},
    {"5-ms-long-rails", LH_ALL_REDUCE, "ring", 64 * MiB, 0, 0.03},
    {"5-ms-long-rails", LH_ALL_REDUCE, "hierarchical", MiB, 0, 0.03},
    {"rails", LH_ALL_REDUCE, "ring", 1024 * MiB, 0.5, 0.1},
    {"rails-of-8", LH_ALL_REDUCE, "ring", 1024 * MiB, 0.5, 0.1},
    {"rails", LH_ALL_REDUCE, "tree", 1024 * MiB, 0.5, 0.2},
    {"near-rails", LH_ALL_REDUCE, "hierarchical", 1024 * MiB, 0.5, 0.15},
};

/* messages / coupled - 1; members come in an order that is not theirs. */
static double error_of(struct world *w, const struct comparison *of, int64_t n)
{
    int64_t members[MEMBERS_MAX];
    double arrivals_s[MEMBERS_MAX];
    double coupled_s, messages_s;
    struct lh_collective_case c = {
        .collective = of->collective, .algorithm = of->algorithm, .n = n,
        .accelerators = members, .bytes = of->bytes, .mode = LH_COUPLED};
    members_choose(members, w->land, n);
    LH_REQUIRE(lh_sim_collective(&coupled_s, &c, w->t, &w->ctx) == LH_OK);
    for (int64_t i = 0; i < n; i++)
        arrivals_s[i] = of->spread * coupled_s * (double)(i * 5 % n) /
                        (double)(n - 1);
    c.mode = LH_MESSAGES;
    c.arrivals_s = arrivals_s;
    LH_REQUIRE(lh_sim_collective(&messages_s, &c, w->t, &w->ctx) == LH_OK);
    return messages_s / coupled_s - 1;
}

/* The last size is odd: not for sites that should have equally many. */
static const int64_t sizes[] = {2, 4, 16, 7};
static const int64_t uneven_sizes[] = {3, 5, 13, 21};
static const int64_t node_counts[] = {8, 16};

static void compare_at(const struct comparison *list, size_t n_list,
                       const int64_t *n, size_t n_n)
{
    for (size_t i = 0; i < n_list; i++) {
        struct world w = world_begin(list[i].topology);
        size_t n_sizes = n == sizes && w.land->n_sites > 1 &&
                         strcmp(list[i].algorithm, "ring") != 0
                             ? n_n - 1 : n_n;
        for (size_t k = 0; k < n_sizes; k++) {
            double error = error_of(&w, &list[i], n[k]);
            if (!(fabs(error) <= list[i].tolerance))
                printf("%s %s, %s, n = %d, %g bytes: %.3f %%\n",
                       lh_collective_name(list[i].collective),
                       list[i].algorithm, list[i].topology, (int)n[k],
                       list[i].bytes, 100 * error);
            LH_CHECK(fabs(error) <= list[i].tolerance);
        }
        world_end(&w);
    }
}

static void messages_bound_uneven_sites(void)
{
    compare_at(uneven_sites, LH_COUNT(uneven_sites), uneven_sizes,
               LH_COUNT(uneven_sizes));
}

static void messages_agree_on_equal_hops(void)
{
    compare_at(equal_hops, LH_COUNT(equal_hops), sizes,
               LH_COUNT(sizes));
}

static void messages_agree_with_a_slow_hop(void)
{
    compare_at(slow_hop, LH_COUNT(slow_hop), sizes,
               LH_COUNT(sizes));
}

static void messages_agree_with_a_long_hop(void)
{
    compare_at(long_hop, LH_COUNT(long_hop), sizes,
               LH_COUNT(sizes));
}

static void messages_agree_with_late_members(void)
{
    compare_at(late_members, LH_COUNT(late_members), sizes,
               LH_COUNT(sizes));
}

static void messages_agree_on_nodes(void)
{
    compare_at(on_nodes, LH_COUNT(on_nodes), node_counts,
               LH_COUNT(node_counts));
}

/* Of a ring on nodes, messages take no longer than the coupled form, and no
 * less than its bytes on the slowest link: alpha may hide, nothing else. */
static void messages_hide_alpha_alone(void)
{
    static const char *const names[] = {"rails", "rails-of-8",
                                        "fat-tree-full", "slow-rails",
                                        "5-ms-long-rails"};
    for (size_t i = 0; i < LH_COUNT(names); i++) {
        struct world w = world_begin(names[i]);
        int64_t members[MEMBERS_MAX];
        members_choose(members, w.land, 32);
        for (double bytes = MiB; bytes < 2e9; bytes *= 32) {
            struct comparison of = {names[i], LH_ALL_REDUCE, "ring", bytes,
                                    0, 0};
            struct lh__flow_request request = {
                .collective = LH_ALL_REDUCE, .algorithm = "ring", .n = 32,
                .accelerators = members, .bytes = bytes};
            struct lh__flow_shape shape;
            LH_REQUIRE(lh__flow_shape_make(&shape, &request, w.t, &w.ctx) ==
                       LH_OK);
            double bytes_s = shape.s_per_byte * bytes;
            double error = error_of(&w, &of, 32);
            LH_CHECK(error <= 1e-9);
            LH_CHECK((1 + error) * (shape.alpha_s + bytes_s) >=
                     bytes_s * (1 - 1e-9));
        }
        world_end(&w);
    }
}

/* Seconds that the links from one member to another need for all bytes of the
 * shape, each alone: what no message between the two can exceed. */
static double path_s(const struct lh__flow_shape *shape,
                     const struct lh_topology *t, int64_t from, int64_t to,
                     double bytes)
{
    struct lh_path path;
    double sum_s = 0;
    lh_topology_path(&path, t, from, to);
    for (int i = 0; i < path.n_links; i++) {
        int32_t k = 0;
        while (k < shape->n_links && shape->links[k] != path.links[i])
            k++;
        LH_REQUIRE(k < shape->n_links);
        sum_s += (double)shape->weights[k] * shape->unit_frac * bytes /
                 lh_topology_link_at(t, path.links[i]).capacity_bytes_per_s;
    }
    return sum_s;
}

/* Messages take no less than the bytes of the busiest link, of which some have
 * passed when the last member arrives; and, since each waits at one full link
 * of its path or another, no more than the bytes of all links of a path, and
 * the latency. */
static void all_to_all_check(struct world *w, struct lh_collective_case *c,
                             double spread)
{
    struct lh__flow_request request = {
        .collective = c->collective, .algorithm = c->algorithm, .n = c->n,
        .accelerators = c->accelerators, .bytes = c->bytes, .load = c->load};
    struct lh__flow_shape shape;
    double arrivals_s[MEMBERS_MAX];
    double coupled_s, messages_s, most_s = 0;
    c->mode = LH_COUPLED;
    c->arrivals_s = NULL;
    LH_REQUIRE(lh__flow_shape_make(&shape, &request, w->t, &w->ctx) == LH_OK);
    LH_REQUIRE(lh_sim_collective(&coupled_s, c, w->t, &w->ctx) == LH_OK);
    for (int64_t i = 0; i < c->n; i++)
        arrivals_s[i] = spread * coupled_s * (double)(i * 5 % c->n) /
                        (double)(c->n - 1);
    c->mode = LH_MESSAGES;
    c->arrivals_s = arrivals_s;
    LH_REQUIRE(lh_sim_collective(&messages_s, c, w->t, &w->ctx) == LH_OK);
    for (int64_t i = 0; i < c->n * c->n; i++) {
        if (i / c->n != i % c->n)
            most_s = fmax(most_s, path_s(&shape, w->t,
                                         c->accelerators[i / c->n],
                                         c->accelerators[i % c->n], c->bytes));
    }
    double least_s = shape.s_per_byte * c->bytes;
    LH_CHECK_NEAR(coupled_s, shape.alpha_s + least_s, 1e-9);
    LH_CHECK(messages_s >= (least_s - spread * coupled_s) * (1 - 1e-9));
    LH_CHECK(messages_s <= (shape.alpha_s + most_s) * (1 + 1e-9));
}

/* Equal and skewed, members there at once and spread over half of it. */
static void all_to_all_at(const char *topology, int64_t n, double bytes)
{
    struct world w = world_begin(topology);
    int64_t members[MEMBERS_MAX];
    struct lh_collective_case c = {
        .collective = LH_ALL_TO_ALL, .algorithm = "auto", .n = n,
        .accelerators = members, .bytes = bytes};
    members_choose(members, w.land, n);
    for (int k = 0; k < 4; k++) {
        c.load = k / 2 ? zipf_loads(n, &w.ctx) : NULL;
        all_to_all_check(&w, &c, k % 2 ? 0.5 : 0);
    }
    world_end(&w);
}

static void messages_bound_the_all_to_all(void)
{
    static const char *const names[] = {
        "switch", "rails", "rails-of-8", "fat-tree", "two-sites",
        "three-sites", "ten-times-slower", "slow-rails", "5-ms-long-rails"};
    for (size_t i = 0; i < LH_COUNT(names); i++) {
        all_to_all_at(names[i], 5, 1024 * MiB);
        all_to_all_at(names[i], 16, MiB);
        all_to_all_at(names[i], 16, 1024 * MiB);
    }
}

int main(void)
{
    static const struct lh_unit tests[] = {
        {"equals closed forms", equals_closed_forms},
        {"hops and messages carry the same", hops_and_messages_carry_the_same},
        {"hierarchical conserves bytes", hierarchical_conserves_bytes},
        {"all-to-all conserves bytes", all_to_all_conserves_bytes},
        {"all-to-all is for some members", all_to_all_is_for_some_members},
        {"channels start at every member", channels_start_at_every_member},
        {"trees are chains in nodes", trees_are_chains_in_nodes},
        {"NICs are used equally", nics_are_used_equally},
        {"DGX H100 reaches its NICs", dgx_h100_reaches_its_nics},
        {"protocols go by size", protocols_go_by_size},
        {"switches reduce over several nodes",
         switches_reduce_over_several_nodes},
        {"gathers go by trees", gathers_go_by_trees},
        {"every fabric reduces at its plateau",
         every_fabric_reduces_at_its_plateau},
        {"tiny messages take the floor", tiny_messages_take_the_floor},
        {"trees span and swap leaves", trees_span_and_swap_leaves},
        {"refuses what is not defined", refuses_what_is_not_defined},
        {"the fibre carries the ratio", fibre_carries_the_ratio},
        {"rescaling changes nothing", rescaling_changes_nothing},
        {"rescaling one of two changes nothing",
         rescaling_one_of_two_changes_nothing},
        {"messages agree on equal hops", messages_agree_on_equal_hops},
        {"messages bound uneven sites", messages_bound_uneven_sites},
        {"messages agree with a slow hop", messages_agree_with_a_slow_hop},
        {"messages agree with a long hop", messages_agree_with_a_long_hop},
        {"messages agree with late members", messages_agree_with_late_members},
        {"messages agree on nodes", messages_agree_on_nodes},
        {"messages hide alpha alone", messages_hide_alpha_alone},
        {"messages bound the all-to-all", messages_bound_the_all_to_all},
    };
    return lh_unit_run("collectives", tests, LH_COUNT(tests));
}
