/* The building of batches, and a dry run over a file: what needs no server. */
#include "client/cli/importer.h"

#include "base/file.h"
#include "client/cli/importer_batch.h"
#include "client/cli/when.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOW 498744u /* an hour of November 2026 */

static importer_batch batch;
static accounts known;
static columns_row row;
static void setup(void) {
    cr_assert(importer_batch_init(&batch, 8));
    memset(&known, 0, sizeof known);
    memset(&row, 0, sizeof row);
    subject_id id;
    cr_assert_eq(subject_parse("uscc:91530000MA00TTT099", 23, 20781, &id).verdict, SUBJECT_VALID);
    profile_init(&row.fields, &id);
}
static void teardown(void) {
    importer_batch_deinit(&batch);
    accounts_deinit(&known);
}
TestSuite(importer, .init = setup, .fini = teardown);

static void add(const char *raw, const char *why) {
    csv_record record = {.line = batch.row_count + 2, .raw = raw, .raw_length = strlen(raw)};
    cr_assert(importer_batch_add(&batch, &record, &row, why, &known, NOW));
}

static void pledge(uint64_t id, unsigned kind, int64_t amount, uint32_t from, uint32_t to) {
    row.instruments[row.instrument_count++] =
        (xinyi_instrument){.id = id, .kind = (uint8_t)kind, .amount_fen = amount, .from_hour = from, .to_hour = to};
    row.account |= 1u << COLUMNS_OTHER;
}

Test(importer, rows_become_puts_and_keep_their_text) {
    row.mask = 5;
    add("first,row", NULL);
    add("second,row", "tax_grade: no");
    add("third,row", NULL);
    cr_assert_eq(batch.row_count, 3);
    cr_assert_eq(batch.put_count, 2);
    cr_expect_eq(batch.puts[0].mask, 5);
    cr_expect_eq(batch.puts[0].flags, 0);
    cr_expect_arr_eq(batch.puts[0].profile.id.bytes, row.fields.id.bytes, 12);
    cr_expect_eq(batch.put_row[0], 0);
    cr_expect_eq(batch.put_row[1], 2);
    cr_expect_null(importer_batch_reason(&batch, &batch.rows[0]));
    cr_expect_str_eq(importer_batch_reason(&batch, &batch.rows[1]), "tax_grade: no");
    cr_expect_arr_eq(batch.raw.data + batch.rows[1].raw, "second,row", 10);
    cr_expect_eq(batch.rows[2].line, 4);
}

Test(importer, a_row_of_account_columns_alone_writes_no_profile) {
    row.account = 1u << COLUMNS_ENERGY_12M;
    row.energy[COLUMNS_ENERGY_12M] = 100;
    add("x", NULL);
    cr_expect_eq(batch.put_count, 0);
    cr_assert_eq(batch.operation_count, 1);
    cr_expect_eq(batch.operations[0].kind, XINYI_ENERGY);
    cr_expect_eq(batch.operations[0].amount_fen, 100);
    /* a row of nothing but its subject makes the subject */
    row.account = 0;
    add("y", NULL);
    cr_expect_eq(batch.put_count, 1);
}

Test(importer, only_what_differs_is_sent) {
    row.account = 1u << COLUMNS_ENERGY_12M | 1u << COLUMNS_RETAIL_2M;
    row.energy[COLUMNS_ENERGY_12M] = 100;
    row.energy[COLUMNS_RETAIL_2M] = 7;
    pledge(1, XINYI_DEPOSIT, 500, 0, WHEN_NO_END);
    pledge(2, XINYI_BOND, 900, NOW - 10, NOW + 10);
    add("x", NULL);
    cr_assert_eq(batch.operation_count, 3);
    add("x", NULL); /* the same again */
    cr_expect_eq(batch.operation_count, 3);
    row.energy[COLUMNS_ENERGY_12M] = 101; /* another energy: sent whole, what the row leaves out as it is */
    row.account = 1u << COLUMNS_ENERGY_12M;
    row.instrument_count = 0;
    add("x", NULL);
    cr_assert_eq(batch.operation_count, 4);
    cr_expect_eq(batch.operations[3].amount_fen, 101);
    cr_expect_eq(batch.operations[3].retail_2m_mwh, 7);
    row.energy[COLUMNS_ENERGY_12M] = 100; /* and back: must be sent, under an id of its own */
    add("x", NULL);
    cr_assert_eq(batch.operation_count, 5);
    cr_expect(memcmp(&batch.operations[4].id, &batch.operations[0].id, 16) != 0);
    pledge(2, XINYI_BOND, 901, NOW - 10, NOW + 10); /* another amount under a known number: the server's to refuse */
    add("x", NULL);
    cr_expect_eq(batch.operation_count, 6);
}

Test(importer, instruments_that_have_ended_are_left_out) {
    pledge(2, XINYI_BOND, 900, NOW - 100, NOW);
    pledge(3, XINYI_BOND, 900, NOW - 100, NOW + 1);
    add("x", NULL);
    cr_expect_eq(batch.rows[0].ended, 1);
    cr_assert_eq(batch.operation_count, 1);
    cr_expect_eq(batch.operations[0].instrument, 3);
}

Test(importer, sending_again_forgets_answers_but_not_reading) {
    pledge(1, XINYI_DEPOSIT, 500, 0, WHEN_NO_END);
    add("a", NULL);
    add("b", "bad line");
    xinyi_operation_id id = batch.operations[0].id;
    cr_assert(importer_batch_reject(&batch, 0, "the server says no"));
    cr_assert(importer_batch_reject(&batch, 0, "and again")); /* the first reason stays */
    cr_expect_str_eq(importer_batch_reason(&batch, &batch.rows[0]), "the server says no");
    batch.again = XINYI_OVERLOADED;
    importer_batch_reset(&batch);
    cr_expect_null(importer_batch_reason(&batch, &batch.rows[0]));
    cr_expect_str_eq(importer_batch_reason(&batch, &batch.rows[1]), "bad line");
    cr_expect_eq(batch.again, 0);
    cr_expect_arr_eq(&batch.operations[0].id, &id, 16); /* may have been executed: the same id */
    batch.operation_refused[0] = true;
    importer_batch_reset(&batch);
    cr_expect(memcmp(&batch.operations[0].id, &id, 16) != 0); /* a refusal is kept with its id */
    importer_batch_clear(&batch);
    cr_expect_eq(batch.row_count + batch.put_count + batch.operation_count, 0);
}

static void expect_verdict(size_t line, size_t *operation, const char *wanted) {
    buf why = {0};
    bool refused = importer_batch_verdict(&batch, line, operation, &why);
    cr_expect_eq(refused, wanted != NULL, "row %zu", line);
    if (wanted != NULL) cr_expect_str_eq(buf_cstr(&why), wanted);
    buf_deinit(&why);
}

Test(importer, a_verdict_tells_what_was_written) {
    row.mask = 5;
    row.account = 1u << COLUMNS_ENERGY_12M;
    row.energy[COLUMNS_ENERGY_12M] = 100;
    pledge(1, XINYI_DEPOSIT, 500, 0, WHEN_NO_END);
    pledge(7, XINYI_BOND, 900, NOW - 10, NOW + 10);
    add("a", NULL);
    row.instrument_count = 1;
    row.instruments[0].amount_fen = 501;
    row.energy[COLUMNS_ENERGY_12M] = 101;
    add("b", NULL);
    add("c", "bad line");
    row.mask = 0;
    row.instruments[0].amount_fen = 502;
    row.account = 1u << COLUMNS_DEPOSIT;
    add("d", NULL);
    row.instruments[0].amount_fen = 503;
    add("e", NULL);
    cr_assert_eq(batch.operation_count, 7);
    batch.operation_refused[0] = STATUS_INSTRUMENT_EXISTS; /* the deposit of a */
    cr_assert(importer_batch_reject(&batch, 1, "form: no"));
    batch.rows[1].put_refused = true;
    batch.operation_refused[3] = STATUS_NO_ACCOUNT; /* of b */
    batch.operation_refused[5] = STATUS_TOO_MANY_INSTRUMENTS;
    size_t operation = 0;
    expect_verdict(0, &operation,
                   "the profile, instrument 7 and the energy were written; the deposit was not written: the account "
                   "holds an instrument with this id already, with other terms; to replace it: xinyi quota withdraw "
                   "uscc:91530000MA00TTT099 --instrument 1, then import again");
    cr_expect_eq(operation, 3);
    expect_verdict(1, &operation,
                   "the energy was written; the profile was not: form: no; the deposit was not written: no guarantee "
                   "account: the limit is 0");
    expect_verdict(2, &operation, "bad line");
    expect_verdict(3, &operation, "the deposit was not written: the account holds as many instruments as it can");
    expect_verdict(4, &operation, NULL);
    cr_expect_eq(operation, 7);
}

Test(importer, many_accounts_are_found_again) {
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t id[12] = {2};
        memcpy(id + 4, &i, sizeof i);
        accounts_entry *e = accounts_open(&known, id);
        cr_assert_not_null(e);
        e->energy[0] = i;
        for (uint32_t k = 0; k < i % 9; k++) {
            e = accounts_find(&known, id);
            cr_assert(accounts_pledge(&known, e, &(xinyi_instrument){.id = k + 1, .amount_fen = i}));
        }
    }
    cr_assert_eq(known.count, 20000);
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t id[12] = {2};
        memcpy(id + 4, &i, sizeof i);
        accounts_entry *e = accounts_find(&known, id);
        cr_assert_not_null(e);
        cr_assert_eq(e->energy[0], i);
        cr_assert_eq(e->instrument_count, i % 9);
        for (uint32_t k = 0; k < i % 9; k++) {
            cr_assert_eq(accounts_instruments(&known, e)[k].id, k + 1);
            cr_assert_eq(accounts_instruments(&known, e)[k].amount_fen, i);
        }
        if (i % 9 == 8) cr_assert_not(accounts_pledge(&known, e, &(xinyi_instrument){.id = 99}));
    }
    uint8_t other[12] = {1};
    cr_expect_null(accounts_find(&known, other));
}

/* Many batches through the ring, rejects in the order of the file. */
Test(importer, dry_run) {
    char rejects[64];
    int reserved = memfd_create("rejects", MFD_CLOEXEC);
    cr_assert_geq(reserved, 0);
    snprintf(rejects, sizeof rejects, "/proc/self/fd/%d", reserved);
    cli c;
    cli_init(&c);
    FILE *f = fdopen(memfd_create("rows", MFD_CLOEXEC), "w+");
    fputs("subject,tax_grade\n", f);
    for (int i = 0; i < 1000; i++) fprintf(f, "uscc:91530000MA00TTT099,%s\n", i % 100 == 50 ? "\"X,\"\"\"" : "A");
    rewind(f);
    csv_reader *r = csv_reader_create(fileno(f));
    csv_record record;
    static columns cols;
    char why[256];
    cr_assert_eq(csv_reader_next(r, &record), STATUS_OK);
    cr_assert(columns_from_header(&record, &cols, why, sizeof why));
    importer *i = importer_create(&c, &cols, 7, true, rejects);
    cr_assert_not_null(i);
    while (csv_reader_next(r, &record) == STATUS_OK) cr_assert_eq(importer_record(i, &record), 0);
    cr_assert_eq(importer_finish(i), 0);
    const importer_totals *t = importer_get_totals(i);
    cr_expect_eq(t->rows, 1000);
    cr_expect_eq(t->rejected, 10);
    cr_expect_eq(t->subjects, 990);
    cr_expect_eq(t->certain_rows, 1000);
    cr_expect_eq(t->certain_line, 1001);
    cr_expect(importer_wrote_rejects(i));
    importer_destroy(&i);
    csv_reader_destroy(&r);
    fclose(f);
    cli_deinit(&c);
    buf text = {0};
    cr_assert_eq(file_read(rejects, 1 << 20, &text), STATUS_OK);
    char wanted[4096] = "line,reason,original\n", line[256];
    for (int k = 0; k < 10; k++) {
        snprintf(line, sizeof line,
                 "%d,\"tax_grade: 'X,\"\"' is not one of D C B A M, or - for none\",\"uscc:91530000MA00TTT099,\"\"X,"
                 "\"\"\"\"\"\"\"\n",
                 k * 100 + 52);
        strncat(wanted, line, sizeof wanted - strlen(wanted) - 1);
    }
    cr_expect_str_eq(buf_cstr(&text), wanted);
    buf_deinit(&text);
    close(reserved);
}
