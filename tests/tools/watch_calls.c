/* The library's calls about alerts on a real server, with everything that a subscription can be beside.
 *
 *   watch_calls HOST:PORT SUBJECT
 *
 * SUBJECT has a guarantee account that is not frozen. Prints a line "ok ..." or "not ok ..." for each thing that it
 * looks at; leaves the alerts that it has raised open. */
#include "client/xinyi.h"

#include <stdio.h>
#include <string.h>

#define WAIT_MS 10000
#define SILENCE_MS 300

static xinyi *follower, *other;
static xinyi_subject subject;
static int failures;

static void check(const char *what, int ok) {
    printf("%s watch calls: %s%s%s\n", ok ? "ok" : "not ok", what, ok ? "" : ": ",
           ok ? "" : xinyi_last_error(follower));
    failures += !ok;
}

/* Raises n alerts, an even number. */
static int raise_alerts(int n) {
    for (int i = 0; i < n; i++) {
        xinyi_operation_reply r;
        xinyi_operation o = {.id = xinyi_operation_new(), .subject = subject, .program = XINYI_PROGRAM_POWER};
        o.kind = i % 2 == 0 ? XINYI_FREEZE : XINYI_UNFREEZE;
        if (xinyi_operate(other, &o, 1, &r) != 0 || r.status != 0) return 0;
    }
    return 1;
}

/* The next n alerts are those behind *last, and nothing comes after them. */
static int receives(uint64_t *last, size_t n) {
    xinyi_alert a[7];
    while (n > 0) {
        size_t count = n < 7 ? n : 7;
        if (xinyi_watch_next(follower, WAIT_MS, a, &count) != 0 || count == 0) return 0;
        for (size_t i = 0; i < count; i++)
            if (a[i].number != ++*last || memcmp(&a[i].subject, &subject, sizeof subject) != 0) return 0;
        n -= count;
    }
    size_t more = 1;
    return xinyi_watch_next(follower, SILENCE_MS, a, &more) == 0 && more == 0;
}

/* The highest number of all that are open. */
static int find_last(uint64_t *last, size_t *count) {
    static xinyi_alert a[5];
    size_t n = 5;
    *last = *count = 0;
    while (n > 0) {
        n = 5;
        if (xinyi_alerts(other, XINYI_FOR_POWER_TRADING, last, a, &n) != 0) return 0;
        *count += n;
        if (n > 0 && a[n - 1].number != *last) return 0;
    }
    return 1;
}

static void run(void) {
    uint64_t last, first;
    size_t count;
    xinyi_alert a[4];
    check("a walk over what is open", raise_alerts(12) && find_last(&last, &count) && count >= 12);
    first = last - 12;
    check("a subscription begins", xinyi_watch(follower, XINYI_FOR_POWER_TRADING, first) == 0);
    check("with what is open", receives(&first, 12));
    check("new ones come", raise_alerts(10) && receives(&first, 10));
    check("other calls go on", raise_alerts(2) && xinyi_ping(follower) == 0 && receives(&first, 2));
    size_t n = 4;
    last = first - 3;
    check("a walk, too", raise_alerts(2) && xinyi_alerts(follower, XINYI_FOR_POWER_TRADING, &last, a, &n) == 0 &&
                             n == 4 && a[0].number == first - 2 && receives(&first, 2));
    check("a later one replaces it", raise_alerts(4) && xinyi_watch(follower, XINYI_FOR_POWER_TRADING, first + 1) == 0);
    first++;
    check("from its own number on", receives(&first, 3));
    check("one from a number that never was is refused",
          xinyi_watch(follower, XINYI_FOR_POWER_TRADING, first + 1) == 125 && xinyi_ping(follower) == 0);
    check("that ends the one before", raise_alerts(2) && xinyi_ping(follower) == 0);
    check("nothing comes then", xinyi_watch_next(follower, 0, a, &n) != 0);
    check("another may begin", xinyi_watch(follower, XINYI_FOR_POWER_TRADING, first) == 0 && receives(&first, 2));
    check("no purpose is no subscription", xinyi_watch(follower, 0, first) == 123);
    check("and another", xinyi_watch(follower, XINYI_FOR_SUPERVISION, first) == 0);
    check("its end", xinyi_watch_stop(follower) == 0);
    n = 1;
    check("is an end",
          raise_alerts(2) && xinyi_ping(follower) == 0 && xinyi_watch_next(follower, 0, a, &n) != 0 && n == 0);
    check("not of the connection", xinyi_watch(follower, XINYI_FOR_POWER_TRADING, first) == 0 && receives(&first, 2));
}

int main(int argc, char **argv) {
    xinyi_options one = {.max_in_flight = 1, .agent = "watch_calls"};
    if (argc != 3 || xinyi_subject_parse(argv[2], &subject) != 0 || xinyi_connect(argv[1], &one, &follower) != 0 ||
        xinyi_connect(argv[1], NULL, &other) != 0) {
        fprintf(stderr, "watch_calls HOST:PORT SUBJECT: %s\n", xinyi_last_error(NULL));
        return 2;
    }
    run();
    xinyi_close(&follower);
    xinyi_close(&other);
    return failures > 0;
}
