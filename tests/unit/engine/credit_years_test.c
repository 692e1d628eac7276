/* Years in a few seconds: a small population, reports of all kinds, claims of several sources, groups that are aborted,
 * sweeps at odd moments, restarts. What readers see on any day is compared with what the dossier, which the test keeps
 * by itself item by item, makes of the subject on that day when it is derived from the beginning. */
#include "tests/unit/report_world.h"

#define PEOPLE 12u
#define DAYS (5 * 365)

TestSuite(credit_years, .timeout = 120);

/* All items ever published, in the order of their numbers, from the log alone. */
typedef struct mirror {
    dossier *d;
} mirror;

static void read_log(const world *w, size_t from, mirror people[PEOPLE]) {
    size_t at = from;
    change c;
    while (change_next(w->log.data, w->log.size, &at, &c) == STATUS_OK) {
        if (c.table != CHANGE_RECORDS) continue;
        subject_id id;
        memcpy(&id, c.key + 1, sizeof id);
        uint32_t n = 0, number = (uint32_t)c.key[15] << 8 | c.key[16];
        while (n < PEOPLE) {
            subject_id other = help_subject(n);
            if (subject_equal(&id, &other)) break;
            n++;
        }
        cr_assert_lt(n, PEOPLE);
        dossier *d = people[n].d;
        if (d == NULL) {
            d = people[n].d = calloc(1, sizeof *d + LIMIT_DOSSIER_ITEMS * sizeof(item));
            d->subject = id;
            d->capacity = LIMIT_DOSSIER_ITEMS;
        }
        cr_assert_eq(item_decode(c.value + 1, &d->items[number]), STATUS_OK);
        if (number >= d->count) d->count = number + 1;
    }
}

static const unsigned TYPES[] = {101, 102, 501, 601, 701, 901};

static void random_report(world *w, uint64_t *seed, unsigned *accepted) {
    char name[16], other[16];
    uint32_t n = help_below(seed, PEOPLE);
    unsigned kind = 1 + help_below(seed, 14);
    snprintf(name, sizeof name, "i%u", help_below(seed, 60));
    snprintf(other, sizeof other, "i%u", help_below(seed, 60));
    report r = world_report(kind, n, name);
    r.source = help_below(seed, 2) ? 0 : 2;
    switch (kind) {
    case REPORT_RECORD_ADD: r.type = (uint16_t)TYPES[help_below(seed, 6)]; break;
    case REPORT_SERVICE_ADD: r.value = 1 + help_below(seed, 500); break;
    case REPORT_COMMITMENT_DRAFT: r.type = (uint16_t)(1 + help_below(seed, 2)); break;
    case REPORT_COMMITMENT_ACCEPT:
        if (help_below(seed, 2))
            r.type = (uint16_t)(1 + help_below(seed, 2));
        else
            r.target = report_named(other);
        break;
    case REPORT_LISTING_ADD: r.type = (uint16_t)(1 + help_below(seed, 2)); break;
    default: r.target = report_named(other); break;
    }
    bool dated = kind != REPORT_RECORD_REVOKE && kind != REPORT_SERVICE_REVERSE;
    if (dated && help_below(seed, 3) == 0) r.day = (uint16_t)(world_day(w) - (int)help_below(seed, 60));
    *accepted += world_send(w, &r).status == STATUS_OK;
}

static void random_put(world *w, uint64_t *seed) {
    subject_id id = help_subject(help_below(seed, PEOPLE));
    profile_put put = {.mask = 1ull << FIELD_tax_grade, .flags = help_below(seed, 3) << PUT_SOURCE_SHIFT};
    profile_init(&put.fields, &id);
    put.fields.tax_grade = (uint8_t)help_below(seed, 6);
    put.fields.public_grade = (uint8_t)help_below(seed, 5);
    if (put.flags >> PUT_SOURCE_SHIFT != 1 && help_below(seed, 2)) put.mask |= 1ull << FIELD_public_grade;
    uint32_t version;
    cr_assert_eq(txn_put(w->t, &put, &version), STATUS_OK);
}

static void same_fields(const profile *seen, const profile *expected, uint32_t n, int32_t day) {
    for (unsigned f = 0; f < PROFILE_FIELD_COUNT; f++) {
        const profile_field *field = profile_field_at(f);
        cr_assert_eq(profile_get(seen, field), profile_get(expected, field), "subject %u, day %d, %s: %lld, not %lld",
                     n, day, field->name, (long long)profile_get(seen, field), (long long)profile_get(expected, field));
    }
}

static void check_readers(const world *w, const mirror people[PEOPLE]) {
    const credit_rules *rules = policy_credit(engine_policy(w->e));
    for (uint32_t n = 0; n < PEOPLE; n++) {
        profile seen = world_profile(w, n), start, expected;
        if (people[n].d == NULL) continue;
        profile_init(&start, &seen.id);
        credit_derive(rules, people[n].d, &start, world_day(w), &expected);
        same_fields(&seen, &expected, n, world_day(w));
        cr_assert(seen.change_day == 0 || seen.change_day > world_day(w));
    }
}

static unsigned live_through(uint64_t seed) {
    world w;
    mirror people[PEOPLE] = {{0}};
    unsigned accepted = 0, swept = 0;
    report_world_open(&w);
    for (uint32_t n = 0; n < PEOPLE; n++) world_person(&w, n);
    for (int day = 0; day < DAYS;) {
        size_t from = w.log.size;
        world_begin(&w);
        unsigned count = help_below(&seed, 6);
        unsigned before = accepted;
        for (unsigned i = 0; i < count; i++) random_report(&w, &seed, &accepted);
        if (help_below(&seed, 4) == 0) random_put(&w, &seed);
        if (help_below(&seed, 3) == 0) swept += txn_sweep(w.t, 1 + help_below(&seed, 8));
        if (help_below(&seed, 8) == 0) {
            txn_abort(w.t);
            accepted = before;
        } else {
            world_commit(&w);
            read_log(&w, from, people);
        }
        check_readers(&w, people);
        if (help_below(&seed, 60) == 0) world_restart(&w);
        int step = 1 + (int)help_below(&seed, 6);
        world_pass_days(&w, step);
        check_readers(&w, people);
        day += step;
    }
    /* the sweep comes to rest, and then what is stored is what readers see */
    bool more = true;
    for (int i = 0; more && i < 1000; i++) {
        world_begin(&w);
        more = txn_sweep(w.t, 16);
        world_commit(&w);
    }
    cr_assert_not(more);
    check_readers(&w, people);
    for (uint32_t n = 0; n < PEOPLE; n++) free(people[n].d);
    world_close(&w);
    return accepted;
}

Test(credit_years, readers_see_every_day_as_it_is) {
    uint64_t seed = help_seed("credit_years");
    unsigned accepted = 0;
    int64_t began = clock_wall_ms();
    int worlds = 0;
    while (worlds < 40 && clock_wall_ms() - began < 8000) {
        accepted += live_through(help_random(&seed));
        worlds++;
    }
    fprintf(stderr, "credit_years: %d worlds of %d years, %u reports accepted\n", worlds, DAYS / 365, accepted);
    cr_assert_gt(accepted, 200u * (unsigned)worlds);
}
