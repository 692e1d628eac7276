/* Policy sets: loading files into one, and what is in it. A set is one arena; compiled tables, outputs and texts lie in
 * it in the order of the files, so that what one decision needs lies together.
 *
 * Invariants: items are ordered by scenario and day, periods of one scenario do not overlap, every table is compiled,
 * every reference (benefit, row, field) was resolved at load. */
#include "engine/policy.h"

#include "base/check.h"
#include "engine/credit_parse.h"
#include "engine/policy_archive.h"
#include "engine/policy_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define WORK_MAX UINT64_C(1000000000) /* words looked at to decide completeness: about a second at most */

/* ------------------------------------------------------------------ loading */

/* The tree of a file; false (said) if there is none. */
static bool open_file(policy_loader *l, const policy_file *file, policy_node **root) {
    l->file = policy_arena_text(l->keep, file->name, strlen(file->name));
    l->file_errors = 0;
    if (!l->file) {
        l->no_memory = true;
        return false;
    }
    if (file->length > LIMIT_POLICY_FILE_BYTES) {
        policy_say_at(l, POLICY_ERROR, (policy_mark){0, 0}, "the file has more than %u MiB; split it",
                      LIMIT_POLICY_FILE_BYTES >> 20);
        return false;
    }
    status s = policy_yaml_parse(l, file->text, file->length, root);
    if (s == STATUS_NO_MEMORY) l->no_memory = true;
    return s == STATUS_OK;
}

static void close_file(policy_loader *l) {
    l->no_memory |= l->scratch.failed || l->keep->failed;
    policy_arena_deinit(&l->scratch);
}

static void load_scenario(policy_loader *l, const policy_file *file, policy *out) {
    policy_node *root;
    bool good = open_file(l, file, &root) && credit_is_scenario(l, root);
    if (good) policy_parse(l, root, out);
    out->text_hash = file->length ? XXH3_64bits(file->text, file->length) : 0;
    if (good && l->file_errors == 0 && !l->no_memory) policy_check_tables(l, out);
    close_file(l);
}

static void load_part(policy_loader *l, const policy_file *file, unsigned part, credit_loading *credit) {
    policy_node *root;
    if (open_file(l, file, &root)) credit_parse(l, credit, part, file, root);
    close_file(l);
}

/* Parts first: scenarios name their areas. */
static void load_files(policy_loader *l, const policy_file *files, size_t count, policy_set *set) {
    credit_loading credit;
    uint8_t parts[LIMIT_POLICY_FILES];
    if (count > LIMIT_POLICY_FILES) {
        policy_say_at(l, POLICY_ERROR, (policy_mark){0, 0}, "%zu policy files; a set has at most %d", count,
                      LIMIT_POLICY_FILES);
        return;
    }
    set->items = POLICY_ARENA_ARRAY(&set->arena, policy, count);
    if (!set->items || !credit_loading_begin(l, &credit)) {
        l->no_memory = true;
        return;
    }
    set->credit = credit.rules;
    for (size_t i = 0; i < count && !l->no_memory; i++) {
        parts[i] = files[i].length <= LIMIT_POLICY_FILE_BYTES
                       ? (uint8_t)credit_part_of(l, files[i].text, files[i].length)
                       : PART_COUNT;
        if (parts[i] < PART_COUNT) load_part(l, &files[i], parts[i], &credit);
    }
    if (!l->no_memory) credit_loading_end(l, &credit);
    set->credit_examples = credit.examples;
    set->credit_example_count = credit.example_count;
    for (size_t i = 0; i < count && !l->no_memory; i++)
        if (parts[i] == PART_COUNT) load_scenario(l, &files[i], &set->items[set->count++]);
    if (!l->no_memory) policy_check_set(l, set->items, set->count);
}

static int by_place(const void *a, const void *b) {
    const policy_finding *x = a, *y = b;
    if (!x->file[0] != !y->file[0]) return x->file[0] ? -1 : 1; /* what is about the whole set comes last */
    int order = strcmp(x->file, y->file);
    if (order == 0) order = (x->line > y->line) - (x->line < y->line);
    if (order == 0) order = (x->column > y->column) - (x->column < y->column);
    if (order == 0) order = (int)y->severity - (int)x->severity;
    return order ? order : strcmp(x->message, y->message);
}

static int by_scenario_and_day(const void *a, const void *b) {
    const policy *x = a, *y = b;
    if (x->scenario != y->scenario) return x->scenario < y->scenario ? -1 : 1;
    return (x->from_hour > y->from_hour) - (x->from_hour < y->from_hour);
}

static void index_items(policy_set *set) {
    if (set->count) qsort(set->items, set->count, sizeof *set->items, by_scenario_and_day);
    size_t i = 0;
    for (unsigned s = 0; s <= SCENARIO_MAX + 1; s++) {
        while (i < set->count && set->items[i].scenario < s) i++;
        set->first[s] = (uint16_t)i;
    }
    for (i = 0; i < set->count; i++)
        if (set->items[i].guarantee) set->program_of[set->items[i].guarantee->program] = set->items[i].scenario;
}

/* The first 16 of the 32 digits. */
static uint64_t hash64_of(const char *hash) {
    char digits[17];
    snprintf(digits, sizeof digits, "%s", hash);
    return strtoull(digits, NULL, 16);
}

status policy_load(const policy_file *files, size_t count, uint32_t version, policy_findings *findings,
                   policy_set **out) {
    *out = NULL;
    policy_set *set = calloc(1, sizeof *set);
    if (!set) return STATUS_NO_MEMORY;
    set->version = version;
    policy_loader l = {.findings = findings, .keep = &set->arena, .work = WORK_MAX};
    size_t errors = findings->errors;
    status s = STATUS_OK;
    policy_files_hash(files, count, set->hash);
    set->hash64 = hash64_of(set->hash);
    if (s == STATUS_OK) load_files(&l, files, count, set);
    if (findings->count) qsort(findings->items, findings->count, sizeof *findings->items, by_place);
    if (l.no_memory) s = STATUS_NO_MEMORY;
    if (s == STATUS_OK && findings->errors > errors) s = STATUS_POLICY_INVALID;
    policy_arena_deinit(&l.scratch);
    if (s != STATUS_OK) {
        policy_destroy(&set);
        return s;
    }
    index_items(set);
    *out = set;
    return STATUS_OK;
}

status policy_empty(policy_set **out) {
    policy_findings none = {0};
    status s = policy_load(NULL, 0, 0, &none, out);
    policy_findings_deinit(&none);
    return s;
}

void policy_destroy(policy_set **set) {
    if (!set || !*set) return;
    policy_set *old = *set;
    *set = NULL;
    if (atomic_fetch_sub_explicit(&old->holders, 1, memory_order_acq_rel) != 0) return;
    policy_arena_deinit(&old->arena);
    free(old);
}

policy_set *policy_hold(const policy_set *set) {
    policy_set *held = (policy_set *)set; /* constant but for its holders */
    atomic_fetch_add_explicit(&held->holders, 1, memory_order_relaxed);
    return held;
}

/* ------------------------------------------------------------------ what is in it */

uint32_t policy_version(const policy_set *set) { return set->version; }
const char *policy_hash(const policy_set *set) { return set->hash; }
uint64_t policy_hash64(const policy_set *set) { return set->hash64; }
size_t policy_count(const policy_set *set) { return set->count; }

const char *policy_format_hour(int32_t hour, char buffer[POLICY_HOUR_TEXT]) {
    buffer[0] = 0;
    if (hour == INT32_MIN || hour == INT32_MAX) return buffer;
    int32_t day = policy_day_of_hour(hour);
    int of_day = (int)(hour - clock_ms_of_day(day) / CLOCK_MS_PER_HOUR);
    clock_format_day(day, buffer);
    size_t n = strlen(buffer);
    if (of_day) snprintf(buffer + n, POLICY_HOUR_TEXT - n, " %02d:00", of_day);
    return buffer;
}

void policy_get_info(const policy_set *set, size_t index, policy_info *out) {
    CHECK(index < set->count);
    const policy *p = &set->items[index];
    const policy_guarantee *g = p->guarantee;
    *out = (policy_info){.scenario = p->scenario,
                         .program = g ? g->program : 0,
                         .program_name = g ? g->name : NULL,
                         .purpose = p->purpose,
                         .id = p->id,
                         .scenario_name = p->scenario_name,
                         .title = p->title,
                         .authority = p->authority,
                         .legal_basis = p->legal_basis,
                         .file = p->file,
                         .from_hour = p->from_hour,
                         .to_hour = p->to_hour,
                         .from_day = policy_day_of_hour(p->from_hour),
                         .to_day = policy_day_after(p->to_hour),
                         .benefits = p->benefits,
                         .benefit_count = p->benefit_count,
                         .tables = p->table_count + (g ? g->table_count : 0),
                         .examples = p->example_count + (g ? g->example_count : 0)};
    for (unsigned t = 0; t < p->table_count; t++) out->rows += p->tables[t].row_count;
    for (unsigned t = 0; g && t < g->table_count; t++) out->rows += g->tables[t].row_count;
}

unsigned policy_scenario_find(const policy_set *set, const char *name) {
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].scenario_name, name) == 0) return set->items[i].scenario;
    return 0;
}

const char *policy_scenario_name(const policy_set *set, unsigned scenario) {
    if (scenario > SCENARIO_MAX || set->first[scenario] == set->first[scenario + 1]) return NULL;
    return set->items[set->first[scenario]].scenario_name;
}

const policy_benefit *policy_benefit_of(const policy_set *set, unsigned scenario, unsigned code) {
    if (scenario > SCENARIO_MAX) return NULL;
    for (size_t i = set->first[scenario]; i < set->first[scenario + 1]; i++)
        for (unsigned b = 0; b < set->items[i].benefit_count; b++)
            if (set->items[i].benefits[b].code == code) return &set->items[i].benefits[b];
    return NULL;
}
