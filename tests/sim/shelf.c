/* A frame of the file: u32 length, u32 zero, u64 number, u64 checksum, then steps (u8 what, u8 family, u8 key length,
 * u8 zero, u32 value length, key, value). The checksum is seeded with the number, so a frame counts at its place only.
 * Reading ends at the first frame that is not whole: what is behind it was never synced. */
#include "tests/sim/shelf.h"

#include "base/check.h"
#include "base/le.h"
#include "tests/sim/breaks.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FRAME_HEAD 24
#define STEP_HEAD 8
enum { STEP_PUT = 1, STEP_DELETE, STEP_CUT };

/* ------------------------------------------------------------------ items */

static int compare(const shelf_item *item, unsigned family, const uint8_t *key, size_t key_length) {
    if (item->family != family) return item->family < family ? -1 : 1;
    size_t n = item->key_length < key_length ? item->key_length : key_length;
    int order = n > 0 ? memcmp(item->key, key, n) : 0;
    if (order != 0) return order;
    return (item->key_length > key_length) - (item->key_length < key_length);
}

size_t shelf_seek(const shelf *s, unsigned family, const void *key, size_t key_length) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&s->items[middle], family, key, key_length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const shelf_item *shelf_get(const shelf *s, unsigned family, const void *key, size_t key_length) {
    const shelf_item *item = shelf_at(s, family, shelf_seek(s, family, key, key_length));
    return item != NULL && compare(item, family, key, key_length) == 0 ? item : NULL;
}

static void set_item(shelf *s, unsigned family, const uint8_t *key, size_t key_length, const uint8_t *value,
                     size_t length) {
    size_t at = shelf_seek(s, family, key, key_length);
    bool there = at < s->count && compare(&s->items[at], family, key, key_length) == 0;
    if (!there) {
        if (s->count == s->room) {
            s->room = s->room == 0 ? 64 : s->room * 2;
            s->items = realloc(s->items, s->room * sizeof *s->items);
            CHECK(s->items != NULL);
        }
        memmove(&s->items[at + 1], &s->items[at], (s->count - at) * sizeof *s->items);
        s->items[at] = (shelf_item){.family = (uint8_t)family, .key_length = (uint8_t)key_length};
        memcpy(s->items[at].key, key, key_length);
        s->count++;
    }
    shelf_item *item = &s->items[at];
    item->value = realloc(item->value, length > 0 ? length : 1);
    CHECK(item->value != NULL);
    memcpy(item->value, value, length);
    item->length = length;
}

static void drop_items(shelf *s, size_t from, size_t to) {
    if (from >= to) return;
    for (size_t i = from; i < to; i++) free(s->items[i].value);
    memmove(&s->items[from], &s->items[to], (s->count - to) * sizeof *s->items);
    s->count -= to - from;
}

static void do_step(shelf *s, unsigned what, unsigned family, const uint8_t *key, size_t key_length,
                    const uint8_t *value, size_t length) {
    size_t at = shelf_seek(s, family, key, key_length);
    bool there = at < s->count && compare(&s->items[at], family, key, key_length) == 0;
    if (what == STEP_PUT) set_item(s, family, key, key_length, value, length);
    if (what == STEP_DELETE) drop_items(s, at, at + there);
    if (what == STEP_CUT) drop_items(s, shelf_seek(s, family, NULL, 0), at + there);
}

static void do_steps(shelf *s, const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        size_t key_length = bytes[at + 2], length = le_get32(bytes + at + 4);
        const uint8_t *key = bytes + at + STEP_HEAD;
        do_step(s, bytes[at], bytes[at + 1], key, key_length, key + key_length, length);
        at += STEP_HEAD + key_length + length;
    }
}

/* ------------------------------------------------------------------ frames */

static void add_step(buf *to, unsigned what, unsigned family, const void *key, size_t key_length, const void *value,
                     size_t length) {
    uint8_t head[STEP_HEAD] = {(uint8_t)what, (uint8_t)family, (uint8_t)key_length};
    le_put32(head + 4, (uint32_t)length);
    buf_append(to, head, sizeof head);
    buf_append(to, key, key_length);
    if (length > 0) buf_append(to, value, length);
}

void shelf_put(shelf *s, unsigned family, const void *key, size_t key_length, const void *value, size_t length) {
    add_step(&s->batch, STEP_PUT, family, key, key_length, value, length);
}

void shelf_delete(shelf *s, unsigned family, const void *key, size_t key_length) {
    add_step(&s->batch, STEP_DELETE, family, key, key_length, NULL, 0);
}

void shelf_cut(shelf *s, unsigned family, const void *upto, size_t key_length) {
    add_step(&s->batch, STEP_CUT, family, upto, key_length, NULL, 0);
}

static status append_frame(shelf *s, unsigned file, uint64_t number, disk_place at) {
    uint8_t head[FRAME_HEAD] = {0};
    le_put32(head, (uint32_t)s->batch.size);
    le_put64(head + 8, number);
    le_put64(head + 16, XXH3_64bits_withSeed(s->batch.data, s->batch.size, number));
    buf_clear(&s->frame);
    buf_append(&s->frame, head, sizeof head);
    buf_append(&s->frame, s->batch.data, s->batch.size);
    CHECK(buf_status(&s->batch) == STATUS_OK && buf_status(&s->frame) == STATUS_OK);
    return disk_append(s->d, file, s->frame.data, s->frame.size, at);
}

status shelf_write(shelf *s, disk_place at, disk_place sync_at) {
    status code = append_frame(s, s->file, s->frames, at);
    if (code == STATUS_OK && sync_at != DISK_PLACES && !broken(BREAK_NO_SYNC)) code = disk_sync(s->d, s->file, sync_at);
    if (code == STATUS_OK) {
        do_steps(s, s->batch.data, s->batch.size);
        s->frames++;
    }
    buf_clear(&s->batch);
    return code;
}

/* ------------------------------------------------------------------ opening */

static void read_file(shelf *s, unsigned file) {
    size_t size, at = 0;
    const uint8_t *bytes = disk_bytes(s->d, file, &size);
    for (uint64_t number = 0; size - at >= FRAME_HEAD; number++) {
        const uint8_t *head = bytes + at;
        size_t length = le_get32(head);
        if (length > size - at - FRAME_HEAD || le_get64(head + 8) != number) return;
        const uint8_t *steps = head + FRAME_HEAD;
        if (le_get64(head + 16) != XXH3_64bits_withSeed(steps, length, number)) return;
        do_steps(s, steps, length);
        at += FRAME_HEAD + length;
    }
}

static status write_file(shelf *s, unsigned file) {
    status code = disk_create(s->d, file, DISK_AT_OPEN_CREATE);
    buf_clear(&s->batch);
    for (size_t i = 0; i < s->count; i++) {
        const shelf_item *item = &s->items[i];
        shelf_put(s, item->family, item->key, item->key_length, item->value, item->length);
    }
    s->frames = 0;
    if (code == STATUS_OK) code = append_frame(s, file, s->frames++, DISK_AT_OPEN_WRITE);
    buf_clear(&s->batch);
    if (code == STATUS_OK) code = disk_sync(s->d, file, DISK_AT_OPEN_SYNC);
    if (code == STATUS_OK) code = disk_switch(s->d, file, DISK_AT_OPEN_SWITCH);
    s->file = file;
    return code;
}

status shelf_open(disk *d, shelf *s) {
    *s = (shelf){.d = d};
    read_file(s, d->current);
    status code = write_file(s, 1 - d->current);
    if (code != STATUS_OK) shelf_close(s);
    return code;
}

void shelf_close(shelf *s) {
    drop_items(s, 0, s->count);
    free(s->items);
    buf_deinit(&s->batch);
    buf_deinit(&s->frame);
    *s = (shelf){0};
}
