/* What the engine costs without network and disk, on one core.
 *
 *     micro_engine [--records N] [--accounts N] [--operations N] [--lookups N] [--group N] [--prefetch 0]
 *                  [--kept GROUPS]
 *
 * Fills the engine with subjects and guarantee accounts through transactions, then measures
 *   decisions   engine_decide in batches of 64, 128 and 256 over random subjects
 *   quotas      engine_quota in batches of 128 over random accounts, with admission
 *   operations  reserve and commit in groups: half of a group reserves, the other half commits what the group before
 * has reserved; with the changes that would go to disk, and publishing Requests are prepared in blocks outside the
 * measured time. */
#include "base/check.h"
#include "base/clock.h"
#include "base/histogram.h"
#include "base/purpose.h"
#include "engine/engine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK 8192u

typedef struct options {
    uint64_t records, accounts, operations, lookups, group, prefetch, kept;
} options;

static const char POLICY[] =
    "policy: power-bench\n"
    "scenario: {name: power, code: 3}\n"
    "title: micro-benchmark\n"
    "authority: none\n"
    "legal_basis: none\n"
    "effective: {from: 2026-01-01}\n"
    "benefits:\n"
    "  - {code: 0, id: priority}\n"
    "tables:\n"
    "  - table: market\n"
    "    hit: first\n"
    "    inputs: [suspended, serious_list, market_grade, public_grade, negative_points]\n"
    "    outputs: [outcome, tier, benefits]\n"
    "    rows:\n"
    "      - {id: P1, when: ['true', '-', '-', '-', '-'], then: [declined, 0, '-']}\n"
    "      - {id: P2, when: ['-', 'true', '-', '-', '-'], then: [declined, 0, '-']}\n"
    "      - {id: P3, when: ['-', '-', '>= AA', '>= 良', '< 3'], then: [granted, 3, priority]}\n"
    "      - {id: P4, when: ['-', '-', '>= A', '-', '< 6'], then: [granted, 2, '-']}\n"
    "      - {id: P5, when: ['-', '-', '>= B', '-', '-'], then: [granted, 1, '-']}\n"
    "      - {id: P6, when: ['-', '-', '-', '-', '-'], then: [review, 0, '-']}\n"
    "guarantee:\n"
    "  program: {name: power, code: 1}\n"
    "  roles: [retailer, generator, power_user]\n"
    "  base: {fen_per_mwh_12m: 800, fen_per_mwh_2m: 5000}\n"
    "  exposure_fen_per_mwh: 5000\n"
    "  floor_at_base: false\n"
    "  refuse_when_short: false\n"
    "  unrated: as A\n"
    "  factor_bp: {AAA: 5000, AA: 7000, A: 10000, B: 13000, C: 15000}\n"
    "  unsecured_bp: {AAA: 800, AA: 500, A: 300}\n"
    "  warn_percent: [80, 90, 100]\n"
    "  reservation: {default: 300 s, max: 3600 s}\n"
    "  tables:\n"
    "    - table: suspended\n"
    "      hit: first\n"
    "      inputs: [suspended]\n"
    "      outputs: [suspended]\n"
    "      rows:\n"
    "        - {id: S1, when: ['true'], then: ['true']}\n"
    "        - {id: S2, when: ['-'], then: ['false']}\n";

static uint64_t random_state = UINT64_C(0x9E3779B97F4A7C15);
static inline uint64_t random_next(void) { /* xorshift64* */
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}
static inline uint64_t random_below(uint64_t n) { return (uint64_t)(((unsigned __int128)random_next() * n) >> 64); }

/* The i-th person of division 530000, which no county issues: 1,000 a day. */
static subject_id subject_of(uint64_t i) {
    static uint32_t *dates;
    enum { DAYS = 70000 };
    if (dates == NULL) {
        dates = malloc(DAYS * sizeof *dates);
        CHECK(dates != NULL);
        for (int32_t d = 0; d < DAYS; d++) {
            int year, month, day;
            clock_date_from_day(d - 25567, &year, &month, &day);
            dates[d] = (uint32_t)(year * 10000 + month * 100 + day);
        }
    }
    uint64_t number = UINT64_C(53000000000000000) + dates[i / 1000] * UINT64_C(1000) + i % 1000;
    subject_id id = {{SUBJECT_PERSON}};
    for (int b = 11; b > 3; b--, number >>= 8) id.bytes[b] = (uint8_t)number;
    return id;
}

static uint64_t cpu_ns(void) {
    struct timespec t;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void tell(const char *what, uint64_t ns, uint64_t count) {
    double each = (double)ns / (double)count;
    printf("%-52s %8.1f ns %8.2f M/s\n", what, each, 1e3 / each);
    fflush(stdout);
}

/* ------------------------------------------------------------------ filling */

typedef struct bench {
    options o;
    engine *e;
    txn *t;
    buf changes;
    buf history;
    uint64_t sequence;
    int64_t now_ms;
    uint64_t next_id;
} bench;

static operation_id new_id(bench *b) {
    operation_id id;
    uint64_t words[2] = {b->next_id++, random_next()};
    memcpy(&id, words, sizeof id);
    return id;
}

static void encode(bench *b) {
    buf_clear(&b->changes);
    buf_clear(&b->history);
    CHECK(txn_changes(b->t, &b->changes, &b->history) == STATUS_OK);
}

static void commit(bench *b) {
    encode(b);
    txn_publish(b->t, ++b->sequence);
}

static void activate(bench *b) {
    policy_file file = {.name = "bench.yaml", .text = POLICY, .length = strlen(POLICY)};
    policy_findings findings = {0};
    policy_set *set;
    status code = policy_load(&file, 1, 1, &findings, &set);
    if (code != STATUS_OK)
        for (size_t i = 0; i < findings.count; i++)
            fprintf(stderr, "%u:%u: %s\n", findings.items[i].line, findings.items[i].column, findings.items[i].message);
    CHECK(code == STATUS_OK);
    policy_findings_deinit(&findings);
    txn_begin(b->t, b->now_ms);
    CHECK(txn_activate(b->t, set, &file, 1) == STATUS_OK);
    commit(b);
}

static void fill_subjects(bench *b) {
    uint64_t begin = cpu_ns();
    profile_put put = {.mask = profile_writable_mask()};
    for (uint64_t i = 0; i < b->o.records; i++) {
        if (i % 4096 == 0) txn_begin(b->t, b->now_ms);
        subject_id id = subject_of(i);
        profile_init(&put.fields, &id);
        put.fields.roles = PROFILE_ROLE_RETAILER;
        put.fields.market_grade = (uint8_t)(i % 6);
        put.fields.public_grade = (uint8_t)(i % 5);
        put.fields.negative_points = (uint16_t)(i % 900);
        uint32_t version;
        CHECK(txn_put(b->t, &put, &version) == STATUS_OK);
        if (i % 4096 == 4095 || i + 1 == b->o.records) commit(b);
    }
    tell("subjects put, groups of 4096, from nothing", cpu_ns() - begin, b->o.records);
}

static operation operation_on(bench *b, unsigned kind, uint64_t subject, int64_t amount) {
    return (operation){.id = new_id(b),
                       .subject = subject_of(subject),
                       .program = PROGRAM_POWER,
                       .kind = (uint8_t)kind,
                       .amount_fen = amount};
}

static void execute(bench *b, const operation *op) {
    operation_result r;
    bool repeated;
    CHECK(txn_operate(b->t, op, &r, &repeated) == STATUS_OK);
    CHECK(r.status == STATUS_OK && !repeated);
}

static void execute_all(bench *b, const operation *operations, size_t n) {
    for (size_t done = 0; done < n; done += 64) {
        size_t some = n - done < 64 ? n - done : 64;
        const operation *next[64];
        for (size_t i = 0; i < some; i++) next[i] = &operations[done + i];
        if (b->o.prefetch) txn_prefetch(b->t, next, some);
        for (size_t i = 0; i < some; i++) execute(b, &operations[done + i]);
    }
}

/* Accounts belong to subjects spread over the whole range. */
static uint64_t account_subject_number(const bench *b, uint64_t nth) { return nth * (b->o.records / b->o.accounts); }

static void fill_accounts(bench *b) {
    uint64_t begin = cpu_ns();
    for (uint64_t i = 0; i < b->o.accounts; i++) {
        if (i % 1024 == 0) txn_begin(b->t, b->now_ms);
        operation op = operation_on(b, OPERATION_PLEDGE, account_subject_number(b, i), INT64_C(100000000000));
        op.instrument = 1;
        op.instrument_kind = INSTRUMENT_DEPOSIT;
        op.to_hour = UINT32_MAX;
        execute(b, &op);
        if (i % 1024 == 1023 || i + 1 == b->o.accounts) commit(b);
    }
    tell("accounts opened by a pledge, groups of 1024", cpu_ns() - begin, b->o.accounts);
}

/* ------------------------------------------------------------------ reading */

static policy_moment moment(const bench *b) {
    return (policy_moment){.now_ms = b->now_ms, .day = clock_day_of_ms(b->now_ms)};
}

static void decisions(const bench *b, size_t batch) {
    static decision_request requests[BLOCK];
    static decision out[BLOCK];
    uint64_t ns = 0, done = 0, granted = 0;
    for (; done < b->o.lookups; done += BLOCK) {
        for (size_t i = 0; i < BLOCK; i++)
            requests[i] = (decision_request){.subject = subject_of(random_below(b->o.records)),
                                             .scenario = SCENARIO_POWER,
                                             .purpose = PURPOSE_BENCHMARK};
        uint64_t begin = cpu_ns();
        for (size_t i = 0; i < BLOCK; i += batch) engine_decide(b->e, requests + i, batch, moment(b), out + i);
        ns += cpu_ns() - begin;
        for (size_t i = 0; i < BLOCK; i++) {
            CHECK(out[i].status == STATUS_OK);
            granted += out[i].outcome == OUTCOME_GRANTED;
        }
    }
    CHECK(granted > done / 4 && granted < done);
    char what[64];
    snprintf(what, sizeof what, "engine_decide, batches of %zu", batch);
    tell(what, ns, done);
}

static void quotas(const bench *b, size_t batch) {
    static quota_request requests[BLOCK];
    static quota out[BLOCK];
    static quota_admission admit[BLOCK];
    uint64_t ns = 0, done = 0;
    for (; done < b->o.lookups / 4; done += BLOCK) {
        for (size_t i = 0; i < BLOCK; i++)
            requests[i] = (quota_request){
                .subject = subject_of(account_subject_number(b, random_below(b->o.accounts))),
                .program = PROGRAM_POWER,
                .purpose = PURPOSE_BENCHMARK,
                .amount_fen = 1000,
            };
        uint64_t begin = cpu_ns();
        for (size_t i = 0; i < BLOCK; i += batch)
            engine_quota(b->e, requests + i, batch, moment(b), out + i, admit + i);
        ns += cpu_ns() - begin;
        for (size_t i = 0; i < BLOCK; i++) CHECK(out[i].status == STATUS_OK && admit[i].status == STATUS_OK);
    }
    char what[64];
    snprintf(what, sizeof what, "engine_quota with admission, batches of %zu", batch);
    tell(what, ns, done);
}

/* ------------------------------------------------------------------ operating */

static void operations_pass(bench *b) {
    size_t half = b->o.group / 2;
    operation *reserves = calloc(half, sizeof *reserves), *commits = calloc(half, sizeof *commits);
    histogram *groups = calloc(1, sizeof *groups);
    CHECK(reserves != NULL && commits != NULL && groups != NULL);
    uint64_t executing = 0, changing = 0, publishing = 0, done = 0;
    uint64_t bytes = 0;
    bool open = false;
    while (done < b->o.operations) {
        for (size_t i = 0; i < half; i++) {
            if (open) {
                commits[i] = operation_on(b, OPERATION_COMMIT, 0, 0);
                commits[i].subject = reserves[i].subject;
                commits[i].target = reserves[i].id;
            }
            reserves[i] =
                operation_on(b, OPERATION_RESERVE, account_subject_number(b, random_below(b->o.accounts)), 1000);
        }
        b->now_ms++;
        uint64_t begin = cpu_ns();
        txn_begin(b->t, b->now_ms);
        if (open) execute_all(b, commits, half);
        execute_all(b, reserves, half);
        uint64_t executed = cpu_ns();
        encode(b);
        bytes += b->changes.size + b->history.size;
        uint64_t changed = cpu_ns();
        txn_publish(b->t, ++b->sequence);
        uint64_t published = cpu_ns();
        executing += executed - begin;
        changing += changed - executed;
        publishing += published - changed;
        histogram_add(groups, published - begin);
        done += open ? 2 * half : half;
        open = true;
    }
    char what[64];
    snprintf(what, sizeof what, "reserve and commit, groups of %" PRIu64, b->o.group);
    tell(what, executing + changing + publishing, done);
    tell("  of this, executing", executing, done);
    tell("  of this, encoding the changes", changing, done);
    tell("  of this, publishing", publishing, done);
    printf("%-52s %8.1f bytes\n", "an operation on disk", (double)bytes / (double)done);
    printf("%-52s %8.1f us, p99 %.1f, max %.1f\n", "a group, median", (double)histogram_percentile(groups, 50) / 1e3,
           (double)histogram_percentile(groups, 99) / 1e3, (double)groups->max / 1e3);
    free(reserves);
    free(commits);
    free(groups);
}

static bool parse(int argc, char **argv, options *o) {
    *o = (options){.records = 1000000,
                   .accounts = 100000,
                   .operations = 2000000,
                   .lookups = 8000000,
                   .group = 512,
                   .prefetch = 1,
                   .kept = 1000};
    const struct {
        const char *name;
        uint64_t *to, max;
    } known[] = {{"--records", &o->records, 60000000},
                 {"--accounts", &o->accounts, 4000000},
                 {"--operations", &o->operations, 200000000},
                 {"--lookups", &o->lookups, UINT64_C(1) << 40},
                 {"--group", &o->group, 65536},
                 {"--prefetch", &o->prefetch, 1},
                 {"--kept", &o->kept, 1000000000}};
    const size_t known_count = sizeof known / sizeof *known;
    for (int i = 1; i < argc; i += 2) {
        size_t k = 0;
        while (k < known_count && strcmp(argv[i], known[k].name) != 0) k++;
        if (k == known_count || i + 1 == argc) return false;
        *known[k].to = strtoull(argv[i + 1], NULL, 10);
        if ((*known[k].to < 2 && known[k].to != &o->prefetch) || *known[k].to > known[k].max) return false;
    }
    return o->accounts <= o->records;
}

int main(int argc, char **argv) {
    bench b = {.now_ms = clock_wall_ms(), .next_id = 1};
    if (!parse(argc, argv, &b.o)) {
        fprintf(stderr, "usage: micro_engine [--records N] [--accounts N] [--operations N] [--lookups N] [--group N]"
                        " [--prefetch 0|1] [--kept GROUPS]\n");
        return 2;
    }
    engine_options space = {.seed = UINT64_C(0x1CEB00DA), .operations_kept_ms = (int64_t)b.o.kept};
    CHECK(engine_create(&space, &b.e) == STATUS_OK);
    CHECK(txn_create(b.e, &b.t) == STATUS_OK);
    activate(&b);
    fill_subjects(&b);
    fill_accounts(&b);
    for (size_t batch = 64; batch <= 256; batch *= 2) decisions(&b, batch);
    quotas(&b, 128);
    operations_pass(&b);
    engine_stats stats;
    engine_get_stats(b.e, &stats);
    printf("%zu subjects, %zu accounts, %zu operations: %.1f MiB\n", stats.subjects.records, stats.accounts.records,
           stats.operations, (double)stats.memory_bytes / 1048576);
    char problem[256];
    if (!engine_check(b.e, problem, sizeof problem)) {
        fprintf(stderr, "engine_check: %s\n", problem);
        return 1;
    }
    txn_destroy(&b.t);
    engine_destroy(&b.e);
    buf_deinit(&b.changes);
    buf_deinit(&b.history);
    return 0;
}
