/* Each file exists twice: as it is seen, and as it is kept. A sector is clean (both are the same), dirty (the next sync
 * keeps it) or a ghost (a sync of it has failed: seen, and never kept by a later sync). Cost: copies. */
#include "tests/sim/disk.h"

#include "base/check.h"
#include "tests/unit/engine_help.h"

enum { SECTOR_CLEAN, SECTOR_DIRTY, SECTOR_GHOST };

const char *disk_place_text(unsigned place) {
    static const char *const texts[] = {
#define X(name, text) text,
        DISK_POINTS(X)
#undef X
    };
    return place < DISK_PLACES ? texts[place] : "?";
}

void disk_init(disk *d, uint64_t *random) { *d = (disk){.random = random}; }

void disk_deinit(disk *d) {
    for (unsigned i = 0; i < DISK_FILES; i++) {
        free(d->files[i].seen);
        free(d->files[i].kept);
        free(d->files[i].sectors);
    }
}

static size_t sectors_of(size_t bytes) { return (bytes + DISK_SECTOR - 1) / DISK_SECTOR; }

static void make_room(disk_file *f, size_t size) {
    if (size <= f->room) return;
    size_t room = f->room == 0 ? 64 * DISK_SECTOR : f->room;
    while (room < size) room *= 2;
    f->seen = realloc(f->seen, room);
    f->kept = realloc(f->kept, room);
    f->sectors = realloc(f->sectors, sectors_of(room));
    CHECK(f->seen != NULL && f->kept != NULL && f->sectors != NULL);
    memset(f->seen + f->room, 0, room - f->room);
    memset(f->kept + f->room, 0, room - f->room);
    memset(f->sectors + sectors_of(f->room), SECTOR_CLEAN, sectors_of(room) - sectors_of(f->room));
    f->room = room;
}

/* ------------------------------------------------------------------ what may happen to an operation */

static bool dies(disk *d, disk_place at) {
    if (d->dead) return true;
    if (d->dies_in == 0 || --d->dies_in > 0) return false;
    d->died_at[at]++;
    d->dead = true;
    return true;
}

static disk_fault next_fault(disk *d) {
    if (d->fault_in == 0 || --d->fault_in > 0) return DISK_WELL;
    d->faults[d->fault]++;
    return d->fault;
}

status disk_point(disk *d, disk_place at) { return dies(d, at) ? STATUS_CLOSED : STATUS_OK; }

/* ------------------------------------------------------------------ writing */

static void put(disk_file *f, const uint8_t *bytes, size_t n) {
    make_room(f, f->size + n);
    memcpy(f->seen + f->size, bytes, n);
    for (size_t s = f->size / DISK_SECTOR; n > 0 && s < sectors_of(f->size + n); s++) f->sectors[s] = SECTOR_DIRTY;
    f->size += n;
}

/* The bytes of the first sectors; at least one sector is missing. */
static size_t torn(disk *d, const disk_file *f, size_t n) {
    size_t first = DISK_SECTOR - f->size % DISK_SECTOR;
    if (n <= first) return 0;
    size_t sectors = sectors_of(n - first), whole = help_below(d->random, (uint32_t)sectors + 1);
    if (whole == sectors) return 0;
    return first + whole * DISK_SECTOR;
}

status disk_append(disk *d, unsigned file, const void *bytes, size_t n, disk_place at) {
    if (d->dead) return STATUS_CLOSED;
    disk_file *f = &d->files[file];
    if (dies(d, at)) {
        put(f, bytes, help_below(d->random, 2) ? n : torn(d, f, n));
        return STATUS_CLOSED;
    }
    if (d->full) {
        d->refused_full++;
        return STATUS_NO_SPACE;
    }
    disk_fault fault = next_fault(d);
    if (fault == DISK_WELL || fault == DISK_FAILS_APPLIED) put(f, bytes, n);
    if (fault == DISK_TEARS) put(f, bytes, torn(d, f, n));
    return fault == DISK_WELL ? STATUS_OK : STATUS_IO_ERROR;
}

static void keep(disk_file *f, size_t sector) {
    memcpy(f->kept + sector * DISK_SECTOR, f->seen + sector * DISK_SECTOR, DISK_SECTOR);
    f->sectors[sector] = SECTOR_CLEAN;
    size_t end = (sector + 1) * DISK_SECTOR;
    if (end > f->size) end = f->size;
    if (end > f->kept_size) f->kept_size = end;
}

/* Of the dirty sectors the first `most` are kept. */
static void keep_dirty(disk_file *f, size_t most) {
    for (size_t s = 0; s < sectors_of(f->size) && most > 0; s++) {
        if (f->sectors[s] != SECTOR_DIRTY) continue;
        keep(f, s);
        most--;
    }
}

static size_t count_dirty(const disk_file *f) {
    size_t n = 0;
    for (size_t s = 0; s < sectors_of(f->size); s++) n += f->sectors[s] == SECTOR_DIRTY;
    return n;
}

status disk_sync(disk *d, unsigned file, disk_place at) {
    if (d->dead) return STATUS_CLOSED;
    disk_file *f = &d->files[file];
    size_t dirty = count_dirty(f);
    if (dies(d, at)) {
        keep_dirty(f, help_below(d->random, (uint32_t)dirty + 1));
        return STATUS_CLOSED;
    }
    disk_fault fault = next_fault(d);
    size_t kept = fault == DISK_FAILS ? 0 : fault == DISK_TEARS ? help_below(d->random, (uint32_t)dirty + 1) : dirty;
    keep_dirty(f, kept);
    for (size_t s = 0; fault != DISK_WELL && s < sectors_of(f->size); s++)
        if (f->sectors[s] == SECTOR_DIRTY) f->sectors[s] = SECTOR_GHOST;
    return fault == DISK_WELL ? STATUS_OK : STATUS_IO_ERROR;
}

status disk_create(disk *d, unsigned file, disk_place at) {
    if (d->dead) return STATUS_CLOSED;
    if (dies(d, at)) return STATUS_CLOSED;
    if (d->full) {
        d->refused_full++;
        return STATUS_NO_SPACE;
    }
    CHECK(file != d->current && file != d->kept_current);
    disk_file *f = &d->files[file];
    f->size = f->kept_size = 0;
    if (f->room > 0) {
        memset(f->seen, 0, f->room);
        memset(f->kept, 0, f->room);
        memset(f->sectors, SECTOR_CLEAN, sectors_of(f->room));
    }
    return STATUS_OK;
}

status disk_switch(disk *d, unsigned file, disk_place at) {
    if (d->dead) return STATUS_CLOSED;
    bool dying = dies(d, at);
    disk_fault fault = dying ? DISK_WELL : next_fault(d);
    bool done = dying ? help_below(d->random, 2) : fault == DISK_WELL || fault == DISK_FAILS_APPLIED;
    if (done) d->current = d->kept_current = file;
    if (dying) return STATUS_CLOSED;
    return fault == DISK_WELL ? STATUS_OK : STATUS_IO_ERROR;
}

const uint8_t *disk_bytes(const disk *d, unsigned file, size_t *size) {
    *size = d->files[file].size;
    return d->files[file].seen;
}

/* ------------------------------------------------------------------ after a death */

/* What the disk happened to have written by itself before power was lost: nothing, the first sectors, or any. Ghosts
 * are as lost as they were. */
static void lose(disk *d, disk_file *f) {
    unsigned how = help_below(d->random, 3);
    size_t first = how == 1 ? help_below(d->random, (uint32_t)count_dirty(f) + 1) : 0;
    if (how == 1) keep_dirty(f, first);
    for (size_t s = 0; how == 2 && s < sectors_of(f->size); s++)
        if (f->sectors[s] == SECTOR_DIRTY && help_below(d->random, 2)) keep(f, s);
    f->size = f->kept_size;
    if (f->room == 0) return;
    memcpy(f->seen, f->kept, f->room);
    memset(f->sectors, SECTOR_CLEAN, sectors_of(f->room));
    memset(f->seen + f->size, 0, f->room - f->size);
    memset(f->kept + f->size, 0, f->room - f->size);
}

void disk_revive(disk *d, bool power) {
    d->dead = false;
    d->dies_in = 0;
    if (!power) return;
    for (unsigned i = 0; i < DISK_FILES; i++) lose(d, &d->files[i]);
    d->current = d->kept_current;
}
