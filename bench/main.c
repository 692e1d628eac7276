/* xinyi-bench: connect, take a sample of real subjects, load, report. */
#include "bench/load.h"
#include "bench/options.h"
#include "bench/report.h"
#include "bench/sample.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void on_signal(int number) {
    load_interrupt();
    signal(number, SIG_DFL); /* the second one ends it at once */
}

static int report(const bench_options *o, const sample *s, const load_result *r) {
    const report_sample about = {.count = s->count, .population = s->population};
    bool written = o->json ? report_json(o, &about, r) : report_table(o, &about, r);
    if (!written) fprintf(stderr, "xinyi-bench: cannot write the report\n");
    if (o->histogram_file != NULL) written = report_histogram(o->histogram_file, o, r) && written;
    if (r->done + r->write_done == 0) {
        fprintf(stderr, "xinyi-bench: nothing succeeded\n");
        return BENCH_EXIT_FAILED;
    }
    return written ? BENCH_EXIT_DONE : BENCH_EXIT_FAILED;
}

int main(int argc, char **argv) {
    bench_options o;
    int code = options_parse(argc, argv, &o);
    if (code != -1) return code;
    load *l = NULL;
    sample s = {0};
    zipf skew = {0};
    load_result *result = malloc(sizeof *result);
    code = BENCH_EXIT_FAILED;
    if (result == NULL) {
        fprintf(stderr, "xinyi-bench: out of memory\n");
        goto out;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    code = load_connect(&o, &l);
    if (code == 0) code = sample_take(load_first(l), &o, &s);
    if (code != 0) goto out;
    if (o.zipf && zipf_init(&skew, s.count, o.theta) != STATUS_OK) {
        fprintf(stderr, "xinyi-bench: no memory for a Zipf table of %u subjects; try --sample\n", s.count);
        code = BENCH_EXIT_FAILED;
        goto out;
    }
    const load_keys keys = {.sample = s.subjects, .count = s.count, .skew = o.zipf ? &skew : NULL};
    code = load_run(l, &keys, result);
    if (code == 0) code = report(&o, &s, result);
out:
    load_destroy(&l);
    zipf_deinit(&skew);
    sample_deinit(&s);
    free(result);
    return code;
}
