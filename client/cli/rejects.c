/* Written through a stream onto a second descriptor, so that the lock on the file stays with the first. */
#include "client/cli/rejects.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char header[] = "line,reason,original\n";

int rejects_init(rejects *r, const cli *c, const char *named, const char *input) {
    *r = (rejects){.c = c, .own_name = named == NULL, .file = {.fd = -1}};
    if (named != NULL && strcmp(named, "-") == 0) return cli_usage(c, "--rejects needs the name of a file");
    const char *base = strcmp(input, "-") == 0 ? "stdin" : input;
    snprintf(r->path, sizeof r->path, "%s%s", named != NULL ? named : base, named != NULL ? "" : ".rejects");
    return 0;
}

void rejects_remove_stale(const rejects *r) {
    char start[sizeof header] = "";
    if (!r->own_name) return;
    int fd = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* not to wait for a pipe of that name */
    if (fd < 0) return;
    ssize_t n = read(fd, start, sizeof header - 1);
    close(fd);
    if (n == (ssize_t)sizeof header - 1 && memcmp(start, header, (size_t)n) == 0) unlink(r->path);
}

static int fail(rejects *r, const char *why) {
    cli_error(r->c, "%s: rejected lines are not kept; name another file with --rejects", why);
    r->failed = true;
    return CLI_EXIT_REFUSED;
}

static int open_file(rejects *r) {
    char why[OUTPUT_WHY];
    if (!output_open(&r->file, r->path, 0600, why)) return fail(r, why);
    int copy = dup(r->file.fd);
    r->out = copy < 0 ? NULL : fdopen(copy, "w");
    if (r->out == NULL) {
        if (copy >= 0) close(copy);
        return cli_no_memory(r->c);
    }
    fputs(header, r->out);
    return 0;
}

int rejects_write(rejects *r, uint64_t line, const void *why, size_t why_length, const void *raw, size_t raw_length) {
    char problem[OUTPUT_WHY];
    int code = r->out == NULL ? open_file(r) : 0;
    if (code != 0) return code;
    fprintf(r->out, "%llu,", (unsigned long long)line);
    csv_fwrite(r->out, why, why_length);
    putc(',', r->out);
    csv_fwrite(r->out, raw, raw_length);
    putc('\n', r->out);
    if (!ferror(r->out)) return 0;
    snprintf(problem, sizeof problem, "cannot write %s: %s", r->path, strerror(errno));
    return fail(r, problem);
}

int rejects_keep(rejects *r) {
    char why[OUTPUT_WHY];
    int code = 0;
    if (r->out != NULL) {
        bool ok = !ferror(r->out) && fflush(r->out) == 0;
        if (!ok && !r->failed) {
            snprintf(why, sizeof why, "cannot write %s: %s", r->path, strerror(errno));
            code = fail(r, why);
        }
        fclose(r->out); /* flushed already */
        r->out = NULL;
        r->kept = !r->failed;
    }
    if (r->file.fd >= 0 && !output_close(&r->file, !r->failed, why)) {
        r->kept = false;
        code = fail(r, why);
    }
    return code;
}
