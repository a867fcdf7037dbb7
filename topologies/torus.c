/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Torus: the scale-up domain of a site is a slice of dims[0] x dims[1] x ..
 * accelerators (chips), each joined to its neighbours by a cable instead of to
 * a switch; slices are joined by NICs, leaves and levels as the nodes of a
 * fat-tree are (fat_tree.c).
 *
 * The chip at (x, y, z) is number x + dims[0] (y + dims[1] z) of its slice.  A
 * side of n chips has
 *
 *   n >= 3   n cables, of each chip to the next one and of the last to the
 *            first
 *   n = 2    one cable a pair
 *   n = 1    none
 *
 * A link has scale_up_bytes_per_s x scale_up_frac, times dims_frac of its
 * dimension where that is given.
 *
 * Cables of a site are numbered slice by slice, in a slice dimension by
 * dimension, in a dimension by the chip at their lower end; link 2 k goes up
 * (x+), link 2 k + 1 down (x-).
 *
 *   path   dimension by dimension, x first, the shorter way round; of two
 *          equally short ones up
 *
 * Place: beside rails.c and fat_tree.c; topology.c, route.c and names.c ask it
 * for what differs from a switched domain.
 * Source: Jouppi et al., TPU v4, ISCA 2023; a side of two chips has no link
 * around ("How to Scale Your Model", chapter 2: slices below 4x4x4 have no
 * wraparound).  Dimension order: Dally and Seitz 1987.
 * Leaves out: twisted tori, sides of real machines that have no link around
 * although they are longer than two, routing around dead links.
 */
#include <stdlib.h>
#include <string.h>

#include "topology.h"

static const char axis_names[] = "xyz";

/* ---- shape --------------------------------------------------------------- */

static int64_t side_cables(int64_t size, int64_t slice)
{
    if (size == 1)
        return 0;
    return size == 2 ? slice / 2 : slice;
}

void lh__torus_shape(struct lh__shape *out, const struct lh_fabric *fabric,
                     int64_t gpus)
{
    struct lh__torus *t = &out->torus;
    int64_t stride = 1;

    lh__fat_tree_shape(out, fabric, gpus);
    t->n_dims = fabric->n_dims;
    for (int d = 0; d < t->n_dims; d++) {
        t->size[d] = fabric->dims[d];
        t->stride[d] = stride;
        stride *= t->size[d];
    }
    for (int d = 0; d < t->n_dims; d++)
        t->first[d + 1] = t->first[d] + side_cables(t->size[d], stride);
    t->cables = t->first[t->n_dims];
}

int lh__torus_diameter(const struct lh_fabric *fabric)
{
    int64_t links = 0;

    for (int d = 0; d < fabric->n_dims; d++)
        links += fabric->dims[d] / 2;
    return links < INT32_MAX ? (int)links : INT32_MAX;
}

static bool fracs_ok(const struct lh_fabric *f)
{
    bool ok = f->n_dims_frac == 0 || f->n_dims_frac == f->n_dims;

    for (int d = 0; ok && d < f->n_dims_frac; d++)
        ok = f->dims_frac[d] > 0 && f->dims_frac[d] <= 1;
    return ok;
}

enum lh_status lh__torus_check(const struct lh__site *site,
                               struct lh_where where, struct lh_ctx *ctx)
{
    const struct lh_fabric *f = &site->fabric;
    bool sized = f->n_dims >= 1 && f->n_dims <= LH_TORUS_DIMS;

    for (int d = 0; sized && d < f->n_dims; d++)
        sized = f->dims[d] >= 1 && f->dims[d] <= INT32_MAX / 32;
    if (!sized || lh_fabric_slice_gpus(f) != f->scale_up_gpus)
        lh_error(ctx, where,
                 "site '%s': fabric: a torus has one to %d dims whose product "
                 "is scale_up_gpus",
                 site->name, LH_TORUS_DIMS);
    else if (!fracs_ok(f))
        lh_error(ctx, where,
                 "site '%s': fabric: dims_bandwidth is a share above 0 for "
                 "each of the dims, or empty",
                 site->name);
    else if (site->gpus % f->scale_up_gpus != 0)
        lh_error(ctx, where,
                 "site '%s': %lld accelerators are no whole number of slices "
                 "of %lld",
                 site->name, (long long)site->gpus,
                 (long long)f->scale_up_gpus);
    else if (lh__torus_diameter(f) > LH_PATH_MAX)
        lh_error(ctx, where,
                 "site '%s': fabric: a path in a torus of these dims has up "
                 "to %d links; more than %d are not supported by this version",
                 site->name, lh__torus_diameter(f), LH_PATH_MAX);
    else
        return LH_OK;
    return LH_BAD_INPUT;
}

/* ---- cables and steps ---------------------------------------------------- */

bool lh__is_torus(const struct lh__site *site)
{
    return site->shape.torus.n_dims > 0;
}

int64_t lh__torus_cables(const struct lh__site *site)
{
    return site->nodes * site->shape.torus.cables;
}

static int64_t coordinate(const struct lh__torus *t, int64_t place, int d)
{
    return place / t->stride[d] % t->size[d];
}

/* The cable above a chip in dimension d, in its slice.  A side of two chips
 * has cables above its lower ones only. */
static int64_t cable_above(const struct lh__torus *t, int64_t place, int d)
{
    int64_t stride = t->stride[d];

    if (t->size[d] == 2)
        return t->first[d] + place / (2 * stride) * stride + place % stride;
    return t->first[d] + place;
}

/* Moves a chip one step up or down dimension d; returns the link it takes,
 * counted from the slice's first. */
static int64_t step(const struct lh__torus *t, int64_t *place, int d, bool up)
{
    int64_t at = coordinate(t, *place, d);
    int64_t last = t->size[d] - 1;
    int64_t from = *place;

    if (last == 1) /* both ways lead to the other one */
        up = at == 0;
    if (up)
        *place += at < last ? t->stride[d] : -last * t->stride[d];
    else
        *place += at > 0 ? -t->stride[d] : last * t->stride[d];
    return up ? 2 * cable_above(t, from, d) : 2 * cable_above(t, *place, d) + 1;
}

/* The dimension of a cable of a slice, and the chip at its lower end. */
static int64_t lower_end(const struct lh__torus *t, int64_t cable, int *d)
{
    *d = 0;
    while (cable >= t->first[*d + 1])
        ++*d;
    cable -= t->first[*d];
    if (t->size[*d] == 2)
        return cable / t->stride[*d] * 2 * t->stride[*d]
               + cable % t->stride[*d];
    return cable;
}

struct lh__torus_ends lh__torus_ends(const struct lh__site *site, int64_t cable)
{
    const struct lh__torus *t = &site->shape.torus;
    int64_t slice = cable / t->cables;
    struct lh__torus_ends ends;
    int64_t place = lower_end(t, cable % t->cables, &ends.dim);

    ends.lower = slice * site->shape.scale_up_gpus + place;
    step(t, &place, ends.dim, true);
    ends.upper = slice * site->shape.scale_up_gpus + place;
    return ends;
}

void lh__torus_path(struct lh_path *out, const struct lh__site *site,
                    int64_t from, int64_t to)
{
    const struct lh__torus *t = &site->shape.torus;
    int64_t slice = from / site->shape.scale_up_gpus;
    lh_link first = site->first_scale_up + (lh_link)(2 * slice * t->cables);
    int64_t at = from % site->shape.scale_up_gpus;

    to %= site->shape.scale_up_gpus;
    for (int d = 0; d < t->n_dims; d++) {
        int64_t ahead = coordinate(t, to, d) - coordinate(t, at, d);

        if (ahead < 0)
            ahead += t->size[d];
        bool up = 2 * ahead <= t->size[d];
        for (int64_t n = up ? ahead : t->size[d] - ahead; n > 0; n--) {
            out->links[out->n_links++] = first + (lh_link)step(t, &at, d, up);
            out->latency_s += site->fabric.scale_up_latency_s;
        }
    }
}

/* ---- names --------------------------------------------------------------- */

const char *lh__torus_chip_name(struct lh_arena *arena,
                                const struct lh__site *site, int64_t index)
{
    const struct lh__torus *t = &site->shape.torus;
    int64_t size = site->shape.scale_up_gpus;
    struct lh_text text = lh_text_new(arena);

    lh_text_printf(&text, "slice%lld/chip", (long long)(index / size));
    for (int d = 0; d < t->n_dims; d++)
        lh_text_printf(&text, "%s%lld", d == 0 ? "(" : ",",
                       (long long)coordinate(t, index % size, d));
    lh_text_add(&text, ")");
    return text.s;
}

const char *lh__torus_link_name(struct lh_arena *arena,
                                const struct lh__site *site, int64_t link)
{
    struct lh__torus_ends ends = lh__torus_ends(site, link / 2);
    bool up = link % 2 == 0;

    return lh_format(
        arena, "%s->%c%c",
        lh__torus_chip_name(arena, site, up ? ends.lower : ends.upper),
        axis_names[ends.dim], up ? '+' : '-');
}

/* Reads a number as names are written, without leading zeros; -1: none. */
static int64_t read_number(const char **s)
{
    const char *at = *s;
    char *end;

    if (at[0] < '0' || at[0] > '9'
        || (at[0] == '0' && at[1] >= '0' && at[1] <= '9'))
        return -1;
    *s = at + strspn(at, "0123456789");
    if (*s - at > 10)
        return -1;
    return strtoll(at, &end, 10);
}

static bool accept(const char **s, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*s, word, n) != 0)
        return false;
    *s += n;
    return true;
}

int64_t lh__torus_chip_find(const char **name, const struct lh__site *site)
{
    const struct lh__torus *t = &site->shape.torus;
    int64_t place = 0;
    int64_t slice = accept(name, "slice") ? read_number(name) : -1;

    if (slice < 0 || slice >= site->nodes || !accept(name, "/chip"))
        return -1;
    for (int d = 0; d < t->n_dims; d++) {
        int64_t at = accept(name, d == 0 ? "(" : ",") ? read_number(name) : -1;

        if (at < 0 || at >= t->size[d])
            return -1;
        place += at * t->stride[d];
    }
    return accept(name, ")") ? slice * site->shape.scale_up_gpus + place : -1;
}

int64_t lh__torus_link_find(const struct lh__site *site, const char *name)
{
    const struct lh__torus *t = &site->shape.torus;
    int64_t chip = lh__torus_chip_find(&name, site);
    const char *axis;
    int64_t place, link;
    bool up;

    if (chip < 0 || !accept(&name, "->") || name[0] == '\0')
        return -1;
    axis = strchr(axis_names, name[0]);
    if (axis == NULL || axis - axis_names >= t->n_dims
        || (strcmp(name + 1, "+") != 0 && strcmp(name + 1, "-") != 0))
        return -1;
    int d = (int)(axis - axis_names);
    place = chip % site->shape.scale_up_gpus;
    up = name[1] == '+';
    if (t->size[d] == 1 || (t->size[d] == 2 && up != !coordinate(t, place, d)))
        return -1;
    link = step(t, &place, d, up);
    return chip / site->shape.scale_up_gpus * 2 * t->cables + link;
}

const char *lh__torus_text(struct lh_arena *arena, const struct lh__site *site)
{
    const struct lh__torus *t = &site->shape.torus;
    struct lh_text text = lh_text_new(arena);

    lh_text_printf(&text, " in %lld slice%s of ", (long long)site->nodes,
                   site->nodes == 1 ? "" : "s");
    for (int d = 0; d < t->n_dims; d++)
        lh_text_printf(&text, "%s%lld", d == 0 ? "" : "x",
                       (long long)t->size[d]);
    for (int d = 0; d < site->fabric.n_dims_frac; d++)
        lh_text_printf(&text, "%s%c %g", d == 0 ? ", links " : " ",
                       axis_names[d], site->fabric.dims_frac[d]);
    return text.s;
}

/* ---- public -------------------------------------------------------------- */

int lh_topology_torus(const struct lh_topology *t, int64_t accelerator,
                      int64_t dims[LH_TORUS_DIMS])
{
    int site = lh_topology_accelerator_site(t, accelerator);
    const struct lh__torus *torus = &t->sites[site].shape.torus;

    for (int d = 0; d < torus->n_dims; d++)
        dims[d] = torus->size[d];
    return torus->n_dims;
}
