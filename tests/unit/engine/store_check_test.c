/* The invariant walker must notice what it is there for: each test damages a healthy store in one way. */
#include "engine/store_internal.h"
#include "tests/unit/engine/store_fixture.h"

enum { N = 6000 };

typedef struct patient {
    store *s;
    shard *sh; /* one with records, free slots and overflow */
    store_index *index;
    store_bucket *at; /* a bucket with a record ... */
    unsigned way;     /* ... in this way */
    uint32_t ref;
} patient;

static patient healthy(void) {
    patient p = {.s = fixture_store(64, N)};
    fixture_record r;
    for (uint64_t i = 0; i < N; i++) {
        subject_id id = fixture_id(i);
        fixture_make(&r, 64, &id, 1, i);
        cr_assert_eq(store_write(p.s, &r), STATUS_OK);
    }
    for (uint64_t i = 0; i < N; i += 4) {
        subject_id id = fixture_id(i);
        cr_assert(store_remove(p.s, &id));
    }
    fixture_check(p.s);
    p.sh = &p.s->shards[100];
    p.index = atomic_load(&p.sh->index);
    cr_assert(p.sh->free_count > 1 && p.index->entries > 1);
    for (uint32_t b = 0; p.at == NULL; b++) {
        store_bucket *at = store_index_bucket(p.index, b);
        for (unsigned way = 0; way < 8; way++)
            if ((uint8_t)(atomic_load(&at->low) >> (8 * way)) != 0) {
                p.at = at;
                p.way = way;
                p.ref = atomic_load(&at->ref[way]);
            }
    }
    return p;
}

static void expect_problem(patient *p, const char *words) {
    char problem[200] = "";
    cr_assert_not(store_check(p->s, problem, sizeof problem));
    cr_assert_not_null(strstr(problem, words), "it says: %s", problem);
    cr_assert_not_null(strstr(problem, "shard 100"), "it says: %s", problem);
    store_destroy(&p->s);
}

Test(store_check, a_changed_tag) {
    patient p = healthy();
    uint64_t bit = (uint64_t)0x80 << (8 * p.way);
    uint64_t low = atomic_load(&p.at->low) ^ bit;
    if ((uint8_t)(low >> (8 * p.way)) == 0) low |= bit >> 1;
    atomic_store(&p.at->low, low);
    expect_problem(&p, "wrong tag");
}

Test(store_check, a_lost_tag) {
    patient p = healthy();
    atomic_fetch_and(&p.at->low, ~((uint64_t)0xFF << (8 * p.way)));
    expect_problem(&p, "entries counted");
}

Test(store_check, a_lost_record) {
    patient p = healthy();
    atomic_fetch_and(&p.at->low, ~((uint64_t)0xFF << (8 * p.way)));
    p.index->entries--;
    expect_problem(&p, ""); /* as stray counts or as record counts, whichever comes first */
}

Test(store_check, a_count_of_passers_by) {
    patient p = healthy();
    atomic_fetch_add(&p.at->high, UINT64_C(1) << 32);
    expect_problem(&p, "passed by");
}

Test(store_check, two_references_to_one_slot) {
    patient p = healthy();
    store_index_insert(p.index, store_hash_key(p.s->seed, (const void *)store_slot(p.s, p.ref)), p.ref);
    expect_problem(&p, "twice");
}

Test(store_check, a_reference_out_of_the_shard) {
    patient p = healthy();
    shard *other = &p.s->shards[101];
    atomic_store(&p.at->ref[p.way], store_ref_at(p.s, atomic_load(&other->blocks), 0));
    expect_problem(&p, "outside its blocks");
}

Test(store_check, a_reference_to_a_free_slot) {
    patient p = healthy();
    atomic_store(&p.at->ref[p.way], (uint32_t)p.sh->free_head);
    expect_problem(&p, "free slot");
}

Test(store_check, the_same_key_twice) {
    patient p = healthy();
    /* another record of the shard takes the key of this one, in the slot and in the index */
    const slot_word *slot = store_slot(p.s, p.ref);
    uint64_t hash = store_hash_key(p.s->seed, (const void *)slot);
    uint32_t twin = (uint32_t)p.sh->free_head;
    p.sh->free_head = slot_load(&store_slot(p.s, twin)[2]);
    p.sh->free_count--;
    for (int i = 0; i < 8; i++) atomic_store(&store_slot(p.s, twin)[i], slot_load(&slot[i]));
    store_index_insert(p.index, hash, twin);
    atomic_fetch_add(&p.sh->records, 1);
    expect_problem(&p, "same key");
}

Test(store_check, a_key_that_belongs_elsewhere) {
    patient p = healthy();
    atomic_fetch_xor(&store_slot(p.s, p.ref)[0], UINT64_C(0x0101) << 48);
    char problem[200] = "";
    cr_assert_not(store_check(p.s, problem, sizeof problem));
    cr_assert(strstr(problem, "belongs to shard") || strstr(problem, "wrong tag"), "it says: %s", problem);
    store_destroy(&p.s);
}

Test(store_check, a_writers_bit) {
    patient p = healthy();
    slot_word *slot = store_slot(p.s, p.ref);
    uint64_t second = slot_load(&slot[1]);
    subject_id id;
    memcpy(id.bytes + 8, &second, 4);
    atomic_store(&slot[1], slot_second(&id, slot_seq(second) | 1));
    expect_problem(&p, "writer inside");
}

Test(store_check, an_open_fence) {
    patient p = healthy();
    atomic_fetch_add(&p.sh->fence, 1);
    expect_problem(&p, "fence");
}

Test(store_check, a_wrong_count_of_records) {
    patient p = healthy();
    atomic_fetch_add(&p.sh->records, 1);
    expect_problem(&p, "records");
}

Test(store_check, a_shortened_free_list) {
    patient p = healthy();
    p.sh->free_head = slot_load(&store_slot(p.s, (uint32_t)p.sh->free_head)[2]);
    expect_problem(&p, "free slots");
}

Test(store_check, a_free_list_in_a_circle) {
    patient p = healthy();
    atomic_store(&store_slot(p.s, (uint32_t)p.sh->free_head)[2], p.sh->free_head);
    expect_problem(&p, "twice");
}

Test(store_check, a_block_of_two_shards) {
    patient p = healthy();
    uint32_t block = atomic_load(&atomic_load(&p.s->shards[0].blocks)->block[0]);
    atomic_store(&atomic_load(&p.sh->blocks)->block[0], block);
    expect_problem(&p, "listed twice");
}
