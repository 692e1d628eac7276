/* Where a file ends up: beside and renamed, through a link, into a pipe, into a device. Devices are made here: the real
 * ones of the machine are nobody's to try things on. */
#include "client/cli/output.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char dir[64], path[128], other[128], partial[160], why[OUTPUT_WHY];

static void setup(void) {
    snprintf(dir, sizeof dir, "/tmp/xinyi-output-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    snprintf(partial, sizeof partial, "%s.partial", path);
}

static void teardown(void) {
    char at[128];
    snprintf(at, sizeof at, "%s/other.partial", dir);
    unlink(path), unlink(other), unlink(partial), unlink(at);
    rmdir(dir);
}

static void put(const char *at, const char *text) {
    FILE *f = fopen(at, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

static void expect(const char *at, const char *text) {
    char got[256] = "";
    FILE *f = fopen(at, "r");
    cr_assert_not_null(f, "%s: %s", at, strerror(errno));
    size_t n = fread(got, 1, sizeof got - 1, f);
    got[n] = '\0';
    fclose(f);
    cr_expect_str_eq(got, text);
}

static mode_t type_of(const char *at) {
    struct stat about;
    cr_assert_eq(lstat(at, &about), 0, "%s: %s", at, strerror(errno));
    return about.st_mode;
}

static void write_all(output *o, const char *text) { cr_assert(output_write(o, text, strlen(text), why), "%s", why); }

Test(output, a_new_file_appears_when_it_is_complete, .init = setup, .fini = teardown) {
    output o;
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    write_all(&o, "one");
    cr_expect_eq(access(path, F_OK), -1);
    cr_expect_eq(access(partial, F_OK), 0);
    cr_assert(output_close(&o, true, why), "%s", why);
    cr_expect_eq(access(partial, F_OK), -1);
    expect(path, "one");
    cr_expect_eq(type_of(path) & 0777, 0600);
    cr_expect(output_close(&o, true, why), "a second call does nothing");
}

Test(output, a_failure_keeps_the_old_file, .init = setup, .fini = teardown) {
    output o;
    put(path, "old");
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    write_all(&o, "half");
    cr_assert(output_close(&o, false, why));
    expect(path, "old");
    cr_expect_eq(access(partial, F_OK), -1);
}

Test(output, a_link_stays_a_link, .init = setup, .fini = teardown) {
    output o;
    char beside[160];
    put(other, "old");
    snprintf(beside, sizeof beside, "%s.partial", other);
    cr_assert_eq(symlink("other", path), 0);
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    write_all(&o, "new");
    expect(other, "old");
    cr_expect_eq(access(beside, F_OK), 0, "written beside the target");
    cr_assert(output_close(&o, true, why), "%s", why);
    cr_expect(S_ISLNK(type_of(path)));
    expect(other, "new");
}

Test(output, a_link_to_nothing_is_written_through, .init = setup, .fini = teardown) {
    output o;
    cr_assert_eq(symlink("other", path), 0);
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    write_all(&o, "new");
    cr_assert(output_close(&o, true, why), "%s", why);
    cr_expect(S_ISLNK(type_of(path)));
    expect(other, "new");
}

Test(output, a_pipe_stays_a_pipe, .init = setup, .fini = teardown) {
    output o;
    char got[16] = "";
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert_geq(reader, 0);
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    write_all(&o, "through");
    cr_assert(output_close(&o, true, why), "%s", why);
    cr_expect_eq(read(reader, got, sizeof got - 1), 7);
    cr_expect_str_eq(got, "through");
    close(reader);
    cr_expect(S_ISFIFO(type_of(path)));
    cr_expect_eq(access(partial, F_OK), -1);
}

/* A device like /dev/full, and one like /dev/null, where devices may be made and used. */
static void expect_device(unsigned minor_number, bool full) {
    output o;
    if (mknod(path, S_IFCHR | 0600, makedev(1, minor_number)) != 0) cr_skip_test("devices cannot be made here");
    int fd = open(path, O_WRONLY);
    if (fd < 0) cr_skip_test("devices cannot be used here");
    close(fd);
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    cr_expect_eq(output_write(&o, "x", 1, why), !full);
    if (full) cr_expect(strstr(why, strerror(ENOSPC)) != NULL, "%s", why);
    cr_expect(output_close(&o, !full, why), "%s", why);
    cr_expect(S_ISCHR(type_of(path)), "it is a device still");
    cr_expect_eq(access(partial, F_OK), -1);
}

Test(output, a_device_stays_a_device, .init = setup, .fini = teardown) { expect_device(3, false); }
Test(output, a_full_device_stays_a_device, .init = setup, .fini = teardown) { expect_device(7, true); }

Test(output, a_link_to_a_device_is_followed, .init = setup, .fini = teardown) {
    output o;
    if (mknod(other, S_IFCHR | 0600, makedev(1, 3)) != 0) cr_skip_test("devices cannot be made here");
    int fd = open(other, O_WRONLY);
    if (fd < 0) cr_skip_test("devices cannot be used here");
    close(fd);
    cr_assert_eq(symlink("other", path), 0);
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    write_all(&o, "x");
    cr_expect(output_close(&o, true, why), "%s", why);
    cr_expect(S_ISLNK(type_of(path)) && S_ISCHR(type_of(other)));
}

Test(output, the_second_of_two_is_refused, .init = setup, .fini = teardown) {
    output a, b;
    cr_assert(output_open(&a, path, 0600, why), "%s", why);
    cr_expect_not(output_open(&b, path, 0600, why));
    cr_expect(strstr(why, "another run is writing") != NULL, "%s", why);
    write_all(&a, "first");
    cr_assert(output_close(&a, true, why), "%s", why);
    cr_assert(output_open(&b, path, 0600, why), "%s", why);
    write_all(&b, "second");
    cr_assert(output_close(&b, true, why), "%s", why);
    expect(path, "second");
}

Test(output, what_lies_in_the_way_is_not_followed, .init = setup, .fini = teardown) {
    output o;
    put(other, "precious");
    cr_assert_eq(symlink("other", partial), 0);
    cr_expect_not(output_open(&o, path, 0600, why));
    expect(other, "precious");
    unlink(partial);
    cr_assert_eq(mkfifo(partial, 0600), 0);
    cr_expect_not(output_open(&o, path, 0600, why));
    unlink(partial);
    put(partial, "left over");
    cr_assert_eq(chmod(partial, 0644), 0);
    cr_assert(output_open(&o, path, 0600, why), "%s", why);
    cr_assert(output_close(&o, true, why), "%s", why);
    cr_expect_eq(type_of(path) & 0777, 0600);
    expect(path, "");
}

Test(output, what_cannot_be_written_is_said, .init = setup, .fini = teardown) {
    output o;
    cr_expect_not(output_open(&o, dir, 0600, why));
    cr_expect(strstr(why, dir) != NULL, "%s", why);
    char nowhere[128];
    snprintf(nowhere, sizeof nowhere, "%s/no/file", dir);
    cr_expect_not(output_open(&o, nowhere, 0600, why));
    cr_expect(strstr(why, strerror(ENOENT)) != NULL, "%s", why);
}

Test(output, a_file_is_recognised_by_any_name, .init = setup, .fini = teardown) {
    struct stat about;
    put(path, "x");
    cr_assert_eq(stat(path, &about), 0);
    cr_expect(output_touches(path, &about));
    cr_expect_not(output_touches(other, &about));
    cr_assert_eq(symlink("file", other), 0);
    cr_expect(output_touches(other, &about));
    unlink(other);
    cr_assert_eq(link(path, other), 0);
    cr_expect(output_touches(other, &about));
    unlink(other);
    cr_assert_eq(rename(path, partial), 0);
    cr_expect(output_touches(path, &about), "the file that would be written meanwhile");
}
