/* Any byte of any file may be wrong, and any file too short or gone: a start either stops and says what is wrong, or
 * has everything that was acknowledged. Never less, and nothing else.
 *
 * Each round damages one place of a copy of a directory (damage_help.h). Seeds are printed; XINYI_SEED runs the same
 * damages again, XINYI_DAMAGE_ROUNDS for longer runs, XINYI_TELL=1 shows what each start said. */
#include "tests/unit/persist/damage_help.h"

#include <time.h>

#define ROUNDS 60

static int child_main(const char *directory, const char *arguments) { return damage_child(directory, arguments); }

Test(journal_random_damage, never_silently_less, .timeout = 290) {
    const char *given = getenv("XINYI_SEED"), *wanted = getenv("XINYI_DAMAGE_ROUNDS");
    uint64_t seed = (given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u) | 1, random = seed;
    int rounds = wanted != NULL ? (int)strtol(wanted, NULL, 10) : ROUNDS, refused = 0, bad = 0;
    printf("journal_random_damage: XINYI_SEED=%llu\n", (unsigned long long)seed);
    char *original = help_directory(), line[HELP_ROOM], expected[HELP_ROOM] = "";
    cr_assert(child_was_killed(child_start(original, "make 25", -1)));
    for (int round = -1; round < rounds; round++) {
        char what[HELP_ROOM] = "nothing", *dir = help_directory();
        damage_copy(original, dir);
        if (round >= 0) damage_random(dir, &random, what);
        bool lived = damage_ask(dir, "tell", line), started = strncmp(line, "ok ", 3) == 0;
        if (round < 0) {
            cr_assert(lived && started, "%s", line);
            snprintf(expected, sizeof expected, "%s", line);
        }
        bool good = lived && (started ? strcmp(line, expected) == 0 : strstr(line, ": ") != NULL && strlen(line) > 20);
        refused += good && !started;
        bad += !good;
        if (!good || getenv("XINYI_TELL") != NULL)
            printf("%s%s: %s%s\n", good ? "" : "BAD ", what, lived ? "" : "the start died: ", line);
        help_remove_parent(&dir);
    }
    printf("journal_random_damage: %d damages, %d refused, %d harmless\n", rounds, refused, rounds - refused - bad);
    cr_assert_eq(bad, 0);
    cr_assert(rounds < ROUNDS || refused > rounds / 4, "hardly anything was damaged");
    help_remove_parent(&original);
}
