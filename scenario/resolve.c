/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the keys say together: names -> rows of the data tables, sites' names
 * -> indices, what is derived, and the checks that need several keys.
 * Pipeline: after read.c; what it leaves is a scenario that is complete.
 * The plan's arithmetic is in plan.c, faults and background in faults.c.
 *
 * Left to later stages: whether a map's edges join the sites and how long they
 * are (topologies/), whether a model can be split so (workloads/).
 */
#include "resolve.h"

#include <string.h>

/* ---- model, stack ------------------------------------------------------- */

/* Keys of the group that change the shape. */
static void override_model(struct lh__reader *r, const struct lh_model *asked)
{
    struct lh_model *model = &r->root->s.model;
    int64_t length = r->root->s.training.sequence_length;

    if (lh__value_at(r->values, "model.parallel_block")) {
        model->parallel_block = asked->parallel_block;
        model->parallel_norms = false;
    }
    if (lh__value_at(r->values, "model.attention_window")) {
        model->attention_window = asked->attention_window;
        if (asked->attention_window >= length) {
            model->attention_window = 0;
            lh_warn(r->ctx, lh__key_where(r, "model.attention_window"),
                    "model.attention_window has no effect because sequences "
                    "have %lld tokens",
                    (long long)length);
        }
    }
    lh_model_count(model);
}

/* All of it, and nothing of a transformer's plan. */
static void resolve_ideal(struct lh__reader *r, struct lh_where where)
{
    struct lh_scenario *s = &r->root->s;
    const struct lh_plan *plan = &s->plan;

    if (s->ideal.layers < 1 || s->ideal.parameters <= 0 || s->ideal.step_s < 0)
        lh_error(r->ctx, where,
                 "model.ideal needs 'layers', 'parameters' and 'step_time'");
    if (plan->tensor * plan->pipeline * plan->context * plan->expert > 1
        || plan->zero > 0)
        lh_error(
            r->ctx, lh__where_at(r, "plan"),
            "an ideal model knows replicas only: tensor, pipeline, context "
            "and expert must be 1 and zero 0");
    s->model.name = "ideal";
    s->model.source = "model.ideal of the scenario";
    s->model.layers = s->ideal.layers;
    s->model.parameters = s->model.active_parameters =
        (int64_t)s->ideal.parameters;
}

static void resolve_model(struct lh__reader *r)
{
    struct lh__extra *extra = &r->root->extra;
    struct lh__value *model = lh__value_get(r->values, "model");
    struct lh_model asked = r->root->s.model;
    struct lh__value *ideal = lh__value_get(model, "ideal");
    enum lh_status st = LH_OK;

    if (!model || !lh__value_ok(model))
        return; /* missing or faulty: said */
    if (lh__value_get(model, "trace")) {
        lh__resolve_trace(r);
        return;
    }
    if (ideal ? extra->model_name || extra->model_config
              : !extra->model_name == !extra->model_config) {
        lh_error(r->ctx, model->where,
                 ideal ? "model.ideal stands alone, without 'name' and 'config'"
                 : extra->model_name
                     ? "model has both 'name' and 'config'; give one of them"
                     : "model needs one of 'name' and 'config'");
        model->bad = true;
        return;
    }
    if (ideal && lh__value_ok(ideal))
        resolve_ideal(r, ideal->where);
    else if (extra->model_name)
        st = lh_model_by_name(&r->root->s.model, extra->model_name,
                              lh__where_at(r, "model.name"), r->ctx);
    else if (extra->model_config)
        st = lh_model_read_config(&r->root->s.model, extra->model_config,
                                  lh__where_at(r, "model.config"), r->ctx);
    model->bad = st != LH_OK;
    if (st == LH_OK && !ideal)
        override_model(r, &asked);
}

static void resolve_stack(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;

    if (lh__value_ok(lh__value_at(r->values, "training.stack"))
        && lh_stack_by_name(&s->stack, s->training.stack_name,
                            lh__where_at(r, "training.stack"), r->ctx)
               != LH_OK)
        lh__mark_bad(r, "training.stack");
}

/* ---- sites -------------------------------------------------------------- */

static const char *site_path(const struct lh__reader *r, int i, const char *key)
{
    return lh_format(r->ctx->arena, "sites[%d]%s%s", i, *key ? "." : "", key);
}

/* The fabric that machines of a device are usually sold or described with. */
static const struct {
    const char *device, *fabric;
} usual_fabrics[] = {
    {"a100-sxm", "dgx-a100-rails"}, {"h100-sxm", "dgx-h100-rails"},
    {"h200-sxm", "dgx-h200-rails"}, {"h20-sxm", "dgx-h200-rails"},
    {"b200-sxm", "dgx-b200-rails"}, {"gb200", "gb200-nvl72"},
    {"gb300", "gb300-nvl72"},       {"a100-40gb-sxm", "dgx-a100-rails"},
    {"tpu-v4", "tpu-v4"},           {"tpu-v5p", "tpu-v5p"},
    {"tpu-v6e", "tpu-v6e"},         {"trainium2", "trainium2"},
    {"h800-sxm", "dgx-h800-rails"}, {"mi300x", "mi300x-rails"},
};

static const char *usual_fabric(const char *device)
{
    size_t n = sizeof usual_fabrics / sizeof usual_fabrics[0];

    for (size_t i = 0; device && i < n; i++) {
        if (strcmp(usual_fabrics[i].device, device) == 0)
            return usual_fabrics[i].fabric;
    }
    return NULL;
}

void lh__enter_fabric(struct lh__reader *r, const struct lh__value *value,
                      void *object)
{
    struct lh_site *site = object;
    int i = (int)(site - r->root->s.sites);
    struct lh__value *name = lh__value_get(value, "name");
    struct lh__value *file = lh__value_get(value, "astra_network");
    bool stated = name && name->kind == LH__SCALAR && *name->text;
    const char *row = stated ? name->text : usual_fabric(site->device_name);

    if (file && file->kind == LH__SCALAR && *file->text) {
        if (stated)
            lh_error(r->ctx, name->where,
                     "sites[%d].fabric has both 'name' and 'astra_network'; "
                     "give one of them",
                     i);
        else if (lh__astra_fabric(r, file, site) != LH_OK)
            file->bad = true;
        return;
    }
    if (!row || (name && (name->bad || !stated)))
        return; /* a fault is said elsewhere */
    if (lh_fabric_by_name(&site->fabric, row,
                          stated ? name->where
                                 : lh__where_at(r, site_path(r, i, "device")),
                          r->ctx)
            != LH_OK
        && name)
        name->bad = true;
}

/* A slice has as many accelerators as its dims make, and a site whole slices.
 * scale_up_gpus may say so again. */
static void check_torus(struct lh__reader *r, int i)
{
    struct lh_site *site = &r->root->s.sites[i];
    struct lh_fabric *fabric = &site->fabric;
    int64_t slice = lh_fabric_slice_gpus(fabric);
    const char *path = site_path(r, i, "fabric");
    const char *stated = site_path(r, i, "fabric.scale_up_gpus");

    if (fabric->n_dims == 0) {
        lh_error(r->ctx, lh__where_at(r, path),
                 "%s.dims is empty; a torus needs one to %d numbers", path,
                 LH_TORUS_DIMS);
        return;
    }
    if (lh__value_at(r->values, stated) && fabric->scale_up_gpus != slice) {
        lh_error(r->ctx, lh__where_at(r, stated),
                 "%s is %lld, but %s.dims make %lld", stated,
                 (long long)fabric->scale_up_gpus, path, (long long)slice);
        return;
    }
    if (fabric->n_dims_frac != 0 && fabric->n_dims_frac != fabric->n_dims) {
        lh_error(r->ctx, lh__where_at(r, path),
                 "%s.dims_bandwidth has %d numbers for %d dims", path,
                 fabric->n_dims_frac, fabric->n_dims);
        return;
    }
    fabric->scale_up_gpus = slice;
    if (site->gpus % slice != 0)
        lh_error(r->ctx, lh__where_at(r, site_path(r, i, "gpus")),
                 "sites[%d].gpus is %lld, which is no whole number of slices "
                 "of %lld (%s.dims)",
                 i, (long long)site->gpus, (long long)slice, path);
}

/* A list of the fabric has at most one number a level. */
static void check_list(struct lh__reader *r, int i, const char *key, int n)
{
    const char *path = site_path(r, i, "fabric");
    int levels = r->root->s.sites[i].fabric.n_levels;

    if (n > (levels > 0 ? levels : 1))
        lh_error(r->ctx, lh__where_at(r, path),
                 "%s.%s has %d numbers for %d level%s", path, key, n, levels,
                 levels == 1 ? "" : "s");
}

/* A library that the scenario names instead of the row's. */
static void resolve_library(struct lh__reader *r, int i)
{
    struct lh_library *library = &r->root->s.sites[i].fabric.library;
    const char *path = site_path(r, i, "fabric.library");

    if (!lh__value_at(r->values, path))
        return;
    if (strcmp(library->name, "none") == 0)
        *library = (struct lh_library){.name = "none"};
    else if (lh_library_by_name(library, library->name, lh__where_at(r, path),
                                r->ctx)
             != LH_OK)
        lh__mark_bad(r, path);
}

static void check_fabric(struct lh__reader *r, int i)
{
    const struct lh_fabric *fabric = &r->root->s.sites[i].fabric;
    struct lh__value *value = lh__value_at(r->values, site_path(r, i, ""));
    const char *path = site_path(r, i, "fabric");
    struct lh_where where = lh__where_at(r, path);

    if (!lh__value_ok(lh__value_get(value, "fabric")))
        return;
    if (!fabric->name) {
        if (usual_fabric(r->root->s.sites[i].device_name))
            return; /* its row is missing: said */
        lh_error(r->ctx, where,
                 "missing key 'fabric' in sites[%d]: device "
                 "'%s' has no usual one",
                 i, r->root->s.sites[i].device_name);
        return;
    }
    resolve_library(r, i);
    if (fabric->kind == LH_FABRIC_TORUS)
        check_torus(r, i);
    if (fabric->kind == LH_FABRIC_SWITCH)
        return;
    if (fabric->kind == LH_FABRIC_RAILS && fabric->n_levels != 1)
        lh_error(r->ctx, where,
                 "%s.group has %d numbers; rails need one, the "
                 "nodes of a pod",
                 path, fabric->n_levels);
    else if (fabric->kind == LH_FABRIC_DRAGONFLY && fabric->n_levels != 1)
        lh_error(r->ctx, where,
                 "%s.group has %d numbers; a dragonfly needs one, the "
                 "nodes of a group",
                 path, fabric->n_levels);
    else if (fabric->kind == LH_FABRIC_FAT_TREE && fabric->n_levels < 1)
        lh_error(r->ctx, where,
                 "%s.group is empty; a fat-tree needs one "
                 "number a level",
                 path);
    check_list(r, i, "oversubscription", fabric->n_oversubscription);
    check_list(r, i, "cables", fabric->n_cables);
}

static void check_site_name(struct lh__reader *r, int i)
{
    struct lh_site *sites = r->root->s.sites;

    if (!sites[i].name)
        sites[i].name = lh_format(r->ctx->arena, "site%d", i);
    for (int k = 0; k < i; k++) {
        if (strcmp(sites[k].name, sites[i].name) != 0)
            continue;
        lh_error(r->ctx, lh__where_at(r, site_path(r, i, "name")),
                 "sites[%d] and sites[%d] have the same name '%s'", k, i,
                 sites[i].name);
        lh__mark_bad(r, site_path(r, i, ""));
        return;
    }
}

static void resolve_site(struct lh__reader *r, int i)
{
    struct lh_site *site = &r->root->s.sites[i];
    const char *device = site_path(r, i, "device");

    site->where = lh__where_at(r, site_path(r, i, ""));
    check_site_name(r, i);
    if (!site->device_name)
        return; /* missing: said */
    if (lh_device_by_name(&site->device, site->device_name,
                          lh__where_at(r, device), r->ctx)
        != LH_OK) {
        lh__mark_bad(r, device);
        return;
    }
    check_fabric(r, i);
}

/* ---- fibres ------------------------------------------------------------- */

int lh__find_site(struct lh__reader *r, const struct lh__value *name)
{
    const struct lh_scenario *s = &r->root->s;
    const char **names;

    for (int i = 0; i < s->n_sites; i++) {
        if (strcmp(s->sites[i].name, name->text) == 0)
            return i;
    }
    names = LH_NEW(r->ctx->arena, const char *, s->n_sites);
    for (int i = 0; i < s->n_sites; i++) {
        names[i] = s->sites[i].name;
        if (!lh__value_ok(lh__value_at(r->values, site_path(r, i, "name"))))
            return -1; /* it may be this one, whose name is at fault */
    }
    const char *near = lh_nearest(name->text, names, s->n_sites);
    lh_error(r->ctx, name->where, "no site has the name '%s'%s%s%s", name->text,
             near ? "; did you mean '" : "", near ? near : "",
             near ? "'?" : "");
    return -1;
}

static bool check_located(struct lh__reader *r, int site, struct lh_where where,
                          const char *what)
{
    const struct lh_site *at = &r->root->s.sites[site];

    if (at->has_location
        || !lh__value_ok(
            lh__value_at(r->values, site_path(r, site, "location"))))
        return true;
    lh_error(r->ctx, where,
             "%s has no length and site '%s' no location; give "
             "one of them",
             what, at->name);
    return false;
}

/* Defaults that depend on the kind. */
static void resolve_transport(struct lh__reader *r, const char *path,
                              enum lh_transport kind, struct lh_tcp *tcp)
{
    bool rdma = kind == LH_TRANSPORT_RDMA;

    if (rdma
        && !lh__value_at(r->values,
                         lh_format(r->ctx->arena, "%s.transport.mtu", path)))
        tcp->mtu_bytes = 4096;
    if (tcp->library_bytes < 0 && kind == LH_TRANSPORT_TCP)
        tcp->library_bytes = 0;
}

static void fill(double *value, double otherwise)
{
    if (*value < 0)
        *value = otherwise;
}

/* pairs x wavelengths x rate x framing, unless the bandwidth is given. */
static void resolve_wavelengths(struct lh__reader *r, struct lh_fibre *fibre,
                                const char *path)
{
    struct lh_light *light = &fibre->light;

    if (light->wavelengths < 0)
        return;
    if (light->pairs < 0)
        light->pairs = 1;
    fill(&light->line_bytes_per_s, 50e9);
    fill(&light->framing_frac, 0.95);
    double bytes_per_s = (double)(light->pairs * light->wavelengths)
                         * light->line_bytes_per_s * light->framing_frac;
    if (!lh__value_at(r->values,
                      lh_format(r->ctx->arena, "%s.bandwidth", path)))
        fibre->bytes_per_s = bytes_per_s;
    else if (fabs(bytes_per_s / fibre->bytes_per_s - 1) > 1e-9)
        lh_warn(r->ctx, fibre->where,
                "%s has a bandwidth, which wins over its wavelengths; they "
                "would have %s",
                path,
                lh_units_human(r->ctx->arena, bytes_per_s, LH_DIM_BANDWIDTH));
}

static void resolve_equipment(struct lh_fibre *fibre)
{
    if (fibre->light.amplifier_spacing_m > 0) {
        fill(&fibre->light.amplifier_latency_s, 150e-9);
        fill(&fibre->light.transponder_latency_s, 10e-6);
    } else {
        fill(&fibre->equipment_latency_s, 20e-6);
    }
}

static void resolve_fibre(struct lh__reader *r, int i)
{
    struct lh_fibre *fibre = &r->root->s.fibres[i];
    const char *path = lh_format(r->ctx->arena, "fibres[%d]", i);
    struct lh__value *value = lh__value_at(r->values, path);
    struct lh__value *between = lh__value_get(value, "between");

    fibre->where = value->where;
    resolve_transport(r, path, fibre->transport, &fibre->tcp);
    resolve_wavelengths(r, fibre, path);
    resolve_equipment(fibre);
    if (!between || !lh__value_ok(between))
        return;
    fibre->site_a = lh__find_site(r, between->items[0]);
    fibre->site_b = lh__find_site(r, between->items[1]);
    between->bad = fibre->site_a < 0 || fibre->site_b < 0;
    if (between->bad)
        return;
    if (fibre->site_a == fibre->site_b) {
        lh_error(r->ctx, between->where, "%s joins site '%s' to itself", path,
                 between->items[0]->text);
        between->bad = true;
    } else if (fibre->length_m < 0 && lh__value_ok(value)) {
        check_located(r, fibre->site_a, fibre->where, path);
        check_located(r, fibre->site_b, fibre->where, path);
    }
}

static void check_layout(struct lh__reader *r)
{
    struct lh_scenario *s = &r->root->s;
    struct lh__value *value = lh__value_get(r->values, "fibre_layout");

    resolve_transport(r, "fibre_layout", s->layout.transport, &s->layout.tcp);
    if (!value || !lh__value_ok(value))
        return;
    s->layout.where = value->where;
    if (s->n_sites < 2 || s->layout.kind == LH_LAYOUT_NONE)
        return;
    if (s->n_fibres > 0)
        lh_warn(r->ctx, value->where,
                "fibre_layout adds its fibres to those listed in fibres");
    if (s->layout.kind == LH_LAYOUT_GRAPHML) {
        if (!s->layout.file)
            lh_error(r->ctx, value->where,
                     "missing key 'file' in "
                     "fibre_layout: the map that kind graphml reads");
        return;
    }
    for (int i = 0; i < s->n_sites && s->layout.length_m < 0; i++)
        check_located(r, i, value->where, "fibre_layout");
}

/* Which sites hang together over the fibres given by hand. */
static void check_joined(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;
    int *group = LH_NEW(r->ctx->arena, int, s->n_sites);
    bool changed = true;

    if (s->n_fibres == 0) {
        lh_error(r->ctx, lh__where_at(r, "sites"),
                 "%d sites and nothing that joins them; give 'fibres' or "
                 "'fibre_layout'",
                 s->n_sites);
        return;
    }
    group[0] = 1;
    while (changed) {
        changed = false;
        for (int i = 0; i < s->n_fibres; i++) {
            int a = s->fibres[i].site_a, b = s->fibres[i].site_b;
            if (group[a] != group[b])
                group[a] = group[b] = changed = true;
        }
    }
    for (int i = 1; i < s->n_sites; i++) {
        if (!group[i])
            lh_error(r->ctx, s->sites[i].where,
                     "no fibre joins site '%s' to site '%s', not even over "
                     "other sites",
                     s->sites[i].name, s->sites[0].name);
    }
}

/* Is all that could join the sites as it was meant? */
static bool fibres_known(const struct lh__reader *r)
{
    static const char *const keys[] = {"fibres", "fibre_layout", "tables"};
    const struct lh__value *sites = lh__value_get(r->values, "sites");

    if (r->values->bad)
        return false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!lh__value_ok(lh__value_get(r->values, keys[i])))
            return false;
    }
    for (int i = 0; i < sites->n; i++) {
        if (sites->items[i]->kind != LH__MAPPING || sites->items[i]->bad)
            return false;
    }
    return true;
}

static void resolve_fibres(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;

    for (int i = 0; i < s->n_fibres; i++)
        resolve_fibre(r, i);
    check_layout(r);
    if (s->n_sites > 1 && s->layout.kind == LH_LAYOUT_NONE && fibres_known(r))
        check_joined(r);
}

/* ---- all ---------------------------------------------------------------- */

void lh__resolve(struct lh__reader *r)
{
    const struct lh_scenario *s = &r->root->s;

    resolve_model(r);
    resolve_stack(r);
    for (int i = 0; i < s->n_sites; i++)
        resolve_site(r, i);
    if (s->n_sites > 0) {
        resolve_fibres(r);
        lh__resolve_rl(r);
        lh__resolve_plan(r);
        if (s->rl.on) /* rl says what a step trains on */
            r->root->s.training.global_batch = 0;
        lh__check_trace(r);
        lh__resolve_sync(r);
        lh__resolve_loss(r);
        lh__resolve_faults(r);
        lh__check_caps(r);
    }
    lh__resolve_reliability(r);
}

/* A key that says something else than its default, in vain. */
static void warn_key(struct lh__reader *r, const struct lh__key *key,
                     void *object, const char *path)
{
    const char *because = NULL;

    if (lh__value_at(r->values, path)
        && !lh__key_applies(key, r->root, object, r->ctx->arena, &because)
        && (key->flags & LH__ROW
            || !lh__key_is_default(key, object, r->ctx->arena)))
        lh_warn(r->ctx, lh__key_where(r, path), "%s has no effect because %s",
                path, because);
}

/* Calls back for every stored key with its object and full path. */
static void for_each_key(struct lh__reader *r,
                         void (*call)(struct lh__reader *,
                                      const struct lh__key *, void *,
                                      const char *))
{
    struct lh__root *root = r->root;

    for (int k = 0; k < lh__key_count(); k++) {
        const struct lh__key *key = lh__key_at(k);
        const char *mark = strstr(key->path, "[].");
        if (lh__key_is_group(key) || !key->when)
            continue;
        if (!mark) {
            call(r, key, root, key->path);
            continue;
        }
        const struct lh__key *list = lh__key_find(
            lh_strndup(r->ctx->arena, key->path, (size_t)(mark - key->path)));
        int n = *(int *)(void *)((char *)root + list->count);
        char *array = *(char **)(void *)((char *)root + list->offset);
        for (int i = 0; i < n; i++)
            call(
                r, key, array + (size_t)i * list->size,
                lh_format(r->ctx->arena, "%s[%d].%s", list->path, i, mark + 3));
    }
}

static void reset_key(struct lh__reader *r, const struct lh__key *key,
                      void *object, const char *path)
{
    const char *because;

    (void)path;
    if (!lh__key_applies(key, r->root, object, r->ctx->arena, &because))
        lh__key_store_default(key, object, r->ctx->arena);
}

void lh__warn_idle_keys(struct lh__reader *r)
{
    for_each_key(r, warn_key);
    for_each_key(r, reset_key);
}

/* Keys that lost their effect have their defaults, so that equal one-site
 * scenarios are echoed alike. */
static void forget_idle_keys(struct lh_scenario *s, struct lh_ctx *ctx)
{
    struct lh__root root = {.s = *s};
    struct lh__reader r = {.root = &root, .ctx = ctx};

    for_each_key(&r, reset_key);
    *s = root.s;
}

/* At least so many accelerators; what is more idles. */
static int64_t whole_slices(const struct lh_fabric *fabric, int64_t gpus)
{
    int64_t slice = lh_fabric_slice_gpus(fabric);

    return (gpus + slice - 1) / slice * slice;
}

void lh_scenario_one_site(struct lh_scenario *out, const struct lh_scenario *s,
                          struct lh_ctx *ctx)
{
    struct lh_site *site = LH_NEW(ctx->arena, struct lh_site, 1);
    const struct lh_plan *plan = &s->plan;

    *site = s->sites[0];
    site->gpus = plan->tensor * plan->pipeline * plan->context * plan->data;
    if (site->fabric.kind == LH_FABRIC_TORUS)
        site->gpus = whole_slices(&site->fabric, site->gpus);
    site->gateway_bytes_per_s = (double)INFINITY;
    site->gpus_max = 0;
    site->power_cap_w = (double)INFINITY;
    site->power_overhead = -1;
    site->node = NULL;
    *out = *s;
    out->n_sites = 1;
    out->sites = site;
    out->n_fibres = 0;
    out->fibres = NULL;
    out->n_faults = 0;
    out->faults = NULL;
    out->n_background = 0;
    out->background = NULL;
    out->layout = (struct lh_layout){.kind = LH_LAYOUT_NONE,
                                     .length_m = -1,
                                     .route_factor = s->layout.route_factor,
                                     .bytes_per_s = s->layout.bytes_per_s,
                                     .tcp = s->layout.tcp,
                                     .where = s->layout.where};
    out->across_sites = LH_ACROSS_DATA;
    out->replica_batch = LH_BATCH_EQUAL;
    out->sync = LH_SYNC_EVERY_STEP;
    out->sync_algorithm = "auto";
    forget_idle_keys(out, ctx);
}
