/* Killed at any moment: a child commits and folds for all it is worth and tells every number that was acknowledged; the
 * parent kills it, opens what is left, and must find every acknowledged group, whole and in order, and at most one
 * more. What a group holds follows from its number alone, so the parent knows what to find. Seeds are printed;
 * XINYI_SEED runs the same moments again. XINYI_CRASH_ROUNDS for longer runs. */
#include "tests/unit/persist/child_help.h"
#include "tests/unit/persist/journal_help.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>

#define ROUNDS 24

static void make_group(uint64_t sequence, buf *to) {
    uint64_t random = sequence * UINT64_C(0x9e3779b97f4a7c15) + 1;
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)sequence);
    help_named(to, CHANGE_STATE, "sequence", text);
    for (uint64_t n = help_random(&random) % 60; n > 0; n--)
        help_subject(to, (uint32_t)(help_random(&random) % 500), sequence);
    if (sequence % 3 == 0)
        help_named(to, CHANGE_MEMBERS, sequence % 2 == 0 ? "even" : "odd", sequence % 5 == 0 ? NULL : text);
    if (sequence % 64 != 0) return;
    uint8_t *blob = malloc(900000); /* for sorted files */
    memset(blob, (int)sequence, 900000);
    for (uint8_t key = 0; key < 3; key++) change_append(to, CHANGE_RECORDS, &key, 1, blob, 900000);
    free(blob);
}

static int child_main(const char *directory, const char *arguments) {
    unsigned long long fold_bytes, fold_every;
    child_check(sscanf(arguments, "%llu %llu", &fold_bytes, &fold_every) == 2);
    journal_options options = help_options(directory);
    options.fold_bytes = fold_bytes;
    options.unsynced = false;
    journal *j = NULL;
    child_check(journal_open(&options, &j, NULL, 0) == STATUS_OK);
    child_check(journal_load(j, 2, help_visit, NULL, NULL, NULL, 0) == STATUS_OK);
    buf b = {0};
    for (;;) {
        uint64_t sequence = 0, next = journal_sequence(j) + 1;
        buf_clear(&b);
        make_group(next, &b);
        child_check(journal_commit(j, 0, b.data, b.size, NULL, 0, &sequence) == STATUS_OK);
        child_check(sequence == next);
        child_check(write(STDOUT_FILENO, &sequence, sizeof sequence) == sizeof sequence);
        if (fold_every != 0 && sequence % fold_every == 0) child_check(journal_fold(j) == STATUS_OK);
    }
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads acknowledgements, kills after `ms` (from the first acknowledgement, or at once), then reads the rest; the last
 * one. */
static uint64_t watch_and_kill(pid_t child, int from, int64_t ms, bool from_first, uint64_t last) {
    bool killed = false;
    int64_t until = now_ms() + (from_first ? 20000 : ms);
    for (;;) {
        int64_t left = until - now_ms();
        if (!killed && left <= 0) {
            cr_assert_eq(kill(child, SIGKILL), 0);
            killed = true;
        }
        struct pollfd p = {.fd = from, .events = POLLIN};
        if (!killed && poll(&p, 1, (int)left) <= 0) continue;
        uint64_t acknowledged[512];
        ssize_t n = read(from, acknowledged, sizeof acknowledged);
        cr_assert(n >= 0 && n % 8 == 0);
        if (n == 0) return last;
        if (from_first) until = now_ms() + ms;
        from_first = false;
        for (ssize_t i = 0; i < n / 8; i++) {
            cr_assert_eq(acknowledged[i], last + 1, "acknowledged out of order");
            last++;
        }
    }
}

Test(journal_crash, killed_at_any_moment, .timeout = 280) {
    const char *given = getenv("XINYI_SEED"), *wanted = getenv("XINYI_CRASH_ROUNDS");
    uint64_t seed = (given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u) | 1, random = seed;
    int rounds = wanted != NULL ? (int)strtol(wanted, NULL, 10) : ROUNDS, extra = 0;
    printf("journal_crash: XINYI_SEED=%llu\n", (unsigned long long)seed);
    char *dir = help_directory();
    help_map expected = {0};
    buf b = {0};
    uint64_t known = 0, folds = 0;
    for (int round = 0; round < rounds; round++) {
        int ends[2];
        cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
        char arguments[64];
        uint64_t fold_bytes = help_random(&random) % 4 == 0 ? NEVER : 1 + help_random(&random) % 100000;
        snprintf(arguments, sizeof arguments, "%llu %llu", (unsigned long long)fold_bytes,
                 (unsigned long long)(help_random(&random) % 3 * 7));
        int64_t ms = 1 + (int64_t)(help_random(&random) % 400);
        bool from_first = help_random(&random) % 4 != 0;
        pid_t child = child_start(dir, arguments, ends[1]);
        close(ends[1]);
        uint64_t acknowledged = watch_and_kill(child, ends[0], ms, from_first, known);
        close(ends[0]);
        cr_assert(child_was_killed(child));
        help_map got = {0};
        journal *j = help_open(dir, &got);
        uint64_t found = journal_sequence(j);
        journal_stats stats;
        journal_get_stats(j, &stats);
        folds += stats.folded_sequence > known;
        cr_assert(found == acknowledged || found == acknowledged + 1, "round %d: acknowledged %llu, found %llu", round,
                  (unsigned long long)acknowledged, (unsigned long long)found);
        extra += found == acknowledged + 1;
        for (; known < found; known++) {
            buf_clear(&b);
            make_group(known + 1, &b);
            help_apply_all(&expected, b.data, b.size);
        }
        help_map_same(&expected, &got);
        help_map_clear(&got);
        journal_close(&j);
    }
    printf("journal_crash: %d rounds, %llu groups, %d not acknowledged but there, folds in %llu rounds\n", rounds,
           (unsigned long long)known, extra, (unsigned long long)folds);
    cr_assert_gt(known, (uint64_t)rounds);
    cr_assert_gt(folds, 0);
    help_map_clear(&expected);
    buf_deinit(&b);
    help_remove_parent(&dir);
}
