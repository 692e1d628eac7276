/* Options and the summary; the rows come from province.c, the file is output.h's. */
#include "client/cli/gen.h"

#include "base/clock.h"
#include "client/cli/output.h"
#include "client/cli/province.h"
#include "client/cli/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES (1u << 20)
#define PROGRESS_ROWS UINT64_C(1000000)
#define DEFAULT_DAY "2026-11-01" /* fixed, so that the output never depends on the clock */

const char gen_help[] =
    "usage: xinyi gen --subjects N --output FILE [options]\n"
    "\n"
    "Writes a synthetic province as CSV for `xinyi import`: the same options give the same bytes, everywhere.\n"
    "Nobody real is in it: resident IDs have divisions that no county issues, organisation codes begin with TT.\n"
    "\n"
    "  --subjects N          how many rows, 1 to 800000000\n"
    "  --output FILE         where to; - is standard output. A file appears when it is complete; pipes and devices\n"
    "                        are written as they are\n"
    "  --seed S              which province, 0 to 18446744073709551615 (1)\n"
    "  --date YYYY-MM-DD     the day the data are of (" DEFAULT_DAY "); 2000-01-01 to 2100-12-31\n"
    "  --entities PERCENT    how many subjects are no persons, 0 to 100 (12)\n"
    "  --json                the summary as JSON\n"
    "\n"
    "Columns: subject, then profile fields by name (flags 1 or 0, missing values empty), then for participants of the\n"
    "power market energy_12m_mwh wholesale_2m_mwh retail_2m_mwh deposit_fen bond_fen bond_from bond_to. From 100\n"
    "subjects on there are at least 3 retailers, 2 generators and 5 users (unless --entities 0). Some bonds have "
    "expired.\n"
    "\n"
    "examples:\n"
    "  xinyi gen --subjects 1000000 --seed 7 --output province.csv\n"
    "  xinyi gen --subjects 20 --output - | column -s, -t | less -S\n"
    "  xinyi gen --subjects 52000000 --output yunnan.csv     all of Yunnan, about 6 GB\n";

typedef struct gen_options {
    const char *output;
    province_options province;
    bool json, help;
} gen_options;

/* ------------------------------------------------------------------ options */

static int usage(const char *what, const char *detail, const char *remedy) {
    fprintf(stderr, "xinyi gen: %s%s%s (see: xinyi gen --help)\n", what, detail, remedy);
    return 2;
}

static bool parse_count(const char *text, uint64_t *value) {
    uint64_t v = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        unsigned digit = (unsigned)*text - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v)) return false;
    }
    *value = v;
    return true;
}

static const char *const option_names[] = {"subjects", "output", "seed", "date", "entities", "json", "help"};
enum { OPTION_SUBJECTS, OPTION_OUTPUT, OPTION_SEED, OPTION_DATE, OPTION_ENTITIES, OPTION_JSON, OPTION_HELP, OPTIONS };

/* Which option an argument is, OPTIONS if none; *value is what stands behind "=", NULL without. */
static int option_of(const char *argument, const char **value) {
    *value = NULL;
    if (strcmp(argument, "-h") == 0) return OPTION_HELP;
    if (strncmp(argument, "--", 2) != 0) return OPTIONS;
    const char *name = argument + 2, *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    if (equals != NULL) *value = equals + 1;
    for (int i = 0; i < OPTIONS; i++)
        if (strlen(option_names[i]) == length && memcmp(option_names[i], name, length) == 0) return i;
    return OPTIONS;
}

static int unknown_option(const char *argument) {
    if (argument[0] != '-') return usage("unexpected argument '", argument, "': the file is given with --output FILE");
    suggest s = {.word = argument + strspn(argument, "-")};
    for (int i = 0; i < OPTIONS; i++) suggest_offer(&s, option_names[i]);
    char remedy[64];
    snprintf(remedy, sizeof remedy, s.best != NULL ? "'; did you mean --%s?" : "'", s.best);
    return usage("unknown option '", argument, remedy);
}

static int set_option(gen_options *o, int which, const char *value) {
    uint64_t n;
    switch (which) {
    case OPTION_SUBJECTS:
        if (!parse_count(value, &o->province.subjects) || o->province.subjects == 0 ||
            o->province.subjects > PROVINCE_SUBJECTS_MAX)
            return usage("--subjects is a whole number from 1 to 800000000, not '", value, "'");
        return 0;
    case OPTION_OUTPUT:
        if (*value == '\0') return usage("--output needs a file name, or - for standard output", "", "");
        o->output = value;
        return 0;
    case OPTION_SEED:
        if (!parse_count(value, &o->province.seed))
            return usage("--seed is a whole number from 0 to 18446744073709551615, not '", value, "'");
        return 0;
    case OPTION_DATE:
        if (!clock_parse_day(value, strlen(value), &o->province.day) ||
            o->province.day < clock_day_from_date(2000, 1, 1) || o->province.day > clock_day_from_date(2100, 12, 31))
            return usage("--date is a day from 2000-01-01 to 2100-12-31 written YYYY-MM-DD, not '", value, "'");
        return 0;
    default:
        if (!parse_count(value, &n) || n > 100)
            return usage("--entities is a percentage from 0 to 100, not '", value, "'");
        o->province.entity_percent = (unsigned)n;
        return 0;
    }
}

/* 0, or 2 after a message. */
static int parse_options(gen_options *o, int argc, char **argv) {
    *o = (gen_options){.province = {.seed = 1, .entity_percent = 12}};
    if (!clock_parse_day(DEFAULT_DAY, strlen(DEFAULT_DAY), &o->province.day)) return 2;
    for (int i = 1; i < argc; i++) {
        const char *value;
        int which = option_of(argv[i], &value);
        if (which == OPTIONS) return unknown_option(argv[i]);
        if (which >= OPTION_JSON) {
            if (value != NULL) return usage("--", option_names[which], " takes no value");
            *(which == OPTION_JSON ? &o->json : &o->help) = true;
            continue;
        }
        if (value == NULL && i + 1 >= argc) return usage("--", option_names[which], " needs a value");
        int code = set_option(o, which, value != NULL ? value : argv[++i]);
        if (code != 0) return code;
    }
    if (o->help) return 0;
    if (o->province.subjects == 0) return usage("how many? Give --subjects N", "", "");
    if (o->output == NULL) return usage("where to? Give --output FILE, or --output - for standard output", "", "");
    return 0;
}

/* ------------------------------------------------------------------ writing */

/* 1,234,567; returns buffer. */
static const char *with_commas(uint64_t value, char buffer[32]) {
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    char *at = buffer;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return buffer;
}

static void show_progress(uint64_t done, uint64_t all) {
    char a[32], b[32];
    fprintf(stderr, "\r%s of %s (%u %%) ", with_commas(done, a), with_commas(all, b), (unsigned)(done * 100 / all));
}

static int failed(const char *why) {
    fprintf(stderr, "xinyi gen: %s\n", why);
    return 1;
}

static int write_rows(const province *p, output *o, uint64_t subjects) {
    char why[OUTPUT_WHY], *buffer = malloc(BUFFER_BYTES);
    if (buffer == NULL) return failed(status_text(STATUS_NO_MEMORY));
    bool progress = subjects > PROGRESS_ROWS && isatty(STDERR_FILENO);
    size_t used = province_header(buffer);
    bool ok = true;
    for (uint64_t i = 0; i < subjects && ok; i++) {
        if (used > BUFFER_BYTES - PROVINCE_ROW_MAX) {
            ok = output_write(o, buffer, used, why);
            used = 0;
        }
        if (!ok) break;
        used += province_row(p, i, buffer + used);
        if (progress && i % PROGRESS_ROWS == 0) show_progress(i, subjects);
    }
    ok = ok && output_write(o, buffer, used, why);
    if (progress) fprintf(stderr, "\r\033[K");
    free(buffer);
    return ok ? 0 : failed(why);
}

static void summary(const gen_options *o, const province_counts *c, const char *name) {
    char a[6][32];
    unsigned long long seed = o->province.seed;
    if (!o->json) {
        fprintf(stderr,
                "wrote %s subjects (%s persons, %s entities; %s retailers, %s generators, %s power users) to %s, seed "
                "%llu\n",
                with_commas(o->province.subjects, a[0]), with_commas(c->persons, a[1]), with_commas(c->entities, a[2]),
                with_commas(c->retailers, a[3]), with_commas(c->generators, a[4]), with_commas(c->users, a[5]), name,
                seed);
        return;
    }
    char date[CLOCK_DATE_TEXT];
    fprintf(strcmp(o->output, "-") == 0 ? stderr : stdout,
            "{\"subjects\":%llu,\"persons\":%llu,\"entities\":%llu,\"retailers\":%llu,\"generators\":%llu,"
            "\"power_users\":%llu,\"seed\":%llu,\"date\":\"%s\"}\n",
            (unsigned long long)o->province.subjects, (unsigned long long)c->persons, (unsigned long long)c->entities,
            (unsigned long long)c->retailers, (unsigned long long)c->generators, (unsigned long long)c->users, seed,
            clock_format_day(o->province.day, date));
}

int gen_run(int argc, char **argv, bool json) {
    gen_options o;
    char why[OUTPUT_WHY];
    int code = parse_options(&o, argc, argv);
    if (code != 0) return code;
    o.json |= json;
    if (o.help) {
        fputs(gen_help, stdout);
        return fflush(stdout) == 0 ? 0 : failed("cannot write standard output");
    }
    province *p = NULL;
    status s = province_create(&o.province, &p);
    if (s != STATUS_OK) return failed(status_text(s));
    output file;
    fflush(stdout); /* rows go past stdio */
    code = output_open(&file, o.output, 0666, why) ? 0 : failed(why);
    if (code == 0) {
        code = write_rows(p, &file, o.province.subjects);
        if (!output_close(&file, code == 0, why)) code = failed(why);
    }
    if (code == 0) summary(&o, province_count(p), strcmp(o.output, "-") == 0 ? "standard output" : o.output);
    if (code == 0 && fflush(stdout) != 0) code = failed("cannot write standard output");
    province_destroy(&p);
    return code;
}

int cmd_gen(int argc, char **argv) { return gen_run(argc, argv, false); }
