/* The stored images as tables of named fields, which the dump is written and read by: no byte without a field, no field
 * twice, as tests/unit/engine/dump_test.c checks. Private to engine/dump.h. */
#ifndef XINYI_ENGINE_DUMP_LAYOUT_H
#define XINYI_ENGINE_DUMP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum layout_type {
    LAYOUT_U8,
    LAYOUT_U16,
    LAYOUT_U32,
    LAYOUT_U64,
    LAYOUT_I64,
    LAYOUT_VERSION, /* u32, shifted by one; the low bit is 0 */
    LAYOUT_DAY,     /* u16 */
    LAYOUT_NAMED,   /* 1 or 2 bytes: a number that has a name */
    LAYOUT_HEX,     /* bytes */
    LAYOUT_TEXT,    /* bytes: a text with zeros behind it; where it is none, NAME_hex */
    LAYOUT_SUBJECT, /* 12 bytes */
    LAYOUT_ZERO,    /* bytes that are zero; no name */
    LAYOUT_OTHER,   /* bytes that are the caller's to write; no name */
} layout_type;

typedef struct layout_field {
    const char *name;
    uint8_t type; /* layout_type */
    bool always;  /* written even if it is 0 */
    uint16_t offset, size;
    uint32_t kinds; /* 1 << kind: only for these; 0: for all */
    const char *(*names)(unsigned value);
} layout_field;

typedef struct layout {
    size_t size;
    int kind_at; /* where the byte is that `kinds` speaks of; -1: nowhere */
    const layout_field *fields;
    size_t count;
} layout;

extern const layout layout_item, layout_account, layout_balance, layout_instrument, layout_alert;
extern const layout layout_operation;    /* a whole entry */
extern const layout layout_operation_v1; /* of version 1 */
extern const layout layout_event;        /* an entry without its last 8 bytes */
extern const layout layout_expiry;

static inline bool layout_has(const layout_field *f, unsigned kind) {
    return f->kinds == 0 || (kind < 32 && (f->kinds >> kind & 1) != 0);
}

#endif
