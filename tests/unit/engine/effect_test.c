/* Effect totals and the history of policies through transactions: what is published, what a recovery finds, what an
 * abort leaves. */
#include "engine/effect_internal.h"
#include "engine/state.h"
#include "tests/unit/engine_world.h"

#include <stdlib.h>

#define NOVEMBER (56u * 12 + 10)
#define WUHUA 530102u

/* ------------------------------------------------------------------ rows */

enum { MONTHS = 4, SCENARIOS = 3, PLACES = 7 };

/* A naive model: a dense cube. */
typedef struct cube {
    effect_counts at[MONTHS][SCENARIOS][PLACES];
} cube;

static uint32_t division_of(unsigned place) { return place == 0 ? 0 : 530000 + place * 101; }

typedef struct walk {
    const cube *model;
    size_t rows;
    uint64_t last; /* month, scenario and division as one number */
} walk;

static bool is_zero(const effect_counts *c) {
    static const effect_counts zero;
    return memcmp(c, &zero, sizeof zero) == 0;
}

static void compare_row(void *context, const effect_row *row) {
    walk *w = context;
    uint64_t order = (uint64_t)row->month << 40 | (uint64_t)row->scenario << 32 | row->division;
    cr_assert(w->rows == 0 || order > w->last, "rows come in order");
    w->last = order;
    w->rows++;
    unsigned place = 0;
    while (place < PLACES && division_of(place) != row->division) place++;
    cr_assert_lt(place, PLACES);
    cr_assert_not(is_zero(&row->counts));
    cr_assert_arr_eq(&row->counts, &w->model->at[row->month - NOVEMBER][row->scenario - 1][place], sizeof row->counts);
}

static size_t rows_of(const cube *c, unsigned month, unsigned scenario) {
    size_t n = 0;
    for (unsigned m = 0; m < MONTHS; m++)
        for (unsigned s = 0; s < SCENARIOS; s++)
            for (unsigned p = 0; p < PLACES; p++)
                if ((month == 0 || month == NOVEMBER + m) && (scenario == 0 || scenario == s + 1))
                    n += !is_zero(&c->at[m][s][p]);
    return n;
}

static void compare_all(const effects *e, const cube *c) {
    for (unsigned month = 0; month <= NOVEMBER + MONTHS; month += month == 0 ? NOVEMBER : 1)
        for (unsigned scenario = 0; scenario <= SCENARIOS; scenario++) {
            walk w = {.model = c};
            effects_walk(e, month, scenario, compare_row, &w);
            cr_assert_eq(w.rows, rows_of(c, month, scenario), "month %u scenario %u", month, scenario);
        }
}

static effect_counts random_counts(uint64_t *seed) {
    effect_counts add = {0};
    add.outcomes[help_below(seed, 4)] = help_below(seed, 3);
    add.given[help_below(seed, 64)] = help_below(seed, 3);
    add.used[help_below(seed, 64)] = help_below(seed, 2);
    return add;
}

/* Groups that add and are published or aborted, against the cube; then everything again from the log. */
Test(effect, totals_are_those_of_published_groups_and_survive) {
    world w;
    world_open(&w);
    cube *model = calloc(1, sizeof *model), *pending = malloc(sizeof *pending);
    uint64_t seed = help_seed("effect_groups");
    for (unsigned group = 0; group < 60; group++) {
        world_begin(&w);
        *pending = *model;
        for (unsigned i = help_below(&seed, 40); i > 0; i--) {
            unsigned m = help_below(&seed, MONTHS), s = help_below(&seed, SCENARIOS), p = help_below(&seed, PLACES);
            effect_counts add = random_counts(&seed);
            effect_add(&pending->at[m][s][p], &add);
            cr_assert_eq(txn_effect(w.t, NOVEMBER + m, s + 1, division_of(p), &add), STATUS_OK);
        }
        compare_all(engine_effects(w.e), model); /* nothing of an open group is to be seen */
        if (help_below(&seed, 3) == 0) {
            txn_abort(w.t);
        } else {
            world_commit(&w);
            *model = *pending;
        }
        compare_all(engine_effects(w.e), model);
    }
    engine *again = world_engine(0);
    cr_assert_eq(world_apply(again, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(again), STATUS_OK);
    compare_all(engine_effects(again), model);
    cr_assert_lt(effects_bytes(engine_effects(again)), 100000);
    /* and a second time over it: records are absolute */
    cr_assert_eq(world_apply(again, w.log.data, w.log.size), STATUS_OK);
    compare_all(engine_effects(again), model);
    engine_destroy(&again);
    world_close(&w);
    free(model);
    free(pending);
}

Test(effect, additions_that_are_nothing_write_nothing) {
    world w;
    world_open(&w);
    world_begin(&w);
    effect_counts none = {0};
    cr_assert_eq(txn_effect(w.t, NOVEMBER, 1, WUHUA, &none), STATUS_OK);
    cr_assert_eq(txn_size(w.t), 0);
    world_commit(&w);
    cr_assert_eq(w.log.size, 0);
    world_close(&w);
}

static void first_row(void *context, const effect_row *row) { *(effect_row *)context = *row; }

Test(effect, sums_stay_at_the_most) {
    world w;
    world_open(&w);
    effect_counts many = {0};
    many.used[63] = UINT64_MAX - 1;
    for (int i = 0; i < 2; i++) {
        world_begin(&w);
        cr_assert_eq(txn_effect(w.t, NOVEMBER, 63, 0, &many), STATUS_OK);
        world_commit(&w);
    }
    effect_row row = {0};
    effects_walk(engine_effects(w.e), 0, 0, first_row, &row);
    cr_assert_eq(row.scenario, 63);
    cr_assert_eq(row.counts.used[63], UINT64_MAX);
    world_close(&w);
}

Test(effect, damaged_records_are_refused) {
    effects *e;
    cr_assert_eq(effects_create(&e), STATUS_OK);
    uint8_t key[EFFECT_KEY], image[EFFECT_IMAGE_MAX];
    effect_counts counts = {.outcomes = {0, 5, 0, 0}, .given = {[3] = 5}};
    effect_encode_key((effect_key){.month = NOVEMBER, .scenario = 2, .division = WUHUA}, key);
    size_t length = effect_encode(&counts, image);
    cr_assert_eq(length, 18 + 16);
    change c = {.table = CHANGE_STATE, .key = key, .key_length = sizeof key, .value = image, .value_length = length};
    cr_assert(effect_is_record(&c));
    cr_assert_eq(effects_apply(e, &c), STATUS_OK);
    for (size_t n = 0; n < length; n++) {
        c.value_length = n;
        cr_assert_eq(effects_apply(e, &c), STATUS_CORRUPT, "%zu bytes", n);
    }
    c.value_length = length;
    for (unsigned at = 0; at < 2; at++) { /* an unknown version, an outcome that there is not */
        uint8_t was = image[at];
        image[at] = 0x90;
        cr_assert_eq(effects_apply(e, &c), STATUS_CORRUPT);
        image[at] = was;
    }
    memset(image + 18, 0, 8);
    cr_assert_eq(effects_apply(e, &c), STATUS_CORRUPT, "a counter of 0 has no place");
    key[sizeof EFFECT_NAME - 1 + 2] = 64;
    cr_assert_eq(effects_apply(e, &c), STATUS_CORRUPT, "no such scenario");
    effect_row row = {0};
    effects_walk(e, NOVEMBER, 2, first_row, &row);
    cr_assert_arr_eq(&row.counts, &counts, sizeof counts, "the engine is as it was");
    effects_destroy(&e);
}

/* ------------------------------------------------------------------ benefits used */

#define BENEFIT_POLICY                                                                                                 \
    "policy: travel-test\nscenario: {name: travel, code: 2}\ntitle: t\nauthority: t\nlegal_basis: t\neffective: "      \
    "{from: 2020-01-01, to: 2040-01-01}\n"                                                                             \
    "benefits:\n  - {code: 4, id: lane, title: fast lane}\n"                                                           \
    "tables:\n  - table: a\n    hit: first\n    inputs: [red_list]\n    outputs: [outcome, benefits]\n    rows:\n"     \
    "      - {id: A, when: ['true'], then: [granted, [lane]]}\n"                                                       \
    "      - {id: B, when: ['-'], then: ['-', []]}\n"

static report use(uint32_t subject, uint8_t id, unsigned scenario, unsigned benefit, uint16_t day) {
    report r = {.subject = help_subject(subject),
                .kind = REPORT_USE,
                .purpose = PURPOSE_TRAVEL_SERVICE,
                .type = (uint16_t)(scenario << 8 | benefit),
                .day = day};
    r.id.bytes[0] = id;
    return r;
}

Test(effect, a_use_is_counted_once_in_the_month_of_its_day) {
    world w;
    world_open(&w);
    world_begin(&w);
    policy_file file = {"travel.yaml", BENEFIT_POLICY, sizeof BENEFIT_POLICY - 1};
    cr_assert_eq(txn_activate(w.t, help_policy(BENEFIT_POLICY, 1), &file, 1), STATUS_OK);
    profile_put put = {.mask = 1ull << FIELD_division};
    subject_id id = help_subject(1);
    profile_init(&put.fields, &id);
    put.fields.division = WUHUA;
    uint32_t version;
    cr_assert_eq(txn_put(w.t, &put, &version), STATUS_OK);
    world_commit(&w);
    int32_t day = clock_day_of_ms(w.now_ms);
    report_result r;
    world_begin(&w);
    report last_month = use(1, 1, 2, 4, (uint16_t)(day - 24)), today = use(1, 2, 2, 4, 0);
    cr_assert_eq(txn_report(w.t, &last_month, &r), STATUS_OK);
    cr_assert_eq(r.status, STATUS_OK, "%s", status_name(r.status));
    cr_assert_eq(txn_report(w.t, &today, &r), STATUS_OK);
    cr_assert_eq(r.status, STATUS_OK);
    cr_assert_eq(txn_report(w.t, &today, &r), STATUS_OK);
    cr_assert_eq(r.flags, REPORT_REPEATED);
    report unknown = use(1, 3, 2, 5, 0);
    cr_assert_eq(txn_report(w.t, &unknown, &r), STATUS_OK);
    cr_assert_eq(r.status, STATUS_UNKNOWN_BENEFIT);
    world_commit(&w);
    world_begin(&w);
    cr_assert_eq(txn_report(w.t, &today, &r), STATUS_OK);
    cr_assert_eq(r.flags, REPORT_REPEATED);
    world_commit(&w);
    for (unsigned month = NOVEMBER - 1; month <= NOVEMBER; month++) {
        effect_row row = {0};
        effects_walk(engine_effects(w.e), month, 2, first_row, &row);
        cr_assert_eq(row.month, month);
        cr_assert_eq(row.division, WUHUA);
        cr_assert_eq(row.counts.used[4], 1);
        cr_assert_eq(row.counts.given[4], 0);
    }
    world_close(&w);
}

/* ------------------------------------------------------------------ the history of policies */

static status roll_back(world *w, const char *text, uint32_t version, uint32_t of) {
    return txn_rollback(w->t, help_policy(text, version), of);
}

Test(policy_history, every_set_is_kept_with_its_moment_and_comes_back_after_recovery) {
    world w;
    world_open(&w);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    world_commit(&w);
    w.now_ms += 1000;
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY_STRICT, 2), STATUS_OK);
    world_commit(&w);
    w.now_ms += 1000;
    world_begin(&w);
    cr_assert_eq(roll_back(&w, HELP_POLICY, 3, 1), STATUS_OK);
    world_commit(&w);
    engine *again = world_engine(0);
    cr_assert_eq(world_apply(again, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(world_apply(again, w.log.data, w.log.size), STATUS_OK);
    cr_assert_eq(engine_recovered(again), STATUS_OK);
    world_same(w.e, again);
    const engine *both[] = {w.e, again};
    for (unsigned i = 0; i < 2; i++) {
        const policy_archive *a = engine_archive(both[i]);
        cr_assert_eq(policy_archive_count(a), 3);
        policy_archive_entry e[3];
        for (size_t k = 0; k < 3; k++) {
            policy_archive_at(a, k, &e[k]);
            cr_assert_eq(e[k].version, k + 1);
            cr_assert_eq(e[k].activated_ms, WORLD_START + 1000 * (int64_t)k);
        }
        cr_assert_str_eq(e[0].hash, e[2].hash);
        cr_assert_str_neq(e[0].hash, e[1].hash);
        cr_assert(e[0].rollback_of == 0 && e[1].rollback_of == 0 && e[2].rollback_of == 1);
        cr_assert_str_eq(policy_hash(engine_policy(both[i])), e[0].hash);
        cr_assert_eq(policy_version(engine_policy(both[i])), 3);
    }
    engine_destroy(&again);
    world_close(&w);
}

Test(policy_history, an_abort_and_a_refusal_leave_it_as_it_was) {
    world w;
    world_open(&w);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 1), STATUS_OK);
    world_commit(&w);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY_STRICT, 2), STATUS_OK);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 3), STATUS_OK);
    cr_assert_eq(world_activate(&w, HELP_POLICY, 3), STATUS_VERSION_CONFLICT);
    cr_assert_eq(roll_back(&w, HELP_POLICY, 4, 9), STATUS_UNKNOWN_POLICY);
    cr_assert_eq(roll_back(&w, HELP_POLICY_STRICT, 4, 1), STATUS_UNKNOWN_POLICY, "other texts than that version's");
    txn_abort(w.t);
    cr_assert_eq(policy_archive_count(engine_archive(w.e)), 1);
    cr_assert_eq(engine_policy_newest(w.e), 1);
    world_begin(&w);
    cr_assert_eq(world_activate(&w, HELP_POLICY_STRICT, 2), STATUS_OK, "the number is free again");
    world_commit(&w);
    cr_assert_eq(policy_archive_count(engine_archive(w.e)), 2);
    world_close(&w);
}

Test(policy_history, sets_stored_by_earlier_programs_are_read) {
    /* image version 1: count, then name, text */
    const char *text = HELP_POLICY;
    buf value = {0};
    const uint8_t head[] = {1, 1, 0, 10, 0};
    uint32_t length = (uint32_t)strlen(text);
    const uint8_t size[] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), 0};
    buf_append(&value, head, sizeof head);
    buf_append_str(&value, "power.yaml");
    buf_append(&value, size, sizeof size);
    buf_append_str(&value, text);
    const uint8_t key[] = {0, 0, 0, 5};
    change c = {.table = CHANGE_POLICIES,
                .key = key,
                .key_length = sizeof key,
                .value = value.data,
                .value_length = value.size};
    engine *e = world_engine(0);
    cr_assert_eq(engine_apply(e, &c), STATUS_OK);
    c.value_length--;
    cr_assert_eq(engine_apply(e, &c), STATUS_CORRUPT);
    cr_assert_eq(engine_recovered(e), STATUS_OK);
    cr_assert_eq(policy_version(engine_policy(e)), 5);
    policy_archive_entry entry;
    cr_assert(policy_archive_find(engine_archive(e), 5, &entry));
    cr_assert(entry.activated_ms == 0 && entry.rollback_of == 0 && entry.file_count == 1);
    cr_assert_str_eq(entry.files[0].name, "power.yaml");
    cr_assert_str_eq(entry.hash, policy_hash(engine_policy(e)));
    engine_destroy(&e);
    buf_deinit(&value);
}

Test(policy_history, the_directory_is_remembered) {
    world w;
    world_open(&w);
    cr_assert_str_eq(engine_policy_directory(w.e), "");
    const char *hash = "0123456789abcdef0123456789abcdef", *other = "ffffffffffffffffffffffffffffffff";
    world_begin(&w);
    cr_assert_eq(txn_policy_directory(w.t, hash), STATUS_OK);
    cr_assert_str_eq(engine_policy_directory(w.e), "");
    world_commit(&w);
    cr_assert_str_eq(engine_policy_directory(w.e), hash);
    world_begin(&w);
    cr_assert_eq(txn_policy_directory(w.t, other), STATUS_OK);
    txn_abort(w.t);
    world_begin(&w);
    world_commit(&w);
    cr_assert_str_eq(engine_policy_directory(w.e), hash);
    engine *again = world_engine(0);
    cr_assert_eq(world_apply(again, w.log.data, w.log.size), STATUS_OK);
    cr_assert_str_eq(engine_policy_directory(again), hash);
    engine_destroy(&again);
    world_close(&w);
}
