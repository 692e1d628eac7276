/* Raises alerts, as many as one likes: freezes and unfreezes a guarantee account by turns.
 *
 *   alert_storm HOST:PORT SUBJECT N
 *
 * N operations, each of which raises one alert. Exit status 0 if the server executed them all. */
#include "client/xinyi.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 1000

static int stop(const char *what, const char *why) {
    fprintf(stderr, "alert_storm: %s: %s\n", what, why);
    return 1;
}

int main(int argc, char **argv) {
    static xinyi_operation o[BATCH];
    static xinyi_operation_reply r[BATCH];
    xinyi *x;
    xinyi_subject subject;
    if (argc != 4) return stop("usage", "alert_storm HOST:PORT SUBJECT N");
    if (xinyi_subject_parse(argv[2], &subject) != 0) return stop(argv[2], xinyi_last_error(NULL));
    if (xinyi_connect(argv[1], NULL, &x) != 0) return stop(argv[1], xinyi_last_error(NULL));
    unsigned long count = strtoul(argv[3], NULL, 10), done = 0;
    int result = 0;
    while (result == 0 && done < count) {
        size_t n = count - done < BATCH ? count - done : BATCH;
        for (size_t i = 0; i < n; i++)
            o[i] = (xinyi_operation){.id = xinyi_operation_new(),
                                     .subject = subject,
                                     .program = XINYI_PROGRAM_POWER,
                                     .kind = (done + i) % 2 == 0 ? XINYI_FREEZE : XINYI_UNFREEZE};
        result = xinyi_operate(x, o, n, r);
        for (size_t i = 0; result == 0 && i < n; i++) result = r[i].status;
        done += n;
    }
    if (result != 0) stop(argv[2], xinyi_status_text(result));
    xinyi_close(&x);
    return result != 0;
}
