/* Writes through libxinyi while the server is being killed, and afterwards checks what the server kept.
 *
 *   crash_load load   --server HOST:PORT --log FILE --round N [--threads T] [--seconds S]
 *   crash_load verify --server HOST:PORT --log FILE
 *
 * Every thread owns a family of FAMILY subjects and one guarantee account, so that what must hold is known exactly:
 *   profiles    one PUT frame gives all subjects of the family the same next counter: after a crash they are equal (a
 *               frame is whole or not there), at least the last acknowledged counter and at most the last one sent
 *   operations  an acknowledged reservation, commit or release is known with the same answer; reserved and committed
 *               amounts of the account are exactly the sums over the operations that the server knows
 *
 * The log is a text file, appended with one write(2) a line: "S t n" counter n sent by thread t, "A t n" acknowledged;
 * "s t id kind amount" operation sent, "a t id status" answered. This process is not killed, so what it wrote is there.
 */
#include "tests/tools/crash.h"

#define FAMILY 16
#define VOLUNTEER_MINUTES (UINT64_C(1) << 24) /* field numbers of PROTOCOL.md */
#define RETAILER (UINT64_C(1) << 3)
#define MARKET_GRADE (UINT64_C(1) << 20)
#define LODGED_FEN INT64_C(100000000000000)

/* Member m of thread t's family: an impossible resident ID, born 1990-01-01 in 530000. */
static xinyi_subject subject_of(unsigned t, unsigned m) {
    return subject_of_number(UINT64_C(53000019900101000) + t * FAMILY + m);
}

static void profile_of(unsigned t, unsigned m, uint32_t counter, xinyi_put_entry *e) {
    *e = (xinyi_put_entry){.mask = VOLUNTEER_MINUTES | RETAILER | MARKET_GRADE};
    e->profile = bare_profile(subject_of(t, m));
    e->profile.volunteer_minutes = counter;
    e->profile.roles = 1;
    e->profile.market_grade = 4;
}

/* ------------------------------------------------------------------ load */

typedef struct job {
    unsigned thread;
    uint32_t counter; /* next */
} job;

static bool put_family(xinyi *x, job *j) {
    xinyi_put_entry entries[FAMILY];
    xinyi_put_reply replies[FAMILY];
    uint32_t n = j->counter++;
    for (unsigned m = 0; m < FAMILY; m++) profile_of(j->thread, m, n, &entries[m]);
    put_line("S %u %u\n", j->thread, n);
    if (xinyi_put(x, entries, FAMILY, replies) != 0) return false;
    for (unsigned m = 0; m < FAMILY; m++)
        if (replies[m].status != 0) fail(xinyi_status_text(replies[m].status));
    put_line("A %u %u\n", j->thread, n);
    atomic_fetch_add(&acknowledged, 1);
    return true;
}

static bool operate(xinyi *x, job *j, xinyi_operation *o) {
    char id[XINYI_OPERATION_TEXT];
    o->subject = subject_of(j->thread, 0);
    o->program = XINYI_PROGRAM_POWER;
    xinyi_operation_format(&o->id, id);
    put_line("s %u %s %u %" PRId64 "\n", j->thread, id, o->kind, o->amount_fen);
    xinyi_operation_reply reply;
    if (xinyi_operate(x, o, 1, &reply) != 0) return false;
    put_line("a %u %s %u\n", j->thread, id, reply.status);
    atomic_fetch_add(&acknowledged, 1);
    return true;
}

static void *load_thread(void *arg) {
    job *j = arg;
    xinyi *x = connect_or_fail();
    bool alive = put_family(x, j);
    if (alive) {
        xinyi_operation pledge = {.id = {{'p', 'l', 'e', 'd', 'g', 'e', (uint8_t)j->thread, 1}},
                                  .kind = XINYI_PLEDGE,
                                  .instrument_kind = XINYI_DEPOSIT,
                                  .instrument = 1,
                                  .amount_fen = LODGED_FEN,
                                  .to_hour = UINT32_MAX};
        alive = operate(x, j, &pledge);
    }
    double until = now_s() + seconds;
    for (unsigned i = 0; alive && now_s() < until; i++) {
        xinyi_operation reserve = {
            .id = xinyi_operation_new(), .kind = XINYI_RESERVE, .amount_fen = 100 + i % 977, .ttl_ms = 300000};
        alive = put_family(x, j) && operate(x, j, &reserve);
        if (alive && i % 3 != 0) {
            xinyi_operation next = {.id = xinyi_operation_new(),
                                    .kind = i % 3 == 1 ? XINYI_COMMIT : XINYI_RELEASE,
                                    .target = reserve.id,
                                    .amount_fen = i % 3 == 1 ? 50 : 0};
            alive = operate(x, j, &next);
        }
    }
    xinyi_close(&x);
    return NULL;
}

static int load(void) {
    job jobs[THREADS_MAX];
    for (unsigned t = 0; t < threads; t++) jobs[t] = (job){t, round_number * 1000000u + 1};
    return run_threads(load_thread, jobs, sizeof *jobs);
}

/* ------------------------------------------------------------------ verify */

typedef struct known {
    unsigned thread, kind, status;
    bool answered;
    int64_t amount;
    xinyi_operation_id id;
} known;

static known *operations;
static size_t operation_count, operation_room;
static uint32_t sent[THREADS_MAX], acked[THREADS_MAX];
static bool seen[THREADS_MAX];

static void take_line(const char *line) {
    unsigned t, n, kind;
    int64_t amount;
    char id[64];
    if (sscanf(line, "S %u %u", &t, &n) == 2 && t < THREADS_MAX) {
        sent[t] = n;
        seen[t] = true;
    } else if (sscanf(line, "A %u %u", &t, &n) == 2 && t < THREADS_MAX) {
        acked[t] = n;
    } else if (sscanf(line, "s %u %63s %u %" SCNd64, &t, id, &kind, &amount) == 4 && t < THREADS_MAX) {
        ARRAY_ADD(operations, operation_count, operation_room);
        known *k = &operations[operation_count++];
        *k = (known){.thread = t, .kind = kind, .amount = amount};
        if (xinyi_operation_parse(id, &k->id) != 0) fail("bad id in the log");
    } else if (sscanf(line, "a %u %63s %u", &t, id, &n) == 3) {
        xinyi_operation_id wanted;
        if (xinyi_operation_parse(id, &wanted) != 0) fail("bad id in the log");
        size_t i = operation_count;
        while (i > 0 && memcmp(&operations[i - 1].id, &wanted, sizeof wanted) != 0) i--;
        if (i == 0) fail("an answer without a question in the log");
        operations[i - 1].answered = true;
        operations[i - 1].status = n;
    }
}

static void verify_family(xinyi *x, unsigned t) {
    xinyi_subject who[FAMILY];
    xinyi_profile_reply got[FAMILY];
    for (unsigned m = 0; m < FAMILY; m++) who[m] = subject_of(t, m);
    if (xinyi_get(x, XINYI_FOR_DATA_MAINTENANCE, who, FAMILY, got) != 0) fail(xinyi_last_error(x));
    if (acked[t] == 0 && got[0].status == XINYI_UNKNOWN_SUBJECT) return;
    for (unsigned m = 0; m < FAMILY; m++) {
        EXPECT(got[m].status == 0, "thread %u member %u: %s", t, m, xinyi_status_text(got[m].status));
        uint32_t n = got[m].profile.volunteer_minutes;
        EXPECT(n == got[0].profile.volunteer_minutes,
               "thread %u: member %u has %u, member 0 has %u: a frame is half there", t, m, n,
               got[0].profile.volunteer_minutes);
        EXPECT(n >= acked[t], "thread %u: counter %u was acknowledged, %u is there", t, acked[t], n);
        EXPECT(n <= sent[t], "thread %u: counter %u is there, only %u was sent", t, n, sent[t]);
    }
}

static void verify_operations(xinyi *x, int64_t open[THREADS_MAX], int64_t committed[THREADS_MAX]) {
    for (size_t i = 0; i < operation_count; i++) {
        known *k = &operations[i];
        bool again = false; /* the pledge is repeated every round */
        for (size_t e = 0; e < i && k->kind == XINYI_PLEDGE; e++)
            again = again || memcmp(&operations[e].id, &k->id, sizeof k->id) == 0;
        if (again) continue;
        xinyi_outcome_reply o;
        char id[XINYI_OPERATION_TEXT];
        xinyi_operation_format(&k->id, id);
        if (xinyi_outcome(x, &k->id, 1, &o) != 0) fail(xinyi_last_error(x));
        if (o.status != 0) {
            EXPECT(!k->answered, "operation %s was answered and is unknown", id);
            continue;
        }
        EXPECT(o.request.kind == k->kind && o.request.amount_fen == k->amount,
               "operation %s is kept with other content", id);
        EXPECT(!k->answered || o.reply.status == k->status, "operation %s was answered %s and is kept as %s", id,
               xinyi_status_name((int)k->status), xinyi_status_name(o.reply.status));
        if (o.reply.status != 0) continue;
        if (k->kind == XINYI_RESERVE && o.state == 1) open[k->thread] += k->amount;
        if (k->kind == XINYI_COMMIT) committed[k->thread] += o.reply.amount_fen;
    }
}

static int verify(void) {
    read_log(take_line);
    xinyi *x = connect_or_fail();
    int64_t open[THREADS_MAX] = {0}, committed[THREADS_MAX] = {0};
    verify_operations(x, open, committed);
    unsigned families = 0;
    for (unsigned t = 0; t < THREADS_MAX; t++) {
        if (!seen[t]) continue;
        families++;
        verify_family(x, t);
        xinyi_subject who = subject_of(t, 0);
        xinyi_quota q;
        if (xinyi_quota_show(x, XINYI_PROGRAM_POWER, XINYI_FOR_POWER_TRADING, &who, 1, &q) != 0)
            fail(xinyi_last_error(x));
        EXPECT(q.reserved_fen == open[t], "thread %u: reserved %" PRId64 ", open reservations %" PRId64, t,
               q.reserved_fen, open[t]);
        EXPECT(q.committed_fen == committed[t], "thread %u: committed %" PRId64 ", commits %" PRId64, t,
               q.committed_fen, committed[t]);
    }
    xinyi_close(&x);
    printf("%zu operations and %u families checked, %u wrong\n", operation_count, families, problems);
    free(operations);
    return problems == 0 && families > 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    tool = "crash_load";
    if (!read_arguments(argc, argv, "load|verify")) return 2;
    return strcmp(argv[1], "verify") == 0 ? verify() : load();
}
