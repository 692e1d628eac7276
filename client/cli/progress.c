/* The estimate is linear from the start: imports run at an even rate, and a steady number is worth more than a fresh
 * one. */
#include "client/cli/progress.h"

#include "base/clock.h"
#include "client/cli/money.h"

#include <stdio.h>
#include <unistd.h>

#define REDRAW_NS UINT64_C(200000000)
#define LINE_NS UINT64_C(5000000000)
#define BAR 24

void progress_init(progress *p, const char *label, uint64_t total) {
    *p = (progress){.label = label, .total = total, .terminal = isatty(STDERR_FILENO)};
    p->started_ns = p->shown_ns = clock_mono_ns();
}

double progress_seconds(const progress *p) { return (double)(clock_mono_ns() - p->started_ns) / 1e9; }

void progress_clear(progress *p) {
    if (p->drawn) fputs("\r\033[K", stderr);
    p->drawn = false;
}

static void show(progress *p, uint64_t done, uint64_t rows, uint64_t rejected) {
    char bar[BAR + 1], part[64] = "", eta[32] = "", count[MONEY_TEXT], rate[MONEY_TEXT], bad[MONEY_TEXT],
                       refused[MONEY_TEXT + 16] = "", counted[2 * MONEY_TEXT + 16] = "";
    double seconds = progress_seconds(p);
    if (p->total > 0) {
        double share = done >= p->total ? 1.0 : (double)done / (double)p->total;
        for (int i = 0; i < BAR; i++) bar[i] = i < (int)(share * BAR) ? '#' : '.';
        bar[BAR] = '\0';
        snprintf(part, sizeof part, "%3d%% [%s] ", (int)(share * 100), bar);
        if (share > 0.01) {
            unsigned left = (unsigned)(seconds * (1.0 - share) / share + 0.5);
            snprintf(eta, sizeof eta, ", %u:%02u left", left / 60, left % 60);
        }
    }
    if (rejected != PROGRESS_NONE)
        snprintf(refused, sizeof refused, ", %s rejected", money_format_count((int64_t)rejected, bad));
    if (rows != PROGRESS_NONE)
        snprintf(counted, sizeof counted, "%s rows, %s rows/s", money_format_count((int64_t)rows, count),
                 money_format_count((int64_t)((double)rows / (seconds > 0 ? seconds : 1)), rate));
    fprintf(stderr, "%s%s %s%s%s%s%s", p->terminal ? "\r\033[K" : "", p->label, part, counted, refused,
            counted[0] == '\0' && eta[0] != '\0' ? eta + 2 : eta, p->terminal ? "" : "\n");
    p->drawn = p->terminal;
}

void progress_update(progress *p, uint64_t done, uint64_t rows, uint64_t rejected) {
    uint64_t now = clock_mono_ns();
    if (now - p->shown_ns < (p->terminal ? REDRAW_NS : LINE_NS)) return;
    p->shown_ns = now;
    show(p, done, rows, rejected);
}
