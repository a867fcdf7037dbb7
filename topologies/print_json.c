/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The topology between sites as JSON: sites, fibres, and of every pair of
 * sites the route, what it can carry, the minimum cut and how many cuts part
 * the two.  SI units; null: no limit.
 *
 * Place: `longhaul show topology -o json`.  Leaves out: the insides of sites,
 * which print.c shows.
 */
#include <math.h>

#include "topology.h"

static void number(struct lh_text *out, const char *name, double value)
{
    lh_text_printf(out, ", \"%s\": ", name);
    if (isfinite(value))
        lh_text_json_double(out, value);
    else
        lh_text_add(out, "null");
}

static void name_put(struct lh_text *out, const char *key, const char *name)
{
    lh_text_printf(out, "\"%s\": ", key);
    lh_text_json_string(out, name);
}

static void ends_put(struct lh_text *out, const struct lh_topology *t, int a,
                     int b)
{
    lh_text_add(out, "\n    {");
    name_put(out, "from", t->wan.nodes[a].name);
    lh_text_add(out, ", ");
    name_put(out, "to", t->wan.nodes[b].name);
}

static void sites_put(struct lh_text *out, const struct lh_topology *t)
{
    lh_text_add(out, "  \"sites\": [");
    for (int i = 0; i < t->n_sites; i++) {
        lh_text_add(out, i > 0 ? ",\n    {" : "\n    {");
        name_put(out, "name", t->sites[i].name);
        lh_text_printf(out, ", \"accelerators\": %lld",
                       (long long)t->sites[i].gpus);
        if (t->n_sites > 1)
            number(out, "gateway_bytes_per_s", t->sites[i].gateway_bytes_per_s);
        lh_text_add(out, "}");
    }
    lh_text_add(out, "\n  ],\n");
}

static void fibres_put(struct lh_text *out, const struct lh_topology *t)
{
    lh_text_add(out, "  \"fibres\": [");
    for (int i = 0; i < t->wan.n_fibres; i++) {
        const struct lh__fibre *f = &t->wan.fibres[i];
        lh_text_add(out, i > 0 ? "," : "");
        ends_put(out, t, f->a, f->b);
        number(out, "length_m", f->length_m);
        number(out, "rtt_s", 2 * f->latency_s);
        number(out, "there_bytes_per_s", f->bytes_per_s[0]);
        number(out, "back_bytes_per_s", f->bytes_per_s[1]);
        lh_text_printf(out, ", \"cables\": %d}", f->n_cables);
    }
    lh_text_add(out, t->wan.n_fibres > 0 ? "\n  ],\n" : "],\n");
}

static void route_put(struct lh_text *out, const struct lh_topology *t, int a,
                      int b)
{
    struct lh__route_facts there = lh__route_facts(t, a, b);
    struct lh__route_facts back = lh__route_facts(t, b, a);

    ends_put(out, t, a, b);
    lh_text_printf(out, ", \"fibres\": %d", there.n_fibres);
    number(out, "length_m", there.length_m);
    number(out, "rtt_s", there.latency_s + back.latency_s);
    number(out, "there_bytes_per_s", there.bytes_per_s);
    number(out, "back_bytes_per_s", back.bytes_per_s);
    number(out, "cut_there_bytes_per_s", lh_topology_cut(t, a, b));
    number(out, "cut_back_bytes_per_s", lh_topology_cut(t, b, a));
    lh_text_printf(out, ", \"cuts_to_part\": %d}", lh__cuts_to_part(t, a, b));
}

static void routes_put(struct lh_text *out, const struct lh_topology *t)
{
    int n = 0;

    lh_text_add(out, "  \"routes\": [");
    for (int a = 0; a < t->n_sites; a++)
        for (int b = a + 1; b < t->n_sites; b++) {
            lh_text_add(out, n++ > 0 ? "," : "");
            route_put(out, t, a, b);
        }
    lh_text_add(out, n > 0 ? "\n  ]\n" : "]\n");
}

void lh_topology_print_json(struct lh_text *out, const struct lh_topology *t)
{
    lh_text_printf(out,
                   "{\n  \"schema\": \"longhaul.topology/1\",\n"
                   "  \"accelerators\": %lld,\n",
                   (long long)t->n_accelerators);
    sites_put(out, t);
    fibres_put(out, t);
    routes_put(out, t);
    lh_text_add(out, "}\n");
}
