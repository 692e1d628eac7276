/* Reports within a group: engine/report.h has the table of kinds and the order of checks. A report is judged on the
 * profile and the dossier as of this group and day, then becomes one item (two for what drafts and accepts at once, or
 * a long name), and the profile is derived anew.
 *
 * Cost: what deriving costs, and two passes over the dossier (who used this id, what is named by target). */
#include "base/check.h"
#include "base/purpose.h"
#include "engine/credit_internal.h"
#include "engine/policy_model.h"
#include "engine/txn_internal.h"

#include <string.h>

/* What a report works with. */
typedef struct step {
    txn *t;
    const report *r;
    const credit_rules *rules;
    const dossier *d; /* as of this group; NULL: none yet */
    profile now;      /* as of this group and day */
    uint64_t hash;
    uint16_t day;
    int32_t target; /* number of the item that is named; -1 */
    unsigned count; /* items to add */
    item items[2];
    uint16_t until; /* for the answer */
} step;

#define KIND(name) (1u << ITEM_##name)

/* Kinds of items that a kind of report makes, and those it names. */
static const struct {
    uint8_t makes;
    unsigned names;
} KINDS[REPORT_KIND_END] = {
    [REPORT_RECORD_ADD] = {ITEM_RECORD, 0},
    [REPORT_RECORD_REPAIR] = {ITEM_REPAIR, KIND(RECORD)},
    [REPORT_RECORD_REVOKE] = {ITEM_REVOKE, KIND(RECORD)},
    [REPORT_SERVICE_ADD] = {ITEM_SERVICE, 0},
    [REPORT_SERVICE_REVERSE] = {ITEM_SERVICE_REVERSE, KIND(SERVICE)},
    [REPORT_COMMITMENT_DRAFT] = {ITEM_COMMITMENT, 0},
    [REPORT_COMMITMENT_ACCEPT] = {ITEM_COMMITMENT_STEP, KIND(COMMITMENT)},
    [REPORT_COMMITMENT_EXTEND] = {ITEM_COMMITMENT_STEP, KIND(COMMITMENT)},
    [REPORT_COMMITMENT_FULFIL] = {ITEM_COMMITMENT_STEP, KIND(COMMITMENT)},
    [REPORT_COMMITMENT_BREACH] = {ITEM_COMMITMENT_STEP, KIND(COMMITMENT)},
    [REPORT_COMMITMENT_WITHDRAW] = {ITEM_COMMITMENT_STEP, KIND(COMMITMENT)},
    [REPORT_COMMITMENT_REPAIR] = {ITEM_REPAIR, KIND(COMMITMENT)},
    [REPORT_LISTING_ADD] = {ITEM_LISTING, 0},
    [REPORT_LISTING_REMOVE] = {ITEM_DELISTING, KIND(LISTING)},
    [REPORT_NAME] = {ITEM_NAME, 0},
    [REPORT_USE] = {ITEM_USE, 0},
};

/* The commitment state that a step makes. */
static unsigned step_of(unsigned kind) {
    switch (kind) {
    case REPORT_COMMITMENT_ACCEPT: return COMMITMENT_ACCEPTED;
    case REPORT_COMMITMENT_EXTEND: return COMMITMENT_EXTENDED;
    case REPORT_COMMITMENT_FULFIL: return COMMITMENT_FULFILLED;
    case REPORT_COMMITMENT_BREACH: return COMMITMENT_BREACHED;
    case REPORT_COMMITMENT_WITHDRAW: return COMMITMENT_WITHDRAWN;
    default: return 0;
    }
}

/* ------------------------------------------------------------------ sources, repetition, targets */

static status check_source(const step *s) {
    const credit_source *source = credit_source_of(s->rules, s->r->source);
    if (source != NULL) return source->reports >> s->r->kind & 1 ? STATUS_OK : STATUS_UNKNOWN_SOURCE;
    /* without rules for sources everybody may report; the base always may */
    bool free = s->r->source == 0 || (!s->rules->sources_given && s->r->source <= LIMIT_SOURCES);
    return free ? STATUS_OK : STATUS_UNKNOWN_SOURCE;
}

static bool same_target(const step *s, const item *i) {
    if (KINDS[s->r->kind].names == 0) return true;
    report_id zero = {{0}};
    if (memcmp(&s->r->target, &zero, sizeof zero) == 0) return true; /* drafted and accepted in one */
    return i->value < s->d->count && memcmp(&s->d->items[i->value].id, &s->r->target, sizeof s->r->target) == 0;
}

/* Whether an item is what this report would have made. A day or an end that the report leaves open is what it was. */
static bool same_content(const step *s, const item *i) {
    const report *r = s->r;
    unsigned kind = r->kind;
    if (i->kind != KINDS[kind].makes || i->step != step_of(kind) || !same_target(s, i)) return false;
    /* an acceptance that drafted by itself was no draft */
    if (kind == REPORT_COMMITMENT_DRAFT && dossier_find(s->d, r->source, &r->id, KIND(COMMITMENT_STEP)) >= 0)
        return false;
    if (r->day != 0 && r->day != i->day) return false;
    if (r->until != 0 && r->until != i->until) return false;
    if (kind == REPORT_SERVICE_ADD && r->value != i->value) return false;
    if (memcmp(i->text, r->text, ITEM_TEXT) != 0) return false;
    if (kind == REPORT_COMMITMENT_ACCEPT && r->type != 0)
        return i->value < s->d->count && s->d->items[i->value].type == r->type;
    return KINDS[kind].names != 0 || r->type == i->type;
}

static bool has_name(const step *s) {
    char name[DOSSIER_NAME_MAX + 1] = {0};
    dossier_name(s->d, name);
    size_t n = strnlen(s->r->text, REPORT_TEXT);
    return strlen(name) == n && memcmp(name, s->r->text, n) == 0;
}

/* The item of this source with the id of the report: an acceptance shares it with the draft it made itself. */
static int32_t find_reported(const step *s) {
    const unsigned all = ~(KIND(CLAIM) | KIND(NAME) | KIND(ERASED));
    int32_t own = dossier_find(s->d, s->r->source, &s->r->id, 1u << KINDS[s->r->kind].makes & all);
    return own >= 0 ? own : dossier_find(s->d, s->r->source, &s->r->id, all);
}

/* The first day on which a record is over by itself; 0: none. */
static uint16_t record_end(const credit_rules *r, unsigned code, int32_t day) {
    const record_type *type = credit_record_type(r, code);
    bool ends = type != NULL && type->publicity_max.unit != PERIOD_NONE;
    return ends ? (uint16_t)credit_period_end(r, day, type->publicity_max) : 0;
}

/* OK: new. The answer to a repetition, otherwise. */
static status check_repetition(const step *s, report_result *out, bool *repeated) {
    *repeated = false;
    if (s->d == NULL) return STATUS_OK;
    if (s->r->kind == REPORT_NAME) {
        *repeated = has_name(s);
        return STATUS_OK;
    }
    int32_t number = find_reported(s);
    if (number < 0) return STATUS_OK;
    const item *i = &s->d->items[number];
    if (!same_content(s, i)) return STATUS_REPORT_REUSED;
    *repeated = true;
    out->number = (uint32_t)number;
    out->until = i->kind == ITEM_RECORD ? record_end(s->rules, i->type, i->day) : i->until;
    return STATUS_OK;
}

static status find_target(step *s) {
    unsigned kinds = KINDS[s->r->kind].names;
    s->target = -1;
    if (kinds == 0 || (s->r->kind == REPORT_COMMITMENT_ACCEPT && s->r->type != 0)) return STATUS_OK;
    s->target = dossier_find(s->d, s->r->source, &s->r->target, kinds);
    const credit_source *source = credit_source_of(s->rules, s->r->source);
    bool anybody = source != NULL ? source->corrects_any : s->r->source == 0;
    for (uint32_t i = 0; s->target < 0 && anybody && s->d != NULL && i < s->d->count; i++) {
        const item *it = &s->d->items[i];
        if (it->kind < ITEM_KIND_END && kinds >> it->kind & 1 && memcmp(&it->id, &s->r->target, sizeof it->id) == 0)
            s->target = (int32_t)i;
    }
    return s->target < 0 ? STATUS_UNKNOWN_TARGET : STATUS_OK;
}

static status check_day(step *s) {
    uint16_t today = (uint16_t)s->t->at.day;
    s->day = s->r->day != 0 ? s->r->day : today;
    return s->day > today ? STATUS_BAD_DAY : STATUS_OK;
}

/* What follows something cannot be before it. */
static status check_order(const step *s) {
    return s->target >= 0 && s->day < s->d->items[s->target].day ? STATUS_BAD_DAY : STATUS_OK;
}

/* ------------------------------------------------------------------ the kinds */

static status on_record(step *s) {
    if (credit_record_type(s->rules, s->r->type) == NULL) return STATUS_UNKNOWN_RECORD_TYPE;
    s->until = record_end(s->rules, s->r->type, s->day);
    return STATUS_OK;
}

/* Whether a later item of this kind names the target. */
static bool ended_by(const step *s, unsigned kind) {
    for (uint32_t i = (uint32_t)s->target + 1; i < s->d->count; i++)
        if (s->d->items[i].kind == kind && s->d->items[i].value == (uint32_t)s->target) return true;
    return false;
}

static status on_repair(const step *s) {
    record_standing standing;
    credit_record_standing(s->rules, s->d, (uint32_t)s->target, s->day, &standing);
    if (ended_by(s, ITEM_REPAIR) || standing.revoked || (standing.end != 0 && standing.end <= s->day))
        return STATUS_ALREADY_ENDED;
    return standing.repairable_from > s->day ? STATUS_TOO_EARLY : STATUS_OK;
}

/* Minutes that count on this report's day. */
static uint64_t minutes_of_day(const step *s) {
    dossier_links k;
    uint64_t minutes = 0;
    if (s->d == NULL) return 0;
    dossier_link(s->rules, s->d, &k);
    for (uint32_t i = 0; i < s->d->count; i++) {
        const item *it = &s->d->items[i];
        if (it->kind == ITEM_SERVICE && it->day == s->day && !dossier_linked(&k, i, ITEM_SERVICE_REVERSE))
            minutes += it->value;
    }
    return minutes;
}

static bool is_reversed(const dossier *d, uint32_t number) {
    for (uint32_t i = number + 1; i < d->count; i++)
        if (d->items[i].kind == ITEM_SERVICE_REVERSE && d->items[i].value == number) return true;
    return false;
}

static status on_service(const step *s) {
    if (s->r->value == 0) return STATUS_BAD_VALUE;
    if (subject_kind_of(&s->r->subject) != SUBJECT_PERSON) return STATUS_BAD_SUBJECT;
    bool plausible = minutes_of_day(s) + s->r->value <= s->rules->service_minutes_a_day;
    return plausible ? STATUS_OK : STATUS_IMPLAUSIBLE;
}

static status may_accept(const step *s) {
    if (s->now.flags & PROFILE_FLAG_GAPS_BARRED) return STATUS_BARRED;
    return s->now.flags & PROFILE_FLAG_SERIOUS_LIST ? STATUS_SERIOUS_LISTED : STATUS_OK;
}

/* The last day of a time limit: the day from which it runs does not count, whether days or working days are counted. */
static uint16_t last_day(const step *s, int32_t from, period own, period general) {
    period p = own.unit != PERIOD_NONE ? own : general;
    return (uint16_t)(credit_period_end(s->rules, from, p) - (p.unit == PERIOD_WORKING_DAYS));
}

static status on_accept(step *s) {
    uint16_t code = s->target >= 0 ? s->d->items[s->target].type : s->r->type;
    const commitment_matter *matter = credit_matter(s->rules, code);
    if (matter == NULL) return STATUS_UNKNOWN_RECORD_TYPE;
    status may = may_accept(s);
    if (may != STATUS_OK) return may;
    if (s->target >= 0) {
        commitment_standing standing;
        credit_commitment_standing(s->rules, s->d, (uint32_t)s->target, s->t->at.day, &standing);
        if (standing.state != COMMITMENT_DRAFTED) return STATUS_WRONG_STATE;
    }
    s->until = last_day(s, s->day, matter->deadline, s->rules->commitment_deadline);
    return STATUS_OK;
}

static status on_extend(step *s, const commitment_standing *standing) {
    if (standing->state != COMMITMENT_ACCEPTED || standing->extended) return STATUS_WRONG_STATE;
    const commitment_matter *matter = credit_matter(s->rules, s->d->items[s->target].type);
    period own = matter != NULL ? matter->extension : (period){0};
    s->until = s->r->until != 0 ? s->r->until : last_day(s, standing->deadline, own, s->rules->commitment_extension);
    return s->until > standing->deadline ? STATUS_OK : STATUS_BAD_DAY;
}

static status on_commitment(step *s) {
    commitment_standing standing;
    credit_commitment_standing(s->rules, s->d, (uint32_t)s->target, s->t->at.day, &standing);
    bool open = standing.state == COMMITMENT_ACCEPTED || standing.state == COMMITMENT_EXTENDED;
    bool drafted = standing.state == COMMITMENT_DRAFTED;
    switch (s->r->kind) {
    case REPORT_COMMITMENT_EXTEND: return on_extend(s, &standing);
    case REPORT_COMMITMENT_WITHDRAW: return open || drafted ? STATUS_OK : STATUS_WRONG_STATE;
    case REPORT_COMMITMENT_FULFIL:
        /* done in time, told late: what was overdue meanwhile is fulfilled */
        if (standing.overdue && standing.deadline != 0 && s->day <= standing.deadline) return STATUS_OK;
        return open ? STATUS_OK : STATUS_WRONG_STATE;
    default: return open ? STATUS_OK : STATUS_WRONG_STATE;
    }
}

static status on_commitment_repair(const step *s) {
    commitment_standing standing;
    credit_commitment_standing(s->rules, s->d, (uint32_t)s->target, s->day, &standing);
    if (standing.state != COMMITMENT_BREACHED || ended_by(s, ITEM_REPAIR)) return STATUS_WRONG_STATE;
    const record_type *type = credit_record_type(s->rules, s->rules->breach_type);
    if (type == NULL || type->publicity_min.unit == PERIOD_NONE) return STATUS_OK;
    return credit_period_end(s->rules, standing.breached, type->publicity_min) > s->day ? STATUS_TOO_EARLY : STATUS_OK;
}

static bool qualifies(const credit_list *list, const profile *p) {
    if (list->qualify_count == 0) return true;
    for (unsigned i = 0; i < list->qualify_count; i++)
        if (table_first(list->qualify[i].table->compiled, p) != 0) return true;
    return false;
}

static status on_listing(step *s) {
    const credit_list *list = credit_list_of(s->rules, s->r->type);
    if (list == NULL) return STATUS_UNKNOWN_RECORD_TYPE;
    const credit_list *over = list->excluded_by != 0 ? credit_list_of(s->rules, list->excluded_by) : NULL;
    if (over != NULL && (s->now.flags & over->flag)) return STATUS_SERIOUS_LISTED;
    if (!qualifies(list, &s->now)) return STATUS_NOT_QUALIFIED;
    if (s->r->until != 0 && s->r->until <= s->day) return STATUS_BAD_DAY;
    s->until = s->r->until;
    if (s->until == 0 && list->valid.unit != PERIOD_NONE)
        s->until = (uint16_t)credit_period_end(s->rules, s->day, list->valid);
    unsigned listings = 0;
    for (uint32_t i = 0; s->d != NULL && i < s->d->count; i++) listings += s->d->items[i].kind == ITEM_LISTING;
    return listings < LIMIT_DOSSIER_LISTINGS ? STATUS_OK : STATUS_DOSSIER_FULL;
}

static status on_delisting(const step *s) {
    listing_standing standing;
    credit_listing_standing(s->rules, s->d, (uint32_t)s->target, s->day, &standing);
    return standing.active && !ended_by(s, ITEM_DELISTING) ? STATUS_OK : STATUS_ALREADY_ENDED;
}

static status on_use(const step *s) {
    const policy_benefit *benefit = policy_benefit_of(txn_policy(s->t), s->r->type >> 8, s->r->type & 0xFF);
    return benefit != NULL ? STATUS_OK : STATUS_UNKNOWN_BENEFIT;
}

static status judge(step *s) {
    switch ((report_kind)s->r->kind) {
    case REPORT_RECORD_ADD: return on_record(s);
    case REPORT_RECORD_REPAIR: return on_repair(s);
    case REPORT_RECORD_REVOKE: return ended_by(s, ITEM_REVOKE) ? STATUS_ALREADY_ENDED : STATUS_OK;
    case REPORT_SERVICE_ADD: return on_service(s);
    case REPORT_SERVICE_REVERSE: return is_reversed(s->d, (uint32_t)s->target) ? STATUS_ALREADY_ENDED : STATUS_OK;
    case REPORT_COMMITMENT_DRAFT:
        return credit_matter(s->rules, s->r->type) != NULL ? STATUS_OK : STATUS_UNKNOWN_RECORD_TYPE;
    case REPORT_COMMITMENT_ACCEPT: return on_accept(s);
    case REPORT_COMMITMENT_EXTEND:
    case REPORT_COMMITMENT_FULFIL:
    case REPORT_COMMITMENT_BREACH:
    case REPORT_COMMITMENT_WITHDRAW: return on_commitment(s);
    case REPORT_COMMITMENT_REPAIR: return on_commitment_repair(s);
    case REPORT_LISTING_ADD: return on_listing(s);
    case REPORT_LISTING_REMOVE: return on_delisting(s);
    case REPORT_USE: return on_use(s);
    case REPORT_NAME: return STATUS_OK;
    case REPORT_KIND_END: break;
    }
    return STATUS_BAD_ENTRY;
}

/* ------------------------------------------------------------------ items */

static item blank(const step *s, unsigned kind) {
    return (item){.kind = (uint8_t)kind, .source = s->r->source, .day = s->day, .reported = (uint16_t)s->t->at.day};
}

static void make_name(step *s) {
    size_t n = strnlen(s->r->text, REPORT_TEXT);
    for (s->count = 0; s->count * ITEM_NAME_PART < n; s->count++) {
        size_t at = s->count * ITEM_NAME_PART, part = n - at < ITEM_NAME_PART ? n - at : ITEM_NAME_PART;
        item *i = &s->items[s->count];
        *i = blank(s, ITEM_NAME);
        i->step = (uint8_t)s->count;
        memcpy(i->name, s->r->text + at, part);
    }
}

static void make_items(step *s) {
    const report *r = s->r;
    if (r->kind == REPORT_NAME) {
        make_name(s);
        return;
    }
    s->count = 1;
    bool drafts = r->kind == REPORT_COMMITMENT_ACCEPT && s->target < 0;
    if (drafts) {
        s->items[0] = blank(s, ITEM_COMMITMENT);
        s->items[0].type = r->type;
        s->items[0].id = r->id;
        memcpy(s->items[0].text, r->text, ITEM_TEXT);
        s->count = 2;
    }
    item *i = &s->items[s->count - 1];
    *i = blank(s, KINDS[r->kind].makes);
    i->step = (uint8_t)step_of(r->kind);
    i->id = r->id;
    if (KINDS[r->kind].names == 0) i->type = r->type;
    if (r->kind == REPORT_SERVICE_ADD) i->value = r->value;
    if (s->target >= 0) i->value = (uint32_t)s->target; /* a draft's own number is known once it is put */
    if (i->kind == ITEM_COMMITMENT_STEP || i->kind == ITEM_LISTING) i->until = s->until;
    memcpy(i->text, r->text, ITEM_TEXT);
}

/* The number under which the first item is put: that of the oldest use, if this is one and there are enough. */
static uint32_t item_place(const step *s) {
    uint32_t count = s->d != NULL ? s->d->count : 0, uses = 0, oldest = count;
    for (uint32_t i = 0; s->r->kind == REPORT_USE && i < count; i++) {
        if (s->d->items[i].kind != ITEM_USE) continue;
        uses++;
        if (oldest == count || s->d->items[i].reported < s->d->items[oldest].reported) oldest = i;
    }
    return uses < LIMIT_DOSSIER_USES ? count : oldest;
}

static status put_items(step *s, report_result *out) {
    pending_profile *p;
    pending_dossier *d;
    profile stored, after;
    CHECK(txn_stored_profile(s->t, &s->r->subject, &stored));
    uint32_t place = item_place(s);
    bool replaces = s->d != NULL && place < s->d->count;
    status code = txn_open_both(s->t, &stored, s->hash, false, replaces ? 0 : s->count, &p, &d);
    if (code != STATUS_OK) return code;
    if (s->r->kind == REPORT_USE)
        code = txn_use(s->t, tally_month(s->day), s->r->type >> 8, s->now.division, s->r->type & 0xFF);
    if (code != STATUS_OK) return code; /* both are part of the group by now, as they were */
    if (s->count == 2 && s->items[0].kind == ITEM_COMMITMENT) s->items[1].value = d->now->count;
    for (unsigned i = 0; i < s->count; i++) {
        out->number = replaces ? place : d->now->count;
        txn_set_item(s->t, d, out->number, &s->items[i]);
    }
    if (s->r->kind == REPORT_NAME) out->number -= s->count - 1;
    txn_derive(s->t, d->now, &p->now, &after);
    txn_set_profile(p, &after);
    out->version = profile_version(&p->now);
    out->until = s->until;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ the whole */

/* Kinds that are judged by flags and grades: those have to be by the rules in force, also before the sweep comes by. */
static bool needs_today(unsigned kind) { return kind == REPORT_COMMITMENT_ACCEPT || kind == REPORT_LISTING_ADD; }

static status check(step *s, report_result *out, bool *repeated) {
    *repeated = false;
    status code = report_form(s->r);
    if (code != STATUS_OK) return code;
    if (s->r->purpose == PURPOSE_NONE || s->r->purpose >= PURPOSE_END) return STATUS_BAD_PURPOSE;
    subject_kind kind = subject_kind_of(&s->r->subject);
    if (kind != SUBJECT_PERSON && kind != SUBJECT_ENTITY) return STATUS_BAD_SUBJECT;
    profile stored;
    if (!txn_profile(s->t, &s->r->subject, &stored)) return STATUS_UNKNOWN_SUBJECT;
    s->hash = store_hash(s->t->e->subjects, &s->r->subject);
    s->d = txn_dossier(s->t, &s->r->subject, s->hash);
    if (needs_today(s->r->kind))
        txn_derive(s->t, s->d, &stored, &s->now);
    else
        s->now = stored;
    out->version = profile_version(&stored);
    code = check_source(s);
    if (code == STATUS_OK) code = check_repetition(s, out, repeated);
    if (code != STATUS_OK || *repeated) return code;
    code = check_day(s);
    if (code == STATUS_OK) code = find_target(s);
    if (code == STATUS_OK) code = check_order(s);
    return code == STATUS_OK ? judge(s) : code;
}

status txn_report(txn *t, const report *r, report_result *result) {
    CHECK(t->phase == TXN_OPEN);
    *result = (report_result){0};
    step s = {.t = t, .r = r, .rules = txn_rules(t)};
    bool repeated;
    status code = check(&s, result, &repeated);
    if (code == STATUS_OK && repeated) {
        result->flags = REPORT_REPEATED;
        return STATUS_OK;
    }
    if (code == STATUS_OK) {
        make_items(&s);
        code = put_items(&s, result);
        if (code == STATUS_NO_MEMORY || code == STATUS_CAPACITY) return code;
    }
    if (code != STATUS_OK) *result = (report_result){.status = (uint16_t)code, .version = result->version};
    return STATUS_OK;
}
