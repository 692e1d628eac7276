/* Readers beside the writer: a profile and its dossier always belong together, and nothing that is read was freed. */
#include "base/rcu.h"
#include "tests/unit/report_world.h"

#include <pthread.h>
#include <stdatomic.h>

TestSuite(dossier_threads, .timeout = 120);

#define READERS 3u
#define PEOPLE 8u
#define GROUPS 250u

typedef struct reader {
    const world *w;
    atomic_bool *stop;
    uint64_t seed, looked;
    uint32_t newest[PEOPLE];
    const char *wrong;
} reader;

/* Every record is a merit of 5 points and every service 1 minute, and there is no other: the dossier can be counted. */
static const char *look(reader *r, uint32_t n, policy_moment at) {
    subject_id id = help_subject(n);
    profile p;
    const dossier *d;
    if (!engine_dossier(r->w->e, &id, at, &p, &d)) return "a subject is not there";
    uint32_t merits = 0, minutes = 0;
    for (uint32_t i = 0; d != NULL && i < d->count; i++) {
        merits += d->items[i].kind == ITEM_RECORD;
        minutes += d->items[i].kind == ITEM_SERVICE;
    }
    if (p.positive_points != merits * 500 || p.volunteer_minutes != minutes) return "profile and dossier disagree";
    if (d != NULL && !subject_equal(&d->subject, &id)) return "another's dossier";
    if (profile_version(&p) < r->newest[n]) return "a version went back";
    r->newest[n] = profile_version(&p);
    return NULL;
}

static void *read_on(void *context) {
    reader *r = context;
    policy_moment at = world_moment(r->w);
    rcu_enter();
    while (!atomic_load(r->stop) && r->wrong == NULL) {
        for (unsigned i = 0; i < 32 && r->wrong == NULL; i++, r->looked++)
            r->wrong = look(r, help_below(&r->seed, PEOPLE), at);
        decision_request asked = {
            .subject = help_subject(help_below(&r->seed, PEOPLE)), .scenario = 3, .purpose = PURPOSE_BENCHMARK};
        decision out;
        engine_decide(r->w->e, &asked, 1, at, &out);
        rcu_pass();
    }
    rcu_leave();
    return NULL;
}

static void write_group(world *w, uint64_t *seed, uint32_t *next) {
    unsigned count = 1 + help_below(seed, 24);
    txn_begin(w->t, w->now_ms);
    for (unsigned i = 0; i < count; i++, ++*next) {
        char name[16];
        snprintf(name, sizeof name, "%u", *next);
        bool merit = *next % 10 == 0;
        report r = world_report(merit ? REPORT_RECORD_ADD : REPORT_SERVICE_ADD, help_below(seed, PEOPLE), name);
        if (merit)
            r.type = 901;
        else
            r.value = 1;
        report_result out;
        cr_assert_eq(txn_report(w->t, &r, &out), STATUS_OK);
    }
    buf_clear(&w->log);
    cr_assert_eq(world_changes(w), STATUS_OK);
    if (help_below(seed, 10) == 0)
        txn_abort(w->t);
    else
        world_publish(w);
}

Test(dossier_threads, a_profile_and_its_dossier_belong_together) {
    world w;
    atomic_bool stop = false;
    uint64_t seed = help_seed("dossier_threads");
    reader readers[READERS];
    pthread_t threads[READERS];
    report_world_open(&w);
    for (uint32_t n = 0; n < PEOPLE; n++) world_person(&w, n);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (reader){.w = &w, .stop = &stop, .seed = help_random(&seed)};
        cr_assert_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    uint32_t next = 0;
    for (unsigned group = 0; group < GROUPS; group++) write_group(&w, &seed, &next);
    atomic_store(&stop, true);
    uint64_t looked = 0;
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_null(readers[i].wrong, "%s", readers[i].wrong);
        looked += readers[i].looked;
    }
    fprintf(stderr, "dossier_threads: %llu looks beside %u reports\n", (unsigned long long)looked, next);
    cr_assert_gt(looked, 0u);
    rcu_drain();
    world_check(w.e);
    world_close(&w);
}
