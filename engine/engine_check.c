/* The engine's invariant walker. The heart is conservation: what an account holds as reserved is exactly the sum of its
 * open reservations, nothing invented, nothing lost. Used by tests after every group, and after recovery. */
#include "base/purpose.h"
#include "engine/alert_internal.h"
#include "engine/overlay.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCAN 64u

typedef struct open_sum {
    subject_id key;
    uint32_t reservations;
    int64_t reserved_fen;
} open_sum;

/* Adds up the open reservations by account. */
static status count_open(const engine *e, overlay *sums) {
    const operations *o = &e->operations;
    for (uint32_t i = 0; i < o->open; i++) {
        const operation_entry *entry = operations_at(o, o->heap[i].ref);
        subject_id key = account_key(&entry->request.subject, entry->request.program);
        uint64_t hash = store_hash(e->accounts, &key);
        open_sum *t = overlay_find(sums, hash, &key);
        if (t == NULL) {
            if (!overlay_reserve(sums, 1)) return STATUS_NO_MEMORY;
            t = overlay_add(sums, hash);
            *t = (open_sum){.key = key};
        }
        t->reservations++;
        int64_t *sum = &t->reserved_fen; /* fits if the accounts are right; damaged ones must not overflow it */
        if (__builtin_add_overflow(*sum, entry->request.amount_fen, sum)) *sum = INT64_MAX;
    }
    return STATUS_OK;
}

static bool account_agrees(const engine *e, const account *a, const overlay *sums, size_t *matched, char *problem,
                           size_t room) {
    const open_sum *t = overlay_find(sums, store_hash(e->accounts, &a->key), &a->key);
    int64_t reserved = t != NULL ? t->reserved_fen : 0;
    uint32_t reservations = t != NULL ? t->reservations : 0;
    if (t != NULL) ++*matched;
    if (a->reserved_fen == reserved && a->open_reservations == reservations) return true;
    snprintf(problem, room, "an account holds %lld fen in %u reservations, its open operations make %lld fen in %u",
             (long long)a->reserved_fen, a->open_reservations, (long long)reserved, reservations);
    return false;
}

static bool accounts_agree(const engine *e, const overlay *sums, char *problem, size_t room) {
    account batch[SCAN];
    store_cursor cursor = 0;
    size_t n, matched = 0;
    while ((n = store_scan(e->accounts, &cursor, batch, NULL, SCAN)) > 0)
        for (size_t i = 0; i < n; i++)
            if (!account_agrees(e, &batch[i], sums, &matched, problem, room)) return false;
    if (matched == sums->count) return true;
    snprintf(problem, room, "%zu accounts with open reservations do not exist", sums->count - matched);
    return false;
}

status engine_check_ledger(const engine *e, char *problem, size_t room) {
    overlay sums;
    overlay_init(&sums, sizeof(open_sum), sizeof(subject_id));
    status code = count_open(e, &sums);
    if (code != STATUS_OK)
        snprintf(problem, room, "out of memory");
    else if (!accounts_agree(e, &sums, problem, room))
        code = STATUS_CORRUPT;
    overlay_deinit(&sums);
    return code;
}

/* ------------------------------------------------------------------ dossiers */

status engine_attach_dossiers(engine *e, char *problem, size_t room) {
    for (uint32_t side = 1; side <= dossiers_count(e->dossiers); side++) {
        const dossier *d = dossiers_at(e->dossiers, side);
        profile p;
        if (!store_read(e->subjects, &d->subject, &p)) {
            snprintf(problem, room, "a dossier has no profile");
            return STATUS_CORRUPT;
        }
        if (!dossier_check(d, problem, room)) return STATUS_CORRUPT;
        dossiers_attach(e->dossiers, side, profile_version(&p));
        p.side = side;
        status code = store_write(e->subjects, &p);
        if (code != STATUS_OK) return code;
    }
    return STATUS_OK;
}

/* Each dossier is that of the profile that names it, and no profile names another's. */
static bool dossiers_check(const engine *e, char *problem, size_t room) {
    for (uint32_t side = 1; side <= dossiers_count(e->dossiers); side++) {
        const dossier *d = dossiers_at(e->dossiers, side);
        profile p;
        if (!dossier_check(d, problem, room)) return false;
        if (store_read(e->subjects, &d->subject, &p) && p.side == side && d->version <= profile_version(&p)) continue;
        snprintf(problem, room, "dossier %u is not that of its subject's profile", side);
        return false;
    }
    return true;
}

static bool names_its_dossier(const engine *e, const profile *p) {
    if (p->side == 0) return dossiers_find(e->dossiers, &p->id) == 0;
    return p->side <= dossiers_count(e->dossiers) && subject_equal(&dossiers_at(e->dossiers, p->side)->subject, &p->id);
}

static bool is_valid(const profile *p) {
    uint8_t image[PROFILE_SIZE];
    profile again;
    profile_encode(p, image);
    return profile_decode(image, &again, NULL) == STATUS_OK && profile_form_fits(p);
}

static bool profiles_check(const engine *e, char *problem, size_t room) {
    profile batch[SCAN];
    store_cursor cursor = 0;
    size_t n;
    while ((n = store_scan(e->subjects, &cursor, batch, NULL, SCAN)) > 0)
        for (size_t i = 0; i < n; i++) {
            bool good = is_valid(&batch[i]);
            if (good && names_its_dossier(e, &batch[i])) continue;
            snprintf(problem, room, "a profile has %s",
                     good ? "another's dossier" : "a value outside its domain, or a form that is not its id's");
            return false;
        }
    return true;
}

static bool accounts_check(const engine *e, char *problem, size_t room) {
    account batch[SCAN];
    store_cursor cursor = 0;
    size_t n;
    while ((n = store_scan(e->accounts, &cursor, batch, NULL, SCAN)) > 0)
        for (size_t i = 0; i < n; i++) {
            subject_id subject = account_subject(&batch[i]);
            profile owner;
            if (account_check(&batch[i]) && store_read(e->subjects, &subject, &owner)) continue;
            snprintf(problem, room, "an account of program %u is not valid or has no subject",
                     account_program(&batch[i]));
            return false;
        }
    return true;
}

bool engine_check_accounts(const engine *e, char *problem, size_t room) {
    return store_check(e->accounts, problem, room) && operations_check(&e->operations, problem, room) &&
           accounts_check(e, problem, room) && alerts_check(e->alerts, problem, room) &&
           engine_check_ledger(e, problem, room) == STATUS_OK;
}

/* A dossier is published before the profile that names it, and never becomes another subject's. */
bool engine_check_subjects(const engine *e, store_cursor *cursor, size_t max, uint64_t *checked, char *problem,
                           size_t room) {
    profile batch[SCAN], again;
    size_t n;
    for (; max > 0 && (n = store_scan(e->subjects, cursor, batch, NULL, max < SCAN ? max : SCAN)) > 0; max -= n) {
        for (size_t i = 0; i < n; i++) {
            const profile *p = &batch[i];
            const dossier *d = dossiers_at(e->dossiers, p->side);
            const char *what = NULL;
            if (!is_valid(p)) what = "a value outside its domain, or a form that is not its id's";
            if (!store_read(e->subjects, &p->id, &again)) what = "an id by which it is not found";
            if (p->side != 0 && (d == NULL || !subject_equal(&d->subject, &p->id))) what = "another's dossier";
            if (what == NULL) continue;
            snprintf(problem, room, "a profile has %s", what);
            return false;
        }
        *checked += n;
    }
    return true;
}

bool engine_check(const engine *e, char *problem, size_t room) {
    return store_check(e->subjects, problem, room) && profiles_check(e, problem, room) &&
           dossiers_check(e, problem, room) && engine_check_accounts(e, problem, room);
}
