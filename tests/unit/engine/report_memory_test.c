/* Reports, claims and the sweep while memory runs out at the Nth allocation, for every N: what fails says so, asked
 * again it is done, and in the end the log is the same to the byte. */
#include "tests/unit/failing_memory.h"
#include "tests/unit/report_world.h"

TestSuite(report_memory, .timeout = 120, .init = hook);

#define PEOPLE 6u

typedef struct trial {
    world w;
    long n; /* the allocation that fails, counted over the whole life */
    bool failed_once;
} trial;

static void trial_arm(trial *t) {
    if (!t->failed_once) arm(t->n, false);
}

static bool trial_disarm(trial *t) {
    if (t->failed_once) return false;
    t->failed_once = disarm();
    t->n = countdown;
    return t->failed_once;
}

static void trial_put(trial *t, uint32_t n, unsigned source, unsigned grade) {
    profile_put put = {.mask = 1ull << FIELD_tax_grade, .flags = source << PUT_SOURCE_SHIFT};
    subject_id id = help_subject(n);
    profile_init(&put.fields, &id);
    put.fields.tax_grade = (uint8_t)grade;
    uint32_t version;
    trial_arm(t);
    status code = txn_put(t->w.t, &put, &version);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        code = txn_put(t->w.t, &put, &version);
    }
    cr_assert_eq(code, STATUS_OK);
}

static void trial_report(trial *t, report r) {
    report_result out;
    trial_arm(t);
    status code = txn_report(t->w.t, &r, &out);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        code = txn_report(t->w.t, &r, &out);
        cr_assert_not(out.flags & REPORT_REPEATED, "what failed left nothing");
    }
    cr_assert_eq(code, STATUS_OK);
    cr_assert_eq(out.status, STATUS_OK, "%s: %s", report_kind_name(r.kind), status_name(out.status));
}

static void trial_commit(trial *t) {
    buf changes = {0}, history = {0};
    trial_arm(t);
    status code = txn_changes(t->w.t, &changes, &history);
    if (trial_disarm(t) && code != STATUS_OK) {
        cr_assert_eq(code, STATUS_NO_MEMORY);
        buf_clear(&changes);
        buf_clear(&history);
        code = txn_changes(t->w.t, &changes, &history);
    }
    cr_assert_eq(code, STATUS_OK);
    world_keep(&t->w, &changes, &history);
    buf_deinit(&changes);
    buf_deinit(&history);
    trial_arm(t);
    world_publish(&t->w);
    (void)trial_disarm(t); /* publishing cannot fail, whatever happens */
    world_check(t->w.e);
}

static report dated(unsigned kind, uint32_t n, const char *id, unsigned type) {
    report r = world_report(kind, n, id);
    r.type = (uint16_t)type;
    return r;
}

static report naming(unsigned kind, uint32_t n, const char *id, const char *target) {
    report r = world_report(kind, n, id);
    r.target = report_named(target);
    return r;
}

static void trial_life(trial *t, uint32_t n) {
    report service = dated(REPORT_SERVICE_ADD, n, "s", 0), name = world_report(REPORT_NAME, n, "n");
    service.value = 60;
    memset(name.text, 'x', ITEM_NAME_PART + 5);
    trial_put(t, n, 0, TAX_B);
    trial_put(t, n, 1, TAX_A);
    trial_put(t, n, 2, TAX_C);
    trial_report(t, dated(REPORT_RECORD_ADD, n, "r", 101));
    trial_report(t, naming(REPORT_RECORD_REPAIR, n, "p", "r"));
    trial_report(t, service);
    trial_report(t, naming(REPORT_SERVICE_REVERSE, n, "v", "s"));
    trial_report(t, dated(REPORT_COMMITMENT_ACCEPT, n, "c", 1));
    trial_report(t, naming(REPORT_COMMITMENT_EXTEND, n, "e", "c"));
    trial_report(t, dated(REPORT_LISTING_ADD, n, "l", 2));
    trial_report(t, naming(REPORT_LISTING_REMOVE, n, "d", "l"));
    trial_report(t, dated(REPORT_USE, n, "u", REPORT_LANE));
    trial_report(t, name);
    trial_put(t, n, 0, TAX_M);
}

static void trial_sweep(trial *t) {
    for (unsigned i = 0; i < 100; i++) {
        txn_begin(t->w.t, t->w.now_ms);
        trial_arm(t);
        bool more = txn_sweep(t->w.t, 1000); /* without memory it goes on where it was left */
        bool failed_here = trial_disarm(t);
        if (failed_here) more |= txn_sweep(t->w.t, 1000);
        trial_commit(t);
        if (!more) return;
    }
    cr_assert_fail("the sweep does not rest");
}

static void trial_run(trial *t) {
    report_world_open(&t->w);
    for (uint32_t n = 0; n < PEOPLE; n++) world_person(&t->w, n);
    world_begin(&t->w);
    for (uint32_t n = 0; n < PEOPLE; n++) trial_life(t, n);
    trial_commit(t);
    for (unsigned i = 0; i < 8; i++) {
        world_pass_days(&t->w, 300);
        trial_sweep(t);
    }
}

static void same(const world *a, const world *b) {
    world_same(a->e, b->e);
    for (uint32_t n = 0; n < PEOPLE; n++) {
        subject_id id = help_subject(n);
        profile p, q;
        const dossier *d, *e;
        cr_assert(engine_dossier(a->e, &id, world_moment(a), &p, &d));
        cr_assert(engine_dossier(b->e, &id, world_moment(a), &q, &e));
        cr_assert_arr_eq(&p, &q, sizeof p);
        cr_assert_eq(d->count, e->count);
        cr_assert_arr_eq(d->items, e->items, d->count * sizeof(item));
    }
}

Test(report_memory, each_allocation_fails_once) {
    trial control = {.failed_once = true};
    trial_run(&control);
    long n = 0;
    for (bool more = true; more; n++) {
        trial t = {.n = n};
        trial_run(&t);
        same(&control.w, &t.w);
        cr_assert_eq(t.w.log.size, control.w.log.size);
        cr_assert_arr_eq(t.w.log.data, control.w.log.data, t.w.log.size);
        more = t.failed_once;
        world_close(&t.w);
    }
    fprintf(stderr, "report_memory: %ld allocations failed, one after the other\n", n - 1);
    cr_assert_gt(n, 20);
    world_close(&control.w);
}

Test(report_memory, recovering) {
    trial control = {.failed_once = true};
    trial_run(&control);
    long n = 0;
    for (bool more = true; more; n++) {
        world fresh = control.w;
        fresh.e = world_engine(0);
        long left = n;
        size_t at = 0;
        change c;
        more = false;
        while (change_next(control.w.log.data, control.w.log.size, &at, &c) == STATUS_OK) {
            if (!more) arm(left, false);
            status code = engine_apply(fresh.e, &c);
            if (!more) {
                more = disarm();
                left = countdown;
            }
            if (code == STATUS_NO_MEMORY) code = engine_apply(fresh.e, &c);
            cr_assert_eq(code, STATUS_OK);
        }
        if (!more) arm(left, false);
        status code = engine_recovered(fresh.e);
        if (!more) more = disarm();
        if (code == STATUS_NO_MEMORY) code = engine_recovered(fresh.e);
        cr_assert_eq(code, STATUS_OK);
        world_check(fresh.e);
        same(&control.w, &fresh);
        engine_destroy(&fresh.e);
    }
    cr_assert_gt(n, 20);
    world_close(&control.w);
}
