/* Reports through libxinyi while the server is being killed, and afterwards checks what the server kept.
 *
 *   crash_credit load   --server HOST:PORT --log FILE --round N [--threads T] [--seconds S]
 *   crash_credit verify --server HOST:PORT --log FILE
 *   crash_credit dump   --server HOST:PORT --log FILE
 *
 * Each thread has two subjects a round. What must hold is known exactly:
 *   reports   one that was accepted is known with its number when it is sent again; one of which nothing was heard is
 *             sent again, too, and afterwards each counts once: as an item, as a minute, as an open commitment, as a
 *             use
 *   claims    a source's value is the last acknowledged one or the one after it
 * `dump` prints profiles and dossiers as the server tells them, for comparing before and after a restart.
 *
 * The log is a text file, appended with one write(2) a line: "S t r n" report n sent about the subjects of thread t and
 * round r, "A t r n status number" answered; "C t r n" a claim sent, "D t r n" acknowledged. Both sides know what
 * report n says (report_of). This process is not killed, so what it wrote is there. */
#include "tests/tools/crash.h"

#define ROUNDS_MAX 27
#define REPORTS_MAX 2800                 /* of one thread and round: their items fit the dossiers */
#define MARKET_GRADE (UINT64_C(1) << 20) /* field numbers of PROTOCOL.md */
#define DIVISION (UINT64_C(1) << 0)
/* numbers of the catalogues that ship */
#define TAX_BUREAU 1
#define COURTS 2
#define POWER_EXCHANGE 3
#define VOLUNTEER_PLATFORM 4
#define APPROVAL_HALL 5
#define LATE_FILING 101
#define SERIOUS_LIST 2
#define TRANSLATION 7 /* a matter with the general deadline */
#define CERTIFICATE (5 << 8 | 0)
#define USES_EVERY 23 /* fewer than a dossier keeps */

/* Impossible resident IDs, born in January 1990 in 530000: the day is the round. `which`: 1 is for listings. */
static xinyi_subject subject_of(unsigned t, unsigned round, unsigned which) {
    return subject_of_number(UINT64_C(53000019900101000) + (1 + round % ROUNDS_MAX) * 1000 + 600 + which * 100 + t);
}

static xinyi_operation_id id_of(unsigned t, unsigned round, unsigned n) {
    return (xinyi_operation_id){{'c', 'r', (uint8_t)t, (uint8_t)round, (uint8_t)(n >> 8), (uint8_t)n, 1}};
}

/* What report n says: each kind in turn; what ends something names the report two before it. */
enum { RECORD, ACCEPTANCE, SERVICE, FULFILMENT, LISTING, SERVICE_AGAIN, DELISTING, REPAIR, KINDS };
static unsigned kind_of(unsigned n) { return n % KINDS; }

static void report_of(unsigned t, unsigned round, unsigned n, xinyi_report_entry *e) {
    uint16_t day = (uint16_t)(19000 + n % 1000);
    *e = (xinyi_report_entry){.id = id_of(t, round, n), .subject = subject_of(t, round, 0)};
    e->purpose = XINYI_FOR_DATA_MAINTENANCE;
    snprintf(e->text, sizeof e->text, "云信〔2026〕%u号", n);
    switch (kind_of(n)) {
    case RECORD: e->kind = XINYI_RECORD_ADD, e->source = TAX_BUREAU, e->type = LATE_FILING; break;
    case ACCEPTANCE: e->kind = XINYI_COMMITMENT_ACCEPT, e->source = APPROVAL_HALL, e->type = TRANSLATION; break;
    case FULFILMENT:
        e->kind = XINYI_COMMITMENT_FULFIL, e->source = APPROVAL_HALL, e->target = id_of(t, round, n - 2);
        break;
    case LISTING: e->kind = XINYI_LISTING_ADD, e->source = COURTS, e->type = SERIOUS_LIST; break;
    case DELISTING: e->kind = XINYI_LISTING_REMOVE, e->source = COURTS, e->target = id_of(t, round, n - 2); break;
    case REPAIR: e->kind = XINYI_RECORD_REPAIR, e->source = TAX_BUREAU, e->target = id_of(t, round, n - 7); break;
    default:
        e->source = VOLUNTEER_PLATFORM;
        if (n % USES_EVERY == 0) {
            e->kind = XINYI_USE, e->type = CERTIFICATE;
            memset(e->text, 0, sizeof e->text);
        } else {
            e->kind = XINYI_SERVICE_ADD, e->value = 1, e->day = day;
        }
    }
    if (e->kind == XINYI_LISTING_ADD || e->kind == XINYI_LISTING_REMOVE) e->subject = subject_of(t, round, 1);
}

/* ------------------------------------------------------------------ load */

/* Storage is in trouble for the moment: what is sent again counts once, whatever became of it. */
static bool in_trouble(int code) {
    if (code != XINYI_READ_ONLY && code != XINYI_OUTCOME_UNKNOWN && code != XINYI_OVERLOADED) return false;
    usleep(5000);
    return true;
}

typedef struct job {
    unsigned thread, round;
    uint32_t claims;
} job;

static bool create(xinyi *x, const job *j) {
    xinyi_put_entry e[2] = {{.mask = DIVISION}, {.mask = DIVISION}};
    xinyi_put_reply reply[2];
    for (unsigned w = 0; w < 2; w++) {
        e[w].profile = bare_profile(subject_of(j->thread, j->round, w));
        e[w].profile.division = 530102;
    }
    int code;
    while (in_trouble(code = xinyi_put(x, e, 2, reply))) {
    }
    if (code != 0) return false;
    for (unsigned w = 0; w < 2; w++)
        if (reply[w].status != 0) fail(xinyi_status_text(reply[w].status));
    return true;
}

static bool claim(xinyi *x, job *j) {
    xinyi_put_reply reply;
    uint32_t n = ++j->claims;
    xinyi_put_entry e = {.mask = MARKET_GRADE, .flags = XINYI_PUT_SOURCE(POWER_EXCHANGE)};
    e.profile = bare_profile(subject_of(j->thread, j->round, 0));
    e.profile.market_grade = (uint8_t)(1 + n % 5);
    put_line("C %u %u %u\n", j->thread, j->round, n);
    int code;
    while (in_trouble(code = xinyi_put(x, &e, 1, &reply))) {
    }
    if (code != 0) return false;
    if (reply.status != 0) fail(xinyi_status_text(reply.status));
    put_line("D %u %u %u\n", j->thread, j->round, n);
    return true;
}

/* One frame with `count` reports from n on: a frame is whole or not there, but each is answered by itself. */
static bool report(xinyi *x, const job *j, unsigned n, unsigned count) {
    xinyi_report_entry e[KINDS];
    xinyi_report_reply reply[KINDS];
    for (unsigned i = 0; i < count; i++) {
        report_of(j->thread, j->round, n + i, &e[i]);
        put_line("S %u %u %u\n", j->thread, j->round, n + i);
    }
    int code;
    while (in_trouble(code = xinyi_report(x, e, count, reply))) {
    }
    if (code != 0) return false;
    for (unsigned i = 0; i < count; i++)
        put_line("A %u %u %u %u %u\n", j->thread, j->round, n + i, reply[i].status, reply[i].number);
    atomic_fetch_add(&acknowledged, count);
    return true;
}

static void *load_thread(void *arg) {
    job *j = arg;
    xinyi *x = connect_or_fail();
    bool alive = create(x, j);
    double until = now_s() + seconds;
    for (unsigned n = 0; alive && n < REPORTS_MAX && now_s() < until;) {
        unsigned count = 1 + n % 3;
        alive = report(x, j, n, count) && claim(x, j);
        n += count;
    }
    xinyi_close(&x);
    return NULL;
}

static int load(void) {
    job jobs[THREADS_MAX];
    for (unsigned t = 0; t < threads; t++) jobs[t] = (job){.thread = t, .round = round_number};
    return run_threads(load_thread, jobs, sizeof *jobs);
}

/* ------------------------------------------------------------------ verify */

typedef struct known {
    bool sent, answered;
    uint16_t status;
    uint32_t number;
} known;
typedef struct family {
    bool seen;
    uint32_t claims_sent, claims_known, reports; /* reports: one more than the last */
    known all[REPORTS_MAX + KINDS];
} family;
static family families[THREADS_MAX][ROUNDS_MAX];

static void take_line(const char *line) {
    char what;
    unsigned t, r, n, code = 0, number = 0;
    if (sscanf(line, "%c %u %u %u %u %u", &what, &t, &r, &n, &code, &number) < 4) fail("a bad line in the log");
    if (t >= THREADS_MAX || r >= ROUNDS_MAX) fail("a line in the log about nobody");
    family *a = &families[t][r];
    a->seen = true;
    if (what == 'C') a->claims_sent = n;
    if (what == 'D') a->claims_known = n;
    if (what != 'S' && what != 'A') return;
    if (n >= REPORTS_MAX + KINDS) fail("a report in the log that was never made");
    if (n >= a->reports) a->reports = n + 1;
    a->all[n].sent = true;
    if (what == 'A') a->all[n] = (known){true, true, (uint16_t)code, number};
}

/* What the accepted reports of a family add up to. */
typedef struct sums {
    unsigned records, commitments, fulfilled, service, uses, listings;
} sums;

static void count(const xinyi_report_entry *e, sums *s) {
    s->records += e->kind == XINYI_RECORD_ADD;
    s->commitments += e->kind == XINYI_COMMITMENT_ACCEPT;
    s->fulfilled += e->kind == XINYI_COMMITMENT_FULFIL;
    s->service += e->kind == XINYI_SERVICE_ADD;
    s->uses += e->kind == XINYI_USE;
    s->listings += e->kind == XINYI_LISTING_ADD;
}

/* Sends every report of the family again; what was refused may be accepted now only if nothing was heard of it. */
static void repeat(xinyi *x, unsigned t, unsigned r, sums *s) {
    family *a = &families[t][r];
    for (unsigned n = 0; n < a->reports; n++) {
        xinyi_report_entry e;
        xinyi_report_reply reply;
        known *k = &a->all[n];
        if (!k->sent || (k->answered && k->status != 0)) continue;
        report_of(t, r, n, &e);
        if (xinyi_report(x, &e, 1, &reply) != 0) fail(xinyi_last_error(x));
        if (k->answered) {
            EXPECT(reply.status == 0 && (reply.flags & XINYI_REPEATED) && reply.number == k->number,
                   "thread %u round %u: report %u was item %u, now it is %s%s, item %u", t, r, n, k->number,
                   reply.flags & XINYI_REPEATED ? "repeated " : "", xinyi_status_name(reply.status), reply.number);
        } else {
            put_line("A %u %u %u %u %u\n", t, r, n, reply.status, reply.number);
        }
        if (reply.status == 0) count(&e, s);
    }
}

static unsigned total(const char *document, const char *name) {
    char key[40];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *totals = strstr(document, "\"totals\""), *at = totals != NULL ? strstr(totals, key) : NULL;
    return at != NULL ? (unsigned)strtoul(at + strlen(key), NULL, 10) : UINT32_MAX;
}

static void expect_totals(xinyi *x, unsigned t, unsigned r, const sums *s) {
    xinyi_subject who[2] = {subject_of(t, r, 0), subject_of(t, r, 1)};
    xinyi_profile_reply got[2];
    const char *document;
    if (xinyi_get(x, XINYI_FOR_DATA_MAINTENANCE, who, 2, got) != 0) fail(xinyi_last_error(x));
    const xinyi_profile *p = &got[0].profile;
    EXPECT(p->volunteer_minutes == s->service, "thread %u round %u: %u minutes of %u services", t, r,
           p->volunteer_minutes, s->service);
    unsigned open = s->commitments - s->fulfilled;
    EXPECT(p->open_commitments == (open < 255 ? open : 255), "thread %u round %u: %u open commitments, not %u", t, r,
           p->open_commitments, open);
    const family *a = &families[t][r];
    EXPECT(a->claims_known == 0 || p->market_grade == 1 + a->claims_known % 5 ||
               p->market_grade == 1 + a->claims_sent % 5,
           "thread %u round %u: market grade %u after claim %u of %u", t, r, p->market_grade, a->claims_known,
           a->claims_sent);
    if (xinyi_dossier(x, XINYI_FOR_DATA_MAINTENANCE, XINYI_DOSSIER_ALL, &who[0], 0, 1, &document) != 0)
        fail(xinyi_last_error(x));
    EXPECT(total(document, "records") == s->records && total(document, "commitments") == s->commitments &&
               total(document, "service") == s->service && total(document, "uses") == s->uses,
           "thread %u round %u: %u records, %u commitments, %u services, %u uses make %.300s", t, r, s->records,
           s->commitments, s->service, s->uses, strstr(document, "\"totals\""));
    if (xinyi_dossier(x, XINYI_FOR_DATA_MAINTENANCE, XINYI_DOSSIER_LISTINGS, &who[1], 0, 1, &document) != 0)
        fail(xinyi_last_error(x));
    EXPECT(total(document, "listings") == s->listings, "thread %u round %u: %u listings, not %u", t, r,
           total(document, "listings"), s->listings);
}

static bool is_known(xinyi *x, unsigned t, unsigned r) {
    xinyi_subject who = subject_of(t, r, 1);
    xinyi_profile_reply got;
    if (xinyi_get(x, XINYI_FOR_DATA_MAINTENANCE, &who, 1, &got) != 0) fail(xinyi_last_error(x));
    EXPECT(got.status == 0, "thread %u round %u: %s", t, r, xinyi_status_text(got.status));
    return got.status == 0;
}

static int verify(xinyi *x) {
    unsigned uses = 0, reports = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned r = 0; r < ROUNDS_MAX; r++) {
            sums s = {0};
            if (!families[t][r].seen || !is_known(x, t, r)) continue;
            repeat(x, t, r, &s);
            expect_totals(x, t, r, &s);
            uses += s.uses;
            reports += families[t][r].reports;
        }
    printf("%u uses\n%u reports checked, %u wrong\n", uses, reports, problems);
    return problems == 0 && reports > 0 ? 0 : 1;
}

/* ------------------------------------------------------------------ dump */

static void dump_subject(xinyi *x, xinyi_subject who) {
    xinyi_profile_reply got;
    const char *document, *next;
    if (xinyi_get(x, XINYI_FOR_DATA_MAINTENANCE, &who, 1, &got) != 0) fail(xinyi_last_error(x));
    const uint8_t *bytes = (const uint8_t *)&got.profile;
    for (size_t i = 0; i < sizeof got.profile; i++) printf("%02x", bytes[i]);
    printf("\n");
    for (uint32_t from = 0;; from = (uint32_t)strtoul(next + 7, NULL, 10)) {
        if (xinyi_dossier(x, XINYI_FOR_DATA_MAINTENANCE, XINYI_DOSSIER_ALL, &who, from, 0, &document) != 0)
            fail(xinyi_last_error(x));
        printf("%s\n", document);
        next = document;
        for (const char *at = document; (at = strstr(at, "\"next\":")) != NULL; at++) next = at;
        if (next[7] < '0' || next[7] > '9') break;
    }
}

static int dump(xinyi *x) {
    for (unsigned t = 0; t < THREADS_MAX; t++)
        for (unsigned r = 0; r < ROUNDS_MAX; r++)
            for (unsigned w = 0; families[t][r].seen && w < 2; w++) dump_subject(x, subject_of(t, r, w));
    return 0;
}

int main(int argc, char **argv) {
    tool = "crash_credit";
    threads = 4;
    if (!read_arguments(argc, argv, "load|verify|dump")) return 2;
    if (round_number >= ROUNDS_MAX) fail("too many rounds");
    if (strcmp(argv[1], "load") == 0) return load();
    read_log(take_line);
    xinyi *x = connect_or_fail();
    int code = strcmp(argv[1], "dump") == 0 ? dump(x) : verify(x);
    xinyi_close(&x);
    return code;
}
