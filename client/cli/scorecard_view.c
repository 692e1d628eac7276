/* The server's documents, one a subject, as a sentence and a table; --json passes them through. */
#include "client/cli/scorecard_view.h"

#include "base/status.h"
#include "client/cli/reporting.h"
#include "client/cli/sheet.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void headline(const cli *c, const json_t *d) {
    char a[REPORTING_MEMBER], b[REPORTING_MEMBER];
    const char *subject = json_string_value(json_object_get(d, "subject"));
    const char *score = reporting_member(d, "score", a), *grade = reporting_member(d, "grade", b);
    const char *title = json_string_value(json_object_get(d, "title"));
    const char *evaluation = json_string_value(json_object_get(d, "evaluation"));
    printf("%s: %s%s%s%s%s", subject != NULL ? subject : "", cli_paint(c, "1"), score[0] != '\0' ? score : "unrated",
           grade[0] != '\0' ? ", " : "", grade, cli_paint(c, "0"));
    if (evaluation == NULL)
        printf(" — as sources say; the policy set has no evaluation\n");
    else if (title == NULL)
        printf(" — no scorecard of %s is for this subject\n", evaluation);
    else
        printf(" by %s, %s\n", title, evaluation);
}

/* "+240.5": what a line adds; of a cap the score that it allows. */
static void share_text(const json_t *line, char *to, size_t room) {
    char a[REPORTING_MEMBER];
    const char *kind = json_string_value(json_object_get(line, "kind"));
    double share = json_number_value(json_object_get(line, "share"));
    bool cap = kind != NULL && strcmp(kind, "cap") == 0;
    if (!json_is_true(json_object_get(line, "counted")))
        snprintf(to, room, "-");
    else if (cap)
        snprintf(to, room, "≤ %s", reporting_member(line, "share", a));
    else
        snprintf(to, room, "%s%s", share > 0 ? "+" : "", reporting_member(line, "share", a));
}

static bool table(const cli *c, const json_t *d) {
    static const sheet_column columns[] = {{.name = "line"},
                                           {.name = "title", .wrap = true},
                                           {.name = "value", .right = true},
                                           {.name = "of 1000", .right = true},
                                           {.name = "weight", .right = true},
                                           {.name = "share", .right = true},
                                           {.name = "because", .wrap = true}};
    json_t *line;
    size_t i;
    sheet *t = sheet_create(columns, sizeof columns / sizeof columns[0], c->color);
    json_array_foreach(json_object_get(d, "lines"), i, line) {
        char kind[REPORTING_MEMBER], a[REPORTING_MEMBER], share[48];
        bool input = strcmp(reporting_member(line, "kind", kind), "input") == 0;
        bool counted = json_is_true(json_object_get(line, "counted"));
        const char *paint = counted ? NULL : "darkgray", *value = reporting_member(line, "value", a);
        share_text(line, share, sizeof share);
        sheet_row(t);
        sheet_cell_painted(t, reporting_member(line, "kind", kind), paint);
        sheet_cell_painted(t, json_is_string(json_object_get(line, "title")) ? reporting_member(line, "title", a) : "",
                           paint);
        value = reporting_member(line, "value", a);
        sheet_cell_painted(t, value[0] != '\0' ? value : input ? "missing" : "", paint);
        sheet_cell_painted(t, input && value[0] != '\0' ? reporting_member(line, "normalised", a) : "", paint);
        sheet_cell_painted(t, input ? reporting_member(line, "weight", a) : "", paint);
        sheet_cell_painted(t, share, paint);
        sheet_cell_painted(t, reporting_member(line, "because", a), paint);
    }
    bool ok = sheet_rows(t) == 0 || sheet_print(t);
    sheet_destroy(&t);
    return ok;
}

int scorecard_view(cli *c, unsigned asked_for, const xinyi_subject *subjects, size_t count) {
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        const char *text;
        json_error_t problem;
        int code = xinyi_scorecard(c->x, asked_for, &subjects[i], &text);
        if (code != 0) {
            char subject[SUBJECT_TEXT];
            if (cli_exit_of(code) == CLI_EXIT_NO_CONNECTION) return cli_failed(c, code);
            cli_error(c, "%s: %s", cli_subject_text(&subjects[i], subject), xinyi_status_text(code));
            failed++;
            continue;
        }
        if (c->json) {
            jout_raw(&c->out, NULL, text);
            jout_line(&c->out);
            continue;
        }
        json_t *d = json_loads(text, 0, &problem);
        if (d == NULL) {
            cli_error(c, "the server's document cannot be read: %s", problem.text);
            return CLI_EXIT_REFUSED;
        }
        if (i > 0) putchar('\n');
        headline(c, d);
        bool ok = table(c, d);
        json_decref(d);
        if (!ok) return cli_no_memory(c);
    }
    return cli_exit_of_many(count - failed, failed);
}
