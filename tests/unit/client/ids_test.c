#include "client/xinyi.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, 16); }

static uint64_t ms_of(const xinyi_operation_id *id) {
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++) ms = ms << 8 | id->bytes[i];
    return ms;
}

enum { THREADS = 4, EACH = 20000 };
static xinyi_operation_id made[THREADS][EACH];

static void *make(void *arg) {
    xinyi_operation_id *ids = arg;
    for (int i = 0; i < EACH; i++) ids[i] = xinyi_operation_new();
    return NULL;
}

Test(ids, operation_ids_are_unique_and_begin_with_the_time) {
    uint64_t before = (uint64_t)clock_wall_ms();
    pthread_t threads[THREADS];
    for (int t = 0; t < THREADS; t++) cr_assert_eq(pthread_create(&threads[t], NULL, make, made[t]), 0);
    for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
    uint64_t after = (uint64_t)clock_wall_ms();
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < EACH; i++) {
            cr_assert(ms_of(&made[t][i]) >= before && ms_of(&made[t][i]) <= after);
            cr_assert(i == 0 || ms_of(&made[t][i]) >= ms_of(&made[t][i - 1]));
        }
    qsort(made, THREADS * EACH, 16, by_bytes);
    const xinyi_operation_id *all = made[0];
    for (int i = 1; i < THREADS * EACH; i++) cr_assert(memcmp(&all[i - 1], &all[i], 16) != 0, "the same id twice");
}

Test(ids, a_child_process_makes_other_ids) {
    (void)xinyi_operation_new(); /* fills the pool that a fork copies */
    int pipe_fds[2];
    cr_assert_eq(pipe(pipe_fds), 0);
    pid_t child = fork();
    if (child == 0) {
        xinyi_operation_id id = xinyi_operation_new();
        _exit(write(pipe_fds[1], &id, sizeof id) == sizeof id ? 0 : 1);
    }
    xinyi_operation_id mine = xinyi_operation_new(), other;
    cr_assert_eq(read(pipe_fds[0], &other, sizeof other), sizeof other);
    waitpid(child, NULL, 0);
    cr_assert(memcmp(mine.bytes + 6, other.bytes + 6, 10) != 0, "parent and child share random bytes");
}

Test(ids, operation_ids_are_written_and_read) {
    xinyi_operation_id id = {{0x01, 0x93, 0xab, 0xcd, 0xef, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xff}}, back;
    char text[XINYI_OPERATION_TEXT];
    cr_assert_str_eq(xinyi_operation_format(&id, text), "0193abcdef00010203040506070809ff");
    cr_assert_eq(xinyi_operation_parse(text, &back), 0);
    cr_assert_arr_eq(&back, &id, sizeof id);
    cr_assert_eq(xinyi_operation_parse("0193ABCDEF00010203040506070809FF", &back), 0);
    cr_assert_arr_eq(&back, &id, sizeof id);
    static const char *const bad[] = {"",
                                      "0193",
                                      "0193abcdef00010203040506070809f",
                                      "0193abcdef00010203040506070809ff0",
                                      "0193abcdef00010203040506070809fg",
                                      " 193abcdef00010203040506070809ff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_neq(xinyi_operation_parse(bad[i], &back), 0, "%s", bad[i]);
        cr_assert(strstr(xinyi_last_error(NULL), "32 hexadecimal digits") != NULL);
    }
}

Test(ids, subjects_are_written_and_read) {
    static const char *const good[] = {"uscc:91530000MA00TTT099", "uscc:N2533102MF00TE0872", "id:530000199001010011",
                                       "id:53000019900101002X"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        xinyi_subject s;
        char text[XINYI_SUBJECT_TEXT];
        cr_assert_eq(xinyi_subject_parse(good[i], &s), 0, "%s", good[i]);
        cr_assert_str_eq(xinyi_subject_format(&s, text), good[i]);
    }
    static const struct {
        const char *text, *part;
    } bad[] = {{"91530000MA00TTT099", "91530000MA00TTT099"},
               {"uscc:91530000MA00TTT098", "9"},
               {"id:530000198502290010", "530000198502290010"},
               {"id:53", "53"},
               {"", ""}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        xinyi_subject s = {{9}};
        cr_assert_eq(xinyi_subject_parse(bad[i].text, &s), 120, "%s", bad[i].text);
        cr_assert_eq(s.bytes[0], 9, "nothing is written for a bad number");
        cr_assert(strlen(xinyi_last_error(NULL)) > 10);
        cr_assert(strstr(xinyi_last_error(NULL), bad[i].part) != NULL, "%s", xinyi_last_error(NULL));
    }
    xinyi_subject nobody = {{0}};
    char text[XINYI_SUBJECT_TEXT];
    cr_assert_str_eq(xinyi_subject_format(&nobody, text), "invalid");
}

Test(ids, statuses_have_names_and_texts) {
    cr_assert_str_eq(xinyi_status_name(XINYI_LIMIT_EXCEEDED), "limit_exceeded");
    cr_assert_str_eq(xinyi_status_text(XINYI_LIMIT_EXCEEDED), "the amount is more than the available quota");
    cr_assert_str_eq(xinyi_status_name(0), "ok");
    cr_assert_str_eq(xinyi_status_name(-1), "unknown_status");
    cr_assert(xinyi_status_text(9999) != NULL);
}

Test(ids, the_header_has_the_numbers_of_the_protocol) {
    static const struct {
        int code;
        const char *name;
    } codes[] = {{XINYI_OVERLOADED, "overloaded"},
                 {XINYI_READ_ONLY, "read_only"},
                 {XINYI_UNKNOWN_SUBJECT, "unknown_subject"},
                 {XINYI_UNKNOWN_SCENARIO, "unknown_scenario"},
                 {XINYI_NO_ACCOUNT, "no_account"},
                 {XINYI_OUTCOME_UNKNOWN, "outcome_unknown"},
                 {XINYI_NO_MEMORY, "no_memory"},
                 {XINYI_NO_CONNECTION, "no_connection"},
                 {XINYI_TIMEOUT, "timeout"},
                 {XINYI_CLOSED, "closed"}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        cr_assert_str_eq(xinyi_status_name(codes[i].code), codes[i].name);
}

Test(ids, violations_have_names_in_the_order_of_checks) {
    cr_assert_str_eq(xinyi_violation_name(0), "unknown_subject");
    cr_assert_str_eq(xinyi_violation_name(7), "frozen");
    cr_assert_str_eq(xinyi_violation_name(10), "limit_exceeded");
    cr_assert_str_eq(xinyi_violation_text(10), xinyi_status_text(XINYI_LIMIT_EXCEEDED));
    cr_assert_eq(xinyi_violation_status(10), XINYI_LIMIT_EXCEEDED);
    cr_assert_eq(xinyi_violation_status(11), 152);
    for (unsigned bit = XINYI_VIOLATION_BITS; bit < 40; bit++) {
        cr_assert_str_eq(xinyi_violation_name(bit), "unknown_violation");
        cr_assert_eq(xinyi_violation_status(bit), 0);
        cr_assert(strlen(xinyi_violation_text(bit)) > 10);
    }
}
