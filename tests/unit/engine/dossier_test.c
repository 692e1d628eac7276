/* Dossiers and their table: images, names, invariants, places that stay, memory that is told. */
#include "base/rcu.h"
#include "engine/dossier.h"
#include "tests/unit/engine_help.h"

#include <criterion/criterion.h>

TestSuite(dossier, .timeout = 60);

static item record(uint32_t n) {
    item i = {.kind = ITEM_RECORD, .type = 7, .day = 100, .reported = 101};
    memcpy(i.id.bytes, &n, sizeof n);
    i.id.bytes[15] = 1;
    return i;
}

static dossier *make(uint32_t subject, uint32_t count) {
    dossier *d = calloc(1, sizeof *d + count * sizeof(item));
    d->subject = help_subject(subject);
    d->count = d->capacity = count;
    for (uint32_t i = 0; i < count; i++) d->items[i] = record(i);
    return d;
}

#define BAD(d) cr_assert_not(dossier_check((d), problem, sizeof problem))
#define GOOD(d) cr_assert(dossier_check((d), problem, sizeof problem), "%s", problem)

Test(dossier, well_formed_or_not) {
    char problem[128];
    dossier *d = make(1, 4);
    GOOD(d);
    d->items[2] = (item){.kind = ITEM_REPAIR, .value = 1, .id = {{1}}};
    GOOD(d);
    d->items[2].value = 2;
    BAD(d); /* names itself */
    d->items[2].value = 3;
    BAD(d); /* a later one */
    d->items[2].value = 1;
    d->items[1].kind = ITEM_SERVICE;
    BAD(d); /* of another kind */
    d->items[1] = (item){.kind = ITEM_ERASED};
    GOOD(d); /* what it named was erased */
    d->items[1].type = 1;
    BAD(d);
    d->items[1] = record(1);
    memset(&d->items[1].id, 0, sizeof(report_id));
    BAD(d);
    d->items[1] = record(1);
    d->items[1].text[0] = '\x80';
    BAD(d);
    d->items[1].text[0] = '\0';
    d->items[1].text[5] = 'x'; /* behind the end */
    BAD(d);
    d->items[1] = record(1);
    d->items[1].kind = ITEM_KIND_END;
    BAD(d);
    d->items[1] = record(1);
    d->items[1].step = 1;
    BAD(d);
    d->items[1] = record(1);
    GOOD(d);
    d->count = 5;
    BAD(d); /* more than there is room for */
    free(d);
}

Test(dossier, images) {
    uint8_t image[ITEM_IMAGE];
    item i = record(5), again;
    memcpy(i.text, "〔2026〕1号", strlen("〔2026〕1号"));
    item_encode(&i, image);
    cr_assert_eq(image[0], ITEM_RECORD);
    cr_assert_eq(image[4] | image[5] << 8, 100, "the day");
    cr_assert_eq(item_decode(image, &again), STATUS_OK);
    cr_assert_arr_eq(&i, &again, sizeof i);
    item untouched = again;
    image[0] = 99;
    cr_assert_eq(item_decode(image, &again), STATUS_CORRUPT);
    cr_assert_arr_eq(&untouched, &again, sizeof again);
}

Test(dossier, claims_hold_what_is_in_their_mask) {
    subject_id id = help_subject(1);
    profile p, q;
    item i = {.kind = ITEM_CLAIM};
    profile_init(&p, &id);
    p.division = 530102;
    p.tax_grade = TAX_A;
    p.side = 77;
    p.change_day = 5;
    claim_from_profile(&i, &p, 1ull << FIELD_tax_grade);
    claim_to_profile(&i, &q);
    cr_assert_eq(q.tax_grade, TAX_A);
    cr_assert_eq(q.division, 0u, "not claimed, not kept");
    cr_assert_eq(q.side, 0u);
    cr_assert_eq(q.change_day, 0u);
    uint8_t image[ITEM_IMAGE];
    item again;
    item_encode(&i, image);
    cr_assert_eq(item_decode(image, &again), STATUS_OK);
}

static void put_name(dossier *d, const char *name) {
    size_t n = strlen(name);
    memset(&d->items[d->count], 0, sizeof(item));
    d->items[d->count].kind = ITEM_NAME;
    memcpy(d->items[d->count++].name, name, n < ITEM_NAME_PART ? n : ITEM_NAME_PART);
    if (n <= ITEM_NAME_PART) return;
    memset(&d->items[d->count], 0, sizeof(item));
    d->items[d->count].kind = ITEM_NAME;
    d->items[d->count].step = 1;
    memcpy(d->items[d->count++].name, name + ITEM_NAME_PART, n - ITEM_NAME_PART);
}

Test(dossier, names_of_every_length) {
    char buffer[DOSSIER_NAME_MAX + 1], problem[128];
    cr_assert_str_eq(dossier_name(NULL, buffer), "");
    dossier *d = make(1, 2 * DOSSIER_NAME_MAX);
    d->count = 0;
    cr_assert_str_eq(dossier_name(d, buffer), "");
    for (size_t n = 1; n <= DOSSIER_NAME_MAX; n++) { /* the newest counts, whatever its length */
        char name[DOSSIER_NAME_MAX + 1];
        memset(name, 'a' + (int)(n % 26), n);
        name[n] = '\0';
        put_name(d, name);
        cr_assert_str_eq(dossier_name(d, buffer), name);
    }
    put_name(d, "云南省测试电力有限责任公司昆明第一分公司一二"); /* a character lies across the parts */
    cr_assert_str_eq(dossier_name(d, buffer), "云南省测试电力有限责任公司昆明第一分公司一二");
    put_name(d, "短");
    cr_assert_str_eq(dossier_name(d, buffer), "短");
    GOOD(d);
    free(d);
}

Test(dossier, found_by_source_id_and_kind) {
    dossier *d = make(1, 3);
    report_id id = d->items[1].id;
    d->items[1].source = 4;
    cr_assert_eq(dossier_find(NULL, 4, &id, ~0u), -1);
    cr_assert_eq(dossier_find(d, 4, &id, 1u << ITEM_RECORD), 1);
    cr_assert_eq(dossier_find(d, 4, &id, 1u << ITEM_REPAIR), -1);
    cr_assert_eq(dossier_find(d, 0, &id, 1u << ITEM_RECORD), -1);
    free(d);
}

/* ------------------------------------------------------------------ the table */

Test(dossier, a_place_is_for_ever) {
    enum { MANY = 5000 };
    dossiers *all;
    size_t items = 0;
    cr_assert_eq(dossiers_create(99, &all), STATUS_OK);
    cr_assert_null(dossiers_at(all, 0));
    subject_id nobody = help_subject(1);
    cr_assert_eq(dossiers_find(all, &nobody), 0u);
    for (uint32_t n = 0; n < MANY; n++) {
        cr_assert_eq(dossiers_reserve(all, 1), STATUS_OK);
        cr_assert_eq(dossiers_publish(all, make(n, 1 + n % 3)), n + 1);
        items += 1 + n % 3;
        dossiers_set_due(all, n + 1, (uint16_t)(n + 1));
    }
    size_t bytes = dossiers_bytes(all);
    cr_assert_eq(dossiers_items(all), items);
    cr_assert_geq(bytes, items * sizeof(item) + MANY * sizeof(dossier));
    cr_assert_leq(bytes, items * sizeof(item) + MANY * (sizeof(dossier) + 96));
    for (uint32_t n = 0; n < MANY; n++) { /* longer ones take the same places */
        dossier *d = make(n, 4);
        d->version = n;
        cr_assert_eq(dossiers_publish(all, d), n + 1);
    }
    rcu_drain();
    cr_assert_eq(dossiers_count(all), (uint32_t)MANY);
    cr_assert_eq(dossiers_items(all), (size_t)MANY * 4);
    for (uint32_t n = 0; n < MANY; n++) {
        subject_id id = help_subject(n);
        cr_assert_eq(dossiers_find(all, &id), n + 1);
        const dossier *d = dossiers_at(all, n + 1);
        cr_assert(subject_equal(&d->subject, &id));
        cr_assert_eq(d->version, n);
        cr_assert_eq(dossiers_due(all, n + 1), (uint16_t)(n + 1));
    }
    nobody = help_subject(MANY);
    cr_assert_eq(dossiers_find(all, &nobody), 0u);
    dossiers_destroy(&all);
    cr_assert_null(all);
    dossiers_destroy(&all);
}

Test(dossier, loaded_in_any_order) {
    dossiers *all;
    uint64_t seed = help_seed("dossier");
    cr_assert_eq(dossiers_create(1, &all), STATUS_OK);
    enum { SUBJECTS = 40, ITEMS = 25, TOTAL = SUBJECTS * ITEMS };
    static uint32_t order[TOTAL];
    for (uint32_t i = 0; i < TOTAL; i++) order[i] = i;
    for (uint32_t i = TOTAL - 1; i > 0; i--) {
        uint32_t j = help_below(&seed, i + 1), k = order[i];
        order[i] = order[j];
        order[j] = k;
    }
    for (uint32_t i = 0; i < TOTAL; i++) {
        subject_id id = help_subject(order[i] % SUBJECTS);
        uint32_t number = order[i] / SUBJECTS;
        item it = record(number);
        cr_assert_eq(dossiers_load(all, &id, number, &it), STATUS_OK);
    }
    cr_assert_eq(dossiers_items(all), (size_t)TOTAL);
    for (uint32_t n = 0; n < SUBJECTS; n++) {
        char problem[128];
        subject_id id = help_subject(n);
        const dossier *d = dossiers_at(all, dossiers_find(all, &id));
        cr_assert_eq(d->count, (uint32_t)ITEMS);
        GOOD(d);
        for (uint32_t i = 0; i < ITEMS; i++) {
            item it = record(i);
            cr_assert_arr_eq(&d->items[i], &it, sizeof it);
        }
    }
    dossiers_destroy(&all);
}

Test(dossier, holes_are_erased_and_there_is_a_limit) {
    dossiers *all;
    subject_id id = help_subject(1);
    item it = record(9);
    cr_assert_eq(dossiers_create(1, &all), STATUS_OK);
    cr_assert_eq(dossiers_load(all, &id, 9, &it), STATUS_OK);
    cr_assert_eq(dossiers_load(all, &id, LIMIT_DOSSIER_ITEMS, &it), STATUS_CORRUPT);
    cr_assert_eq(dossiers_load(all, &id, UINT32_MAX, &it), STATUS_CORRUPT);
    cr_assert_eq(dossiers_load(all, &id, LIMIT_DOSSIER_ITEMS - 1, &it), STATUS_OK);
    const dossier *d = dossiers_at(all, dossiers_find(all, &id));
    cr_assert_eq(d->count, (uint32_t)LIMIT_DOSSIER_ITEMS);
    cr_assert_eq(d->items[8].kind, ITEM_ERASED);
    cr_assert_eq(d->items[9].kind, ITEM_RECORD);
    cr_assert_eq(dossiers_reserve(all, LIMIT_DOSSIERS), STATUS_CAPACITY);
    dossiers_destroy(&all);
}

/* After a start dossiers take as much memory as before it, however many items they hold. */
Test(dossier, loaded_ones_are_no_larger) {
    dossiers *before = NULL, *after = NULL;
    cr_assert_eq(dossiers_create(3, &before), STATUS_OK);
    cr_assert_eq(dossiers_create(3, &after), STATUS_OK);
    for (uint32_t count = 1; count <= 40; count++) {
        subject_id id = help_subject(count);
        cr_assert_eq(dossiers_reserve(before, 1), STATUS_OK);
        dossiers_publish(before, make(count, count));
        for (uint32_t n = 0; n < count; n++) {
            item it = record(n);
            cr_assert_eq(dossiers_load(after, &id, n, &it), STATUS_OK);
        }
        uint32_t side = dossiers_find(after, &id);
        dossiers_attach(after, side, 5);
        const dossier *d = dossiers_at(after, side), *was = dossiers_at(before, dossiers_find(before, &id));
        cr_assert(d->version == 5 && d->count == count && d->capacity == count);
        cr_assert_arr_eq(d->items, was->items, count * sizeof(item));
    }
    cr_assert_eq(dossiers_bytes(after), dossiers_bytes(before));
    dossiers_destroy(&before);
    dossiers_destroy(&after);
}
