#include "faults.h"
enum lh_status lh__faults_make(struct lh__faults *out, const struct lh_sim_point *p, struct lh_ctx *ctx)
{ (void)p; (void)ctx; *out = (struct lh__faults){0}; return LH_OK; }
int32_t lh__faults_rank(const struct lh__faults *f, lh_rank rank) { (void)f; (void)rank; return -1; }
int32_t lh__faults_link(const struct lh__faults *f, lh_link link) { (void)f; (void)link; return -1; }
