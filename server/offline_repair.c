/* --repair: tells what is wrong with --data and what would be done about it; with --yes does it. Exit status 0: nothing
 * is wrong, or it was put right; 1: it cannot be; 3: something is wrong and nothing was done. */
#include "base/clock.h"
#include "base/rcu.h"
#include "base/subject.h"
#include "persist/repair.h"
#include "server/offline_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM 1024
#define FOUND 3
#define SCAN 256

typedef struct hearing {
    const config *c;
    bool json;
    json_t *items; /* each with its details */
    json_t *kept;
    json_t *orphans; /* subjects of accounts whose profile is lost */
    unsigned number;
} hearing;

static void hear_json(hearing *h, repair_line kind, const char *text) {
    if (kind == REPAIR_KEPT) {
        json_decref(h->kept);
        h->kept = json_string(text);
        return;
    }
    json_t *last = json_array_get(h->items, json_array_size(h->items) - 1);
    if (kind == REPAIR_DETAIL && last != NULL)
        json_array_append_new(json_object_get(last, "details"), json_string(text));
    else if (kind != REPAIR_DETAIL)
        json_array_append_new(h->items,
                              json_pack("{s:s, s:b, s:[]}", "text", text, "lost", kind == REPAIR_LOST, "details"));
}

static void hear(void *context, repair_line kind, const char *text) {
    hearing *h = context;
    if (h->json) {
        hear_json(h, kind, text);
        return;
    }
    switch (kind) {
    case REPAIR_HARMLESS: printf("%3u. %s\n", ++h->number, text); break;
    case REPAIR_LOST: printf("%3u. LOST: %s\n", ++h->number, text); break;
    case REPAIR_DETAIL: printf("       %s\n", text); break;
    case REPAIR_KEPT: printf("kept: %s\n", text); break;
    }
}

/* Accounts outlive a lost profile: they are there, but nobody can reach them until it is created again. */
static status find_orphans(hearing *h, const engine *e) {
    account *found = calloc(SCAN, sizeof *found);
    store_cursor cursor = 0;
    if (found == NULL) return STATUS_NO_MEMORY;
    json_array_clear(h->orphans);
    rcu_enter();
    for (size_t n; (n = engine_scan_accounts(e, &cursor, found, NULL, SCAN)) > 0; rcu_pass())
        for (size_t i = 0; i < n; i++) {
            char text[SUBJECT_TEXT];
            profile p;
            subject_id subject = account_subject(&found[i]);
            if (!engine_profile(e, &subject, (policy_moment){0}, &p))
                json_array_append_new(h->orphans, json_string(subject_format(&subject, text)));
        }
    rcu_leave();
    free(found);
    return STATUS_OK;
}

/* What a start does: everything is applied, and must fit together. */
static status check(void *context, const char *directory, char *problem, size_t room) {
    hearing *h = context;
    offline_data d;
    status s = offline_open(directory, &d, problem, room);
    if (s == STATUS_OK) s = offline_fill(h->c, &d, problem, room);
    if (s == STATUS_OK) s = find_orphans(h, d.engine);
    offline_close(&d);
    return s;
}

static const char *verdict(repair_outcome o, const repair_report *r) {
    switch (o) {
    case REPAIR_SOUND: return "nothing is wrong";
    case REPAIR_POSSIBLE: return r->lost > 0 ? "something is lost, see above" : "nothing that was acknowledged is lost";
    case REPAIR_DONE:
        return r->lost > 0 ? "repaired; something is lost, see above"
                           : "repaired; nothing that was acknowledged is lost";
    default: return "cannot be repaired";
    }
}

static int answer_json(const hearing *h, repair_outcome o, const repair_report *r, const char *problem) {
    static const char *const names[] = {"sound", "possible", "repaired", "impossible"};
    json_t *document = json_pack("{s:s, s:O, s:b, s:O?, s:O}", "outcome", names[o], "items", h->items, "lost",
                                 r->lost > 0, "kept", h->kept, "accounts_without_profile", h->orphans);
    if (document != NULL && o == REPAIR_DONE) json_object_set_new(document, "before", json_string(r->aside));
    if (document != NULL && o == REPAIR_IMPOSSIBLE) json_object_set_new(document, "problem", json_string(problem));
    return offline_print(document);
}

static void tell_orphans(const json_t *orphans) {
    size_t n = json_array_size(orphans);
    if (n == 0) return;
    printf("%zu account%s no profile; create it again to reach %s:\n", n, n == 1 ? " has" : "s have",
           n == 1 ? "it" : "them");
    for (size_t i = 0; i < n; i++)
        printf("       xinyi set %s --create …\n", json_string_value(json_array_get(orphans, i)));
}

static void answer_text(const config *c, const hearing *h, repair_outcome o, const repair_report *r) {
    if (o != REPAIR_IMPOSSIBLE) tell_orphans(h->orphans);
    bool missing = o == REPAIR_SOUND && json_array_size(h->orphans) > 0;
    printf("%s: %s\n", c->data, missing ? "nothing else is wrong, and nothing to be repaired" : verdict(o, r));
    if (o == REPAIR_POSSIBLE)
        printf("nothing has been changed; to do it: xinyid --repair --data %s --yes\n%s", c->data,
               r->lost > 0 ? "a backup may have more: see xinyid --backups\n" : "");
    if (o == REPAIR_DONE && r->aside[0] != '\0') printf("as it was: %s (remove it when all is well)\n", r->aside);
}

int offline_repair(const config *c) {
    char problem[PROBLEM] = "";
    repair_report result;
    hearing h = {.c = c, .json = offline_json(&c->offline), .items = json_array(), .orphans = json_array()};
    repair_options options = {.directory = c->data,
                              .cluster = c->cluster,
                              .apply = c->offline.modifiers[OFFLINE_WITH_yes] != NULL,
                              .now_ms = clock_wall_ms(),
                              .say = hear,
                              .check = check,
                              .context = &h};
    repair_outcome o = repair_run(&options, &result, problem, sizeof problem);
    int code = 0;
    if (h.json)
        code = answer_json(&h, o, &result, problem);
    else
        answer_text(c, &h, o, &result);
    json_decref(h.items);
    json_decref(h.kept);
    json_decref(h.orphans);
    if (o == REPAIR_IMPOSSIBLE) return offline_fail("%s: nothing has been changed: %s", c->data, problem);
    return o == REPAIR_POSSIBLE ? FOUND : code;
}
