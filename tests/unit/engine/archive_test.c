/* The archive of policy sets: order, texts kept once, the hash that policy_load gives, taking back. */
#include "engine/policy_archive.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static policy_file file(const char *name, const char *text) { return (policy_file){name, text, strlen(text)}; }

static policy_archive *fresh(void) {
    policy_archive *a;
    cr_assert_eq(policy_archive_create(&a), STATUS_OK);
    return a;
}

Test(archive, entries_are_found_by_version_and_hash_and_come_in_order) {
    policy_archive *a = fresh();
    policy_file one[] = {file("dir/a.yaml", "alpha"), file("b.yaml", "beta")}, two[] = {file("a.yaml", "gamma")};
    cr_assert_eq(policy_archive_add(a, 7, 0, 1700, two, 1), STATUS_OK);
    cr_assert_eq(policy_archive_add(a, 3, 0, 1300, one, 2), STATUS_OK);
    cr_assert_eq(policy_archive_add(a, 9, 3, 1900, one, 2), STATUS_OK);
    cr_assert_eq(policy_archive_add(a, 7, 0, 1, one, 2), STATUS_VERSION_CONFLICT);
    cr_assert_eq(policy_archive_count(a), 3);
    const uint32_t order[] = {3, 7, 9};
    policy_archive_entry e;
    for (size_t i = 0; i < 3; i++) {
        policy_archive_at(a, i, &e);
        cr_assert_eq(e.version, order[i]);
    }
    cr_assert_not(policy_archive_find(a, 4, &e));
    cr_assert(policy_archive_find(a, 3, &e));
    cr_assert_eq(e.activated_ms, 1300);
    cr_assert_eq(e.file_count, 2);
    cr_assert_str_eq(e.files[0].name, "dir/a.yaml");
    cr_assert_eq(e.files[1].length, 4);
    cr_assert_eq(memcmp(e.files[1].text, "beta", 4), 0);
    policy_archive_entry newest;
    cr_assert(policy_archive_find_hash(a, e.hash, &newest));
    cr_assert_eq(newest.version, 9, "the newest of those with the hash");
    cr_assert_eq(newest.rollback_of, 3);
    cr_assert_not(policy_archive_find_hash(a, "00000000000000000000000000000000", &newest));
    policy_archive_destroy(&a);
    cr_assert_null(a);
}

Test(archive, a_text_is_kept_once_and_goes_with_its_last_set) {
    policy_archive *a = fresh();
    char *large = malloc(100000);
    memset(large, 'x', 100000);
    size_t empty = policy_archive_bytes(a);
    for (uint32_t version = 1; version <= 40; version++) {
        char own[32];
        snprintf(own, sizeof own, "text %u", version);
        policy_file files[] = {{"large.yaml", large, 100000}, file("own.yaml", own), file("void.yaml", "")};
        cr_assert_eq(policy_archive_add(a, version, 0, version, files, 3), STATUS_OK);
    }
    free(large); /* the archive has its own */
    cr_assert_lt(policy_archive_bytes(a), empty + 100000 + 40 * 500);
    policy_archive_entry first, last;
    cr_assert(policy_archive_find(a, 1, &first));
    cr_assert(policy_archive_find(a, 40, &last));
    cr_assert_eq(first.files[0].text, last.files[0].text);
    cr_assert_str_neq(first.hash, last.hash);
    policy_archive_destroy(&a);
}

Test(archive, what_is_staged_is_shown_once_it_is_settled) {
    policy_archive *a = fresh();
    char *large = malloc(100000);
    memset(large, 'x', 100000);
    policy_file small = file("a.yaml", "alpha"), big = {"b.yaml", large, 100000};
    cr_assert_eq(policy_archive_add(a, 1, 0, 1, &small, 1), STATUS_OK);
    size_t before = policy_archive_bytes(a);
    policy_archive_entry e;
    for (int keep = 0; keep < 2; keep++) {
        cr_assert_eq(policy_archive_stage(a, 2, 0, 2, &big, 1), STATUS_OK);
        cr_assert_eq(policy_archive_stage(a, 3, 1, 3, &small, 1), STATUS_OK);
        cr_assert_eq(policy_archive_count(a), 1);
        cr_assert_not(policy_archive_find(a, 2, &e));
        char hash[33];
        policy_files_hash(&small, 1, hash);
        cr_assert(policy_archive_find_hash(a, hash, &e) && e.version == 1);
        policy_archive_settle(a, keep);
        cr_assert_eq(policy_archive_count(a), keep ? 3 : 1);
        if (!keep) cr_assert_lt(policy_archive_bytes(a), before + 2000);
    }
    cr_assert(policy_archive_find(a, 3, &e) && e.rollback_of == 1);
    policy_archive_destroy(&a);
    free(large);
}

Test(archive, the_hash_is_that_of_the_loaded_set) {
    const char *text = "service: s\nmax_minutes_a_day: 700\n";
    policy_file files[] = {file("b/z.yaml", "calendar: c\nholidays: [2026-10-01]\n"), file("a/service.yaml", text)};
    policy_file other_way[] = {file("service.yaml", text), file("z.yaml", "calendar: c\nholidays: [2026-10-01]\n")};
    char hash[33], again[33], changed[33];
    policy_files_hash(files, 2, hash);
    policy_files_hash(other_way, 2, again);
    cr_assert_str_eq(hash, again, "neither the order of files nor their directories matter");
    policy_files_hash(files, 1, changed);
    cr_assert_str_neq(hash, changed);
    policy_findings findings = {0};
    policy_set *set = NULL;
    cr_assert_eq(policy_load(files, 2, 1, &findings, &set), STATUS_OK);
    cr_assert_str_eq(policy_hash(set), hash);
    char first[17];
    snprintf(first, sizeof first, "%016llx", (unsigned long long)policy_hash64(set));
    cr_assert_eq(strncmp(first, hash, 16), 0);
    policy_destroy(&set);
    policy_findings_deinit(&findings);
    policy_files_hash(NULL, 0, hash);
    cr_assert_eq(strlen(hash), 32);
    /* the same names twice: by text, whatever the order */
    policy_file twins[] = {file("a", "2"), file("a", "1"), file("a", "2")},
                triplets[] = {file("a", "1"), file("a", "2"), file("a", "2")};
    policy_files_hash(twins, 3, hash);
    policy_files_hash(triplets, 3, again);
    cr_assert_str_eq(hash, again);
}
