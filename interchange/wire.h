/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Private to interchange/: the wire format of protocol buffers, as much of it
 * as Chakra's schema needs, and struct lh_chakra_rank from two kinds of file.
 */
#ifndef LH_INTERCHANGE_WIRE_H
#define LH_INTERCHANGE_WIRE_H

#include <longhaul/interchange.h>

/* A message, or what is left of it. */
struct lh__wire {
    const unsigned char *at, *end;
};

enum lh__wire_type {
    LH__VARINT = 0,
    LH__FIXED64 = 1,
    LH__BYTES = 2,
    LH__FIXED32 = 5
};

struct lh__field {
    uint64_t number;
    enum lh__wire_type type;
    uint64_t value;      /* of a number, its bits */
    struct lh__wire sub; /* of bytes */
};

bool lh__wire_varint(uint64_t *out, struct lh__wire *wire);
/* The next field; false: there is none, or it is broken (then wire->at is not
 * wire->end). */
bool lh__wire_next(struct lh__field *out, struct lh__wire *wire);
/* The next number of a packed list, or of one field. */
bool lh__wire_item(uint64_t *out, struct lh__wire *list,
                   enum lh__wire_type type);
double lh__wire_double(uint64_t bits);
double lh__wire_float(uint64_t bits);
int64_t lh__wire_zigzag(uint64_t value);

/* Bytes that are written. */
struct lh__bytes {
    struct lh_arena *arena;
    unsigned char *at;
    size_t n, capacity;
};
void lh__put_varint(struct lh__bytes *out, uint64_t value);
void lh__put_uint(struct lh__bytes *out, uint64_t field, uint64_t value);
void lh__put_double(struct lh__bytes *out, uint64_t field, double value);
void lh__put_bytes(struct lh__bytes *out, uint64_t field, const void *from,
                   size_t n);

/* Numbers whose order is the reader's: grown in the arena. */
struct lh__ids {
    uint64_t *at;
    size_t n, capacity;
};
void lh__ids_add(struct lh__ids *ids, uint64_t id, struct lh_arena *arena);

/* Nodes as they are read, with dependencies by id; finish makes them indices,
 * and puts nodes in an order in which none comes before what it waits for. */
struct lh__chakra_draft {
    struct lh_chakra_node *nodes;
    struct lh__ids *deps;    /* [n] */
    struct lh__ids *carried; /* [n] */
    size_t n, nodes_capacity, deps_capacity, carried_capacity;
};
struct lh_chakra_node *lh__draft_add(struct lh__chakra_draft *draft,
                                     struct lh_arena *arena);
enum lh_status lh__draft_finish(struct lh_chakra_rank *out,
                                struct lh__chakra_draft *draft,
                                struct lh_ctx *ctx) LH_MUST_USE;

enum lh_status lh__chakra_json(struct lh_chakra_rank *out, const char *path,
                               struct lh_ctx *ctx) LH_MUST_USE;
/* Process groups from PyTorch's metadata, JSON in a string; from a file of
 * ASTRA-sim's, {"1": [0, 1]}. */
enum lh_status lh__chakra_groups_text(struct lh_chakra_rank *out,
                                      const char *text,
                                      struct lh_ctx *ctx) LH_MUST_USE;
enum lh_status lh__chakra_groups_file(struct lh_chakra_rank *out,
                                      const char *path,
                                      struct lh_ctx *ctx) LH_MUST_USE;
/* A row of ranks `stride` apart; false: it is none. */
bool lh__chakra_row(const struct lh_chakra_group *group, int64_t *stride);
/* Is a node's group that of all ranks? */
bool lh__chakra_is_all(const struct lh_chakra_rank *rank, const char *name);
/* Ranks in a row with one program, and after which programs repeat; true: ranks
 * with one program take unequal times. */
bool lh__chakra_blocks(int64_t *block, int64_t *period, struct lh_chakra *t,
                       struct lh_arena *arena);
/* The group called so; NULL: none. */
const struct lh_chakra_group *lh__chakra_group(const struct lh_chakra_rank *r,
                                               const char *name);

#endif
