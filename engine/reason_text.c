/* What people are told. English with the Chinese titles of things, as everywhere.
 *
 * A change names what to do, or what to earn. A wait names the cause: of all that is different on that day, no more
 * than is needed is kept, and each field that is left is traced to the record, listing or points behind it. Texts that
 * are too long end at a whole character. */
#include "base/clock.h"
#include "base/utf8.h"
#include "engine/reason_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ writing */

typedef struct line {
    char *text;
    size_t room, used;
} line;

static __attribute__((format(printf, 2, 3))) void put(line *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->text + l->used, l->room - l->used, format, args);
    va_end(args);
    if (n < 0) return;
    if ((size_t)n < l->room - l->used) {
        l->used += (size_t)n;
        return;
    }
    size_t end = l->used, most = l->room - 1; /* cut behind the last whole character */
    while (end < most && utf8_length(l->text + end, most - end) > 0) end += utf8_length(l->text + end, most - end);
    l->text[end] = '\0';
    l->used = end;
    l->room = end + 1;
}

static const char *plural(int64_t n) { return n == 1 ? "" : "s"; }

/* ------------------------------------------------------------------ changes */

static void put_minutes(line *l, int64_t minutes) {
    if (minutes % 60 == 0)
        put(l, "%lld more volunteer hour%s", (long long)(minutes / 60), plural(minutes / 60));
    else if (minutes < 60)
        put(l, "%lld more volunteer minute%s", (long long)minutes, plural(minutes));
    else
        put(l, "%lld h %lld min more volunteer service", (long long)(minutes / 60), (long long)(minutes % 60));
}

static void put_hundredths(line *l, int64_t n) { put(l, "%lld.%02lld", (long long)(n / 100), (long long)(n % 100)); }

/* "授权:信易贷" → "信易贷" */
static const char *authorised(const profile_field *f) {
    const char *colon = strchr(f->title, ':');
    return colon != NULL ? colon + 1 : f->title;
}

static void put_earned(line *l, const reason_field *r, const profile_field *f, int64_t to, bool better) {
    char value[PROFILE_VALUE_TEXT];
    put(l, "a %s of %s", r->noun != NULL ? r->noun : f->title, profile_format_value(f, to, value));
    if (better && f->type == PROFILE_ENUM && to < f->max)
        put(l, " or better");
    else if (better && f->type != PROFILE_ENUM)
        put(l, " or more");
}

void reason_change_text(const reason_field *r, const profile_field *f, int64_t from, int64_t to, bool better,
                        char *text, size_t room) {
    line l = {text, room, 0};
    int64_t by = from == PROFILE_MISSING ? 0 : (from > to ? from - to : to - from); /* what counts is never missing */
    text[0] = '\0';
    switch (r->number) {
    case FIELD_volunteer_minutes: put_minutes(&l, by); break;
    case FIELD_positive_points:
        put_hundredths(&l, by);
        put(&l, " more positive points");
        break;
    case FIELD_negative_points:
        put_hundredths(&l, by);
        put(&l, " fewer negative points: by repair or by waiting");
        break;
    case FIELD_open_commitments: put(&l, "fulfil %lld open commitment%s", (long long)by, plural(by)); break;
    case FIELD_broken_commitments: put(&l, "repair %lld broken commitment%s", (long long)by, plural(by)); break;
    case FIELD_arrears: put(&l, "pay what is in arrears"); break;
    default:
        if (r->way == WAY_TRUE)
            put(&l, "give the authorisation for %s", authorised(f));
        else
            put_earned(&l, r, f, to, better);
    }
}

/* ------------------------------------------------------------------ causes of a day */

/* Flags that end, and the effect of a record that sets them. */
typedef struct flag_cause {
    uint8_t field, effect;
    const char *what;
} flag_cause;
static const flag_cause FLAGS[] = {
    {FIELD_gaps_barred, EFFECT_GAPS_BARRED, "the exclusion from acceptance with gaps"},
    {FIELD_observed, EFFECT_OBSERVED, "the observation of negative behaviour"},
    {FIELD_suspended, EFFECT_SUSPENDED, "the suspension from trading"},
    {FIELD_no_exemption, EFFECT_NO_EXEMPTION, "the bar to exemption from the guarantee"},
    {FIELD_graded_down, EFFECT_GRADED_DOWN, "the downgrade"},
    {FIELD_noticed, EFFECT_NOTICED, "the notice of negative behaviour"},
    {FIELD_arrears, EFFECT_ARREARS, "the mark of arrears"},
    {FIELD_late_settlement, EFFECT_LATE_SETTLEMENT, "the mark of a late settlement"},
    {FIELD_volunteer_barred, EFFECT_VOLUNTEER_BARRED, "the exclusion from volunteer benefits"},
};

typedef struct moment_of_change {
    const reason_case *c;
    const credit_rules *rules;
    const profile *before, *after;
    int32_t day;
} moment_of_change;

static void put_record(line *l, const moment_of_change *m, const item *record) {
    char date[CLOCK_DATE_TEXT];
    const record_type *type = credit_record_type(m->rules, record->type);
    put(l, "the record of %s", clock_format_day(record->day, date));
    if (type != NULL) put(l, " (%s)", type->title != NULL && type->title[0] ? type->title : type->id);
}

/* The record that ends on the day, of an adverse class; with an effect, one that had it. NULL: none. */
static const item *record_ending(const moment_of_change *m, int effect) {
    for (uint32_t i = 0; m->c->d != NULL && i < m->c->d->count; i++) {
        const item *record = &m->c->d->items[i];
        record_standing was, is;
        if (record->kind != ITEM_RECORD) continue;
        credit_record_standing(m->rules, m->c->d, i, m->day - 1, &was);
        credit_record_standing(m->rules, m->c->d, i, m->day, &is);
        const record_type *type = credit_record_type(m->rules, record->type);
        if (was.active && !is.active && (effect < 0 ? type && type->class != CLASS_MERIT : was.effects >> effect & 1))
            return record;
    }
    return NULL;
}

/* A record that goes on but whose effect ends on the day. */
static const item *effect_ending(const moment_of_change *m, unsigned effect) {
    for (uint32_t i = 0; m->c->d != NULL && i < m->c->d->count; i++) {
        record_standing was, is;
        if (m->c->d->items[i].kind != ITEM_RECORD) continue;
        credit_record_standing(m->rules, m->c->d, i, m->day - 1, &was);
        credit_record_standing(m->rules, m->c->d, i, m->day, &is);
        if ((was.effects & ~is.effects) >> effect & 1) return &m->c->d->items[i];
    }
    return NULL;
}

static bool put_listing(line *l, const moment_of_change *m, uint32_t flag) {
    for (uint32_t i = 0; m->c->d != NULL && i < m->c->d->count; i++) {
        const item *listing = &m->c->d->items[i];
        const credit_list *list = listing->kind == ITEM_LISTING ? credit_list_of(m->rules, listing->type) : NULL;
        listing_standing was, is;
        char date[CLOCK_DATE_TEXT];
        if (list == NULL || list->flag != flag) continue;
        credit_listing_standing(m->rules, m->c->d, i, m->day - 1, &was);
        credit_listing_standing(m->rules, m->c->d, i, m->day, &is);
        if (!was.active || is.active) continue;
        put(l, "the listing of %s on %s ends", clock_format_day(listing->day, date),
            list->title != NULL && list->title[0] ? list->title : list->id);
        return true;
    }
    return false;
}

static bool passed(const moment_of_change *m, uint32_t points) {
    return points > m->after->negative_points && points <= m->before->negative_points;
}

/* The least value of the policy's cells that the points have fallen below; 0: none. */
static uint32_t bound_passed(const moment_of_change *m) {
    uint32_t bound = 0, cuts[256];
    for (unsigned i = 0; i < m->c->item->table_count; i++) {
        const policy_table *t = &m->c->item->tables[i];
        for (unsigned c = 0; c < t->column_count; c++) {
            if (t->fields[c]->number != FIELD_negative_points) continue;
            size_t n = table_cuts(t->compiled, c, cuts, 256);
            for (size_t k = 0; k < n && k < 256; k++)
                if (passed(m, cuts[k]) && (bound == 0 || cuts[k] < bound)) bound = cuts[k];
        }
    }
    return bound;
}

/* Points of a domain on a day, as thresholds count them; of all domains they are in the profile. */
static uint32_t points_of(const moment_of_change *m, const char *domain, const profile *p, int32_t day) {
    uint32_t sum = 0;
    if (domain == NULL) return p->negative_points;
    for (uint32_t i = 0; m->c->d != NULL && i < m->c->d->count; i++) {
        record_standing standing;
        const record_type *type = credit_record_type(m->rules, m->c->d->items[i].type);
        if (m->c->d->items[i].kind != ITEM_RECORD || type == NULL || type->domain == NULL) continue;
        if (type->class == CLASS_MERIT || strcmp(type->domain, domain) != 0) continue;
        credit_record_standing(m->rules, m->c->d, i, day, &standing);
        sum += standing.points;
    }
    return sum;
}

/* The threshold of an effect that points have fallen below; NULL: none. */
static const points_threshold *threshold_passed(const moment_of_change *m, unsigned effect) {
    for (unsigned i = 0; i < m->rules->threshold_count; i++) {
        const points_threshold *t = &m->rules->thresholds[i];
        if (t->effect == effect && points_of(m, t->domain, m->before, m->day - 1) >= t->points &&
            points_of(m, t->domain, m->after, m->day) < t->points)
            return t;
    }
    return NULL;
}

/* A fall of the points: by a record that ends, or by decay. */
static void put_points(line *l, const moment_of_change *m, const char *domain, uint32_t bound) {
    const item *record = record_ending(m, -1);
    if (record != NULL) {
        put_record(l, m, record);
        put(l, " ends");
        return;
    }
    put(l, "negative points %s%s%shave decayed %s ", domain != NULL ? "of domain " : "", domain != NULL ? domain : "",
        domain != NULL ? " " : "", bound != 0 ? "below" : "to");
    put_hundredths(l, bound != 0 ? bound : m->after->negative_points);
}

static void put_flag(line *l, const moment_of_change *m, const profile_field *f, const flag_cause *flag) {
    const item *record = record_ending(m, flag->effect);
    const points_threshold *threshold = threshold_passed(m, flag->effect);
    if (record != NULL) {
        put_record(l, m, record);
        put(l, " ends");
    } else if ((record = effect_ending(m, flag->effect)) != NULL) {
        put(l, "%s by ", flag->what);
        put_record(l, m, record);
        put(l, " ends");
    } else if (threshold != NULL) {
        put_points(l, m, threshold->domain, threshold->points);
    } else {
        put(l, "%s (%s) ends", flag->what, f->title);
    }
}

/* Why one field is another on this day. */
static void put_cause(line *l, const moment_of_change *m, const profile_field *f) {
    char value[PROFILE_VALUE_TEXT];
    const item *record;
    for (size_t i = 0; i < sizeof FLAGS / sizeof FLAGS[0]; i++) {
        if (FLAGS[i].field != f->number || profile_get(m->after, f) != 0) continue;
        put_flag(l, m, f, &FLAGS[i]);
        return;
    }
    if (f->type == PROFILE_FLAG && profile_get(m->after, f) == 0 && put_listing(l, m, f->bit)) return;
    bool computed = f->number == FIELD_composite_score || f->number == FIELD_composite_grade;
    if (f->number == FIELD_negative_points && m->after->negative_points < m->before->negative_points) {
        put_points(l, m, NULL, bound_passed(m));
    } else if (computed && (record = record_ending(m, -1)) != NULL) {
        put_record(l, m, record);
        put(l, " ends");
    } else if (f->number == FIELD_broken_commitments && m->after->broken_commitments < m->before->broken_commitments) {
        put(l, "a broken commitment no longer counts");
    } else {
        const reason_field *r = reason_field_of(f);
        profile_format_value(f, profile_get(m->after, f), value);
        put(l, "%s%s becomes %s", r != NULL && r->noun != NULL ? "the " : "",
            r != NULL && r->noun != NULL ? r->noun : f->title, value[0] ? value : "unknown");
    }
}

static bool grants(const moment_of_change *m, uint64_t fields, reason_goals wanted) {
    profile p = *m->before;
    decision d;
    profile_merge(&p, m->after, fields);
    policy_decide(m->c->set, m->c->scenario, &p, policy_moment_of_day(m->day), &d);
    return reason_any(reason_met(&d, wanted));
}

/* The fields that are different and needed: taken away one by one, what is computed from others first. */
static uint64_t needed(const moment_of_change *m, reason_goals wanted) {
    uint64_t fields = 0;
    for (unsigned i = 0; i < PROFILE_FIELD_COUNT; i++) {
        const profile_field *f = profile_field_at(i);
        if (profile_get(m->before, f) != profile_get(m->after, f)) fields |= UINT64_C(1) << i;
    }
    static const uint8_t FIRST[] = {FIELD_change_day, FIELD_data_day, FIELD_composite_score, FIELD_composite_grade};
    for (unsigned i = 0; i < sizeof FIRST + PROFILE_FIELD_COUNT; i++) {
        uint64_t bit = UINT64_C(1) << (i < sizeof FIRST ? FIRST[i] : i - sizeof FIRST);
        if ((fields & bit) != 0 && grants(m, fields & ~bit, wanted)) fields &= ~bit;
    }
    return fields;
}

void reason_wait_text(const reason_case *c, const profile *before, const profile *after, int32_t day,
                      reason_goals wanted, char *text, size_t room) {
    moment_of_change m = {.c = c, .rules = policy_credit(c->set), .before = before, .after = after, .day = day};
    line l = {text, room - sizeof " on 2026-01-01" + 1, 0}; /* the day is never cut off */
    char date[CLOCK_DATE_TEXT];
    uint64_t fields = needed(&m, wanted);
    text[0] = '\0';
    put(&l, "when ");
    if (fields == 0) put(&l, "another rule of the policy applies");
    for (unsigned n = 0; fields; fields &= fields - 1) {
        char one[200] = "";
        put_cause(&(line){one, sizeof one, 0}, &m, profile_field_at((unsigned)__builtin_ctzll(fields)));
        if (strstr(text, one) == NULL) put(&l, "%s%s", n++ > 0 ? " and " : "", one); /* one record, several fields */
    }
    snprintf(text + l.used, room - l.used, " on %s", clock_format_day(day, date));
}
