/* Writes and looks up through libxinyi while the disk under the server fills, empties and turns read-only. A write that
 * was refused or whose fate is unknown is sent again, under the same operation id, until it is answered: that is what a
 * client has to do, and what must never apply anything twice.
 *
 *   disk_load --server HOST:PORT --log FILE [--threads T] [--round N] [--seconds S]
 *
 * The log is that of crash_load, so `crash_load verify` says whether the server kept what it acknowledged; lines of
 * our own, "R" and "W", tell when writes of a thread stopped and went on. A thread of its own looks up all the time: no
 * lookup may fail, and the slowest is told. Ends by itself, at SIGTERM, or when the server is gone. */
#include "client/xinyi.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FAMILY 16 /* as crash_load */
#define THREADS_MAX 32
#define VOLUNTEER_MINUTES (UINT64_C(1) << 24) /* field numbers of PROTOCOL.md */
#define RETAILER (UINT64_C(1) << 3)
#define MARKET_GRADE (UINT64_C(1) << 20)
#define LODGED_FEN INT64_C(100000000000000)

static const char *server = "127.0.0.1:7420";
static int log_fd = -1;
static atomic_bool stop;
static atomic_ulong acknowledged, refused, unknown, lookups;
static _Atomic int64_t slowest_us;

static void fail(const char *what) {
    fprintf(stderr, "disk_load: %s\n", what);
    exit(1);
}

static void end(int signal_number) {
    (void)signal_number;
    atomic_store(&stop, true);
}

static void put_line(const char *line) {
    size_t n = strlen(line);
    if (write(log_fd, line, n) != (ssize_t)n) fail("cannot write the log");
}

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static xinyi_subject subject_of(unsigned t, unsigned m) {
    uint64_t number = UINT64_C(53000019900101000) + t * FAMILY + m;
    xinyi_subject s = {{1}};
    for (int i = 11; i >= 1; i--, number >>= 8) s.bytes[i] = (uint8_t)number;
    return s;
}

static void profile_of(unsigned t, unsigned m, uint32_t counter, xinyi_put_entry *e) {
    *e = (xinyi_put_entry){.mask = VOLUNTEER_MINUTES | RETAILER | MARKET_GRADE};
    e->profile.id = subject_of(t, m);
    e->profile.volunteer_minutes = counter;
    e->profile.roles = 1;
    e->profile.market_grade = 4;
    e->profile.public_score = e->profile.composite_score = UINT16_MAX;
    for (int i = 0; i < 4; i++) e->profile.slots[i] = UINT16_MAX;
}

typedef struct job {
    unsigned thread;
    uint32_t counter; /* next */
    bool troubled;
} job;

/* Whether to send the same again; tells when that begins and ends. */
static bool in_trouble(job *j, int code) {
    bool again = code == XINYI_READ_ONLY || code == XINYI_OUTCOME_UNKNOWN || code == XINYI_OVERLOADED;
    if (again != j->troubled) {
        char line[32];
        j->troubled = again;
        snprintf(line, sizeof line, "%c %u\n", again ? 'R' : 'W', j->thread);
        put_line(line);
    }
    if (code == XINYI_READ_ONLY) atomic_fetch_add(&refused, 1);
    if (code == XINYI_OUTCOME_UNKNOWN) atomic_fetch_add(&unknown, 1);
    if (again) usleep(5000);
    return again && !atomic_load(&stop);
}

static bool put_family(xinyi *x, job *j) {
    xinyi_put_entry entries[FAMILY];
    xinyi_put_reply replies[FAMILY];
    char line[64];
    uint32_t n = j->counter++;
    for (unsigned m = 0; m < FAMILY; m++) profile_of(j->thread, m, n, &entries[m]);
    snprintf(line, sizeof line, "S %u %u\n", j->thread, n);
    put_line(line);
    int code;
    do code = xinyi_put(x, entries, FAMILY, replies);
    while (in_trouble(j, code));
    if (code != 0) return false;
    for (unsigned m = 0; m < FAMILY; m++)
        if (replies[m].status != 0) fail(xinyi_status_text(replies[m].status));
    snprintf(line, sizeof line, "A %u %u\n", j->thread, n);
    put_line(line);
    atomic_fetch_add(&acknowledged, 1);
    return true;
}

static bool operate(xinyi *x, job *j, xinyi_operation *o) {
    char line[128], id[XINYI_OPERATION_TEXT];
    o->subject = subject_of(j->thread, 0);
    o->program = XINYI_PROGRAM_POWER;
    xinyi_operation_format(&o->id, id);
    snprintf(line, sizeof line, "s %u %s %u %" PRId64 "\n", j->thread, id, o->kind, o->amount_fen);
    put_line(line);
    xinyi_operation_reply reply;
    int code;
    do code = xinyi_operate(x, o, 1, &reply);
    while (in_trouble(j, code));
    if (code != 0) return false;
    snprintf(line, sizeof line, "a %u %s %u\n", j->thread, id, reply.status);
    put_line(line);
    atomic_fetch_add(&acknowledged, 1);
    return true;
}

static void *write_thread(void *arg) {
    job *j = arg;
    xinyi *x;
    if (xinyi_connect(server, &(xinyi_options){.agent = "disk_load"}, &x) != 0) fail(xinyi_last_error(NULL));
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
    for (unsigned i = 0; alive && !atomic_load(&stop); i++) {
        xinyi_operation reserve = {
            .id = xinyi_operation_new(), .kind = XINYI_RESERVE, .amount_fen = 100 + i % 977, .ttl_ms = 300000};
        alive = put_family(x, j) && operate(x, j, &reserve);
        if (!alive || i % 3 == 0) continue;
        xinyi_operation next = {.id = xinyi_operation_new(),
                                .kind = i % 3 == 1 ? XINYI_COMMIT : XINYI_RELEASE,
                                .target = reserve.id,
                                .amount_fen = i % 3 == 1 ? 50 : 0};
        alive = operate(x, j, &next);
    }
    xinyi_close(&x);
    return NULL;
}

/* Returns an error's text if a lookup was not answered while the server was there. */
static void *lookup_thread(void *arg) {
    unsigned threads = *(unsigned *)arg;
    xinyi *x;
    if (xinyi_connect(server, &(xinyi_options){.agent = "disk_load"}, &x) != 0) fail(xinyi_last_error(NULL));
    const char *wrong = NULL;
    while (!atomic_load(&stop)) {
        xinyi_subject who[THREADS_MAX];
        xinyi_profile_reply got[THREADS_MAX];
        for (unsigned t = 0; t < threads; t++) who[t] = subject_of(t, FAMILY - 1);
        int64_t begin = now_us();
        int code = xinyi_get(x, XINYI_FOR_DATA_MAINTENANCE, who, threads, got);
        int64_t took = now_us() - begin;
        if (code != 0 && code < XINYI_OUTCOME_UNKNOWN) wrong = xinyi_status_text(code);
        if (code != 0) break;
        if (took > atomic_load(&slowest_us)) atomic_store(&slowest_us, took);
        atomic_fetch_add(&lookups, 1);
        usleep(2000);
    }
    xinyi_close(&x);
    return (void *)(uintptr_t)wrong;
}

static int run(unsigned threads, uint32_t round, double seconds) {
    pthread_t ids[THREADS_MAX], looking;
    job jobs[THREADS_MAX];
    for (unsigned t = 0; t < threads; t++) {
        jobs[t] = (job){.thread = t, .counter = round * 1000000u + 1};
        if (pthread_create(&ids[t], NULL, write_thread, &jobs[t]) != 0) fail("no thread");
    }
    if (pthread_create(&looking, NULL, lookup_thread, &threads) != 0) fail("no thread");
    int64_t until = now_us() + (int64_t)(seconds * 1e6);
    while (!atomic_load(&stop) && now_us() < until) usleep(20000);
    atomic_store(&stop, true);
    void *wrong = NULL;
    for (unsigned t = 0; t < threads; t++) pthread_join(ids[t], NULL);
    pthread_join(looking, &wrong);
    printf("%lu acknowledged, %lu refused, %lu of unknown outcome\n", atomic_load(&acknowledged), atomic_load(&refused),
           atomic_load(&unknown));
    printf("%lu lookups, the slowest took %" PRId64 " ms\n", atomic_load(&lookups), atomic_load(&slowest_us) / 1000);
    if (wrong != NULL) printf("wrong: a lookup was not answered: %s\n", (const char *)wrong);
    return wrong == NULL ? 0 : 1;
}

int main(int argc, char **argv) {
    const char *log_path = NULL;
    unsigned threads = 6;
    uint32_t round = 1;
    double seconds = 3600;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--server") == 0) server = argv[i + 1];
        if (strcmp(argv[i], "--log") == 0) log_path = argv[i + 1];
        if (strcmp(argv[i], "--threads") == 0) threads = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--round") == 0) round = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seconds") == 0) seconds = strtod(argv[i + 1], NULL);
    }
    if (log_path == NULL || threads == 0 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: disk_load --server HOST:PORT --log FILE [--threads T] [--round N] [--seconds S]\n");
        return 2;
    }
    log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log_fd < 0) fail("cannot open the log");
    signal(SIGTERM, end);
    return run(threads, round, seconds);
}
