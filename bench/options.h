/* What one run does, from the command line. One thread. */
#ifndef XINYI_BENCH_OPTIONS_H
#define XINYI_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_EXIT_DONE = 0, BENCH_EXIT_FAILED = 1, BENCH_EXIT_USAGE = 2, BENCH_EXIT_NO_CONNECTION = 3 };

typedef enum bench_op { BENCH_EVALUATE, BENCH_QUOTA_CHECK, BENCH_GET, BENCH_RESERVE } bench_op;

#define BENCH_CONNECTIONS_MAX 65536
#define BENCH_PIPELINE_MAX 4096
#define BENCH_THREADS_MAX 64
#define BENCH_SAMPLE_MAX (2u << 20) /* default of --sample: as many subjects as two million and some */

typedef struct bench_options {
    const char *server, *cluster;
    bench_op op;
    const char *scenario_name;
    unsigned scenario, purpose;
    uint32_t connections, pipeline, batch, threads;
    double seconds, warmup;
    double rate; /* entries per second; 0: closed loop */
    double mix;  /* percent of requests that are writes */
    bool zipf;
    double theta;
    uint64_t seed;
    uint32_t sample;
    int64_t amount_fen;
    uint32_t ttl_ms;
    uint32_t timeout_ms;
    bool no_checksum, json;
    const char *histogram_file;
} bench_options;

/* -1: go on; else the exit code, after --help or a message. Strings point into argv or are constants. */
int options_parse(int argc, char **argv, bench_options *o);
const char *options_op_name(bench_op op); /* "evaluate" … */
const char *options_op_noun(bench_op op); /* what an entry is: "decisions" … */
bool options_op_on_accounts(bench_op op); /* asks about guarantee accounts, not profiles */

#endif
