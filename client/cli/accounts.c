/* Linear probing at most half full; instruments of an account lie together in one array and move to its end when they
 * outgrow their place, which at eight a piece is rare. */
#include "client/cli/accounts.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define LOAD_ENTRIES 1024

void accounts_deinit(accounts *a) {
    free(a->entries);
    free(a->instruments);
    *a = (accounts){0};
}

static size_t slot_of(const accounts *a, const uint8_t subject[12]) {
    size_t mask = a->capacity - 1, i = (size_t)XXH3_64bits(subject, 12) & mask;
    while (a->entries[i].used && memcmp(a->entries[i].subject, subject, 12) != 0) i = (i + 1) & mask;
    return i;
}

accounts_entry *accounts_find(const accounts *a, const uint8_t subject[12]) {
    if (a->capacity == 0) return NULL;
    accounts_entry *e = &a->entries[slot_of(a, subject)];
    return e->used ? e : NULL;
}

static bool grow(accounts *a) {
    accounts bigger = *a;
    bigger.capacity = a->capacity == 0 ? 1024 : a->capacity * 2;
    bigger.entries = calloc(bigger.capacity, sizeof *bigger.entries);
    if (bigger.entries == NULL) return false;
    for (size_t i = 0; i < a->capacity; i++)
        if (a->entries[i].used) bigger.entries[slot_of(&bigger, a->entries[i].subject)] = a->entries[i];
    free(a->entries);
    *a = bigger;
    return true;
}

accounts_entry *accounts_open(accounts *a, const uint8_t subject[12]) {
    accounts_entry *e = accounts_find(a, subject);
    if (e != NULL) return e;
    if (a->count * 2 >= a->capacity && !grow(a)) return NULL;
    e = &a->entries[slot_of(a, subject)];
    *e = (accounts_entry){.used = true};
    memcpy(e->subject, subject, sizeof e->subject);
    a->count++;
    return e;
}

const xinyi_instrument *accounts_instruments(const accounts *a, const accounts_entry *e) {
    return e->instrument_count == 0 ? NULL : a->instruments + e->first;
}

/* Room for `more` instruments at the end of the array. */
static bool reserve(accounts *a, size_t more) {
    if (a->instrument_count + more <= a->instrument_capacity) return true;
    size_t want = a->instrument_capacity == 0 ? 1024 : a->instrument_capacity * 2;
    xinyi_instrument *grown = realloc(a->instruments, want * sizeof *grown);
    if (grown == NULL) return false;
    a->instruments = grown;
    a->instrument_capacity = want;
    return true;
}

bool accounts_pledge(accounts *a, accounts_entry *e, const xinyi_instrument *instrument) {
    if (e->instrument_count == LIMIT_INSTRUMENTS) return false;
    if (e->instrument_count == e->instrument_room) {
        uint8_t room = e->instrument_room == 0 ? 2 : LIMIT_INSTRUMENTS;
        if (!reserve(a, room)) return false;
        if (e->instrument_count > 0)
            memcpy(a->instruments + a->instrument_count, a->instruments + e->first,
                   e->instrument_count * sizeof *instrument);
        e->first = a->instrument_count;
        e->instrument_room = room;
        a->instrument_count += room;
    }
    a->instruments[e->first + e->instrument_count++] = *instrument;
    return true;
}

static bool add(accounts *a, const xinyi_account *from) {
    accounts_entry *e = accounts_open(a, from->subject.bytes);
    if (e == NULL) return false;
    e->energy[COLUMNS_ENERGY_12M] = from->energy_12m_mwh;
    e->energy[COLUMNS_WHOLESALE_2M] = from->wholesale_2m_mwh;
    e->energy[COLUMNS_RETAIL_2M] = from->retail_2m_mwh;
    e->energy[COLUMNS_FORECAST_12M] = from->forecast_12m_mwh / 1000;
    size_t n = from->instrument_count < LIMIT_INSTRUMENTS ? from->instrument_count : LIMIT_INSTRUMENTS;
    for (size_t i = 0; i < n; i++)
        if (!accounts_pledge(a, e, &from->instruments[i])) return false;
    return true;
}

int accounts_load(accounts *a, xinyi *x, unsigned purpose) {
    xinyi_account *batch = malloc(LOAD_ENTRIES * sizeof *batch);
    uint64_t cursor = 0;
    int code = batch == NULL ? XINYI_NO_MEMORY : 0;
    while (code == 0) {
        size_t n = LOAD_ENTRIES;
        code = xinyi_scan_accounts(x, purpose, &cursor, batch, &n);
        if (code != 0 || n == 0) break;
        for (size_t i = 0; i < n && code == 0; i++) {
            if (batch[i].program != XINYI_PROGRAM_POWER)
                a->foreign++;
            else if (!add(a, &batch[i]))
                code = XINYI_NO_MEMORY;
        }
    }
    free(batch);
    return code;
}
