#include "client/cli/csv.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int file_of(const char *text, size_t length) {
    int fd = memfd_create("csv", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, length), (ssize_t)length);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Every record as "line:field|field" or "line!error:raw", one after the other with newlines. */
static char *read_all(int fd) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    csv_reader *r = csv_reader_create(fd);
    csv_record record;
    status s;
    while ((s = csv_reader_next(r, &record)) == STATUS_OK) {
        fprintf(out, "%llu%s", (unsigned long long)record.line, record.error != NULL ? "!" : ":");
        for (size_t i = 0; i < record.count; i++)
            fprintf(out, "%s%.*s", i > 0 ? "|" : "", (int)record.fields[i].length, record.fields[i].text);
        if (record.error != NULL) fprintf(out, "%.*s", (int)record.raw_length, record.raw);
        putc('\n', out);
    }
    cr_assert_eq(s, STATUS_END);
    csv_reader_destroy(&r);
    cr_expect_null(r);
    fclose(out);
    close(fd);
    return text;
}

static void expect(const char *input, const char *wanted) {
    char *got = read_all(file_of(input, strlen(input)));
    cr_expect_str_eq(got, wanted, "of <%s> got <%s>", input, got);
    free(got);
}

Test(csv, plain) {
    expect("", "");
    expect("a,b,c\n1,2,3\n", "1:a|b|c\n2:1|2|3\n");
    expect("a,b,c\n1,2,3", "1:a|b|c\n2:1|2|3\n"); /* no newline at the end */
    expect("a\n", "1:a\n");
    expect(",\n,,\n", "1:|\n2:||\n");
    expect(" a ,\tb\t, c d \n", "1:a|b|c d\n"); /* outer blanks */
}

Test(csv, line_ends_and_blank_lines) {
    expect("a,b\r\n1,2\r\n", "1:a|b\n2:1|2\n");
    expect("a,b\n\n\r\n1,2\n\n", "1:a|b\n4:1|2\n");
    expect("a\r", "1:a\n");
}

Test(csv, byte_order_mark) {
    expect("\xEF\xBB\xBF"
           "a,b\n1,2\n",
           "1:a|b\n2:1|2\n");
    expect("\xEF\xBB\xBF\"a\",b\n", "1:a|b\n");
    expect("\xEF\xBB\xBF", "");
}

Test(csv, quotes) {
    expect("\"a\",\"b,c\",\"say \"\"so\"\"\"\n", "1:a|b,c|say \"so\"\n");
    expect("\"a\",b\r\nc,d\r\n", "1:a|b\n2:c|d\n");
    expect("\"\",\"\"\n", "1:|\n");
    expect("\" a \",x\n", "1: a |x\n"); /* blanks within quotes stay */
    expect("\"a\" , b\n", "1:a|b\n");
    expect("x,\"a\"", "1:x|a\n"); /* quoted, no newline at the end */
    expect("名称,\"云南,昆明\"\n", "1:名称|云南,昆明\n");
}

Test(csv, newlines_within_quotes) {
    expect("a,b\n\"x\ny\",2\nz,3\n", "1:a|b\n2:x\ny|2\n4:z|3\n");
    expect("\"x\r\ny\",2\r\nz,3\r\n", "1:x\r\ny|2\n3:z|3\n");
    expect("\"\n\n\n\"\n1\n", "1:\n\n\n\n5:1\n");
}

Test(csv, a_broken_quote_costs_one_line) {
    expect("a\n\"unterminated,1\nb,2\nc,3\n", "1:a\n2!\"unterminated,1\n3:b|2\n4:c|3\n");
    expect("a\nb,2\n\"end", "1:a\n2:b|2\n3!\"end\n");
    expect("a\nx\"y,1\nb\n", "1:a\n2!x\"y,1\n3:b\n");           /* a quote inside an unquoted field */
    expect("a\n\"x\"y,1\nb\n", "1:a\n2!\"x\"y,1\n3:b\n");       /* text behind a closing quote */
    expect("\"a,1\n\"b\",2\nc,3\n", "1!\"a,1\n2:b|2\n3:c|3\n"); /* the next quote is another line's */
    expect("\"\n", "1!\"\n");
}

Test(csv, a_carriage_return_within_a_quoted_line) { expect("\"a\"\rb\nc\n", "1!\"a\"\rb\n2:c\n"); }

Test(csv, a_line_that_is_too_long_costs_itself) {
    size_t length = CSV_RECORD_MAX * 40 + 17;
    char *input = malloc(length + 16);
    memset(input, 'x', length);
    memcpy(input, "a\n", 2);
    memcpy(input + length, "\nb,1\n", 5);
    csv_reader *r = csv_reader_create(file_of(input, length + 5));
    csv_record record;
    cr_assert_eq(csv_reader_next(r, &record), STATUS_OK);
    cr_assert_eq(csv_reader_next(r, &record), STATUS_OK);
    cr_expect_not_null(record.error);
    cr_expect_eq(record.line, 2);
    cr_expect_eq(record.raw_length, CSV_RECORD_MAX);
    cr_assert_eq(csv_reader_next(r, &record), STATUS_OK);
    cr_expect_null(record.error);
    cr_expect_eq(record.line, 3);
    cr_expect_eq(record.count, 2);
    cr_expect_eq(csv_reader_next(r, &record), STATUS_END);
    cr_expect_eq(csv_reader_bytes(r), length + 5);
    csv_reader_destroy(&r);
    free(input);
}

Test(csv, a_quote_open_for_too_long_costs_one_line) {
    size_t lines = CSV_RECORD_MAX / 4 + 100, length = 0;
    char *input = malloc(lines * 4 + 16);
    memcpy(input, "\"q\n", 3);
    length = 3;
    for (size_t i = 0; i < lines; i++) memcpy(input + length, "a,b\n", 4), length += 4;
    csv_reader *r = csv_reader_create(file_of(input, length));
    csv_record record;
    cr_assert_eq(csv_reader_next(r, &record), STATUS_OK);
    cr_expect_not_null(record.error);
    size_t good = 0;
    while (csv_reader_next(r, &record) == STATUS_OK) good += record.error == NULL && record.count == 2;
    cr_expect_eq(good, lines);
    csv_reader_destroy(&r);
    free(input);
}

Test(csv, too_many_fields) {
    char input[CSV_FIELDS_MAX + 8];
    memset(input, ',', sizeof input);
    memcpy(input + CSV_FIELDS_MAX, "\nb\n", 3);
    csv_reader *r = csv_reader_create(file_of(input, CSV_FIELDS_MAX + 3));
    csv_record record;
    cr_assert_eq(csv_reader_next(r, &record), STATUS_OK);
    cr_expect_not_null(record.error);
    cr_assert_eq(csv_reader_next(r, &record), STATUS_OK);
    cr_expect_null(record.error);
    csv_reader_destroy(&r);
}

/* ------------------------------------------------------------------ against a model */

typedef struct feed {
    int fd;
    const char *text;
    size_t length;
    unsigned seed;
} feed;

/* Writes in pieces of random length, so that records straddle reads. */
static void *write_pieces(void *context) {
    feed *f = context;
    for (size_t done = 0; done < f->length;) {
        size_t n = (size_t)rand_r(&f->seed) % 5000 + 1;
        if (n > f->length - done) n = f->length - done;
        ssize_t written = write(f->fd, f->text + done, n);
        if (written <= 0) break;
        done += (size_t)written;
    }
    close(f->fd);
    return NULL;
}

static void random_field(FILE *input, FILE *wanted, unsigned *seed) {
    static const char *const pieces[] = {"a", "bc", "信用", "1", "x y", ",", "\"", "\n", "\r\n"};
    unsigned n = (unsigned)rand_r(seed) % 5, quoted = (unsigned)rand_r(seed) % 4 == 0;
    if (quoted) putc('"', input);
    for (unsigned i = 0; i < n; i++) {
        const char *piece = pieces[(unsigned)rand_r(seed) % (quoted ? 9 : 4)];
        fputs(piece, wanted);
        for (const char *p = piece; *p != '\0'; p++) {
            if (*p == '"') putc('"', input);
            putc(*p, input);
        }
    }
    if (quoted) putc('"', input);
}

Test(csv, random_records_come_back) {
    unsigned seed = 20261124;
    fprintf(stderr, "seed %u\n", seed);
    char *input = NULL, *wanted = NULL;
    size_t input_size, wanted_size;
    FILE *in = open_memstream(&input, &input_size), *want = open_memstream(&wanted, &wanted_size);
    for (int row = 0; row < 20000; row++) {
        unsigned fields = (unsigned)rand_r(&seed) % 6 + 1;
        fputs("r", want);
        fputs("r", in);
        for (unsigned i = 0; i < fields; i++) {
            putc(',', in);
            putc('|', want);
            random_field(in, want, &seed);
        }
        fputs((unsigned)rand_r(&seed) % 2 == 0 ? "\n" : "\r\n", in);
        putc('\n', want);
    }
    fclose(in);
    fclose(want);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    feed f = {.fd = ends[1], .text = input, .length = input_size, .seed = seed};
    pthread_t writer;
    cr_assert_eq(pthread_create(&writer, NULL, write_pieces, &f), 0);
    char *got = NULL;
    size_t got_size;
    FILE *out = open_memstream(&got, &got_size);
    csv_reader *r = csv_reader_create(ends[0]);
    csv_record record;
    while (csv_reader_next(r, &record) == STATUS_OK) {
        cr_assert_null(record.error, "line %llu: %s", (unsigned long long)record.line, record.error);
        for (size_t i = 0; i < record.count; i++)
            fprintf(out, "%s%.*s", i > 0 ? "|" : "", (int)record.fields[i].length, record.fields[i].text);
        putc('\n', out);
    }
    fclose(out);
    pthread_join(writer, NULL);
    cr_expect_eq(csv_reader_bytes(r), input_size);
    csv_reader_destroy(&r);
    close(ends[0]);
    cr_assert_eq(got_size, wanted_size);
    cr_expect(memcmp(got, wanted, got_size) == 0);
    free(got);
    free(input);
    free(wanted);
}
