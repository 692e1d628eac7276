/* Open alerts in order of their numbers, in leaves of a fixed size: a tree of one level. New ones go to the end; those
 * acknowledged may lie anywhere, and what moves then is one leaf (12 KiB at most) and sometimes the row of pointers.
 * Two neighbours together always hold more than one leaf could, so leaves are half full at least and memory follows
 * what is open. Finding is two binary searches. */
#include "engine/alert_internal.h"

#include "base/check.h"
#include "base/le.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAF 128u

typedef struct leaf {
    uint32_t count;    /* never 0 in the row */
    struct leaf *next; /* of the spare ones */
    alert at[LEAF];
} leaf;

struct alerts {
    leaf **leaves;
    size_t leaf_count, capacity; /* of the row */
    leaf *spare;
    size_t spare_count;
    size_t count, limit;
    uint64_t newest, dropped;
};

/* ------------------------------------------------------------------ names */

const char *alert_kind_name(unsigned kind) {
    switch (kind) {
#define X(name, number, text, title)                                                                                   \
    case number: return text;
        ALERT_KINDS(X)
#undef X
    default: return NULL;
    }
}

const char *alert_kind_title(unsigned kind) {
    switch (kind) {
#define X(name, number, text, title)                                                                                   \
    case number: return title;
        ALERT_KINDS(X)
#undef X
    default: return NULL;
    }
}

/* ------------------------------------------------------------------ images */

void alert_encode(const alert *a, uint8_t to[ALERT_IMAGE]) {
    le_put64(to, a->number);
    le_put64(to + 8, (uint64_t)a->at_ms);
    memcpy(to + 16, &a->subject, sizeof a->subject);
    to[28] = a->program;
    to[29] = a->kind;
    to[30] = a->level;
    to[31] = a->instrument_kind;
    le_put32(to + 32, a->account_version);
    le_put32(to + 36, a->usage_percent);
    le_put64(to + 40, (uint64_t)a->limit_fen);
    le_put64(to + 48, (uint64_t)a->used_fen);
    le_put64(to + 56, (uint64_t)a->required_fen);
    le_put64(to + 64, (uint64_t)a->lodged_fen);
    le_put64(to + 72, a->instrument);
    le_put64(to + 80, (uint64_t)a->due_ms);
    le_put64(to + 88, 0);
}

static bool is_sound(const alert *a) {
    bool usage = a->kind == ALERT_USAGE, ends = a->kind == ALERT_EXPIRING || a->kind == ALERT_EXPIRED;
    bool due = ends || a->kind == ALERT_TOPUP || a->kind == ALERT_OVERDUE;
    if (a->number == 0 || a->number > ALERT_NUMBER_MAX || alert_kind_name(a->kind) == NULL ||
        !subject_is_valid(&a->subject))
        return false;
    if (a->program < 1 || a->program > PROGRAM_MAX) return false;
    if (a->at_ms < 0 || a->at_ms > LEDGER_TIME_MAX_MS || a->due_ms > LEDGER_TIME_MAX_MS) return false;
    if (usage ? a->level < 1 || a->level > 3 : a->level != 0) return false;
    if (ends != (instrument_name(a->instrument_kind) != NULL) || ends != (a->instrument != 0)) return false;
    if (!ends && a->instrument_kind != 0) return false;
    if (a->zero != 0 || (due ? a->due_ms < 0 : a->due_ms != 0)) return false;
    return a->limit_fen >= 0 && a->used_fen >= 0 && a->required_fen >= 0 && a->lodged_fen >= 0;
}

status alert_decode(const uint8_t from[ALERT_IMAGE], alert *a) {
    alert read = {
        .number = le_get64(from),
        .at_ms = (int64_t)le_get64(from + 8),
        .program = from[28],
        .kind = from[29],
        .level = from[30],
        .instrument_kind = from[31],
        .account_version = le_get32(from + 32),
        .usage_percent = le_get32(from + 36),
        .limit_fen = (int64_t)le_get64(from + 40),
        .used_fen = (int64_t)le_get64(from + 48),
        .required_fen = (int64_t)le_get64(from + 56),
        .lodged_fen = (int64_t)le_get64(from + 64),
        .instrument = le_get64(from + 72),
        .due_ms = (int64_t)le_get64(from + 80),
        .zero = le_get64(from + 88),
    };
    memcpy(&read.subject, from + 16, sizeof read.subject);
    if (!is_sound(&read)) return STATUS_CORRUPT;
    *a = read;
    return STATUS_OK;
}

void alerts_put_key(uint64_t number, uint8_t key[KEY_ALERT]) {
    for (unsigned b = 0; b < KEY_ALERT; b++) key[b] = (uint8_t)(number >> (56 - 8 * b));
}

void alerts_append_numbers(buf *to, uint64_t newest, uint64_t dropped) {
    uint8_t value[ALERTS_IMAGE] = {IMAGE_ALERT};
    le_put64(value + 1, newest);
    le_put64(value + 9, dropped);
    change_append(to, CHANGE_STATE, STATE_ALERTS, sizeof STATE_ALERTS - 1, value, sizeof value);
}

bool alerts_is_numbers(const change *record) {
    size_t n = sizeof STATE_ALERTS - 1;
    return record->table == CHANGE_STATE && record->key_length == n && memcmp(record->key, STATE_ALERTS, n) == 0;
}

static status apply_numbers(alerts *a, const change *record) {
    if (record->removed || record->value_length != ALERTS_IMAGE || record->value[0] != IMAGE_ALERT)
        return STATUS_CORRUPT;
    uint64_t newest = le_get64(record->value + 1);
    if (newest > ALERT_NUMBER_MAX) return STATUS_CORRUPT;
    alerts_load_numbers(a, newest, le_get64(record->value + 9));
    return STATUS_OK;
}

status alerts_apply(alerts *a, const change *record) {
    if (alerts_is_numbers(record)) return apply_numbers(a, record);
    if (record->key_length != KEY_ALERT) return STATUS_CORRUPT;
    uint64_t number = 0;
    for (unsigned b = 0; b < KEY_ALERT; b++) number = number << 8 | record->key[b];
    if (record->removed) {
        alerts_remove(a, number);
        return STATUS_OK;
    }
    alert read;
    if (record->value_length != 1 + ALERT_IMAGE || record->value[0] != IMAGE_ALERT) return STATUS_CORRUPT;
    status code = alert_decode(record->value + 1, &read);
    if (code == STATUS_OK && read.number != number) code = STATUS_CORRUPT;
    return code == STATUS_OK ? alerts_load(a, &read) : code;
}

/* ------------------------------------------------------------------ leaves */

status alerts_create(size_t limit, alerts **out) {
    alerts *a = calloc(1, sizeof *a);
    *out = a;
    if (a == NULL) return STATUS_NO_MEMORY;
    a->limit = limit;
    return STATUS_OK;
}

static leaf *take_spare(alerts *a) {
    leaf *l = a->spare;
    CHECK(l != NULL);
    a->spare = l->next;
    a->spare_count--;
    l->count = 0;
    return l;
}

/* One is kept for the next time, so that a count that goes to and fro allocates nothing. */
static void give_back(alerts *a, leaf *l) {
    if (a->spare_count > 0) {
        free(l);
        return;
    }
    l->next = a->spare;
    a->spare = l;
    a->spare_count++;
}

void alerts_destroy(alerts **a) {
    if (*a == NULL) return;
    for (size_t i = 0; i < (*a)->leaf_count; i++) free((*a)->leaves[i]);
    while ((*a)->spare_count > 0) free(take_spare(*a));
    free((*a)->leaves);
    free(*a);
    *a = NULL;
}

/* So many more leaves can be had. */
static status reserve_leaves(alerts *a, size_t more) {
    if (a->leaf_count + more > a->capacity) {
        size_t capacity = a->capacity < 16 ? 16 : a->capacity;
        while (capacity < a->leaf_count + more) capacity *= 2;
        leaf **row = realloc(a->leaves, capacity * sizeof(leaf *));
        if (row == NULL) return STATUS_NO_MEMORY;
        a->leaves = row;
        a->capacity = capacity;
    }
    while (a->spare_count < more) {
        leaf *l = malloc(sizeof *l);
        if (l == NULL) return STATUS_NO_MEMORY;
        l->next = a->spare;
        a->spare = l;
        a->spare_count++;
    }
    return STATUS_OK;
}

static void insert_leaf(alerts *a, size_t at, leaf *l) {
    memmove(a->leaves + at + 1, a->leaves + at, (a->leaf_count - at) * sizeof(leaf *));
    a->leaves[at] = l;
    a->leaf_count++;
}

static void remove_leaf(alerts *a, size_t at) {
    give_back(a, a->leaves[at]);
    a->leaf_count--;
    memmove(a->leaves + at, a->leaves + at + 1, (a->leaf_count - at) * sizeof(leaf *));
}

/* The leaf in which a number is, or would be: the first that does not end before it; leaf_count if all do. */
static size_t leaf_of(const alerts *a, uint64_t number) {
    size_t low = 0, high = a->leaf_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const leaf *l = a->leaves[middle];
        if (l->at[l->count - 1].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first place of a leaf whose number is not below this. */
static uint32_t place_of(const leaf *l, uint64_t number) {
    uint32_t low = 0, high = l->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (l->at[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void merge_with_next(alerts *a, size_t at) {
    if (at + 1 >= a->leaf_count) return;
    leaf *l = a->leaves[at];
    const leaf *next = a->leaves[at + 1];
    if (l->count + next->count > LEAF) return;
    memcpy(l->at + l->count, next->at, next->count * sizeof(alert));
    l->count += next->count;
    remove_leaf(a, at + 1);
}

/* ------------------------------------------------------------------ the writer's calls */

status alerts_reserve(alerts *a, size_t more) {
    size_t room = a->leaf_count > 0 ? LEAF - a->leaves[a->leaf_count - 1]->count : 0;
    if (more <= room + a->spare_count * LEAF && a->leaf_count + a->spare_count <= a->capacity) return STATUS_OK;
    return reserve_leaves(a, (more - (more < room ? more : room) + LEAF - 1) / LEAF);
}

void alerts_add(alerts *a, const alert *added) {
    CHECK(added->number > a->newest);
    if (a->leaf_count == 0 || a->leaves[a->leaf_count - 1]->count == LEAF) {
        CHECK(a->leaf_count < a->capacity);
        insert_leaf(a, a->leaf_count, take_spare(a));
    }
    leaf *last = a->leaves[a->leaf_count - 1];
    last->at[last->count++] = *added;
    a->newest = added->number;
    a->count++;
}

bool alerts_remove(alerts *a, uint64_t number) {
    size_t at = leaf_of(a, number);
    if (at == a->leaf_count) return false;
    leaf *l = a->leaves[at];
    uint32_t place = place_of(l, number);
    if (l->at[place].number != number) return false;
    l->count--;
    memmove(l->at + place, l->at + place + 1, (l->count - place) * sizeof(alert));
    a->count--;
    if (l->count == 0) {
        remove_leaf(a, at);
        if (at > 0) merge_with_next(a, at - 1);
        return true;
    }
    merge_with_next(a, at);
    if (at > 0) merge_with_next(a, at - 1);
    return true;
}

void alerts_count_dropped(alerts *a, uint64_t more) { a->dropped += more; }

void alerts_load_numbers(alerts *a, uint64_t newest, uint64_t dropped) {
    if (newest > a->newest) a->newest = newest;
    if (dropped > a->dropped) a->dropped = dropped;
}

static void split(alerts *a, size_t at) {
    leaf *l = a->leaves[at], *upper = take_spare(a);
    upper->count = l->count / 2;
    l->count -= upper->count;
    memcpy(upper->at, l->at + l->count, upper->count * sizeof(alert));
    insert_leaf(a, at + 1, upper);
}

status alerts_load(alerts *a, const alert *loaded) {
    size_t at = leaf_of(a, loaded->number);
    if (at == a->leaf_count) { /* behind all: as they come, as a rule */
        status code = alerts_reserve(a, 1);
        if (code != STATUS_OK) return code;
        uint64_t newest = a->newest;
        a->newest = 0;
        alerts_add(a, loaded);
        alerts_load_numbers(a, newest, 0);
        return STATUS_OK;
    }
    leaf *l = a->leaves[at];
    uint32_t place = place_of(l, loaded->number);
    if (l->at[place].number == loaded->number) {
        l->at[place] = *loaded;
        return STATUS_OK;
    }
    if (l->count == LEAF) {
        status code = reserve_leaves(a, 1);
        if (code != STATUS_OK) return code;
        split(a, at);
        return alerts_load(a, loaded);
    }
    memmove(l->at + place + 1, l->at + place, (l->count - place) * sizeof(alert));
    l->at[place] = *loaded;
    l->count++;
    a->count++;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ reading */

size_t alerts_count(const alerts *a) { return a->count; }

uint64_t alerts_newest(const alerts *a) { return a->newest; }

uint64_t alerts_dropped(const alerts *a) { return a->dropped; }

size_t alerts_limit(const alerts *a) { return a->limit; }

size_t alerts_bytes(const alerts *a) {
    return sizeof *a + a->capacity * sizeof(leaf *) + (a->leaf_count + a->spare_count) * sizeof(leaf);
}

const alert *alerts_find(const alerts *a, uint64_t number) {
    size_t at = leaf_of(a, number);
    if (at == a->leaf_count) return NULL;
    const leaf *l = a->leaves[at];
    const alert *found = &l->at[place_of(l, number)];
    return found->number == number ? found : NULL;
}

size_t alerts_after(const alerts *a, uint64_t after, alert *out, size_t max) {
    if (after == UINT64_MAX) return 0;
    size_t n = 0, at = leaf_of(a, after + 1);
    uint32_t place = at < a->leaf_count ? place_of(a->leaves[at], after + 1) : 0;
    for (; at < a->leaf_count && n < max; at++, place = 0) {
        const leaf *l = a->leaves[at];
        size_t take = l->count - place < max - n ? l->count - place : max - n;
        memcpy(out + n, l->at + place, take * sizeof(alert));
        n += take;
    }
    return n;
}

bool alerts_check(const alerts *a, char *problem, size_t room) {
    uint64_t before = 0;
    size_t count = 0;
    for (size_t i = 0; i < a->leaf_count; i++) {
        const leaf *l = a->leaves[i];
        if (l->count == 0 || l->count > LEAF) {
            snprintf(problem, room, "leaf %zu of the alerts holds %u", i, l->count);
            return false;
        }
        for (uint32_t k = 0; k < l->count; before = l->at[k++].number)
            if (l->at[k].number <= before || l->at[k].number > a->newest || !is_sound(&l->at[k])) {
                snprintf(problem, room, "alert %llu is out of order or damaged", (unsigned long long)l->at[k].number);
                return false;
            }
        count += l->count;
    }
    if (count != a->count) snprintf(problem, room, "%zu alerts are open, %zu were counted", count, a->count);
    return count == a->count;
}
