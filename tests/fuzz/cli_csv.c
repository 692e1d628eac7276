/* Any bytes as a CSV file: read to its end, every record's fields within its bytes, lines rising. */
#include "base/check.h"
#include "client/cli/csv.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    if (fd < 0) fd = memfd_create("csv", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, data, size, 0) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    csv_reader *r = csv_reader_create(fd);
    CHECK(r != NULL);
    csv_record record;
    uint64_t line = 0;
    status s;
    while ((s = csv_reader_next(r, &record)) == STATUS_OK) {
        CHECK(record.line > line);
        line = record.line;
        CHECK(record.error == NULL || record.count == 0);
        CHECK(record.count <= CSV_FIELDS_MAX);
        volatile char sum = 0;
        for (size_t i = 0; i < record.count; i++)
            for (size_t k = 0; k < record.fields[i].length; k++) sum = (char)(sum + record.fields[i].text[k]);
        (void)sum;
    }
    CHECK(s == STATUS_END);
    CHECK(csv_reader_bytes(r) == size);
    csv_reader_destroy(&r);
    return 0;
}
