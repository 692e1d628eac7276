/* Both sets are loaded by the engine's own loader, so what cannot become active cannot be compared either: its findings
 * are told instead. A path that exists is a path; only what does not exist and is a number is a version. */
#include "client/cli/cmd_policy_diff.h"

#include "base/status.h"
#include "client/cli/option.h"
#include "client/cli/policy_texts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ showing */

static const char *kind_name(unsigned kind) {
    return kind == DIFFERENCE_ADDED ? "added" : (kind == DIFFERENCE_REMOVED ? "removed" : "changed");
}

static void put_difference(const cli *c, const policy_difference *d, buf *to) {
    static const char *const PAINT[] = {"32", "31", "33"};
    buf_printf(to, "%s: %s: %s", d->policy, d->where, cli_paint(c, PAINT[d->kind]));
    if (d->kind == DIFFERENCE_CHANGED)
        buf_printf(to, "%s → %s", d->before, d->after);
    else
        buf_printf(to, "%s: %s", kind_name(d->kind), d->kind == DIFFERENCE_ADDED ? d->after : d->before);
    buf_printf(to, "%s\n", cli_paint(c, "0"));
}

void policy_diff_view(const cli *c, const policy_differences *d, buf *to) {
    for (size_t i = 0; i < d->count; i++) put_difference(c, &d->items[i], to);
    if (d->count == 0)
        buf_append_str(to, "no differences: what the two say is the same\n");
    else
        buf_printf(to, "%zu difference%s\n", d->count, d->count == 1 ? "" : "s");
}

static void put_set(cli *c, const char *key, const char *name, const policy_set *set) {
    jout_object(&c->out, key);
    jout_string(&c->out, "name", name);
    jout_string(&c->out, "hash", policy_hash(set));
    jout_end(&c->out);
}

static void put_json(cli *c, char *const names[2], policy_set *const sets[2], const policy_differences *d) {
    jout_object(&c->out, NULL);
    put_set(c, "before", names[0], sets[0]);
    put_set(c, "after", names[1], sets[1]);
    jout_bool(&c->out, "same", d->count == 0);
    jout_array(&c->out, "differences");
    for (size_t i = 0; i < d->count; i++) {
        const policy_difference *x = &d->items[i];
        jout_object(&c->out, NULL);
        jout_string(&c->out, "kind", kind_name(x->kind));
        jout_string(&c->out, "policy", x->policy);
        jout_string(&c->out, "where", x->where);
        jout_string(&c->out, "before", x->kind == DIFFERENCE_ADDED ? NULL : x->before);
        jout_string(&c->out, "after", x->kind == DIFFERENCE_REMOVED ? NULL : x->after);
        jout_end(&c->out);
    }
    jout_end(&c->out);
    jout_end(&c->out);
    jout_line(&c->out);
}

static int show(cli *c, char *const names[2], policy_set *const sets[2], const policy_differences *d) {
    if (c->json) {
        put_json(c, names, sets, d);
        return CLI_EXIT_DONE;
    }
    buf text = {0};
    policy_diff_view(c, d, &text);
    bool ok = buf_status(&text) == STATUS_OK;
    if (ok) fputs(buf_cstr(&text), stdout);
    buf_deinit(&text);
    return ok ? CLI_EXIT_DONE : cli_no_memory(c);
}

/* ------------------------------------------------------------------ loading */

static int say_findings(const cli *c, const char *name, const policy_findings *f) {
    for (size_t i = 0; i < f->count; i++) {
        const policy_finding *x = &f->items[i];
        if (x->severity == POLICY_ERROR)
            fprintf(stderr, "%s:%u:%u: error: %s\n", x->file, x->line, x->column, x->message);
    }
    cli_error(c, "%s cannot be compared: it has %zu error%s", name, f->errors, f->errors == 1 ? "" : "s");
    return CLI_EXIT_REFUSED;
}

static bool is_version(const char *name) {
    size_t n = strlen(name);
    return n > 0 && n <= 10 && name[0] != '0' && strspn(name, "0123456789") == n && access(name, F_OK) != 0;
}

static int load(cli *c, const char *name, policy_set **set) {
    policy_texts texts = {0};
    policy_findings findings = {0};
    int code = is_version(name) ? policy_texts_ask(c, name, &texts) : policy_texts_read(c, name, &texts);
    if (code == 0) {
        status s = policy_load(texts.files, texts.count, 1, &findings, set);
        if (s == STATUS_NO_MEMORY)
            code = cli_no_memory(c);
        else if (s != STATUS_OK)
            code = say_findings(c, name, &findings);
    }
    policy_findings_deinit(&findings);
    policy_texts_deinit(&texts);
    return code;
}

int cmd_policy_diff(cli *c, int argc, char **argv) {
    static const option_spec none[] = {OPTION_END};
    policy_set *sets[2] = {NULL, NULL};
    policy_differences differences = {0};
    int first, code = option_parse(c, argc, argv, none, &first);
    if (code != 0) return code;
    if (argc - first != 2)
        return cli_usage(c, "give two sets, OLD and NEW: each a directory, a file, or a version of the server");
    for (int i = 0; i < 2 && code == 0; i++) code = load(c, argv[first + i], &sets[i]);
    if (code == 0 && policy_diff(sets[0], sets[1], &differences) != STATUS_OK) code = cli_no_memory(c);
    if (code == 0) code = show(c, argv + first, sets, &differences);
    policy_differences_deinit(&differences);
    policy_destroy(&sets[0]);
    policy_destroy(&sets[1]);
    return code;
}
