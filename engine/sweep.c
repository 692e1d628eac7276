/* The sweep: what time does to profiles. Readers never wait for it — one that meets a due profile derives it itself —
 * so it may take its time: the commit thread gives it a small budget a group.
 *
 * Two walks. Each day, over the dossiers: those whose day has come are derived again and written, and what has been
 * kept long enough is erased. And once after new credit rules, over everybody: the population is derived by them. The
 * hash of the rules by which everybody was derived is durable; it is taken back with the activation of others, so a
 * walk that was cut short by a stop, or by other rules, begins anew.
 *
 * A position counts only once its group is published. Cost: two bytes looked at for a dossier that is not due; for
 * others what deriving costs. */
#include "engine/txn_internal.h"

#include "base/check.h"

#include <string.h>

#define PLACES_A_STEP 64u /* dossiers that are not due cost so little that many count as one */
#define SCAN 64u
#define ERASE_MOST 64u

/* ------------------------------------------------------------------ from the outside */

void engine_sweep_progress(const engine *e, sweep_progress *out) {
    const sweep *s = &e->sweep;
    *out = (sweep_progress){.everybody = s->everybody,
                            .done = s->everybody   ? s->done
                                    : s->place > 0 ? s->place - 1
                                                   : 0,
                            .total = s->everybody ? s->total
                                     : s->rests   ? 0
                                                  : dossiers_count(e->dossiers),
                            .changed = s->changed};
    if (out->total == 0) out->done = 0;
}

void sweep_rules(engine *e, const credit_rules *r) {
    sweep *s = &e->sweep;
    if (s->everybody && s->wanted == r->hash) return;
    s->everybody = r->hash != s->evaluated_with;
    s->wanted = r->hash;
    s->cursor = 0;
    s->done = s->changed = 0;
    s->total = store_count(e->subjects);
    s->rests = false;
    s->place = 1;
}

void sweep_note(engine *e, uint32_t side, const profile *p, const credit_rules *r, int32_t day) {
    uint16_t due = p->change_day, next = 0;
    uint32_t number;
    if (subject_kind_of(&p->id) == SUBJECT_PERSON) {
        if (credit_erasable(r, dossiers_at(e->dossiers, side), day, &number, 1, &next) > 0) next = (uint16_t)day;
        if (next != 0 && (due == 0 || next < due)) due = next;
    }
    dossiers_set_due(e->dossiers, side, due);
}

/* ------------------------------------------------------------------ one subject */

static status erase(txn *t, const profile *p, uint64_t hash, const dossier *d) {
    uint32_t numbers[ERASE_MOST];
    unsigned n = credit_erasable(txn_rules(t), d, t->at.day, numbers, ERASE_MOST, NULL);
    if (n == 0) return STATUS_OK;
    pending_profile *pending;
    pending_dossier *copy;
    status code = txn_open_both(t, p, hash, false, 0, &pending, &copy);
    if (code != STATUS_OK) return code;
    const item nothing = {0};
    for (unsigned i = 0; i < n; i++) txn_set_item(t, copy, numbers[i], &nothing);
    txn_set_profile(pending, &pending->now);
    return STATUS_OK;
}

/* Derives one profile again; it goes into the group if it comes out different. */
static status look_at(txn *t, sweep *s, const subject_id *id) {
    profile before, after;
    if (!txn_stored_profile(t, id, &before)) return STATUS_OK;
    uint64_t hash = store_hash(t->e->subjects, id);
    const dossier *d = txn_dossier(t, id, hash);
    if (d != NULL && subject_kind_of(id) == SUBJECT_PERSON) {
        status code = erase(t, &before, hash, d);
        if (code != STATUS_OK) return code;
        d = txn_dossier(t, id, hash);
        CHECK(txn_stored_profile(t, id, &before));
    }
    txn_derive(t, d, &before, &after);
    if (memcmp(&after, &before, sizeof after) == 0) {
        /* the day may be another by these rules; what is in the group is noted when it is published */
        bool pending = overlay_find(&t->profiles, hash, id) != NULL;
        if (before.side != 0 && !pending) sweep_note(t->e, before.side, &before, txn_rules(t), t->at.day);
        return STATUS_OK;
    }
    pending_profile *p;
    status code = txn_open_profile(t, &before, hash, false, &p);
    if (code != STATUS_OK) return code;
    txn_set_profile(p, &after);
    s->changed++;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the walks */

/* By which rules everybody was derived; 0: by none in particular. */
static bool record_hash(txn *t, sweep *s, uint64_t hash) {
    uint8_t value[1 + 8] = {IMAGE_EVALUATED};
    for (unsigned b = 0; b < 8; b++) value[1 + b] = (uint8_t)(hash >> (8 * b));
    size_t before = t->state.size;
    if (buf_reserve(&t->state, CHANGE_HEADER + sizeof STATE_EVALUATED + sizeof value) == NULL) {
        t->state.failed = false; /* nothing is missing: nothing was appended */
        return false;
    }
    change_append(&t->state, CHANGE_STATE, STATE_EVALUATED, sizeof STATE_EVALUATED - 1, value, sizeof value);
    t->bytes += t->state.size - before;
    s->evaluated_with = hash;
    return true;
}

/* With the rules that are exchanged: what is written by the new ones from here on is not by those of the hash, also if
 * they come back before the walk has begun. */
status sweep_take_back(txn *t, const credit_rules *r) {
    sweep s = t->swept ? t->sweep : t->e->sweep;
    if (s.evaluated_with == 0 || s.evaluated_with == r->hash) return STATUS_OK;
    if (!record_hash(t, &s, 0)) return STATUS_NO_MEMORY;
    t->sweep = s;
    t->swept = true;
    return STATUS_OK;
}

static status walk_everybody(txn *t, sweep *s, size_t *budget) {
    if (s->evaluated_with != 0 && !record_hash(t, s, 0)) return STATUS_NO_MEMORY;
    while (*budget > 0 && t->bytes < LIMIT_GROUP_BYTES / 2) {
        profile found[SCAN];
        store_cursor after[SCAN], from = s->cursor;
        size_t n = store_scan(t->e->subjects, &s->cursor, found, after, SCAN < *budget ? SCAN : *budget);
        if (n == 0) {
            if (!record_hash(t, s, s->wanted)) return STATUS_NO_MEMORY;
            s->everybody = false;
            return STATUS_OK;
        }
        for (size_t i = 0; i < n; i++) {
            status code = look_at(t, s, &found[i].id);
            if (code == STATUS_OK) continue;
            s->cursor = i > 0 ? after[i - 1] : from;
            return code;
        }
        s->done += n;
        *budget -= n;
    }
    return STATUS_OK;
}

static status walk_due(txn *t, sweep *s, size_t *budget) {
    const dossiers *all = t->e->dossiers;
    unsigned looked = 0;
    for (; *budget > 0 && s->place <= dossiers_count(all) && t->bytes < LIMIT_GROUP_BYTES / 2; s->place++) {
        uint16_t due = dossiers_due(all, s->place);
        if (due == 0 || due > t->at.day) {
            if (++looked % PLACES_A_STEP == 0) --*budget;
            continue;
        }
        status code = look_at(t, s, &dossiers_at(all, s->place)->subject);
        if (code != STATUS_OK) return code;
        --*budget;
    }
    s->rests = s->place > dossiers_count(all);
    return STATUS_OK;
}

bool txn_sweep(txn *t, size_t budget) {
    CHECK(t->phase == TXN_OPEN);
    sweep s = t->swept ? t->sweep : t->e->sweep;
    if (t->policy != NULL) return true; /* the rules change with this group: the next one sees them */
    if (s.day != t->at.day) {
        if (!s.everybody) s.changed = 0;
        s.day = t->at.day;
        s.place = 1;
        s.rests = false;
    }
    status code = STATUS_OK;
    if (s.everybody) code = walk_everybody(t, &s, &budget);
    if (code == STATUS_OK && !s.everybody && !s.rests) code = walk_due(t, &s, &budget);
    /* without memory or room for more the position stays where it was left; the next group tries again */
    t->sweep = s;
    t->swept = true;
    return s.everybody || !s.rests;
}
