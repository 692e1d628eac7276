/* Time of an impact, without a server: make build/micro_impact && build/micro_impact [--subjects N] [--accounts N]
 * [--threads N] [--rounds N] [--policy DIR] [--lookups 0|1] [--candidate loan|power|every|evaluation]
 *
 * Fills an engine with invented subjects, activates the policies of a directory, and runs candidates over all of them:
 * one changed scenario (loan, whose caps are lowered), all scenarios written anew, and other credit rules, if the
 * directory has an evaluation. With 1 and with --threads threads; with --lookups 1 another thread decides for random
 * subjects meanwhile, as workers do, and the writer changes profiles, so that the snapshot has something to keep.
 * Seconds are wall time of the run; the best of --rounds, since everything else on the machine can only add to it. */
#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/purpose.h"
#include "base/rcu.h"
#include "engine/impact.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MOST 64
#define GROUP 4096

typedef struct options {
    uint64_t subjects, accounts, threads, rounds, lookups;
    const char *policy, *candidate;
} options;

typedef struct bench {
    options o;
    engine *e;
    txn *t;
    buf changes;
    int64_t now_ms;
    size_t count;
    policy_file files[FILES_MOST];
    buf texts[FILES_MOST];
    file_list list;
} bench;

static uint64_t state = 20260101;

static uint64_t draw(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

/* Four of five are people of a division that no county issues, the others organisations. */
static subject_id subject_of(uint64_t i) {
    uint64_t number = UINT64_C(53000000000000000) + i;
    subject_id id = {{i % 5 == 0 ? SUBJECT_ENTITY : SUBJECT_PERSON}};
    for (int b = 11; b > 3; b--, number >>= 8) id.bytes[b] = (uint8_t)number;
    return id;
}

/* Mostly good subjects, as in life: most pass most tests. */
static void make_profile(uint64_t i, profile *p) {
    subject_id id = subject_of(i);
    profile_init(p, &id);
    bool person = i % 5 != 0;
    p->form = person ? FORM_PERSON : (uint8_t)(FORM_ENTERPRISE + draw(3));
    p->roles = person ? 0 : (uint8_t)(1u << draw(3));
    p->flags = draw(8) ? PROFILE_FLAG_CONSENT_LOAN | PROFILE_FLAG_CONSENT_TRAVEL | PROFILE_FLAG_CONSENT_POWER |
                             PROFILE_FLAG_CONSENT_APPROVAL | PROFILE_FLAG_CONSENT_VOLUNTEER
                       : 0;
    if (draw(64) == 0) p->flags |= PROFILE_FLAG_SERIOUS_LIST;
    if (draw(4) == 0) p->flags |= PROFILE_FLAG_RED_LIST;
    p->division = 530000 + 100 * (uint32_t)(1 + draw(16)) + (uint32_t)draw(20);
    p->sector = (uint16_t)(person ? 0 : 101 + 100 * draw(20));
    p->public_score = (uint16_t)draw(1001);
    p->public_grade = (uint8_t)draw(PUBLIC_EXCELLENT + 1);
    p->market_grade = (uint8_t)(person ? 0 : draw(MARKET_AAA + 1));
    p->tax_grade = (uint8_t)(person ? 0 : draw(TAX_M + 1));
    p->composite_grade = (uint8_t)draw(MARKET_AAA + 1);
    p->negative_points = (uint16_t)(draw(8) ? 0 : draw(1500));
    p->volunteer_minutes = (uint32_t)(draw(3) ? 0 : draw(120000));
    p->data_day = 20000;
}

/* ------------------------------------------------------------------ filling */

static void commit(bench *b) {
    buf_clear(&b->changes);
    CHECK(txn_changes(b->t, &b->changes) == STATUS_OK);
    txn_publish(b->t);
}

static void fill_subjects(bench *b) {
    profile_put put = {.mask = profile_writable_mask()};
    for (uint64_t i = 0; i < b->o.subjects; i++) {
        if (i % GROUP == 0) txn_begin(b->t, b->now_ms);
        make_profile(i, &put.fields);
        uint32_t version;
        CHECK(txn_put(b->t, &put, &version) == STATUS_OK);
        if (i % GROUP == GROUP - 1 || i + 1 == b->o.subjects) commit(b);
    }
}

static void operate(bench *b, operation *op, uint64_t number, uint64_t kind) {
    uint64_t words[2] = {number + 1, kind};
    operation_result r;
    bool repeated;
    memcpy(&op->id, words, sizeof op->id);
    op->kind = (uint8_t)kind;
    CHECK(txn_operate(b->t, op, &r, &repeated) == STATUS_OK && r.status == STATUS_OK);
}

static void fill_accounts(bench *b) {
    uint64_t step = b->o.subjects / 5 / (b->o.accounts + 1) + 1;
    for (uint64_t i = 0; i < b->o.accounts; i++) {
        if (i % GROUP == 0) txn_begin(b->t, b->now_ms);
        operation op = {.subject = subject_of(i * step % (b->o.subjects / 5) * 5), .program = PROGRAM_POWER};
        op.amount_fen = (int64_t)(1 + draw(1000)) * 1000000;
        op.instrument = 1;
        op.instrument_kind = INSTRUMENT_DEPOSIT;
        op.to_hour = UINT32_MAX;
        operate(b, &op, i, OPERATION_PLEDGE);
        if (i % GROUP == GROUP - 1 || i + 1 == b->o.accounts) commit(b);
    }
}

/* ------------------------------------------------------------------ policies */

static void read_policies(bench *b) {
    char path[512];
    if (file_list_dir(b->o.policy, ".yaml", &b->list) != STATUS_OK || b->list.count > FILES_MOST) {
        fprintf(stderr, "cannot read the policies of %s\n", b->o.policy);
        exit(1);
    }
    for (size_t i = 0; i < b->list.count; i++) {
        snprintf(path, sizeof path, "%s/%s", b->o.policy, b->list.names[i]);
        CHECK(file_read(path, LIMIT_POLICY_FILE_BYTES, &b->texts[i]) == STATUS_OK);
        b->files[i] = (policy_file){b->list.names[i], (const char *)b->texts[i].data, b->texts[i].size};
    }
    b->count = b->list.count;
}

static policy_set *load(const policy_file *files, size_t count, uint32_t version) {
    policy_findings findings = {0};
    policy_set *set = NULL;
    status code = policy_load(files, count, version, &findings, &set);
    for (size_t i = 0; i < findings.count; i++)
        fprintf(stderr, "%s:%u:%u: %s\n", findings.items[i].file, findings.items[i].line, findings.items[i].column,
                findings.items[i].message);
    CHECK(code == STATUS_OK);
    policy_findings_deinit(&findings);
    return set;
}

/* The set with `from` replaced by `to` in the files whose names begin with `name`; NULL if there is no such text. */
static policy_set *changed(const bench *b, const char *name, const char *from, const char *to) {
    policy_file files[FILES_MOST];
    buf texts[FILES_MOST] = {0};
    bool any = false;
    for (size_t i = 0; i < b->count; i++) {
        files[i] = b->files[i];
        if (strncmp(files[i].name, name, strlen(name)) != 0) continue;
        const char *at = files[i].text, *end = at + files[i].length, *hit;
        while ((hit = memmem(at, (size_t)(end - at), from, strlen(from))) != NULL) {
            buf_append(&texts[i], at, (size_t)(hit - at));
            buf_append(&texts[i], to, strlen(to));
            at = hit + strlen(from);
            any = true;
        }
        buf_append(&texts[i], at, (size_t)(end - at));
        CHECK(buf_status(&texts[i]) == STATUS_OK);
        files[i].text = (const char *)texts[i].data;
        files[i].length = texts[i].size;
    }
    policy_set *set = any ? load(files, b->count, 2) : NULL;
    for (size_t i = 0; i < b->count; i++) buf_deinit(&texts[i]);
    return set;
}

/* ------------------------------------------------------------------ running */

static void *worker(void *argument) {
    impact *i = argument;
    rcu_enter();
    while (impact_work(i)) rcu_pass();
    rcu_leave();
    return NULL;
}

typedef struct traffic {
    const bench *b;
    atomic_bool over;
    uint64_t lookups;
} traffic;

/* Lookups at about a third of a core. */
static void *look_up(void *argument) {
    traffic *t = argument;
    static decision_request requests[LIMIT_BATCH];
    static decision out[LIMIT_BATCH];
    uint64_t mine = 7;
    rcu_enter();
    while (!atomic_load(&t->over)) {
        uint64_t begin = clock_mono_ns();
        for (unsigned k = 0; k < LIMIT_BATCH; k++) {
            mine = mine * UINT64_C(6364136223846793005) + 1442695040888963407u;
            requests[k] = (decision_request){
                .subject = subject_of((mine >> 20) % t->b->o.subjects), .scenario = 1, .purpose = PURPOSE_BENCHMARK};
        }
        engine_decide(t->b->e, requests, LIMIT_BATCH, policy_moment_at(t->b->now_ms), out);
        t->lookups += LIMIT_BATCH;
        rcu_pass();
        rcu_rest();
        struct timespec rest = {.tv_nsec = (long)(2 * (clock_mono_ns() - begin))};
        nanosleep(&rest, NULL);
        rcu_wake();
    }
    rcu_leave();
    return NULL;
}

/* A group of writes, as the commit thread would. */
static void write_some(bench *b) {
    profile_put put = {.mask = UINT64_C(1) << FIELD_volunteer_minutes};
    txn_begin(b->t, b->now_ms);
    for (int k = 0; k < 64; k++) {
        uint32_t version;
        put.fields.id = subject_of(draw(b->o.subjects));
        put.fields.volunteer_minutes = (uint32_t)draw(120000);
        CHECK(txn_put(b->t, &put, &version) == STATUS_OK);
    }
    commit(b);
}

static double run_once(bench *b, const policy_set *candidate, unsigned threads, bool busy, impact_totals *totals,
                       uint64_t *lookups) {
    impact_options o = {.at = policy_moment_at(b->now_ms), .at_new = policy_moment_at(b->now_ms), .samples = 10};
    impact *i;
    pthread_t ids[LIMIT_THREADS_MAX], reader;
    traffic t = {.b = b};
    if (busy) CHECK(pthread_create(&reader, NULL, look_up, &t) == 0);
    uint64_t begin = clock_mono_ns();
    CHECK(impact_begin(b->e, candidate, &o, &i) == STATUS_OK);
    for (unsigned k = 0; k < threads; k++) CHECK(pthread_create(&ids[k], NULL, worker, i) == 0);
    while (busy && !impact_done(i)) {
        write_some(b);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (unsigned k = 0; k < threads; k++) pthread_join(ids[k], NULL);
    CHECK(impact_done(i));
    double seconds = (double)(clock_mono_ns() - begin) / 1e9;
    atomic_store(&t.over, true);
    if (busy) pthread_join(reader, NULL);
    *lookups = t.lookups;
    impact_took(i, seconds);
    impact_end(i);
    impact_get_totals(i, totals);
    CHECK(totals->outcome == STATUS_OK && totals->subjects == b->o.subjects);
    impact_destroy(&i);
    return seconds;
}

static void measure(bench *b, const char *name, const char *what, policy_set *candidate) {
    if (candidate == NULL || (b->o.candidate != NULL && strcmp(b->o.candidate, name) != 0)) {
        policy_destroy(&candidate);
        return;
    }
    for (unsigned threads = 1; threads <= b->o.threads; threads++) {
        for (unsigned busy = 0; busy <= b->o.lookups; busy++) {
            double best = 1e9;
            impact_totals totals;
            uint64_t lookups = 0, some;
            for (uint64_t round = 0; round < b->o.rounds; round++) {
                double seconds = run_once(b, candidate, threads, busy != 0, &totals, &some);
                if (seconds < best) lookups = some;
                if (seconds < best) best = seconds;
            }
            printf("%-28s %u thread%s %7.3f s %7.1f M subjects/s %7.1f ns a subject", what, threads,
                   threads == 1 ? ", " : "s,", best, (double)b->o.subjects / best / 1e6,
                   best * 1e9 / (double)b->o.subjects);
            if (busy) printf("   beside %.1f M lookups/s", (double)lookups / best / 1e6);
            putchar('\n');
            fflush(stdout);
        }
    }
    policy_destroy(&candidate);
}

static bool parse(int argc, char **argv, options *o) {
    *o = (options){
        .subjects = 10000000, .accounts = 100000, .threads = 2, .rounds = 3, .lookups = 1, .policy = "policy"};
    const struct {
        const char *name;
        uint64_t *to, least, most;
    } known[] = {{"--subjects", &o->subjects, 1000, 80000000},
                 {"--accounts", &o->accounts, 1, 4000000},
                 {"--threads", &o->threads, 1, LIMIT_THREADS_MAX},
                 {"--rounds", &o->rounds, 1, 1000},
                 {"--lookups", &o->lookups, 0, 1}};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) return false;
        if (strcmp(argv[i], "--policy") == 0) o->policy = argv[i + 1];
        if (strcmp(argv[i], "--candidate") == 0) o->candidate = argv[i + 1];
        if (strcmp(argv[i], "--policy") == 0 || strcmp(argv[i], "--candidate") == 0) continue;
        size_t k = 0;
        while (k < sizeof known / sizeof *known && strcmp(argv[i], known[k].name) != 0) k++;
        if (k == sizeof known / sizeof *known) return false;
        *known[k].to = strtoull(argv[i + 1], NULL, 10);
        if (*known[k].to < known[k].least || *known[k].to > known[k].most) return false;
    }
    return o->accounts < o->subjects / 5;
}

int main(int argc, char **argv) {
    static bench b;
    b.now_ms = clock_wall_ms();
    if (!parse(argc, argv, &b.o)) {
        fprintf(stderr, "usage: micro_impact [--subjects N] [--accounts N] [--threads N] [--rounds N] [--policy DIR]"
                        " [--lookups 0|1] [--candidate loan|power|every|evaluation]\n");
        return 2;
    }
    engine_options space = {.seed = UINT64_C(0x1CEB00DA)};
    CHECK(engine_create(&space, &b.e) == STATUS_OK && txn_create(b.e, &b.t) == STATUS_OK);
    read_policies(&b);
    txn_begin(b.t, b.now_ms);
    CHECK(txn_activate(b.t, load(b.files, b.count, 1), b.files, b.count) == STATUS_OK);
    commit(&b);
    fill_subjects(&b);
    fill_accounts(&b);
    printf("%" PRIu64 " subjects, %" PRIu64 " accounts\n", b.o.subjects, b.o.accounts);
    measure(&b, "loan", "loan differs", changed(&b, "loan", "300万元", "200万元"));
    measure(&b, "power", "power differs", changed(&b, "power", "unsecured_bp: {AAA: 8%", "unsecured_bp: {AAA: 6%"));
    measure(&b, "every", "every scenario differs", changed(&b, "", "policy: ", "policy:  "));
    measure(&b, "evaluation", "the evaluation differs", changed(&b, "evaluation", "weight: 20", "weight: 21"));
    txn_destroy(&b.t);
    engine_destroy(&b.e);
    buf_deinit(&b.changes);
    for (size_t i = 0; i < b.count; i++) buf_deinit(&b.texts[i]);
    file_list_deinit(&b.list);
    return 0;
}
