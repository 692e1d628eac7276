/* Every number comes with the way it was measured, and what went wrong is shown by name, never only as a sum. */
#include "bench/report.h"

#include "base/status.h"
#include "protocol/frame.h"
#include "protocol/message.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Past this share of a core the generator may be what is measured. */
#define BUSY 0.95
/* An open loop that answered less of what was due than this did not hold its rate. */
#define HELD 0.99

static double per_second(const load_result *r, uint64_t n) { return r->seconds > 0 ? (double)n / r->seconds : 0; }

static uint64_t ops(const load_result *r) { return r->done + r->refused + r->write_done; }

static bool fell_behind(const bench_options *o, const load_result *r) {
    return o->rate > 0 &&
           (per_second(r, ops(r) + r->errors) < o->rate * HELD || (double)r->unsent > (double)r->due * (1 - HELD));
}

static double us(uint64_t ns) { return (double)ns / 1000.0; }

static double mean_us(const histogram *h) { return h->count > 0 ? us(h->sum) / (double)h->count : 0; }

/* "12,345,678"; returns buffer. */
static const char *grouped(double value, char buffer[40]) {
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", value), at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-') buffer[at++] = ',';
        buffer[at++] = digits[i];
    }
    buffer[at] = '\0';
    return buffer;
}

/* Bytes of the frames of `requests` answered requests each way, from the layouts. */
static void traffic(const bench_options *o, const load_result *r, double *out, double *in) {
    static const unsigned types[] = {[BENCH_EVALUATE] = MESSAGE_DECIDE,
                                     [BENCH_QUOTA_CHECK] = MESSAGE_QUOTA_CHECK,
                                     [BENCH_GET] = MESSAGE_GET,
                                     [BENCH_RESERVE] = MESSAGE_QUOTA_OPERATE};
    const message_info *op = message_find(types[o->op]), *put = message_find(MESSAGE_PUT);
    size_t batch = o->batch;
    *out = per_second(r, r->requests) * (double)(FRAME_HEADER + (batch * op->request_entry + 7) / 8 * 8) +
           per_second(r, r->write_requests) * (double)(FRAME_HEADER + (batch * put->request_entry + 7) / 8 * 8);
    *in = per_second(r, r->requests) * (double)(FRAME_HEADER + (batch * op->reply_entry + 7) / 8 * 8) +
          per_second(r, r->write_requests) * (double)(FRAME_HEADER + (batch * put->reply_entry + 7) / 8 * 8);
}

/* The run in one sentence; returns buffer. */
static const char *method(const bench_options *o, const report_sample *sample, char *buffer, size_t room) {
    char loop[160], keys[64], mix[64] = "";
    if (o->rate > 0)
        snprintf(loop, sizeof loop,
                 "open loop at %.0f entries/s, latency from the time a request was due (coordinated omission avoided)",
                 o->rate);
    else
        snprintf(loop, sizeof loop, "closed loop, latency from sending a request to reading its answer");
    if (o->zipf)
        snprintf(keys, sizeof keys, "zipf(%.3g)", o->theta);
    else
        snprintf(keys, sizeof keys, "uniform");
    if (o->mix > 0) snprintf(mix, sizeof mix, ", %g %% of requests are writes (put)", o->mix);
    snprintf(
        buffer, room,
        "%s; %u connections in %u thread%s, pipeline %u, batch %u%s; %s keys (seed %llu) over a sample of %u of %llu "
        "%s; checksums %s; %.3g s after %.3g s of warm-up; answers read together share one clock reading",
        loop, o->connections, o->threads, o->threads == 1 ? "" : "s", o->pipeline, o->batch, mix, keys,
        (unsigned long long)o->seed, sample->count, (unsigned long long)sample->population,
        options_op_on_accounts(o->op) ? "accounts" : "subjects", o->no_checksum ? "declined" : "on", o->seconds,
        o->warmup);
    return buffer;
}

/* ------------------------------------------------------------------ for people */

static void print_latency(const char *title, const histogram *h) {
    printf("  %-12s p50 %.1f   p90 %.1f   p99 %.1f   p99.9 %.1f   max %.1f   mean %.1f\n", title,
           us(histogram_percentile(h, 50)), us(histogram_percentile(h, 90)), us(histogram_percentile(h, 99)),
           us(histogram_percentile(h, 99.9)), us(h->max), mean_us(h));
}

static void print_statuses(const load_result *r) {
    char n[40];
    for (unsigned code = 1; code < LOAD_STATUSES; code++) {
        if (r->by_status[code] == 0) continue;
        printf("  %-12s %s %s: %s\n", load_is_refusal(code) ? "refused" : "ERROR",
               grouped((double)r->by_status[code], n), xinyi_status_name((int)code), xinyi_status_text((int)code));
    }
}

static void print_warnings(const bench_options *o, const load_result *r) {
    char a[40], b[40], c[40];
    if (r->interrupted) printf("  note         interrupted after %.1f s\n", r->seconds);
    if (r->lost > 0)
        printf("  WARNING      %u of %u connections were lost; the first: %s\n", r->lost, o->connections, r->lost_why);
    if (r->unanswered > 0)
        printf("  WARNING      %s entries had no answer %u ms after the end (counted as timeout)\n",
               grouped((double)r->unanswered, a), o->timeout_ms);
    if (fell_behind(o, r))
        printf(
            "  WARNING      fell behind: %s of %s entries/s; %s were due and never sent (in the latency with the time "
            "they had waited)\n",
            grouped(per_second(r, ops(r)), a), grouped(o->rate, b), grouped((double)r->unsent, c));
    if (r->busiest > BUSY)
        printf("  WARNING      a thread of the generator used %.0f %% of a core: it may be the limit; add --threads\n",
               r->busiest * 100);
}

bool report_table(const bench_options *o, const report_sample *sample, const load_result *r) {
    char a[40], b[40], c[40], text[640];
    double out, in;
    traffic(o, r, &out, &in);
    printf("%s%s%s against %s\n", options_op_name(o->op), o->op == BENCH_EVALUATE ? " " : "",
           o->op == BENCH_EVALUATE ? o->scenario_name : "", o->server);
    printf("  throughput   %s %s/s in %s requests/s\n", grouped(per_second(r, ops(r)), a),
           o->mix > 0 ? "entries" : options_op_noun(o->op), grouped(per_second(r, r->requests + r->write_requests), b));
    if (o->mix > 0)
        printf("  of which     %s %s/s, %s writes/s\n", grouped(per_second(r, r->done + r->refused), a),
               options_op_noun(o->op), grouped(per_second(r, r->write_done), b));
    printf("  answers      %s done, %s refused, %s errors\n", grouped((double)(r->done + r->write_done), a),
           grouped((double)r->refused, b), grouped((double)r->errors, c));
    print_statuses(r);
    print_latency("latency us", &r->latency);
    if (o->mix > 0) print_latency("writes us", &r->writes);
    if (o->rate > 0)
        printf("  sent late us p50 %.1f   p99 %.1f   max %.1f   (part of the latency: after the time it was due)\n",
               us(histogram_percentile(&r->lateness, 50)), us(histogram_percentile(&r->lateness, 99)),
               us(r->lateness.max));
    printf("  traffic      %.1f MB/s out, %.1f MB/s in (from the frame layouts)\n", out / 1e6, in / 1e6);
    uint64_t requests = r->requests + r->write_requests;
    printf("  generator    %.2f cores, %.0f ns of CPU a request\n", r->seconds > 0 ? r->cpu_seconds / r->seconds : 0,
           requests > 0 ? r->cpu_seconds * 1e9 / (double)requests : 0);
    print_warnings(o, r);
    printf("  method       %s\n", method(o, sample, text, sizeof text));
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}

/* ------------------------------------------------------------------ for programs */

static json_t *latency_json(const histogram *h) {
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "p50", us(histogram_percentile(h, 50)), "p90",
                     us(histogram_percentile(h, 90)), "p99", us(histogram_percentile(h, 99)), "p999",
                     us(histogram_percentile(h, 99.9)), "max", us(h->max), "mean", mean_us(h), "count",
                     (json_int_t)h->count);
}

static void set(json_t *object, const char *key, json_t *value) { (void)json_object_set_new(object, key, value); }

static json_t *statuses_json(const load_result *r, bool refusals) {
    json_t *object = json_object();
    for (unsigned code = 1; code < LOAD_STATUSES; code++)
        if (r->by_status[code] != 0 && load_is_refusal(code) == refusals)
            set(object, xinyi_status_name((int)code), json_integer((json_int_t)r->by_status[code]));
    return object;
}

static json_t *settings_json(const bench_options *o, const report_sample *sample) {
    json_t *s = json_object();
    set(s, "server", json_string(o->server));
    if (o->op == BENCH_EVALUATE) set(s, "scenario", json_string(o->scenario_name));
    set(s, "loop", json_string(o->rate > 0 ? "open" : "closed"));
    if (o->rate > 0) set(s, "rate", json_real(o->rate));
    set(s, "connections", json_integer(o->connections));
    set(s, "threads", json_integer(o->threads));
    set(s, "pipeline", json_integer(o->pipeline));
    set(s, "batch", json_integer(o->batch));
    set(s, "mix", json_real(o->mix));
    set(s, "keys", json_string(o->zipf ? "zipf" : "uniform"));
    if (o->zipf) set(s, "theta", json_real(o->theta));
    set(s, "seed", json_integer((json_int_t)o->seed));
    set(s, "sample", json_integer(sample->count));
    set(s, "population", json_integer((json_int_t)sample->population));
    set(s, "checksums", json_boolean(!o->no_checksum));
    set(s, "warmup_s", json_real(o->warmup));
    return s;
}

bool report_json(const bench_options *o, const report_sample *sample, const load_result *r) {
    char text[640];
    double out, in;
    traffic(o, r, &out, &in);
    json_t *j = json_object();
    set(j, "op", json_string(options_op_name(o->op)));
    set(j, "ops_per_second", json_real(per_second(r, ops(r))));
    set(j, "requests_per_second", json_real(per_second(r, r->requests + r->write_requests)));
    if (o->mix > 0) set(j, "writes_per_second", json_real(per_second(r, r->write_done)));
    set(j, "done", json_integer((json_int_t)(r->done + r->write_done)));
    set(j, "refused", json_integer((json_int_t)r->refused));
    set(j, "refused_by_status", statuses_json(r, true));
    set(j, "errors", json_integer((json_int_t)r->errors));
    set(j, "errors_by_status", statuses_json(r, false));
    set(j, "latency_us", latency_json(&r->latency));
    if (o->mix > 0) set(j, "write_latency_us", latency_json(&r->writes));
    if (o->rate > 0) {
        set(j, "sent_late_us", latency_json(&r->lateness));
        set(j, "due", json_integer((json_int_t)r->due));
        set(j, "unsent", json_integer((json_int_t)r->unsent));
        set(j, "rate_held", json_boolean(!fell_behind(o, r)));
    }
    set(j, "seconds", json_real(r->seconds));
    set(j, "interrupted", json_boolean(r->interrupted));
    set(j, "lost_connections", json_integer(r->lost));
    set(j, "unanswered", json_integer((json_int_t)r->unanswered));
    set(j, "bytes_out_per_second", json_real(out));
    set(j, "bytes_in_per_second", json_real(in));
    set(j, "generator_cores", json_real(r->seconds > 0 ? r->cpu_seconds / r->seconds : 0));
    set(j, "generator_limited", json_boolean(r->busiest > BUSY));
    set(j, "method", json_string(method(o, sample, text, sizeof text)));
    set(j, "settings", settings_json(o, sample));
    int failed = json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9) | JSON_PRESERVE_ORDER);
    json_decref(j);
    putchar('\n');
    return failed == 0 && fflush(stdout) == 0 && ferror(stdout) == 0;
}

/* ------------------------------------------------------------------ percentiles */

/* Each step halves the distance to 100 % in eight parts, until it is below one value. */
static void write_steps(FILE *f, const histogram *h) {
    double distance = 100.0;
    while (h->count > 0 && distance / 100.0 * (double)h->count >= 0.5) {
        for (int i = 0; i < 8; i++) {
            double percent = 100.0 - distance + distance / 2 * i / 8;
            fprintf(f, "%12.1f %14.8f %14.0f\n", us(histogram_percentile(h, percent)), percent,
                    percent / 100.0 * (double)h->count);
        }
        distance /= 2;
    }
    fprintf(f, "%12.1f %14.8f %14.0f\n", us(h->max), 100.0, (double)h->count);
}

bool report_histogram(const char *path, const bench_options *o, const load_result *r) {
    FILE *f = fopen(path, "w");
    if (f != NULL) {
        fprintf(f, "# %s, latency of requests\n#  latency_us        percent          count\n", options_op_name(o->op));
        write_steps(f, &r->latency);
        if (o->mix > 0) {
            fprintf(f, "\n\n# put, latency of requests\n#  latency_us        percent          count\n");
            write_steps(f, &r->writes);
        }
    }
    bool good = f != NULL && ferror(f) == 0;
    if (f != NULL && fclose(f) != 0) good = false;
    if (!good) fprintf(stderr, "xinyi-bench: cannot write %s: %s\n", path, strerror(errno));
    return good;
}
