/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Protocol buffers' wire format: numbers of seven bits a byte, fields as
 * (number << 3 | type), lengths before bytes; in and out.  No step reads beyond
 * the end of its message, however broken the message is.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/.
 * Leaves out: groups (types 3 and 4), which proto3 does not have.
 */
#include "wire.h"

#include <string.h>

bool lh__wire_varint(uint64_t *out, struct lh__wire *wire)
{
    uint64_t value = 0;
    const unsigned char *at = wire->at;

    for (int shift = 0; shift < 64 && at < wire->end; shift += 7, at++) {
        value |= (uint64_t)(*at & 0x7f) << shift;
        if (*at < 0x80) {
            *out = value;
            wire->at = at + 1;
            return true;
        }
    }
    return false;
}

/* So many bytes, the lowest first. */
static bool fixed(uint64_t *out, struct lh__wire *wire, int n)
{
    if (wire->end - wire->at < n)
        return false;
    *out = 0;
    for (int i = 0; i < n; i++)
        *out |= (uint64_t)wire->at[i] << (8 * i);
    wire->at += n;
    return true;
}

bool lh__wire_item(uint64_t *out, struct lh__wire *list,
                   enum lh__wire_type type)
{
    switch (type) {
    case LH__VARINT: return lh__wire_varint(out, list);
    case LH__FIXED64: return fixed(out, list, 8);
    case LH__FIXED32: return fixed(out, list, 4);
    case LH__BYTES:
    default: return false;
    }
}

bool lh__wire_next(struct lh__field *out, struct lh__wire *wire)
{
    struct lh__wire at = *wire;
    uint64_t key, n;

    if (at.at == at.end || !lh__wire_varint(&key, &at))
        return false;
    *out = (struct lh__field){.number = key >> 3,
                              .type = (enum lh__wire_type)(key & 7)};
    if (out->type == LH__BYTES) {
        if (!lh__wire_varint(&n, &at) || n > (uint64_t)(at.end - at.at))
            return false;
        out->sub = (struct lh__wire){at.at, at.at + n};
        at.at += n;
    } else if (!lh__wire_item(&out->value, &at, out->type)) {
        return false;
    }
    *wire = at;
    return true;
}

double lh__wire_double(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

double lh__wire_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;

    memcpy(&value, &low, sizeof value);
    return (double)value;
}

int64_t lh__wire_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* ---- out ----------------------------------------------------------------- */

static void put(struct lh__bytes *out, const void *from, size_t n)
{
    out->at = lh_grow(out->arena, out->at, &out->capacity, out->n + n, 1);
    if (n > 0)
        memcpy(out->at + out->n, from, n);
    out->n += n;
}

void lh__put_varint(struct lh__bytes *out, uint64_t value)
{
    unsigned char byte;

    do {
        byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put(out, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

void lh__put_uint(struct lh__bytes *out, uint64_t field, uint64_t value)
{
    lh__put_varint(out, field << 3 | LH__VARINT);
    lh__put_varint(out, value);
}

void lh__put_double(struct lh__bytes *out, uint64_t field, double value)
{
    uint64_t bits;
    unsigned char bytes[8];

    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(bits >> (8 * i));
    lh__put_varint(out, field << 3 | LH__FIXED64);
    put(out, bytes, sizeof bytes);
}

void lh__put_bytes(struct lh__bytes *out, uint64_t field, const void *from,
                   size_t n)
{
    lh__put_varint(out, field << 3 | LH__BYTES);
    lh__put_varint(out, n);
    put(out, from, n);
}

void lh__ids_add(struct lh__ids *ids, uint64_t id, struct lh_arena *arena)
{
    ids->at =
        lh_grow(arena, ids->at, &ids->capacity, ids->n + 1, sizeof *ids->at);
    ids->at[ids->n++] = id;
}
