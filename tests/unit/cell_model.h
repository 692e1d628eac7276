/* A second, naive reading of decision tables: cells as small trees that are drawn at random, printed as text for the
 * parser, and evaluated by going through them. Shares nothing with engine/sfeel.c but the language. */
#ifndef XINYI_TESTS_CELL_MODEL_H
#define XINYI_TESTS_CELL_MODEL_H

#include "base/division.h"
#include "policy_helper.h"

typedef enum model_kind {
    MODEL_VALUE,
    MODEL_LESS,
    MODEL_LESS_EQUAL,
    MODEL_GREATER,
    MODEL_GREATER_EQUAL,
    MODEL_RANGE,
    MODEL_MISSING
} model_kind;

typedef struct model_item {
    model_kind kind;
    int64_t low, high;
    bool open_low, open_high;
} model_item;

typedef struct model_cell {
    const profile_field *field;
    bool any, negated, or_missing; /* negated: not(items); or_missing: ", missing" behind the parenthesis */
    unsigned count;
    model_item items[4];
} model_cell;

static inline bool model_ordered(const profile_field *f) {
    return f->type == PROFILE_NUMBER || f->type == PROFILE_SCORE || f->type == PROFILE_HUNDREDTHS ||
           f->type == PROFILE_DAY || (f->type == PROFILE_ENUM && f->ordered);
}

/* A value that the field can have, often one of few, so that cells and profiles meet. */
static inline int64_t model_value(dice *d, const profile_field *f) {
    static const int64_t DIVISIONS[] = {530000, 530100, 530102, 530103, 530300, 530302, 110000, 530199, 530001};
    static const int64_t SECTORS[] = {400, 444, 445, 100, 2699, 499, 500, 399, 401};
    if (f->type == PROFILE_DIVISION) return DIVISIONS[dice_below(d, 9)];
    if (f->type == PROFILE_SECTOR) return SECTORS[dice_below(d, 9)];
    int64_t low = f->min, high = f->max;
    if (f->has_missing && f->missing == (uint32_t)low) low++;
    switch (dice_below(d, 5)) {
    case 0: return low;
    case 1: return high;
    case 2: return low + (int64_t)dice_below(d, (uint64_t)(high - low) + 1);
    default: {
        int64_t v = low + (int64_t)dice_below(d, 12);
        return v < high ? v : high;
    }
    }
}

static inline model_item model_draw_item(dice *d, const profile_field *f) {
    model_item item = {.kind = (model_kind)dice_below(d, 7), .low = model_value(d, f), .high = model_value(d, f)};
    if (item.kind == MODEL_MISSING && (!f->has_missing || dice_below(d, 2))) item.kind = MODEL_VALUE;
    if (!model_ordered(f) && item.kind != MODEL_MISSING) item.kind = MODEL_VALUE;
    item.open_low = dice_below(d, 2);
    item.open_high = dice_below(d, 2);
    if (item.kind == MODEL_RANGE && item.low > item.high) {
        int64_t swap = item.low;
        item.low = item.high;
        item.high = swap;
    }
    return item;
}

static inline model_cell model_draw(dice *d, const profile_field *f, unsigned percent_any) {
    model_cell cell = {.field = f, .any = dice_below(d, 100) < percent_any};
    if (cell.any) return cell;
    cell.count = 1 + (unsigned)(dice_below(d, 3) ? 0 : dice_below(d, 3));
    for (unsigned i = 0; i < cell.count; i++) cell.items[i] = model_draw_item(d, f);
    cell.negated = dice_below(d, 5) == 0;
    cell.or_missing = f->has_missing && cell.negated && dice_below(d, 3) == 0;
    return cell;
}

static inline size_t model_print_value(const profile_field *f, int64_t v, bool quoted, char *to, size_t room) {
    char text[PROFILE_VALUE_TEXT];
    profile_format_value(f, v, text);
    return (size_t)snprintf(to, room, quoted ? "\"%s\"" : "%s", text);
}

/* As an officer would write it; `d` decides on blanks and quotes. */
static inline const char *model_print(dice *d, const model_cell *cell, char *to, size_t room) {
    static const char *const SIGNS[] = {"", "<", "<=", ">", ">="};
    size_t n = 0;
    if (cell->any) {
        snprintf(to, room, "-");
        return to;
    }
    if (cell->negated) n += (size_t)snprintf(to + n, room - n, dice_below(d, 2) ? "not(" : "not ( ");
    for (unsigned i = 0; i < cell->count; i++) {
        const model_item *item = &cell->items[i];
        bool quoted = dice_below(d, 3) == 0;
        if (i) n += (size_t)snprintf(to + n, room - n, dice_below(d, 2) ? ", " : " , ");
        if (item->kind == MODEL_MISSING) {
            n += (size_t)snprintf(to + n, room - n, "%s", dice_below(d, 2) ? "missing" : "unrated");
            continue;
        }
        if (item->kind == MODEL_RANGE) {
            const char *begin = item->open_low ? (dice_below(d, 2) ? "(" : "]") : "[";
            const char *end = item->open_high ? (dice_below(d, 2) ? ")" : "[") : "]";
            n += (size_t)snprintf(to + n, room - n, "%s", begin);
            n += model_print_value(cell->field, item->low, quoted, to + n, room - n);
            n += (size_t)snprintf(to + n, room - n, dice_below(d, 2) ? ".." : " .. ");
            n += model_print_value(cell->field, item->high, quoted, to + n, room - n);
            n += (size_t)snprintf(to + n, room - n, "%s", end);
            continue;
        }
        n += (size_t)snprintf(to + n, room - n, "%s%s", SIGNS[item->kind], dice_below(d, 2) ? " " : "");
        n += model_print_value(cell->field, item->low, quoted, to + n, room - n);
    }
    if (cell->negated) n += (size_t)snprintf(to + n, room - n, ")");
    if (cell->or_missing) snprintf(to + n, room - n, ", missing");
    return to;
}

static inline bool model_item_matches(const profile_field *f, const model_item *item, int64_t v) {
    if (item->kind == MODEL_MISSING || v == PROFILE_MISSING) return item->kind == MODEL_MISSING && v == PROFILE_MISSING;
    switch (item->kind) {
    case MODEL_LESS: return v < item->low;
    case MODEL_LESS_EQUAL: return v <= item->low;
    case MODEL_GREATER: return v > item->low;
    case MODEL_GREATER_EQUAL: return v >= item->low;
    case MODEL_RANGE:
        return (item->open_low ? v > item->low : v >= item->low) &&
               (item->open_high ? v < item->high : v <= item->high);
    default: break;
    }
    if (f->type == PROFILE_DIVISION) return division_covers((uint32_t)item->low, (uint32_t)v);
    if (f->type == PROFILE_SECTOR && item->low % 100 == 0) return v / 100 == item->low / 100;
    return v == item->low;
}

static inline bool model_matches(const model_cell *cell, int64_t v) {
    if (cell->any) return true;
    if (v == PROFILE_MISSING && cell->negated) return cell->or_missing;
    bool some = false;
    for (unsigned i = 0; i < cell->count; i++) some |= model_item_matches(cell->field, &cell->items[i], v);
    return cell->negated ? !some : some;
}

/* A value near the edges of a cell, or any. */
static inline int64_t model_value_near(dice *d, const model_cell *cell) {
    const profile_field *f = cell->field;
    if (f->has_missing && dice_below(d, 6) == 0) return PROFILE_MISSING;
    if (cell->any || cell->count == 0 || dice_below(d, 3) == 0) return model_value(d, f);
    const model_item *item = &cell->items[dice_below(d, cell->count)];
    int64_t v = (dice_below(d, 2) ? item->low : item->high) + (int64_t)dice_below(d, 3) - 1;
    if (f->has_missing && v == (int64_t)f->missing) return PROFILE_MISSING;
    return v < f->min || v > f->max || (f->type == PROFILE_SECTOR && v < 100) ? model_value(d, f) : v;
}

#endif
