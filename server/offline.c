/* The table of actions behind the options, and the little that they share. */
#include "server/offline.h"

#include "base/clock.h"
#include "server/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REDRAW_NS UINT64_C(200000000)

const offline_option offline_actions[] = {
#define X(name, argument, needs_data, help) {#name, argument, help, needs_data},
    OFFLINE_ACTIONS(X)
#undef X
};

const offline_option offline_modifiers[] = {
#define X(name, argument, help) {#name, argument, help, false},
    OFFLINE_MODIFIERS(X)
#undef X
};

/* Which modifiers mean something to which action. */
static bool takes(offline_action action, offline_modifier modifier) {
    switch (modifier) {
    case OFFLINE_WITH_backup:
        return action == OFFLINE_restore || action == OFFLINE_verify_backup || action == OFFLINE_dump;
    case OFFLINE_WITH_yes: return action == OFFLINE_repair;
    default: return true;
    }
}

bool offline_fits(const offline *o) {
    for (unsigned m = 0; m < OFFLINE_MODIFIER_COUNT; m++) {
        if (o->modifiers[m] == NULL) continue;
        const char *name = offline_modifiers[m].name;
        if (o->action == OFFLINE_NONE) {
            fprintf(stderr, "xinyid: --%s is of no use to a server that starts; see xinyid --help\n", name);
            return false;
        }
        if (takes(o->action, (offline_modifier)m)) continue;
        fprintf(stderr, "xinyid: --%s does not go with what else was asked; see xinyid --help\n", name);
        return false;
    }
    return true;
}

int offline_run(const config *c) {
    static int (*const functions[])(const config *) = {
#define X(name, ...) offline_##name,
        OFFLINE_ACTIONS(X)
#undef X
    };
    int code = functions[c->offline.action](c);
    if (fflush(stdout) == 0) return code;
    return offline_fail("standard output cannot be written");
}

int offline_fail(const char *format, ...) {
    offline_progress("", 0, 0);
    fputs("xinyid: ", stderr);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return 1;
}

int offline_print(json_t *document) {
    char *text = document != NULL ? json_dumps(document, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    json_decref(document);
    if (text == NULL) return offline_fail("out of memory");
    puts(text);
    free(text);
    return 0;
}

void offline_progress(const char *label, unsigned long long done, unsigned long long total) {
    static uint64_t shown_ns;
    static bool drawn;
    if (isatty(STDERR_FILENO) == 0) return;
    if (label[0] == '\0') {
        if (drawn) fputs("\r\033[K", stderr);
        drawn = false;
        return;
    }
    uint64_t now = clock_mono_ns();
    if (now - shown_ns < REDRAW_NS) return;
    shown_ns = now;
    drawn = true;
    if (total > 0)
        fprintf(stderr, "\r\033[K%s %3.0f %%", label, 100.0 * (double)done / (double)total);
    else
        fprintf(stderr, "\r\033[K%s %llu", label, done);
    fflush(stderr);
}
