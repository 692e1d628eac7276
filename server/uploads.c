/* Texts grow as they are received, so an announced size costs nothing. A draft counts its holders: the connection, and
 * every command on its way; one that is held by a command is copied before it is written to, which happens only to a
 * client that uploads into a draft before its command has been answered. */
#include "server/uploads.h"

#include "base/buf.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct draft_file {
    char name[LIMIT_NAME_MAX + 1];
    uint32_t total;
    buf text;
} draft_file;

struct draft {
    atomic_uint holders;
    uint32_t number;
    size_t bytes;
    size_t count, capacity;
    draft_file *files;
    policy_file shown[LIMIT_POLICY_FILES]; /* made by draft_files */
};

static _Atomic size_t all_bytes;

size_t uploads_bytes(void) { return atomic_load(&all_bytes); }

static draft *draft_new(uint32_t number) {
    draft *d = calloc(1, sizeof *d);
    if (d == NULL) return NULL;
    atomic_init(&d->holders, 1);
    d->number = number;
    return d;
}

void draft_release(draft *d) {
    if (d == NULL || atomic_fetch_sub(&d->holders, 1) != 1) return;
    for (size_t i = 0; i < d->count; i++) buf_deinit(&d->files[i].text);
    atomic_fetch_sub(&all_bytes, d->bytes);
    free(d->files);
    free(d);
}

static draft_file *add_file(draft *d, const char *name, size_t length) {
    if (d->count == d->capacity) {
        size_t more = d->capacity == 0 ? 8 : d->capacity * 2;
        draft_file *files = realloc(d->files, more * sizeof *files);
        if (files == NULL) return NULL;
        d->files = files;
        d->capacity = more;
    }
    draft_file *f = &d->files[d->count++];
    *f = (draft_file){0};
    memcpy(f->name, name, length);
    return f;
}

static draft *draft_copy(const draft *from) {
    draft *d = draft_new(from->number);
    if (d == NULL) return NULL;
    for (size_t i = 0; i < from->count; i++) {
        const draft_file *f = &from->files[i];
        draft_file *copy = add_file(d, f->name, strlen(f->name));
        if (copy != NULL) {
            copy->total = f->total;
            buf_append(&copy->text, f->text.data, f->text.size);
        }
        if (copy == NULL || copy->text.failed) {
            draft_release(d);
            return NULL;
        }
        d->bytes += copy->text.size;
        atomic_fetch_add(&all_bytes, copy->text.size);
    }
    return d;
}

/* ------------------------------------------------------------------ taking parts */

static draft_file *find_file(draft *d, const upload *part) {
    for (size_t i = 0; i < d->count; i++)
        if (strlen(d->files[i].name) == part->name_length &&
            memcmp(d->files[i].name, part->name, part->name_length) == 0)
            return &d->files[i];
    return NULL;
}

static void forget_text(draft *d, draft_file *f) {
    d->bytes -= f->text.size;
    atomic_fetch_sub(&all_bytes, f->text.size);
    buf_deinit(&f->text);
}

static status append(draft *d, draft_file *f, const upload *part) {
    if (d->bytes + part->part_length > LIMIT_DRAFT_BYTES) return STATUS_TOO_LARGE;
    if (atomic_load(&all_bytes) + part->part_length > LIMIT_DRAFTS_BYTES) return STATUS_OVERLOADED;
    size_t before = f->text.size;
    buf_append(&f->text, part->part, part->part_length);
    if (f->text.failed) {
        f->text.failed = false;
        f->text.size = before;
        return STATUS_NO_MEMORY;
    }
    d->bytes += part->part_length;
    atomic_fetch_add(&all_bytes, part->part_length);
    return STATUS_OK;
}

static status take_part(draft *d, const upload *part, uint32_t *received) {
    draft_file *f = find_file(d, part);
    if (part->offset == 0) {
        if (f == NULL && d->count == LIMIT_POLICY_FILES) return STATUS_TOO_LARGE;
        if (f == NULL)
            f = add_file(d, part->name, part->name_length);
        else
            forget_text(d, f);
        if (f == NULL) return STATUS_NO_MEMORY;
        f->total = part->total;
    } else if (f == NULL || f->total != part->total || f->text.size != part->offset) {
        return STATUS_BAD_ENTRY;
    }
    status s = append(d, f, part);
    *received = (uint32_t)f->text.size;
    return s;
}

static status check(const upload *part) {
    if (memchr(part->name, '/', part->name_length) != NULL) return STATUS_BAD_ENTRY;
    if (part->total > LIMIT_POLICY_FILE_BYTES || part->total > LIMIT_DRAFT_BYTES) return STATUS_TOO_LARGE;
    return part->part_length > part->total - part->offset ? STATUS_BAD_ENTRY : STATUS_OK;
}

static status begin(uploads *u, const upload *part, uint32_t *number, uint32_t *received) {
    draft *d = draft_new(u->last + 1 != 0 ? u->last + 1 : 1);
    if (d == NULL) return STATUS_NO_MEMORY;
    status s = take_part(d, part, received);
    if (s != STATUS_OK) {
        draft_release(d);
        return s;
    }
    size_t at = 0;
    while (at < LIMIT_DRAFTS && u->drafts[at] != NULL) at++;
    if (at == LIMIT_DRAFTS) {
        draft_release(u->drafts[0]);
        memmove(u->drafts, u->drafts + 1, (LIMIT_DRAFTS - 1) * sizeof *u->drafts);
        at--;
    }
    u->drafts[at] = d;
    *number = u->last = d->number;
    return STATUS_OK;
}

status uploads_take(uploads *u, const upload *part, uint32_t *number, uint32_t *received) {
    *number = part->draft;
    *received = 0;
    status s = check(part);
    if (s != STATUS_OK) return s;
    if (part->draft == 0) return begin(u, part, number, received);
    for (size_t i = 0; i < LIMIT_DRAFTS && u->drafts[i] != NULL; i++) {
        draft *d = u->drafts[i];
        if (d->number != part->draft) continue;
        if (atomic_load(&d->holders) > 1) { /* only this thread adds holders */
            draft *copy = draft_copy(d);
            if (copy == NULL) return STATUS_NO_MEMORY;
            draft_release(d);
            u->drafts[i] = d = copy;
        }
        return take_part(d, part, received);
    }
    return STATUS_UNKNOWN_DRAFT;
}

void uploads_deinit(uploads *u) {
    for (size_t i = 0; i < LIMIT_DRAFTS; i++) draft_release(u->drafts[i]);
    *u = (uploads){0};
}

/* ------------------------------------------------------------------ for commands */

void uploads_hold(const uploads *u, draft *held[LIMIT_DRAFTS]) {
    for (size_t i = 0; i < LIMIT_DRAFTS; i++) {
        held[i] = u->drafts[i];
        if (held[i] != NULL) atomic_fetch_add(&held[i]->holders, 1);
    }
}

uint32_t draft_number(const draft *d) { return d->number; }

bool draft_files(draft *d, const policy_file **files, size_t *count, const char **missing) {
    for (size_t i = 0; i < d->count; i++) {
        const draft_file *f = &d->files[i];
        *missing = f->name;
        if (f->text.size != f->total) return false;
        d->shown[i] = (policy_file){f->name, (const char *)f->text.data, f->text.size};
    }
    *files = d->shown;
    *count = d->count;
    return true;
}
