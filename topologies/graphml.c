/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reads a map of a network as published: GraphML, or GML by its extension,
 * through igraph, into plain arrays (struct lh__map).
 *
 *   node  label (else name, else id), Latitude, Longitude in degrees
 *   edge  bandwidth_bits_per_s, else LinkSpeedRaw (bit/s); length_km
 *
 * The names are those of the Internet Topology Zoo (Knight et al. 2011), plus
 * our own length_km and bandwidth_bits_per_s.  Numbers may be stated as text.
 *
 * Place: map.c turns the arrays into fibres.  Leaves out: all other
 * attributes; hyperedges, nested graphs and ports, which igraph does not read.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "topology.h"

/* ---- what igraph says ---------------------------------------------------- */

/* igraph's handlers carry no user data, so this is the one place where words
 * wait between two of our functions: set empty before reading, read after. */
static _Thread_local char said[256];

/* Keeps the text with a line number, else the first one. */
static void hear(const char *reason, const char *file, int line,
                 igraph_error_t error)
{
    bool placed = strncmp(reason, "Line ", 5) == 0;

    if (reason[0] != '\0' && (said[0] == '\0' || placed)) {
        strncpy(said, reason, sizeof said - 1);
        said[sizeof said - 1] = '\0';
    }
    igraph_error_handler_ignore(reason, file, line, error);
}

/* Splits "Line 12: text" and "text, line 12 .."; drops trailing space. */
static const char *said_text(char *text, int *line)
{
    char *end;
    char *at = strstr(text, "line ");
    size_t n = strlen(text);

    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
        text[--n] = '\0';
    if (strncmp(text, "Line ", 5) == 0) {
        *line = (int)strtol(text + 5, &end, 10);
        return end[0] == ':' && end[1] == ' ' ? end + 2 : end;
    }
    if (at != NULL)
        *line = (int)strtol(at + 5, NULL, 10);
    return text;
}

static void refuse(const struct lh__map *map, bool gml, igraph_error_t error,
                   struct lh_ctx *ctx)
{
    struct lh_where where = {map->file, 0, 0};
    const char *format = gml ? "GML" : "GraphML";
    const char *text = said_text(said, &where.line);

    if (!gml && error == IGRAPH_EINVAL)
        lh_error(ctx, where,
                 "this is not a GraphML file: there is no <graph> "
                 "in it");
    else
        lh_error(ctx, where, "this %s file cannot be read: %s", format,
                 text[0] != '\0' ? text : igraph_strerror(error));
}

static bool is_gml(const char *file)
{
    size_t n = strlen(file);

    return n >= 4 && strcasecmp(file + n - 4, ".gml") == 0;
}

static enum lh_status graph_read(igraph_t *graph, const struct lh__map *map,
                                 struct lh_ctx *ctx)
{
    struct lh_where where = {map->file, 0, 0};
    bool gml = is_gml(map->file);
    char *text;
    size_t n;
    enum lh_status st = lh_file_read(&text, &n, map->file, ctx);

    if (st != LH_OK)
        return st;
    if (n == 0) {
        lh_error(ctx, where, "the file is empty");
        return LH_BAD_INPUT;
    }
    FILE *stream = fmemopen(text, n, "r");
    if (stream == NULL) {
        lh_error(ctx, where, "%s", strerror(errno));
        return LH_FAILED;
    }
    said[0] = '\0';
    igraph_error_t error = gml ? igraph_read_graph_gml(graph, stream)
                               : igraph_read_graph_graphml(graph, stream, 0);
    fclose(stream);
    if (error == IGRAPH_SUCCESS)
        return LH_OK;
    refuse(map, gml, error, ctx);
    return LH_BAD_INPUT;
}

/* ---- attributes ---------------------------------------------------------- */

/* Attributes of the nodes or of the edges of a graph that was read. */
struct attributes {
    const igraph_t *graph;
    igraph_attribute_elemtype_t of;
    int n; /* nodes or edges */
    const struct lh__map *map;
};

static const char *text_at(const struct attributes *a, const char *name, int i)
{
    return a->of == IGRAPH_ATTRIBUTE_VERTEX
               ? igraph_cattribute_VAS(a->graph, name, i)
               : igraph_cattribute_EAS(a->graph, name, i);
}

static double number_at(const struct attributes *a, const char *name, int i)
{
    return a->of == IGRAPH_ATTRIBUTE_VERTEX
               ? igraph_cattribute_VAN(a->graph, name, i)
               : igraph_cattribute_EAN(a->graph, name, i);
}

/* Type of an attribute; IGRAPH_ATTRIBUTE_UNSPECIFIED: there is none. */
static igraph_attribute_type_t type_of(const struct attributes *a,
                                       const char *name)
{
    igraph_attribute_type_t type = IGRAPH_ATTRIBUTE_UNSPECIFIED;
    igraph_strvector_t names[3];
    igraph_vector_int_t types[3];
    int of = a->of == IGRAPH_ATTRIBUTE_VERTEX ? 1 : 2;
    int made = 0;

    for (; made < 3; made++) {
        if (igraph_strvector_init(&names[made], 0) != IGRAPH_SUCCESS)
            goto out;
        if (igraph_vector_int_init(&types[made], 0) != IGRAPH_SUCCESS) {
            igraph_strvector_destroy(&names[made]);
            goto out;
        }
    }
    if (igraph_cattribute_list(a->graph, &names[0], &types[0], &names[1],
                               &types[1], &names[2], &types[2])
        != IGRAPH_SUCCESS)
        goto out;
    for (igraph_integer_t i = 0; i < igraph_strvector_size(&names[of]); i++)
        if (strcmp(igraph_strvector_get(&names[of], i), name) == 0)
            type = (igraph_attribute_type_t)VECTOR(types[of])[i];
out:
    while (made-- > 0) {
        igraph_strvector_destroy(&names[made]);
        igraph_vector_int_destroy(&types[made]);
    }
    return type;
}

/* Fills out[n] with an attribute's numbers, NaN where one is not stated. */
static enum lh_status numbers(double *out, const struct attributes *a,
                              const char *name, struct lh_ctx *ctx)
{
    igraph_attribute_type_t type = type_of(a, name);
    enum lh_status st = LH_OK;

    for (int i = 0; i < a->n; i++) {
        out[i] = (double)NAN;
        if (type == IGRAPH_ATTRIBUTE_NUMERIC)
            out[i] = number_at(a, name, i);
        if (type != IGRAPH_ATTRIBUTE_STRING || text_at(a, name, i)[0] == '\0')
            continue;
        const char *text = text_at(a, name, i);
        char *end;
        out[i] = strtod(text, &end);
        if (*end == '\0' && isfinite(out[i]))
            continue;
        lh_error(ctx, (struct lh_where){a->map->file, 0, 0},
                 "%s %d: %s '%s' is not a number",
                 a->of == IGRAPH_ATTRIBUTE_VERTEX ? "node" : "edge", i, name,
                 text);
        st = LH_BAD_INPUT;
    }
    return st;
}

/* The label of a node, in words; else its name, else its id. */
static void labels(struct lh__map *map, const struct attributes *a,
                   struct lh_arena *arena)
{
    static const char *const keys[] = {"label", "name", "id"};

    for (int i = 0; i < map->n_nodes; i++)
        map->label[i] = "";
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        igraph_attribute_type_t type = type_of(a, keys[k]);

        for (int i = 0; i < map->n_nodes; i++) {
            if (map->label[i][0] != '\0')
                continue;
            if (type == IGRAPH_ATTRIBUTE_STRING)
                map->label[i] = lh_strdup(arena, text_at(a, keys[k], i));
            else if (type == IGRAPH_ATTRIBUTE_NUMERIC
                     && isfinite(number_at(a, keys[k], i)))
                map->label[i] =
                    lh_format(arena, "%.15g", number_at(a, keys[k], i));
        }
    }
}

static enum lh_status nodes_read(struct lh__map *map, const igraph_t *graph,
                                 struct lh_ctx *ctx)
{
    struct attributes a = {graph, IGRAPH_ATTRIBUTE_VERTEX, map->n_nodes, map};
    enum lh_status st, st_longitude;

    labels(map, &a, ctx->arena);
    st = numbers(map->latitude_deg, &a, "Latitude", ctx);
    st_longitude = numbers(map->longitude_deg, &a, "Longitude", ctx);
    if (st == LH_OK)
        st = st_longitude;
    for (int i = 0; st == LH_OK && i < map->n_nodes; i++) {
        double latitude = map->latitude_deg[i];
        double longitude = map->longitude_deg[i];

        map->located[i] = !isnan(latitude) && !isnan(longitude);
        if (!map->located[i]
            || (fabs(latitude) <= 90 && fabs(longitude) <= 360))
            continue;
        lh_error(ctx, (struct lh_where){map->file, 0, 0},
                 "node '%s': latitude %g, longitude %g is no place on Earth",
                 map->label[i], latitude, longitude);
        st = LH_BAD_INPUT;
    }
    return st;
}

static enum lh_status edges_read(struct lh__map *map, const igraph_t *graph,
                                 struct lh_ctx *ctx)
{
    struct attributes a = {graph, IGRAPH_ATTRIBUTE_EDGE, map->n_edges, map};
    double *zoo = LH_NEW(ctx->arena, double, (size_t)map->n_edges);
    double *own = map->bytes_per_s;
    double *km = map->length_m;
    enum lh_status st[3];

    st[0] = numbers(zoo, &a, "LinkSpeedRaw", ctx);
    st[1] = numbers(own, &a, "bandwidth_bits_per_s", ctx);
    st[2] = numbers(km, &a, "length_km", ctx);
    if (st[0] != LH_OK || st[1] != LH_OK || st[2] != LH_OK)
        return LH_BAD_INPUT;
    for (int i = 0; i < map->n_edges; i++) {
        double bits_per_s = own[i] > 0 ? own[i] : zoo[i];

        /* igraph turns the ends of undirected edges: the lower one first */
        map->from[i] =
            (int)(map->directed ? IGRAPH_FROM(graph, i) : IGRAPH_TO(graph, i));
        map->to[i] =
            (int)(map->directed ? IGRAPH_TO(graph, i) : IGRAPH_FROM(graph, i));
        if (bits_per_s < 0 || km[i] < 0 || isinf(bits_per_s) || isinf(km[i])) {
            lh_error(ctx, (struct lh_where){map->file, 0, 0},
                     "the edge between '%s' and '%s' has a negative or "
                     "infinite bandwidth or length",
                     map->label[map->from[i]], map->label[map->to[i]]);
            return LH_BAD_INPUT;
        }
        map->bytes_per_s[i] = bits_per_s > 0 ? bits_per_s / 8 : 0;
        map->length_m[i] = km[i] >= 0 ? km[i] * 1000 : -1;
    }
    return LH_OK;
}

enum lh_status lh__map_read(struct lh__map *out, const char *file,
                            struct lh_ctx *ctx)
{
    /* Without this table igraph forgets every attribute it reads. */
    igraph_attribute_table_t *table =
        igraph_set_attribute_table(&igraph_cattribute_table);
    struct lh__handlers saved = lh__igraph_begin(hear);
    struct lh__map map = {.file = file};
    igraph_t graph;
    enum lh_status st = graph_read(&graph, &map, ctx);

    if (st != LH_OK)
        goto out;
    map.directed = igraph_is_directed(&graph);
    map.n_nodes = (int)igraph_vcount(&graph);
    map.n_edges = (int)igraph_ecount(&graph);
    map.label = LH_NEW(ctx->arena, const char *, (size_t)map.n_nodes);
    map.located = LH_NEW(ctx->arena, bool, (size_t)map.n_nodes);
    map.latitude_deg = LH_NEW(ctx->arena, double, (size_t)map.n_nodes);
    map.longitude_deg = LH_NEW(ctx->arena, double, (size_t)map.n_nodes);
    map.from = LH_NEW(ctx->arena, int, (size_t)map.n_edges);
    map.to = LH_NEW(ctx->arena, int, (size_t)map.n_edges);
    map.bytes_per_s = LH_NEW(ctx->arena, double, (size_t)map.n_edges);
    map.length_m = LH_NEW(ctx->arena, double, (size_t)map.n_edges);
    st = nodes_read(&map, &graph, ctx);
    if (st == LH_OK)
        st = edges_read(&map, &graph, ctx);
    igraph_destroy(&graph);
    if (st == LH_OK)
        *out = map;
out:
    lh__igraph_end(saved);
    igraph_set_attribute_table(table);
    return st;
}
