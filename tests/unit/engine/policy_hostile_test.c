/* Hostile and damaged files end in findings: no crash, no unbounded memory, no unbounded time. */
#include "../policy_helper.h"

#include <malloc.h>

static status load(const char *text, size_t length, policy_findings *f) {
    policy_file file = {"hostile.yaml", text, length};
    policy_set *set = NULL;
    *f = (policy_findings){0};
    status s = policy_load(&file, 1, 1, f, &set);
    cr_assert_eq(s == STATUS_OK, set != NULL);
    policy_destroy(&set);
    return s;
}

static void refused(const char *text, size_t length, const char *part) {
    policy_findings f;
    cr_assert_eq(load(text, length, &f), STATUS_POLICY_INVALID, "%.60s", text);
    if (!find_finding(&f, POLICY_ERROR, 0, 0, part)) {
        print_findings(&f);
        cr_assert_fail("no finding with '%s' for %.60s", part, text);
    }
    policy_findings_deinit(&f);
}

static char *repeat(const char *unit, size_t times, const char *end) {
    size_t n = strlen(unit);
    char *text = malloc(n * times + strlen(end) + 1);
    for (size_t i = 0; i < times; i++) memcpy(text + i * n, unit, n);
    memcpy(text + n * times, end, strlen(end) + 1);
    return text;
}

Test(policy_hostile, small_monsters) {
    refused("", 0, "empty");
    refused("# nothing", 9, "empty");
    refused("\0\0\0", 3, "not YAML");
    refused("a: \"\0\"", 6, "not YAML");
    refused("\xff\xfe", 2, "not YAML");
    refused("a: \xc3\x28", 5, "not YAML");
    refused("\xEF\xBB\xBFtext", 7, "keys and values");
    refused("a\tb: c\n\td: e", 12, "not YAML");
    refused("a: &x [1]\nb: *x", 15, "aliases");
    refused("*x", 2, "aliases");
    refused("%YAML 9.9\n---\na: b", 18, "not YAML");
    refused("a: b\n...\nc: d", 13, "one policy a file");
    refused("a: b\n---\nc: d", 13, "second document");
    refused("- - - - - - - - - - - - - - - - - - - x", 39, "nested");
    refused("[", 1, "not YAML");
    refused("{{{{", 4, "a key must be");
    refused("? ? ? x", 7, "a key must be");
    refused("<<: {a: b}", 10, "unknown key '<<'");
    refused("[]", 2, "keys and values");
    refused("{}", 2, "'policy:' is missing");
    refused("text", 4, "keys and values");
    refused("\"\\x1b[31m\": b", 13, "control character");
}

Test(policy_hostile, billion_laughs) {
    static const char *const TEXT =
        "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n"
        "c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c]\n";
    refused(TEXT, strlen(TEXT), "aliases");
}

Test(policy_hostile, large_monsters, .timeout = 120) {
    static const struct {
        const char *unit;
        size_t times;
        const char *end, *part;
    } V[] = {
        {"[", 4000000, "", "nested"},
        {"{a: ", 1000000, "", "nested"},
        {"- ", 2000000, "x", "nested"},
        {"a", 4000000, ": b", "not YAML"},
        {"- \"", 1, "", "not YAML"},
        {"- x\n", 1000000, "", "parts"},
        {"x\n", 1000000, "", "keys and values"},
        {"#", 4000000, "", "empty"},
        {"a: b\n", 800000, "", "more than 64 keys"},
        {"? ", 1000000, "", "a key must be"},
        {"&a ", 1000000, "x", "not YAML"},
        {"k: [a, b, c, d, e, f, g]\n", 100000, "", "more than 64 keys"},
    };
    for (size_t i = 0; i < sizeof V / sizeof V[0]; i++) {
        char *text = repeat(V[i].unit, V[i].times, V[i].end);
        struct mallinfo2 before = mallinfo2();
        policy_findings f;
        cr_assert_eq(load(text, strlen(text), &f), STATUS_POLICY_INVALID, "%zu: %s", i, V[i].unit);
        if (!find_finding(&f, POLICY_ERROR, 0, 0, V[i].part)) {
            print_findings(&f);
            cr_assert_fail("%zu: '%s': no '%s'", i, V[i].unit, V[i].part);
        }
        cr_assert_leq(f.count, LIMIT_POLICY_FINDINGS + 1);
        policy_findings_deinit(&f);
        struct mallinfo2 after = mallinfo2();
        cr_assert_leq(after.uordblks, before.uordblks + 100000, "%zu: something stayed behind", i);
        free(text);
    }
    size_t huge = LIMIT_POLICY_FILE_BYTES + 1;
    char *text = calloc(1, huge);
    refused(text, huge, "more than 4 MiB");
    free(text);
}

/* A table that is hard to decide: the budget of work ends it. */
Test(policy_hostile, hard_tables_end_in_time, .timeout = 120) {
    buf text = {0};
    dice d = dice_make(17);
    static const char *const FIELDS[] = {
        "public_score", "composite_score",   "slot_1",          "slot_2",         "slot_3",
        "slot_4",       "volunteer_minutes", "negative_points", "positive_points"};
    for (int unique = 0; unique < 2; unique++) {
        buf_clear(&text);
        buf_printf(&text,
                   "policy: p\nscenario: {name: n, code: 9}\ntitle: t\nauthority: a\nlegal_basis: x\neffective: {}\n"
                   "examples: []\ntables:\n  - table: t\n    hit: %s\n    inputs: [",
                   unique ? "unique" : "first");
        for (int i = 0; i < 9; i++) buf_printf(&text, "%s%s", i ? ", " : "", FIELDS[i]);
        buf_printf(&text, "]\n    outputs: [outcome]\n    rows:\n");
        for (int r = 0; r < 4000; r++) {
            buf_printf(&text, "      - {id: R%d, when: [", r);
            for (int i = 0; i < 9; i++) {
                unsigned a = (unsigned)dice_below(&d, 600);
                if (dice_below(&d, 2))
                    buf_printf(&text, "'-', ");
                else
                    buf_printf(&text, "'[%u..%u]', ", a, a + 1 + (unsigned)dice_below(&d, 40));
            }
            text.size -= 2;
            buf_printf(&text, "], then: [granted]}\n");
        }
        policy_findings f;
        uint64_t start = clock_mono_ns();
        status s = load((const char *)text.data, text.size, &f);
        cr_assert(s == STATUS_OK || s == STATUS_POLICY_INVALID);
        fprintf(stderr, "%zu bytes, hit %s: %s in %.1f s, %zu findings\n", text.size, unique ? "unique" : "first",
                status_name(s), (double)(clock_mono_ns() - start) / 1e9, f.count);
        policy_findings_deinit(&f);
    }
    buf_deinit(&text);
}

/* Every prefix of every shipped policy, and random damage to it. */
Test(policy_hostile, damaged_policies, .timeout = 300) {
    shipped s;
    read_shipped(&s);
    dice d = dice_make(23);
    unsigned loaded = 0;
    for (size_t i = 0; i < s.list.count; i++) {
        size_t n = s.files[i].length;
        for (size_t cut = 0; cut < n; cut += 1 + n / 150) {
            policy_findings f;
            load(s.files[i].text, cut, &f);
            policy_findings_deinit(&f);
        }
        char *copy = malloc(n);
        for (int k = 0; k < 300; k++) {
            static const char BYTES[] = "\0\t\n -:,[]{}'\"#&*!|>%@`\xff"
                                        "a1";
            memcpy(copy, s.files[i].text, n);
            unsigned changes = 1 + (unsigned)dice_below(&d, 3);
            for (unsigned c = 0; c < changes; c++) copy[dice_below(&d, n)] = BYTES[dice_below(&d, sizeof BYTES - 1)];
            policy_findings f;
            status code = load(copy, n, &f);
            loaded += code == STATUS_OK;
            for (size_t j = 0; j < f.count; j++) {
                cr_assert_gt(strlen(f.items[j].message), 10);
                cr_assert_gt(f.items[j].line, 0);
                cr_assert_gt(f.items[j].column, 0);
            }
            policy_findings_deinit(&f);
        }
        free(copy);
    }
    cr_assert_gt(loaded, 10, "some damage is in comments and texts");
    free_shipped(&s);
}
