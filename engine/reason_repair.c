/* What repairs would do. Fields alone do not show it: a record that is repaired takes its points, its flags and what
 * counts as a breach with it at once. So repairs are put into a copy of the dossier, the profile is derived, and the
 * decision made. For every day on which one more thing may be repaired, from today on, first with all that may be by
 * then; what is not needed is taken out again.
 *
 * Cost: a derivation for each such day, and for each goal that is met one for each repair; ITEMS_MAX items read at
 * most, then nothing more is looked for. One allocation. */
#include "base/clock.h"
#include "engine/reason_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPAIRS_MAX 32
#define ITEMS_MAX (1u << 20)

typedef struct repairable {
    uint32_t number;
    int32_t from, to; /* may be repaired from, is over by itself on; to 0: never */
} repairable;

typedef struct repairs {
    const reason_case *c;
    dossier *copy; /* of what there is, and room for the repairs */
    unsigned count;
    repairable list[REPAIRS_MAX];
    uint64_t items; /* read so far */
} repairs;

static bool may_be_repaired(const reason_case *c, uint32_t number, repairable *out) {
    const item *i = &c->d->items[number];
    const record_type *type = i->kind == ITEM_RECORD ? credit_record_type(policy_credit(c->set), i->type) : NULL;
    record_standing s;
    if (i->kind == ITEM_COMMITMENT) {
        commitment_standing line;
        credit_commitment_standing(policy_credit(c->set), c->d, number, c->at.day, &line);
        if (line.state != COMMITMENT_BREACHED || line.repaired) return false;
    } else if (type == NULL || type->class == CLASS_MERIT) {
        return false;
    }
    credit_record_standing(policy_credit(c->set), c->d, number, c->at.day, &s);
    int32_t from = s.repairable_from > c->at.day ? s.repairable_from : c->at.day;
    *out = (repairable){.number = number, .from = from, .to = s.end};
    return s.active && (s.end == 0 || from < s.end);
}

static bool is_open(const repairable *r, int32_t day) { return r->from <= day && (r->to == 0 || day < r->to); }

/* The goals that the repairs of `which` (bits of the list) on a day would meet. */
static reason_goals meets(repairs *r, uint32_t which, int32_t day, reason_goals goals) {
    const reason_case *c = r->c;
    profile p;
    decision made;
    r->copy->count = c->d->count;
    for (unsigned i = 0; i < r->count; i++)
        if (which >> i & 1)
            r->copy->items[r->copy->count++] = (item){
                .kind = ITEM_REPAIR, .day = (uint16_t)day, .reported = (uint16_t)day, .value = r->list[i].number};
    r->items += r->copy->count;
    credit_derive(policy_credit(c->set), r->copy, c->p, day, &p);
    policy_decide(c->set, c->scenario, &p, day == c->at.day ? c->at : policy_moment_of_day(day), &made);
    return reason_met(&made, goals);
}

static void tell(const repairs *r, uint32_t which, int32_t day, benefit_reason *b) {
    const size_t room = sizeof b->repair_text;
    char date[CLOCK_DATE_TEXT];
    size_t used = (size_t)snprintf(b->repair_text, room, "repair ");
    unsigned named = 0, left = (unsigned)__builtin_popcount(which);
    for (unsigned i = 0; i < r->count && named < 2 && used < room; i++) {
        const item *it = &r->c->d->items[r->list[i].number];
        if (!(which >> i & 1)) continue;
        used += (size_t)snprintf(b->repair_text + used, room - used, "%sthe %s of %s", named > 0 ? " and " : "",
                                 it->kind == ITEM_RECORD ? "record" : "breach of the commitment",
                                 clock_format_day(it->day, date));
        named++;
    }
    if (left > named && used < room)
        used += (size_t)snprintf(b->repair_text + used, room - used, " and %u more", left - named);
    if (used < room)
        snprintf(b->repair_text + used, room - used, "%s%s", day == r->c->at.day ? "" : ", possible from ",
                 day == r->c->at.day ? "" : clock_format_day(day, date));
    b->repair_day = day;
}

/* Without what is not needed: the last first, so that the oldest are told. */
static void settle(repairs *r, uint32_t which, int32_t day, reason_goals one, benefit_reason *b) {
    if (b == NULL || (b->wait_day != 0 && b->wait_day <= day)) return; /* waiting does as well */
    for (unsigned i = r->count; i-- > 0 && r->items < ITEMS_MAX;)
        if ((which >> i & 1) != 0 && (which & ~(1u << i)) != 0 && reason_any(meets(r, which & ~(1u << i), day, one)))
            which &= ~(1u << i);
    tell(r, which, day, b);
}

static void try_day(repairs *r, int32_t day, reason_goals *goals, reasons *out) {
    uint32_t which = 0;
    const policy *then;
    policy_moment at = day == r->c->at.day ? r->c->at : policy_moment_of_day(day);
    if (policy_in_force(r->c->set, r->c->scenario, at, &then) != STATUS_OK || then != r->c->item) return;
    for (unsigned i = 0; i < r->count; i++)
        if (is_open(&r->list[i], day)) which |= 1u << i;
    reason_goals met = meets(r, which, day, *goals);
    for (uint64_t left = met.benefits; left; left &= left - 1) {
        unsigned code = (unsigned)__builtin_ctzll(left);
        settle(r, which, day, (reason_goals){.benefits = UINT64_C(1) << code}, reason_item(out, code));
    }
    if (met.outcome) settle(r, which, day, (reason_goals){.outcome = true}, &out->outcome);
    goals->benefits &= ~met.benefits;
    goals->outcome &= !met.outcome;
}

status reason_find_repairs(const reason_case *c, reason_goals goals, reasons *out) {
    repairs r = {.c = c};
    for (uint32_t i = 0; c->d != NULL && i < c->d->count && r.count < REPAIRS_MAX; i++)
        r.count += may_be_repaired(c, i, &r.list[r.count]);
    if (r.count == 0 || c->d->count + r.count > LIMIT_DOSSIER_ITEMS) return STATUS_OK;
    r.copy = malloc(sizeof *r.copy + (c->d->count + r.count) * sizeof *r.copy->items);
    if (r.copy == NULL) return STATUS_NO_MEMORY;
    memcpy(r.copy, c->d, sizeof *r.copy + c->d->count * sizeof *r.copy->items);
    r.copy->capacity = c->d->count + r.count;
    int32_t day = c->at.day - 1;
    while (reason_any(goals) && r.items < ITEMS_MAX) {
        int32_t next = INT32_MAX; /* the next day on which one more may be repaired */
        for (unsigned i = 0; i < r.count; i++)
            if (r.list[i].from > day && r.list[i].from < next) next = r.list[i].from;
        if (next == INT32_MAX) break;
        day = next;
        try_day(&r, day, &goals, out);
    }
    free(r.copy);
    return STATUS_OK;
}
