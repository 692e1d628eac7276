/* How far a long command is, on stderr: a bar that redraws itself on a terminal, a plain line every few seconds
 * otherwise. One thread; reads the monotonic clock. */
#ifndef XINYI_CLI_PROGRESS_H
#define XINYI_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct progress {
    const char *label;
    uint64_t total; /* in the unit of `done`; 0: unknown, no percentage */
    uint64_t started_ns, shown_ns;
    bool terminal, drawn;
} progress;

void progress_init(progress *p, const char *label, uint64_t total);
/* Cheap: shows only when it is time. done of total; rows and rejected for people. PROGRESS_NONE: nothing can be
 * rejected, or rows are not counted. */
#define PROGRESS_NONE UINT64_MAX
void progress_update(progress *p, uint64_t done, uint64_t rows, uint64_t rejected);
/* Removes the bar. Call before any other message and at the end. */
void progress_clear(progress *p);
double progress_seconds(const progress *p);

#endif
