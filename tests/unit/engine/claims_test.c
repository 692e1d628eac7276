/* Claims of several sources: what is written, withdrawn and told late, beside a model that forgets nothing. */
#include "tests/unit/report_world.h"

TestSuite(claims, .timeout = 60);

#define BIT(name) (UINT64_C(1) << FIELD_##name)
#define CITY 2u
#define TAX 1u

static status put(world *w, unsigned source, uint64_t mask, const profile *fields, uint32_t *version) {
    profile_put p = {.mask = mask, .flags = source << PUT_SOURCE_SHIFT, .fields = *fields};
    p.fields.id = help_subject(1);
    p.fields.form = FORM_PERSON;
    return txn_put(w->t, &p, version);
}

static uint32_t must_put(world *w, unsigned source, uint64_t mask, const profile *fields) {
    uint32_t version;
    world_begin(w);
    cr_assert_eq(put(w, source, mask, fields, &version), STATUS_OK);
    world_commit(w);
    return version;
}

static uint32_t items(const world *w) {
    subject_id id = help_subject(1);
    profile p;
    const dossier *d;
    cr_assert(engine_dossier(w->e, &id, world_moment(w), &p, &d));
    return d != NULL ? d->count : 0;
}

static void open_one(world *w, profile *fields) {
    subject_id id = help_subject(1);
    report_world_open(w);
    world_person(w, 1);
    profile_init(fields, &id);
}

Test(claims, what_was_said_before_can_be_said_again) {
    world w;
    profile f;
    open_one(&w, &f);
    f.tax_grade = TAX_A;
    f.public_grade = PUBLIC_GOOD;
    must_put(&w, CITY, BIT(tax_grade) | BIT(public_grade), &f);
    f.tax_grade = TAX_C;
    f.public_score = 700;
    must_put(&w, CITY, BIT(tax_grade) | BIT(public_score), &f);
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_C);
    f.tax_grade = TAX_A;
    must_put(&w, CITY, BIT(tax_grade) | BIT(public_grade), &f); /* word for word the first */
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_A);
    cr_assert_eq(world_profile(&w, 1).public_score, 700);
    world_close(&w);
}

Test(claims, saying_it_twice_changes_nothing) {
    world w;
    profile f;
    open_one(&w, &f);
    f.tax_grade = TAX_A;
    uint32_t first = must_put(&w, CITY, BIT(tax_grade), &f), count = items(&w);
    cr_assert_eq(must_put(&w, CITY, BIT(tax_grade), &f), first);
    cr_assert_eq(must_put(&w, CITY, 0, &f), first);
    cr_assert_eq(must_put(&w, 0, 0, &f), first);
    cr_assert_eq(items(&w), count);
    cr_assert_eq(profile_version(&(profile){.seq = world_profile(&w, 1).seq}), first);
    world_close(&w);
}

Test(claims, sources_that_write_by_turns_on_one_day_need_no_more_room) {
    world w;
    profile f;
    open_one(&w, &f);
    f.tax_grade = TAX_D;
    must_put(&w, CITY, BIT(tax_grade), &f);
    for (unsigned i = 0; i < 40; i++) { /* equal priority: the later word counts */
        unsigned source = i % 2 ? CITY : 0;
        f.tax_grade = (uint8_t)(1 + i % 5);
        f.public_grade = (uint8_t)(1 + i % 4);
        must_put(&w, source, i % 3 ? BIT(tax_grade) : BIT(tax_grade) | BIT(public_grade), &f);
        cr_assert_eq(world_profile(&w, 1).tax_grade, f.tax_grade);
    }
    cr_assert_leq(items(&w), 1u + 2u + 2u);
    world_close(&w);
}

Test(claims, a_withdrawal_gives_way_to_others_and_not_to_what_was_said_before) {
    world w;
    profile f;
    open_one(&w, &f);
    f.tax_grade = TAX_B;
    must_put(&w, CITY, BIT(tax_grade), &f);
    f.tax_grade = TAX_D;
    must_put(&w, TAX, BIT(tax_grade), &f);
    f.tax_grade = TAX_A;
    f.data_day = (uint16_t)(world_day(&w) - 1);
    must_put(&w, TAX, BIT(tax_grade) | BIT(data_day), &f); /* of yesterday: today's stays */
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_D);
    f.tax_grade = TAX_UNRATED;
    must_put(&w, TAX, BIT(tax_grade), &f);
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_B, "the city's word, not the tax office's of yesterday");
    must_put(&w, CITY, BIT(tax_grade), &f);
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_UNRATED);
    world_close(&w);
}

/* A full dossier takes what needs no room. */
Test(claims, a_full_dossier_can_still_be_corrected) {
    world w;
    profile f;
    open_one(&w, &f);
    f.tax_grade = TAX_B;
    must_put(&w, CITY, BIT(tax_grade), &f);
    world_begin(&w);
    report_result out = {0};
    for (unsigned i = 0; out.status == STATUS_OK && i <= LIMIT_DOSSIER_ITEMS; i++) {
        report r = world_report(REPORT_NAME, 1, "n");
        snprintf(r.text, sizeof r.text, "%u", i);
        out = world_send(&w, &r);
    }
    cr_assert_eq(out.status, STATUS_DOSSIER_FULL);
    f.tax_grade = TAX_A;
    uint32_t version;
    cr_assert_eq(put(&w, TAX, BIT(tax_grade), &f, &version), STATUS_DOSSIER_FULL);
    cr_assert_eq(put(&w, CITY, BIT(tax_grade), &f, &version), STATUS_OK);
    world_commit(&w);
    cr_assert_eq(world_profile(&w, 1).tax_grade, TAX_A);
    cr_assert_eq(items(&w), LIMIT_DOSSIER_ITEMS);
    world_close(&w);
}

/* ------------------------------------------------------------------ the model */

typedef struct said {
    unsigned source, field;
    int32_t day;
    int64_t value;
} said;

#define SAID_MAX 4096
typedef struct history {
    unsigned count;
    said all[SAID_MAX];
} history;

static const unsigned FIELDS[] = {FIELD_tax_grade, FIELD_public_grade, FIELD_public_score, FIELD_data_day};
#define FIELD_COUNT 4u

static const said *last_word(const history *h, unsigned source, unsigned field) {
    const said *best = NULL;
    for (unsigned i = 0; i < h->count; i++) {
        const said *s = &h->all[i];
        if (s->source == source && s->field == field && (best == NULL || s->day >= best->day)) best = s;
    }
    return best;
}

static int64_t expected(const history *h, unsigned field) {
    static const unsigned PRIORITY[] = {50, 90, 50};
    const said *best = NULL;
    for (unsigned source = 0; source < 3; source++) {
        const said *s = last_word(h, source, field);
        if (s == NULL || s->value == PROFILE_MISSING) continue;
        if (best == NULL || PRIORITY[source] > PRIORITY[best->source]) {
            best = s;
            continue;
        }
        if (PRIORITY[source] < PRIORITY[best->source]) continue;
        if (s->day > best->day || (s->day == best->day && s > best)) best = s;
    }
    return best != NULL ? best->value : PROFILE_MISSING;
}

static void random_word(world *w, uint64_t *seed, history *h) {
    unsigned source = help_below(seed, 3);
    uint64_t mask = 0;
    profile f;
    subject_id id = help_subject(1);
    profile_init(&f, &id);
    int32_t day = world_day(w);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        bool may = source != TAX || FIELDS[i] == FIELD_tax_grade || FIELDS[i] == FIELD_data_day;
        if (!may || help_below(seed, 2)) continue;
        mask |= UINT64_C(1) << FIELDS[i];
        const profile_field *field = profile_field_at(FIELDS[i]);
        int64_t value = help_below(seed, 4) == 0 ? PROFILE_MISSING
                        : FIELDS[i] == FIELD_data_day
                            ? world_day(w) - 3 + (int64_t)help_below(seed, 5)
                            : field->min + 1 + (int64_t)help_below(seed, (uint32_t)(field->max - field->min));
        cr_assert_eq(profile_set(&f, field, value), STATUS_OK);
    }
    if ((mask & BIT(data_day)) && f.data_day != 0 && f.data_day < day) day = f.data_day;
    uint32_t version;
    cr_assert_eq(put(w, source, mask, &f, &version), STATUS_OK);
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (mask >> FIELDS[i] & 1)
            h->all[h->count++] = (said){source, FIELDS[i], day, profile_get(&f, profile_field_at(FIELDS[i]))};
}

static void compare(const engine *e, policy_moment at, const history *h) {
    subject_id id = help_subject(1);
    profile p;
    cr_assert(engine_profile(e, &id, at, &p));
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const profile_field *field = profile_field_at(FIELDS[i]);
        cr_assert_eq(profile_get(&p, field), expected(h, FIELDS[i]), "%s after %u words", field->name, h->count);
    }
}

static void converse(uint64_t seed) {
    static history h;
    world w;
    profile f;
    open_one(&w, &f);
    h.count = 0;
    f.division = 530102;
    must_put(&w, CITY, 0, &f);
    f.tax_grade = TAX_M; /* makes the dossier */
    must_put(&w, CITY, BIT(tax_grade), &f);
    h.all[h.count++] = (said){CITY, FIELD_tax_grade, world_day(&w), TAX_M};
    for (unsigned group = 0; group < 120; group++) {
        unsigned before = h.count;
        world_begin(&w);
        for (unsigned i = 0; i < 4; i++) random_word(&w, &seed, &h);
        if (help_below(&seed, 8) == 0) {
            txn_abort(w.t);
            h.count = before;
        } else
            world_commit(&w);
        compare(w.e, world_moment(&w), &h);
        if (help_below(&seed, 3) == 0) world_pass_days(&w, 1);
    }
    cr_assert_leq(items(&w), 1u + 2u * FIELD_COUNT + 2u, "%u: no source holds more than a claim for each field",
                  items(&w));
    engine *again = world_engine(0);
    cr_assert_eq(world_apply(again, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(again), STATUS_OK);
    world_check(again);
    compare(again, world_moment(&w), &h);
    engine_destroy(&again);
    world_close(&w);
}

Test(claims, several_sources_beside_a_model) {
    uint64_t seed = help_seed("claims");
    for (unsigned i = 0; i < 40; i++) converse(help_random(&seed));
}
