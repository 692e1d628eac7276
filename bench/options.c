/* The command line as one table; a mistake gets one line that says what and what is allowed. */
#include "bench/options.h"

#include "base/limits.h"
#include "base/purpose.h"
#include "client/xinyi.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *noun;
} ops[] = {
    [BENCH_EVALUATE] = {"evaluate", "decisions"},
    [BENCH_QUOTA_CHECK] = {"quota-check", "checks"},
    [BENCH_GET] = {"get", "profiles"},
    [BENCH_RESERVE] = {"reserve", "reservations"},
};
#define OPS (sizeof ops / sizeof *ops)

const char *options_op_name(bench_op op) { return ops[op].name; }
const char *options_op_noun(bench_op op) { return ops[op].noun; }
bool options_op_on_accounts(bench_op op) { return op == BENCH_QUOTA_CHECK || op == BENCH_RESERVE; }

static const char help[] =
    "xinyi-bench: measures a Xinyi server with the real client library\n\n"
    "usage: xinyi-bench --server HOST:PORT --op OP [options]\n\n"
    "  --server HOST:PORT    server to load [$XINYI_SERVER, else 127.0.0.1:7420]\n"
    "  --cluster NAME        refuse a server of another cluster [any]\n"
    "  --op OP               evaluate, quota-check, get or reserve [evaluate]\n"
    "  --scenario NAME       of evaluate: loan, travel, power, approval, volunteer, or a number 1-63 [loan]\n"
    "  --purpose NAME        why the data are asked for, checked by the server [benchmark]\n"
    "  --connections N       connections [50]\n"
    "  --pipeline N          requests in flight on each connection; with --rate the most allowed [64]\n"
    "  --batch N             entries in a request [1]\n"
    "  --seconds S           measured time [10]\n"
    "  --warmup S            time before it that is not measured [1]\n"
    "  --rate R              open loop: R entries a second, due at fixed times; latency counts from when a request\n"
    "                        was due, not from when it could be sent [closed loop]\n"
    "  --threads N           threads that share the connections [1]\n"
    "  --mix PERCENT         so many of the requests are writes: put of volunteer_minutes. CHANGES THE DATA [0]\n"
    "  --keys KIND           uniform or zipf [uniform]\n"
    "  --theta T             skew of zipf, 0 to 10 [0.99]\n"
    "  --seed N              of keys and amounts [1]\n"
    "  --sample N            subjects to ask about, spread over all the server has [all, at most 2097152]\n"
    "  --amount-fen N        amount of quota-check and reserve, in fen [100]\n"
    "  --ttl-ms N            life of a reservation in ms [1000]\n"
    "  --timeout MS          of connecting, and of waiting for the last answers [5000]\n"
    "  --no-checksum         ask for frames without checksums\n"
    "  --histogram FILE      write the latency distribution as a table of percentiles\n"
    "  --json                one JSON document instead of a table\n"
    "  --help                this text\n\n"
    "exit status: 0 measured, 1 nothing succeeded, 2 usage, 3 no connection\n\n"
    "examples:\n"
    "  xinyi-bench --op evaluate --scenario loan --connections 50 --pipeline 64     how many decisions a second at "
    "most\n"
    "  xinyi-bench --op evaluate --connections 10 --pipeline 16 --batch 256         a night's batch\n"
    "  xinyi-bench --op evaluate --rate 200000 --keys zipf --seconds 30             latency at a load that is wanted\n"
    "  xinyi-bench --op quota-check --connections 50 --pipeline 1 --json            one question at a time\n"
    "  xinyi-bench --op reserve --connections 50 --pipeline 16                      durable writes (fills the "
    "ledger)\n\n"
    "The server must hold subjects: `xinyi gen`, then `xinyi import`. bench/README.md says how to measure well.\n";

static int complain(const char *option, const char *wanted, const char *text) {
    fprintf(stderr, "xinyi-bench: --%s needs %s, not '%s'; see xinyi-bench --help\n", option, wanted, text);
    return BENCH_EXIT_USAGE;
}

static bool parse_integer(const char *text, uint64_t min, uint64_t max, uint64_t *out) {
    char *end;
    errno = 0;
    if (text[0] < '0' || text[0] > '9') return false;
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return errno == 0 && *end == '\0' && value >= min && value <= max;
}

static bool parse_real(const char *text, double min, double max, double *out) {
    char *end;
    errno = 0;
    if ((text[0] < '0' || text[0] > '9') && text[0] != '.') return false;
    *out = strtod(text, &end);
    return errno == 0 && end != text && *end == '\0' && isfinite(*out) && *out >= min && *out <= max;
}

static bool parse_scenario(const char *text, bench_options *o) {
    static const char *const names[] = {[SCENARIO_LOAN] = "loan",
                                        [SCENARIO_TRAVEL] = "travel",
                                        [SCENARIO_POWER] = "power",
                                        [SCENARIO_APPROVAL] = "approval",
                                        [SCENARIO_VOLUNTEER] = "volunteer"};
    uint64_t number = 0;
    for (unsigned i = 1; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], text) == 0) number = i;
    if (number == 0 && !parse_integer(text, 1, SCENARIO_MAX, &number)) return false;
    o->scenario = (unsigned)number;
    o->scenario_name = text;
    return true;
}

/* Numbers: a row each. `real` or `whole32` or `whole64` is where it goes. */
typedef struct number_row {
    const char *name;
    double min, max;
    double *real;
    uint32_t *whole32;
    uint64_t *whole64;
} number_row;

static int set_number(const number_row *row, const char *text) {
    char wanted[96];
    uint64_t whole = 0;
    if (row->real != NULL) {
        snprintf(wanted, sizeof wanted, "a number from %g to %g", row->min, row->max);
        return parse_real(text, row->min, row->max, row->real) ? -1 : complain(row->name, wanted, text);
    }
    snprintf(wanted, sizeof wanted, "a whole number from %.0f to %.0f", row->min, row->max);
    if (!parse_integer(text, (uint64_t)row->min, (uint64_t)row->max, &whole)) return complain(row->name, wanted, text);
    if (row->whole32 != NULL)
        *row->whole32 = (uint32_t)whole;
    else
        *row->whole64 = whole;
    return -1;
}

static int set_word(bench_options *o, const char *name, const char *text) {
    if (strcmp(name, "op") == 0) {
        for (unsigned i = 0; i < OPS; i++) {
            if (strcmp(ops[i].name, text) != 0) continue;
            o->op = (bench_op)i;
            return -1;
        }
        return complain(name, "evaluate, quota-check, get or reserve", text);
    }
    if (strcmp(name, "scenario") == 0)
        return parse_scenario(text, o)
                   ? -1
                   : complain(name, "loan, travel, power, approval, volunteer or a number 1-63", text);
    if (strcmp(name, "purpose") == 0) {
        o->purpose = purpose_find(text);
        return o->purpose != 0 ? -1 : complain(name, "a purpose such as loan_review or benchmark", text);
    }
    if (strcmp(name, "keys") == 0) {
        o->zipf = strcmp(text, "zipf") == 0;
        return o->zipf || strcmp(text, "uniform") == 0 ? -1 : complain(name, "uniform or zipf", text);
    }
    const char **target = strcmp(name, "server") == 0    ? &o->server
                          : strcmp(name, "cluster") == 0 ? &o->cluster
                                                         : &o->histogram_file;
    *target = text;
    return text[0] != '\0' ? -1 : complain(name, "a value", text);
}

static int check(const bench_options *o) {
    if (o->threads > o->connections) {
        fprintf(stderr, "xinyi-bench: --threads %u needs at least as many --connections, not %u\n", o->threads,
                o->connections);
        return BENCH_EXIT_USAGE;
    }
    return -1;
}

int options_parse(int argc, char **argv, bench_options *o) {
    const char *server = getenv("XINYI_SERVER");
    *o = (bench_options){.server = server != NULL && server[0] != '\0' ? server : "127.0.0.1:7420",
                         .scenario_name = "loan",
                         .scenario = SCENARIO_LOAN,
                         .purpose = PURPOSE_BENCHMARK,
                         .connections = 50,
                         .pipeline = 64,
                         .batch = 1,
                         .threads = 1,
                         .seconds = 10,
                         .warmup = 1,
                         .theta = 0.99,
                         .seed = 1,
                         .sample = BENCH_SAMPLE_MAX,
                         .amount_fen = 100,
                         .ttl_ms = 1000,
                         .timeout_ms = 5000};
    uint64_t amount = (uint64_t)o->amount_fen;
    const number_row numbers[] = {
        {"connections", 1, BENCH_CONNECTIONS_MAX, NULL, &o->connections, NULL},
        {"pipeline", 1, BENCH_PIPELINE_MAX, NULL, &o->pipeline, NULL},
        {"batch", 1, LIMIT_ENTRIES_MAX, NULL, &o->batch, NULL},
        {"threads", 1, BENCH_THREADS_MAX, NULL, &o->threads, NULL},
        {"seconds", 0.1, 86400, &o->seconds, NULL, NULL},
        {"warmup", 0, 3600, &o->warmup, NULL, NULL},
        {"rate", 1, 1e8, &o->rate, NULL, NULL},
        {"mix", 0, 100, &o->mix, NULL, NULL},
        {"theta", 0, 10, &o->theta, NULL, NULL},
        {"seed", 0, 9007199254740992.0, NULL, NULL, &o->seed},
        {"sample", 1, 1u << 30, NULL, &o->sample, NULL},
        {"amount-fen", 1, (double)LIMIT_AMOUNT_FEN, NULL, NULL, &amount},
        {"ttl-ms", 1, UINT32_MAX, NULL, &o->ttl_ms, NULL},
        {"timeout", 1, 3600000, NULL, &o->timeout_ms, NULL},
    };
    enum { NUMBERS = sizeof numbers / sizeof *numbers, WORDS = 7 };
    static const char *const words[WORDS] = {"server", "cluster", "op", "scenario", "purpose", "keys", "histogram"};
    struct option rows[NUMBERS + WORDS + 4] = {0};
    int count = 0;
    for (; count < NUMBERS; count++) rows[count] = (struct option){numbers[count].name, required_argument, NULL, 'n'};
    for (int i = 0; i < WORDS; i++) rows[count++] = (struct option){words[i], required_argument, NULL, 'w'};
    rows[count++] = (struct option){"no-checksum", no_argument, NULL, 'c'};
    rows[count++] = (struct option){"json", no_argument, NULL, 'j'};
    rows[count++] = (struct option){"help", no_argument, NULL, 'h'};

    int code = -1, got, index = 0;
    optind = 1;
    opterr = 0;
    while (code == -1 && (got = getopt_long(argc, argv, ":", rows, &index)) != -1) {
        switch (got) {
        case 'n': code = set_number(&numbers[index], optarg); break;
        case 'w': code = set_word(o, rows[index].name, optarg); break;
        case 'c': o->no_checksum = true; break;
        case 'j': o->json = true; break;
        case 'h': fputs(help, stdout); return fflush(stdout) == 0 ? BENCH_EXIT_DONE : BENCH_EXIT_FAILED;
        default:
            fprintf(stderr, "xinyi-bench: %s '%s'; see xinyi-bench --help\n",
                    got == ':' ? "a value is missing after" : "unknown option", argv[optind - 1]);
            code = BENCH_EXIT_USAGE;
        }
    }
    o->amount_fen = (int64_t)amount;
    if (code == -1 && optind < argc) {
        fprintf(stderr, "xinyi-bench: unexpected '%s'; see xinyi-bench --help\n", argv[optind]);
        code = BENCH_EXIT_USAGE;
    }
    return code == -1 ? check(o) : code;
}
