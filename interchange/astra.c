/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ASTRA-sim's network.yml of the analytical network: dims of NPUs, the first
 * the innermost, each with its topology (libyaml), for sites[].fabric.
 *
 *   topology: [ Ring, Switch ]     Ring, FullyConnected or Switch
 *   npus_count: [ 4, 2 ]           2 or more
 *   bandwidth: [ 50.0, 25.0 ]      of a link, each direction
 *   latency: [ 500.0, 1000.0 ]     of a link, ns
 *
 * Bandwidths are called GB/s and are 2^30 bytes/s: bw_GBps_to_Bpns() of
 * astra-sim/astra-network-analytical, common/NetworkFunction.cpp ("1 GB is 2^30
 * B").  A link of a Switch is that of an NPU to it; of the others it joins two
 * NPUs.
 *
 * Source: astra-sim/astra-network-analytical, common/network-parser.
 * Refused: any other key, lists of unequal length.
 */
#include <longhaul/interchange.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { TOPOLOGY, NPUS, BANDWIDTH, LATENCY, N_KEYS };

static const char *const keys[N_KEYS] = {"topology", "npus_count", "bandwidth",
                                         "latency"};
static const char *const topologies[] = {"Ring", "FullyConnected", "Switch"};

struct reader {
    struct lh_ctx *ctx;
    const char *path;
    struct lh_astra *out;
    int n[N_KEYS];
    struct lh_where where[N_KEYS]; /* line 0: the key was not there */
};

static enum lh_status bad(struct reader *r, yaml_mark_t mark, const char *text)
{
    lh_error(
        r->ctx,
        (struct lh_where){r->path, (int)mark.line + 1, (int)mark.column + 1},
        "%s", text);
    return LH_BAD_INPUT;
}

static enum lh_status topology_read(struct reader *r, const char *text,
                                    yaml_mark_t mark, enum lh_astra_kind *out)
{
    const char *near;

    for (int i = 0; i < 3; i++) {
        if (strcmp(text, topologies[i]) != 0)
            continue;
        *out = (enum lh_astra_kind)i;
        return LH_OK;
    }
    near = lh_nearest(text, topologies, 3);
    return bad(r, mark,
               lh_format(r->ctx->arena,
                         "topology '%.40s': Ring, FullyConnected and Switch "
                         "are known%s%s%s",
                         text, near ? "; did you mean '" : "", near ? near : "",
                         near ? "'?" : ""));
}

static enum lh_status number_read(struct reader *r, int key, const char *text,
                                  yaml_mark_t mark, double *out)
{
    static const double least[N_KEYS] = {0, 2, 1e-9, 0};
    char *end;
    double value = strtod(text, &end);
    bool whole = key != NPUS || value == floor(value);

    if (*text == '\0' || *end != '\0' || !(value >= least[key]) || value > 1e9
        || !whole)
        return bad(r, mark,
                   lh_format(r->ctx->arena, "%s '%.40s' is no %s", keys[key],
                             text,
                             key == NPUS        ? "whole number from 2"
                             : key == BANDWIDTH ? "number above 0"
                                                : "number from 0"));
    *out = value;
    return LH_OK;
}

static enum lh_status item_read(struct reader *r, int key,
                                const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    int i = r->n[key]++;
    struct lh_astra_dim *dim = &r->out->dims[i];
    double value = 0;
    enum lh_status st;

    if (i == LH_ASTRA_DIMS)
        return bad(r, event->start_mark, "more dims than are supported");
    if (key == TOPOLOGY)
        return topology_read(r, text, event->start_mark, &dim->kind);
    st = number_read(r, key, text, event->start_mark, &value);
    if (key == NPUS)
        dim->npus = (int64_t)value;
    else if (key == BANDWIDTH)
        dim->bytes_per_s = value * 1073741824.0;
    else
        dim->latency_s = value / 1e9;
    return st;
}

static enum lh_status key_read(struct reader *r, const yaml_event_t *event,
                               int *key)
{
    const char *text = (const char *)event->data.scalar.value;

    for (*key = 0; *key < N_KEYS; (*key)++)
        if (strcmp(text, keys[*key]) == 0)
            break;
    if (*key == N_KEYS)
        return bad(r, event->start_mark,
                   lh_format(r->ctx->arena,
                             "'%.40s' is no key of a network: topology, "
                             "npus_count, bandwidth, latency",
                             text));
    if (r->where[*key].line > 0)
        return bad(r, event->start_mark,
                   lh_format(r->ctx->arena, "'%s' stands twice", text));
    r->where[*key] = (struct lh_where){r->path, (int)event->start_mark.line + 1,
                                       (int)event->start_mark.column + 1};
    return LH_OK;
}

/* {key: [scalar, ..], ..} and nothing else. */
static enum lh_status event_read(struct reader *r, const yaml_event_t *event,
                                 int *depth, int *key)
{
    switch (event->type) {
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: return LH_OK;
    case YAML_MAPPING_START_EVENT:
        if ((*depth)++ == 0)
            return LH_OK;
        break;
    case YAML_SEQUENCE_START_EVENT:
        if ((*depth)++ == 1 && *key >= 0)
            return LH_OK;
        break;
    case YAML_MAPPING_END_EVENT: (*depth)--; return LH_OK;
    case YAML_SEQUENCE_END_EVENT:
        (*depth)--;
        *key = -1;
        return LH_OK;
    case YAML_SCALAR_EVENT:
        if (*depth == 1 && *key < 0)
            return key_read(r, event, key);
        if (*depth == 2)
            return item_read(r, *key, event);
        break;
    case YAML_NO_EVENT:
    case YAML_ALIAS_EVENT:
    default: break;
    }
    return bad(r, event->start_mark,
               "a network is 'topology', 'npus_count', 'bandwidth' and "
               "'latency', each with a list");
}

static enum lh_status lists_check(struct reader *r)
{
    struct lh_where file = {r->path, 0, 0};

    for (int k = 0; k < N_KEYS; k++) {
        if (r->where[k].line == 0) {
            lh_error(r->ctx, file, "missing key '%s'", keys[k]);
            return LH_BAD_INPUT;
        }
        if (r->n[k] != r->n[TOPOLOGY] || r->n[k] == 0) {
            lh_error(r->ctx, r->where[k],
                     "%s has %d entries, topology %d: one a dim is needed",
                     keys[k], r->n[k], r->n[TOPOLOGY]);
            return LH_BAD_INPUT;
        }
    }
    r->out->n_dims = r->n[TOPOLOGY];
    return LH_OK;
}

enum lh_status lh_astra_read(struct lh_astra *out, const char *path,
                             struct lh_ctx *ctx)
{
    struct reader r = {.ctx = ctx, .path = path, .out = out};
    yaml_parser_t yaml;
    yaml_event_t event;
    char *text;
    size_t n;
    int depth = 0, key = -1;
    bool more = true;
    enum lh_status st = lh_file_read(&text, &n, path, ctx);

    *out = (struct lh_astra){.n_dims = 0};
    if (st != LH_OK)
        return st;
    if (!yaml_parser_initialize(&yaml))
        return LH_FAILED;
    yaml_parser_set_input_string(&yaml, (const unsigned char *)text, n);
    while (more && st == LH_OK) {
        if (!yaml_parser_parse(&yaml, &event)) {
            st = bad(&r, yaml.problem_mark,
                     yaml.problem ? yaml.problem : "no YAML");
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        st = event_read(&r, &event, &depth, &key);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&yaml);
    return st == LH_OK ? lists_check(&r) : st;
}
