/* PROTOCOL.md's table of statuses against the program's, both ways. */
#include "base/status.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX 256

typedef struct row {
    bool there;
    char name[64], class[32], text[128];
} row;

/* "| 4 | `read_only` | not executed | text |" */
static bool parse_row(char *line, unsigned *number, row *out) {
    char *cells[4], *at = line, *end;
    for (unsigned i = 0; i < 4; i++) {
        if (strncmp(at, "| ", 2) != 0) return false;
        cells[i] = at + 2;
        at = strstr(cells[i], " |");
        if (at == NULL) return false;
        *at++ = '\0';
    }
    if (strcmp(at, "|\n") != 0) return false;
    *number = (unsigned)strtoul(cells[0], &end, 10);
    size_t name = strlen(cells[1]);
    if (*end != '\0' || name < 3 || cells[1][0] != '`' || cells[1][name - 1] != '`') return false;
    out->there = true;
    snprintf(out->name, sizeof out->name, "%.*s", (int)name - 2, cells[1] + 1);
    snprintf(out->class, sizeof out->class, "%s", cells[2]);
    snprintf(out->text, sizeof out->text, "%s", cells[3]);
    return true;
}

static size_t read_table(row rows[STATUS_MAX]) {
    FILE *f = fopen("protocol/PROTOCOL.md", "r");
    cr_assert_not_null(f, "run from the project's directory");
    char line[1024];
    bool inside = false;
    size_t count = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "## ", 3) == 0) inside = strncmp(line, "## 5. Statuses", 14) == 0;
        if (!inside || line[0] != '|' || strncmp(line, "| number ", 9) == 0 || strncmp(line, "|---", 4) == 0) continue;
        char copy[1024];
        snprintf(copy, sizeof copy, "%s", line);
        unsigned number = STATUS_MAX;
        row r = {0};
        cr_assert(parse_row(line, &number, &r) && number < STATUS_MAX, "not a row of statuses: %s", copy);
        cr_assert_not(rows[number].there, "%u stands twice", number);
        rows[number] = r;
        count++;
    }
    fclose(f);
    return count;
}

static const char *class_name(status_class c) {
    static const char *const names[] = {
        [STATUS_CLASS_DONE] = "done",       [STATUS_CLASS_AGAIN] = "not executed",
        [STATUS_CLASS_REFUSED] = "refused", [STATUS_CLASS_UNKNOWN] = "outcome unknown",
        [STATUS_CLASS_LOCAL] = "local",
    };
    return names[c];
}

Test(status, the_document_lists_them_all_and_no_others) {
    static row rows[STATUS_MAX];
    size_t written = read_table(rows), known = 0;
#define X(id, code, kind, said)                                                                                        \
    known++;                                                                                                           \
    cr_expect(rows[code].there, "%s (%d) is not in PROTOCOL.md", #id, code);                                           \
    cr_expect_str_eq(rows[code].name, status_name(code));                                                              \
    cr_expect_str_eq(rows[code].class, class_name(status_classify(code)), "class of %s", #id);                         \
    cr_expect_str_eq(rows[code].text, status_text(code));
    STATUS_TABLE(X)
#undef X
    cr_assert_gt(known, 50);
    cr_expect_eq(written, known);
    for (unsigned i = 0; i < STATUS_MAX; i++)
        if (rows[i].there) cr_expect_str_neq(status_name(i), "unknown_status", "%u is only in PROTOCOL.md", i);
}

/* What the document says of numbers that a client does not know. */
Test(status, classes_go_by_ranges) {
    for (unsigned i = 1; i < STATUS_MAX; i++) {
        status_class want = i < 100   ? STATUS_CLASS_AGAIN
                            : i < 200 ? STATUS_CLASS_REFUSED
                            : i < 220 ? STATUS_CLASS_UNKNOWN
                                      : STATUS_CLASS_LOCAL;
        cr_expect_eq(status_classify(i), want, "%u", i);
    }
}
