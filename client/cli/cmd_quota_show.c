/* quota show: one program's account, or all accounts that subjects have. A subject without any account is shown as it
 * stands with power. */
#include "client/cli/cmd_quota.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/status.h"
#include "client/cli/option.h"
#include "client/cli/programs.h"
#include "client/cli/quota_refusal.h"
#include "client/cli/quota_view.h"

#include <stdio.h>
#include <stdlib.h>

/* What was asked of every subject, program after program: n entries each. */
typedef struct shown {
    unsigned first, last; /* programs */
    size_t n;
    xinyi_quota *quotas;
    xinyi_account_reply *accounts;
    bool with_accounts; /* false: an older server, without lists of instruments */
} shown;

static size_t place(const shown *s, unsigned program, size_t i) { return (program - s->first) * s->n + i; }

static int ask(cli *c, unsigned asked_for, const xinyi_subject *subjects, shown *s) {
    for (unsigned p = s->first; p <= s->last; p++) {
        size_t at = place(s, p, 0);
        int result = s->with_accounts ? xinyi_accounts(c->x, p, asked_for, subjects, s->n, s->accounts + at) : 0;
        if (result == STATUS_UNKNOWN_TYPE) {
            s->with_accounts = false;
            result = 0;
        }
        bool wanted = s->first == s->last || p == XINYI_PROGRAM_POWER;
        for (size_t i = 0; i < s->n && !wanted; i++) wanted = s->with_accounts && s->accounts[at + i].status == 0;
        if (result == 0 && wanted) result = xinyi_quota_show(c->x, p, asked_for, subjects, s->n, s->quotas + at);
        if (result != 0) return cli_failed(c, result);
    }
    return 0;
}

/* False without memory. */
static bool print_one(cli *c, const xinyi_subject *subject, const shown *s, unsigned program, size_t i, bool first) {
    char text[SUBJECT_TEXT];
    const xinyi_account_reply *a = &s->accounts[place(s, program, i)];
    quota_view_shown v = {.subject = cli_subject_text(subject, text),
                          .program = program,
                          .q = &s->quotas[place(s, program, i)],
                          .a = s->with_accounts && a->status == 0 ? &a->account : NULL,
                          .now_hour = (uint32_t)(clock_wall_ms() / CLOCK_MS_PER_HOUR)};
    if (v.a != NULL && (v.a->flags & XINYI_ACCOUNT_FROZEN) != 0)
        v.frozen_since_ms = quota_frozen_since(c, subject, program);
    if (c->json) {
        jout_object(&c->out, NULL);
        quota_view_show_json(&c->out, &v);
        jout_end(&c->out);
        jout_line(&c->out);
        return true;
    }
    if (!first) putchar('\n');
    return quota_view_show_card(c, &v);
}

static bool has_account(const shown *s, unsigned program, size_t i) {
    return s->with_accounts && s->accounts[place(s, program, i)].status == 0;
}

static int print(cli *c, const xinyi_subject *subjects, const shown *s) {
    size_t done = 0, failed = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t accounts = 0;
        for (unsigned p = s->first; p <= s->last; p++) accounts += has_account(s, p, i);
        for (unsigned p = s->first; p <= s->last; p++) {
            bool instead = accounts == 0 && (p == XINYI_PROGRAM_POWER || s->first == s->last);
            if (!instead && !has_account(s, p, i)) continue;
            if (!print_one(c, &subjects[i], s, p, i, done + failed == 0)) return cli_no_memory(c);
            *(s->quotas[place(s, p, i)].status != 0 ? &failed : &done) += 1;
        }
    }
    return cli_exit_of_many(done, failed);
}

int cmd_quota_show(cli *c, int argc, char **argv) {
    const char *program_text = NULL, *purpose_text = NULL;
    const option_spec specs[] = {{"program", NULL, &program_text}, {"purpose", NULL, &purpose_text}, OPTION_END};
    unsigned program, asked_for;
    xinyi_subject *subjects = NULL;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0 || (code = cli_purpose(c, purpose_text, PURPOSE_POWER_TRADING, &asked_for)) != 0 ||
        (code = cli_subjects(c, argc - first, argv + first, &subjects)) != 0)
        return code;
    code = programs_find(c, program_text, &program);
    bool all = program_text == NULL;
    shown s = {.first = all ? 1 : program, .last = all ? PROGRAMS_MAX : program, .with_accounts = true};
    s.n = (size_t)(argc - first);
    size_t entries = s.n * (s.last - s.first + 1);
    s.quotas = calloc(entries, sizeof *s.quotas);
    s.accounts = calloc(entries, sizeof *s.accounts);
    if (code == 0 && (s.quotas == NULL || s.accounts == NULL)) code = cli_no_memory(c);
    if (code == 0 && (code = cli_connect(c)) == 0 && (code = programs_learn(c)) == 0 &&
        (code = ask(c, asked_for, subjects, &s)) == 0)
        code = print(c, subjects, &s);
    free(s.accounts);
    free(s.quotas);
    free(subjects);
    return code;
}
