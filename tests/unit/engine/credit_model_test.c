/* The profile of a day against a naive model: the model walks through the days one by one, keeps no index, and works
 * out everything again for each day. Random dossiers of persons and entities, with out-of-order and senseless items
 * among them; each is looked at on many days, and its day of change is checked against every day before it. */
#include "../credit_help.h"

static const char *const PARTS[] = {
    "records: r\n" HEAD_TEXT "personal_adverse_kept: 2 years\n"
    "classes:\n"
    "  minor: {publicity: {max: 40 days}, decay: linear}\n"
    "  general: {publicity: {min: 3 months, max: 1 year}}\n"
    "  serious: {publicity: {min: 1 year, max: 3 years}, effects: [red_list_removed]}\n"
    "  merit: {publicity: {max: 12 months}}\n"
    "types:\n"
    "  - {code: 1, id: a, class: minor, domain: x, points: 1.37}\n"
    "  - {code: 2, id: b, class: general, domain: x, points: 3.5, observation: 6 months, effects: [{gaps_barred: 2 "
    "months}, no_exemption]}\n"
    "  - {code: 3, id: c, class: serious, domain: y, points: 0.07, decay: linear, effects: [{arrears: 5 years}, "
    "observed]}\n"
    "  - {code: 4, id: d, class: general, domain: y, points: 2, effects: [service_void, {volunteer_barred: 20 working "
    "days}]}\n"
    "  - {code: 5, id: e, class: merit, points: 5, decay: linear}\n"
    "  - {code: 6, id: f, class: merit, points: 600}\n"
    "  - {code: 7, id: g, class: minor, points: 300, publicity: {max: 15 working days}}\n"
    "  - {code: 8, id: h, class: general, domain: z, points: 4, effects: [{gaps_barred: 14 months}]}\n"
    "thresholds:\n"
    "  - {domain: x, points: 3, effect: noticed}\n"
    "  - {domain: x, points: 5, effect: graded_down}\n"
    "  - {points: 7, effect: suspended}\n",
    "commitments: c\n" HEAD_TEXT "breach: h\nmatters: [{code: 1, id: m}]\n",
    "calendar: k\n" HEAD_TEXT "holidays: [\"2026-02-16..2026-02-22\", \"2026-10-01..2026-10-08\"]\n"
    "workdays: [2026-02-14, 2026-10-10]\n",
    "lists: l\n" HEAD_TEXT "items:\n"
    "  - {code: 1, id: red_list, flag: red_list, valid: 12 months, removed_by: [general, red_list_removed, breach], "
    "excluded_by: serious_list}\n"
    "  - {code: 2, id: serious_list, flag: serious_list, excluded_by: third}\n"
    "  - {code: 3, id: third, valid: 45 days, removed_by: [minor]}\n",
    "sources: s\n" HEAD_TEXT "items:\n"
    "  - {number: 0, id: base, priority: 50, fields: all}\n"
    "  - {number: 1, id: one, priority: 90, fields: {tax_grade: 90, red_list: 50, volunteer_minutes: 10, "
    "negative_points: 60, public_score: 50}}\n"
    "  - {number: 2, id: two, priority: 50, fields: [tax_grade, serious_list, public_score]}\n",
};

/* ------------------------------------------------------------------ the model */

typedef struct model {
    const credit_rules *r;
    const dossier *d;
    bool person;
} model;

static int32_t model_period_end(const model *m, int32_t day, period p) {
    if (p.unit == PERIOD_DAYS) return day + p.count;
    if (p.unit == PERIOD_WORKING_DAYS) {
        for (unsigned left = p.count; left > 0;) left -= credit_is_working_day(m->r, ++day);
        return day + 1;
    }
    int year, month, of_month;
    clock_date_from_day(day, &year, &month, &of_month);
    for (unsigned i = 0; i < p.count; i++)
        if (++month > 12) month = 1, year++;
    while (!clock_date_exists(year, month, of_month)) of_month--;
    return clock_day_from_date(year, month, of_month);
}

static const item *at(const model *m, uint32_t i) { return &m->d->items[i]; }

static bool named_by(const model *m, uint32_t number, unsigned kind, int32_t day) {
    for (uint32_t i = number + 1; i < m->d->count; i++)
        if (at(m, i)->kind == kind && at(m, i)->value == number && at(m, i)->day <= day) return true;
    return false;
}

/* The state of a commitment at the end of a day, walking from its first day. */
static unsigned model_commitment(const model *m, uint32_t number, int32_t day, int32_t *breached, uint32_t *by) {
    unsigned state = COMMITMENT_DRAFTED;
    int32_t deadline = 0;
    *breached = 0;
    *by = number;
    if (day < at(m, number)->day) return state;
    for (int32_t today = at(m, number)->day; today <= day; today++) {
        bool open = state == COMMITMENT_ACCEPTED || state == COMMITMENT_EXTENDED;
        if (open && deadline && today > deadline) {
            *breached = today;
            return COMMITMENT_BREACHED;
        }
        int32_t latest = at(m, number)->day;
        for (uint32_t i = number + 1; i < m->d->count; i++) {
            const item *s = at(m, i);
            if (s->kind != ITEM_COMMITMENT_STEP || s->value != number) continue;
            if (s->day > latest) latest = s->day;
            if (latest != today) continue;
            open = state == COMMITMENT_ACCEPTED || state == COMMITMENT_EXTENDED;
            if (s->step == COMMITMENT_ACCEPTED && state == COMMITMENT_DRAFTED) {
                state = COMMITMENT_ACCEPTED;
                deadline = s->until;
            } else if (s->step == COMMITMENT_EXTENDED && state == COMMITMENT_ACCEPTED) {
                state = COMMITMENT_EXTENDED;
                if (s->until) deadline = s->until;
            } else if ((s->step == COMMITMENT_FULFILLED || s->step == COMMITMENT_BREACHED) && open)
                state = s->step;
            else if (s->step == COMMITMENT_WITHDRAWN && (open || state == COMMITMENT_DRAFTED))
                state = s->step;
            if (state == COMMITMENT_BREACHED) {
                *breached = today;
                *by = i;
            }
            if (state >= COMMITMENT_FULFILLED) return state;
            /* an accepted one may be late from the beginning */
            if (deadline && today > deadline) {
                *breached = today;
                return COMMITMENT_BREACHED;
            }
        }
    }
    return state;
}

typedef struct model_sums {
    uint64_t negative, positive, x, minutes;
    unsigned open, broken;
    uint32_t flags, classes;
    bool red_removed, void_known;
    int32_t void_before;
} model_sums;

static uint64_t model_points(const record_type *t, int32_t from, int32_t end, int32_t day) {
    if (!t->linear) return t->points;
    int64_t whole = end - from, left = end - day, share = t->points * left / whole, rest = t->points * left % whole;
    return (uint64_t)(share + (2 * rest >= whole));
}

/* A record from `from` on, with number `number` (that of a commitment for its breach). */
static bool model_record(const model *m, const record_type *t, uint32_t number, int32_t from, int32_t day,
                         model_sums *s) {
    static const uint32_t FLAGS[EFFECT_COUNT] = {[EFFECT_NO_EXEMPTION] = PROFILE_FLAG_NO_EXEMPTION,
                                                 [EFFECT_GAPS_BARRED] = PROFILE_FLAG_GAPS_BARRED,
                                                 [EFFECT_OBSERVED] = PROFILE_FLAG_OBSERVED,
                                                 [EFFECT_ARREARS] = PROFILE_FLAG_ARREARS,
                                                 [EFFECT_VOLUNTEER_BARRED] = PROFILE_FLAG_VOLUNTEER_BARRED};
    bool adverse = t->class != CLASS_MERIT, forgotten = false;
    if (day < from || named_by(m, number, ITEM_REPAIR, day)) return false;
    if (adverse && m->person) forgotten = day >= model_period_end(m, from, m->r->personal_kept);
    if (forgotten) return false;
    int32_t end = model_period_end(m, from, t->publicity_max), points_end = end;
    if (adverse && m->person) {
        int32_t kept = model_period_end(m, from, m->r->personal_kept);
        if (kept < end) end = points_end = kept;
    }
    if (t->observation.unit != PERIOD_NONE) {
        int32_t own = model_period_end(m, from, t->observation);
        if (own < points_end) points_end = own;
    }
    for (unsigned e = 0; e < EFFECT_COUNT; e++) {
        if (!(t->effects >> e & 1)) continue;
        period own = t->effect_length[e];
        if (day >= (own.unit == PERIOD_NONE ? end : model_period_end(m, from, own))) continue;
        s->flags |= FLAGS[e];
        s->red_removed |= e == EFFECT_RED_LIST_REMOVED;
    }
    if (day >= end) return false;
    s->classes |= 1u << t->class;
    if (day >= points_end) return true;
    uint64_t points = model_points(t, from, points_end, day);
    if (adverse)
        s->negative += points;
    else
        s->positive += points;
    if (adverse && t->domain && strcmp(t->domain, "x") == 0) s->x += points;
    return true;
}

/* What can end a listing of a list on `day` itself, or at its beginning because it was reported later. */
static bool removed_on(const model *m, const credit_list *list, uint32_t listing, int32_t day) {
    int32_t begin = at(m, listing)->day;
    for (uint32_t i = 0; i < m->d->count; i++) {
        const record_type *t = NULL;
        int32_t from = at(m, i)->day;
        uint32_t reported = i;
        bool breach = false;
        if (at(m, i)->kind == ITEM_RECORD && !named_by(m, i, ITEM_REVOKE, INT32_MAX))
            t = credit_record_type(m->r, at(m, i)->type);
        if (at(m, i)->kind == ITEM_COMMITMENT && model_commitment(m, i, day, &from, &reported) == COMMITMENT_BREACHED) {
            t = credit_record_type(m->r, m->r->breach_type);
            breach = true;
        }
        if (!t) continue;
        bool removes = (list->removed_by_classes >> t->class & 1) ||
                       (list->removed_by_effect && (t->effects >> EFFECT_RED_LIST_REMOVED & 1)) ||
                       (breach && list->removed_by_breach);
        if (removes && (from == day || (day == begin && from < day && reported > listing))) return true;
    }
    return false;
}

/* Which listings are in force at the end of a day: bits by item, at most 64 items. */
static uint64_t model_listings(const model *m, int32_t day) {
    static const unsigned ORDER[] = {3, 2, 1}; /* excluding lists first */
    uint64_t in = 0, gone = 0;
    int32_t first = INT32_MAX;
    for (uint32_t i = 0; i < m->d->count; i++)
        if (at(m, i)->kind == ITEM_LISTING && at(m, i)->day < first) first = at(m, i)->day;
    for (int32_t today = first; today <= day; today++)
        for (unsigned o = 0; o < 3; o++)
            for (uint32_t i = 0; i < m->d->count; i++) {
                const item *it = at(m, i);
                uint64_t bit = UINT64_C(1) << i;
                if (it->kind != ITEM_LISTING || it->type != ORDER[o] || it->day > today || (gone & bit)) continue;
                const credit_list *list = credit_list_of(m->r, it->type);
                bool over =
                    it->until ? today >= it->until
                              : (list->valid.unit != PERIOD_NONE && today >= model_period_end(m, it->day, list->valid));
                over |= named_by(m, i, ITEM_DELISTING, today) || removed_on(m, list, i, today);
                for (uint32_t k = 0; k < m->d->count && list->excluded_by; k++)
                    over |= at(m, k)->kind == ITEM_LISTING && at(m, k)->type == list->excluded_by && (in >> k & 1);
                in &= ~bit;
                if (over)
                    gone |= bit;
                else
                    in |= bit;
            }
    return in;
}

static int64_t model_claim(const model *m, const profile_field *f) {
    int64_t best = PROFILE_MISSING;
    int highest = -1;
    int32_t best_day = 0;
    for (unsigned source = 0; source <= 3; source++) {
        int32_t last = -1;
        for (uint32_t i = 0; i < m->d->count; i++)
            if (at(m, i)->kind == ITEM_CLAIM && at(m, i)->source == source && (at(m, i)->claim.mask >> f->number & 1) &&
                (last < 0 || at(m, i)->day >= at(m, (uint32_t)last)->day))
                last = (int32_t)i;
        if (last < 0) continue;
        profile p;
        claim_to_profile(at(m, (uint32_t)last), &p);
        int64_t value = profile_get(&p, f);
        if (value == PROFILE_MISSING) continue;
        const credit_source *s = credit_source_of(m->r, source);
        int priority = s && (s->fields >> f->number & 1) ? s->priority[f->number] : 0;
        int32_t day = at(m, (uint32_t)last)->day * 10000 + last;
        if (priority < highest || (priority == highest && day < best_day)) continue;
        highest = priority;
        best_day = day;
        best = value;
    }
    return best == PROFILE_MISSING && !f->has_missing ? 0 : best;
}

static void model_day(const model *m, int32_t day, profile *out) {
    model_sums s = {.void_before = INT32_MIN};
    profile_init(out, &m->d->subject);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++)
        if (profile_field_at(i)->writable && i != FIELD_form)
            cr_assert_eq(profile_set(out, profile_field_at(i), model_claim(m, profile_field_at(i))), STATUS_OK);
    for (uint32_t i = 0; i < m->d->count; i++) {
        const item *it = at(m, i);
        if (it->kind == ITEM_RECORD && !named_by(m, i, ITEM_REVOKE, INT32_MAX)) {
            const record_type *t = credit_record_type(m->r, it->type);
            if (t) model_record(m, t, i, it->day, day, &s);
            if (t && (t->effects >> EFFECT_SERVICE_VOID & 1) && it->day <= day && it->day > s.void_before)
                s.void_before = it->day;
        }
        if (it->kind != ITEM_COMMITMENT) continue;
        int32_t breached;
        uint32_t by;
        unsigned state = model_commitment(m, i, day, &breached, &by);
        s.open += state == COMMITMENT_ACCEPTED || state == COMMITMENT_EXTENDED;
        if (state == COMMITMENT_BREACHED)
            s.broken += model_record(m, credit_record_type(m->r, m->r->breach_type), i, breached, day, &s);
    }
    for (uint32_t i = 0; i < m->d->count; i++)
        if (at(m, i)->kind == ITEM_SERVICE && at(m, i)->day <= day && at(m, i)->day >= s.void_before &&
            !named_by(m, i, ITEM_SERVICE_REVERSE, INT32_MAX))
            s.minutes += at(m, i)->value;
    if (s.x >= 300) s.flags |= PROFILE_FLAG_NOTICED;
    if (s.x >= 500) s.flags |= PROFILE_FLAG_GRADED_DOWN;
    if (s.negative + out->negative_points >= 700) s.flags |= PROFILE_FLAG_SUSPENDED;
    uint64_t listings = model_listings(m, day);
    bool listed[4] = {false};
    for (uint32_t i = 0; i < m->d->count; i++) listed[listings >> i & 1 ? at(m, i)->type : 0] = true;
    bool third = listed[3];
    bool serious = ((out->flags & PROFILE_FLAG_SERIOUS_LIST) || listed[2]) && !third;
    bool red = (out->flags & PROFILE_FLAG_RED_LIST) != 0;
    if ((s.classes >> CLASS_GENERAL & 1) || s.red_removed || s.broken) red = false;
    red = (red || listed[1]) && !serious;
    out->flags &= ~(PROFILE_FLAG_RED_LIST | PROFILE_FLAG_SERIOUS_LIST);
    out->flags |= s.flags | (red ? PROFILE_FLAG_RED_LIST : 0) | (serious ? PROFILE_FLAG_SERIOUS_LIST : 0);
#define SUM(member, more, most) out->member = (out->member + (more) < (most) ? (out->member + (more)) : (most))
    SUM(volunteer_minutes, s.minutes, UINT32_MAX);
    SUM(negative_points, s.negative, UINT16_MAX);
    SUM(positive_points, s.positive, UINT16_MAX);
    SUM(open_commitments, s.open, UINT8_MAX);
    SUM(broken_commitments, s.broken, UINT8_MAX);
}

/* ------------------------------------------------------------------ random dossiers */

#define FIRST 20454 /* 2026-01-01 */
#define SPAN 500

static int32_t any_day(dice *g) { return FIRST + (int32_t)dice_below(g, SPAN); }

static void add_commitment(dice *g, dossier *d) {
    int32_t day = any_day(g), deadline = day + (int32_t)dice_below(g, 40) - 3;
    uint32_t n = add_item(d, ITEM_COMMITMENT, 1, day, 0);
    if (dice_below(g, 8) == 0) return;
    add_step(d, n, COMMITMENT_ACCEPTED, day + (int32_t)dice_below(g, 3), dice_below(g, 9) ? deadline : 0);
    if (dice_below(g, 3) == 0)
        add_step(d, n, COMMITMENT_EXTENDED, day + (int32_t)dice_below(g, 40), deadline + (int32_t)dice_below(g, 30));
    for (unsigned more = (unsigned)dice_below(g, 3); more > 0; more--)
        add_step(d, n, COMMITMENT_ACCEPTED + (unsigned)dice_below(g, 5), day + (int32_t)dice_below(g, 60),
                 deadline + (int32_t)dice_below(g, 30));
    if (dice_below(g, 3) == 0) add_item(d, ITEM_REPAIR, 0, day + (int32_t)dice_below(g, 300), n);
}

static void add_random_claim(dice *g, dossier *d) {
    static const char *const WHAT[] = {"tax_grade=A",
                                       "tax_grade=",
                                       "tax_grade=B public_score=700",
                                       "red_list=true",
                                       "red_list=false",
                                       "serious_list=true",
                                       "volunteer_minutes=90",
                                       "negative_points=3",
                                       "public_score=900 serious_list=false",
                                       "public_score=",
                                       "broken_commitments=254 open_commitments=3",
                                       "consent_loan=true division=530102 sector=D44 since_day=2019-02-03"};
    add_claim(d, (unsigned)dice_below(g, 4), any_day(g), WHAT[dice_below(g, sizeof WHAT / sizeof *WHAT)]);
}

static void fill(dice *g, dossier *d) {
    unsigned things = 1 + (unsigned)dice_below(g, 8), focus = (unsigned)dice_below(g, 4);
    for (unsigned i = 0; i < things; i++) {
        uint32_t n;
        switch (dice_below(g, 9)) {
        case 0: add_random_claim(g, d); break;
        case 1: add_commitment(g, d); break;
        case 2:
            n = add_item(d, ITEM_SERVICE, 0, any_day(g), 1 + (uint32_t)dice_below(g, 700));
            if (dice_below(g, 4) == 0) add_item(d, ITEM_SERVICE_REVERSE, 0, any_day(g), n);
            break;
        case 3:
        case 4:
            n = add_item(d, ITEM_LISTING, 1 + (unsigned)dice_below(g, 3), any_day(g), 0);
            if (dice_below(g, 3) == 0) d->items[n].until = (uint16_t)(d->items[n].day + 1 + dice_below(g, 100));
            if (dice_below(g, 4) == 0) add_item(d, ITEM_DELISTING, 0, any_day(g), n);
            break;
        case 5: add_item(d, ITEM_USE, 0x101, any_day(g), 0); break;
        default:
            n = add_item(d, ITEM_RECORD, focus ? 1 + (unsigned)dice_below(g, 8) : 1 + (unsigned)dice_below(g, 2),
                         any_day(g), 0);
            if (dice_below(g, 5) == 0) add_item(d, ITEM_REPAIR, 0, any_day(g), n);
            if (dice_below(g, 9) == 0) add_item(d, ITEM_REVOKE, 0, any_day(g), n);
        }
    }
}

/* ------------------------------------------------------------------ comparing */

static void compare(const model *m, const profile *got, int32_t day, const dice *g) {
    profile want;
    model_day(m, day, &want);
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        char text[CLOCK_DATE_TEXT];
        if (i == FIELD_change_day) continue;
        int64_t a = profile_get(&want, f), b = profile_get(got, f);
        cr_assert_eq(a, b, "seed %llu, dossier of %u on %s: %s: model %lld, derived %lld", (unsigned long long)g->seed,
                     m->d->count, clock_format_day(day, text), f->name, (long long)a, (long long)b);
    }
}

static bool same_but_change(const profile *a, const profile *b) {
    profile x = *a, y = *b;
    x.change_day = y.change_day = 0;
    return memcmp(&x, &y, sizeof x) == 0;
}

/* Nothing differs before the day of change, something on it. */
static void check_change(const model *m, const profile *p, int32_t day, const dice *g) {
    int32_t last = p->change_day ? p->change_day : FIRST + SPAN + 2300;
    for (int32_t later = day + 1; later < last; later++) {
        profile q = derived(m->r, m->d, later);
        cr_assert(same_but_change(p, &q), "seed %llu: differs on day %d, before the change on %d",
                  (unsigned long long)g->seed, later, p->change_day);
        cr_assert_eq(q.change_day, p->change_day);
    }
    if (!p->change_day) return;
    profile q = derived(m->r, m->d, last);
    cr_assert_not(same_but_change(p, &q), "seed %llu: day %d, nothing changes on %d", (unsigned long long)g->seed, day,
                  last);
}

/* The profile is the same after what may be erased is. */
static void check_erasing(const credit_rules *r, const dossier *d, int32_t day, const dice *g) {
    static made_dossier memory;
    uint32_t numbers[64];
    uint16_t next;
    memcpy(memory.memory, d, sizeof *d + d->count * sizeof(item));
    dossier *copy = (dossier *)(void *)memory.memory;
    unsigned max = 1 + (unsigned)(d->count % 5), n;
    bool any = false;
    for (unsigned round = 0; (n = credit_erasable(r, copy, day, numbers, max, &next)) > 0; round++) {
        cr_assert_leq(n, max);
        cr_assert_lt(round, 64u);
        for (unsigned i = 0; i < n; i++) {
            cr_assert_neq(copy->items[numbers[i]].kind, ITEM_ERASED);
            memset(&copy->items[numbers[i]], 0, sizeof(item));
        }
        any = true;
        profile a = derived(r, d, day), b = derived(r, copy, day);
        cr_assert_eq(memcmp(&a, &b, sizeof a), 0, "seed %llu: erasing %u items shows on day %d",
                     (unsigned long long)g->seed, n, day);
    }
    if (next) cr_assert_gt(next, day);
    if (!any) return;
    for (uint32_t i = 0; i < copy->count; i++)
        if (copy->items[i].kind == ITEM_RECORD && credit_record_type(r, copy->items[i].type)->class != CLASS_MERIT)
            cr_assert_lt(day, credit_period_end(r, copy->items[i].day, r->personal_kept));
}

static void run(uint64_t seed, unsigned rounds) {
    static made_dossier memory;
    dice g = dice_make(seed);
    policy_set *set = must_load_parts(PARTS, sizeof PARTS / sizeof *PARTS);
    const credit_rules *r = policy_credit(set);
    fprintf(stderr, "seed %llu\n", (unsigned long long)g.seed);
    for (unsigned i = 0; i < rounds; i++) {
        bool person = dice_below(&g, 3) == 0;
        dossier *d = begin_dossier(&memory, person ? "id:530000199001010011" : "uscc:91530000MA00TTT099");
        fill(&g, d);
        model m = {.r = r, .d = d, .person = person};
        for (unsigned k = 0; k < 6; k++) {
            int32_t day = FIRST - 10 + (int32_t)dice_below(&g, k < 4 ? SPAN : SPAN + 1500);
            if (k == 5) day = d->items[dice_below(&g, d->count)].day;
            profile p = derived(r, d, day);
            compare(&m, &p, day, &g);
            if (k == 0) check_change(&m, &p, day, &g);
            if (p.change_day) {
                profile q = derived(r, d, p.change_day);
                compare(&m, &q, p.change_day, &g);
            }
            if (person) check_erasing(r, d, day, &g);
        }
    }
    policy_destroy(&set);
}

Test(credit_model, a_day_is_what_walking_through_the_days_gives) {
    bool slow = getenv("XINYI_SLOW") != NULL;
    run(20261124, slow ? 20000 : 4000);
}
