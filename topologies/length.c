/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Distance on Earth and the time light takes in fibre.
 *
 *     length  = geodesic on WGS 84 (Karney 2013, PROJ) x route_factor
 *     latency = length x latency_per_km + equipment_latency
 *
 * Place: wan.c asks for it a fibre.  The constant latency_per_km, 4.9 us, is a
 * row of data/fibres.csv with its source.  Leaves out: the height of sites, the
 * path fibre really takes (route_factor stands for it).
 */
#include <geodesic.h>

#include "topology.h"

double lh__geodesic_m(const struct lh__wan_node *a,
                      const struct lh__wan_node *b)
{
    struct geod_geodesic earth;
    double distance_m = 0;

    geod_init(&earth, 6378137.0, 1.0 / 298.257223563); /* WGS 84 */
    geod_inverse(&earth, a->latitude_deg, a->longitude_deg, b->latitude_deg,
                 b->longitude_deg, &distance_m, NULL, NULL);
    return distance_m;
}

enum lh_status lh__fibre_constants(struct lh__wan *wan, struct lh_ctx *ctx)
{
    struct lh_csv csv;
    struct lh_where where = LH_NOWHERE;
    const char *why = NULL;
    double latency_s = 0;
    enum lh_status st = lh_data_read(&csv, "fibres", ctx);

    if (st != LH_OK)
        return st;
    int row = lh_csv_find(&csv, "latency_per_km");
    int column = lh_csv_column(&csv, "value");
    where.file = csv.file;
    if (row < 0 || column < 0) {
        lh_error(ctx, where,
                 "a row 'latency_per_km' and a column 'value' are "
                 "needed");
        return LH_BAD_INPUT;
    }
    where.file = csv.files[row];
    where.line = csv.lines[row];
    st = lh_units_read(&latency_s, lh_csv_cell(&csv, row, column), LH_DIM_TIME,
                       ctx->arena, &why);
    if (st == LH_OK && latency_s > 0) {
        wan->latency_s_per_m = latency_s / 1000.0;
        return LH_OK;
    }
    lh_error(ctx, where, "latency_per_km: %s",
             st == LH_OK ? "it must be above 0" : why);
    return LH_BAD_INPUT;
}
