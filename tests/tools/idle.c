/* Many connections that are no use to anybody, held open while others work:
 *
 *   idle KIND --server HOST:PORT [--count N] [--seconds S]
 *
 *   quiet     have said HELLO, and nothing more
 *   vanished  the same, and then the client's machine is gone: nothing that the server sends is ever answered, not even
 * by TCP, and no FIN comes lost      the same in the middle of large replies slow      ask for much and take 1 KiB a
 * second of the replies deaf      ask for much and read nothing partial   have sent half of a large frame
 *
 * Prints "open N" when all are there; then holds them for S seconds or until SIGTERM, and prints "alive N of M": how
 * many the server still serves (quiet) or has not closed. */
#include "tests/tools/peer.h"

#include <linux/filter.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define REPLIES 64 /* frames asked for by those who want much */
#define SLOW_BYTES 1024

static const char *server = "127.0.0.1:7420";
static unsigned count = 1000;
static double seconds = 10;
static volatile sig_atomic_t stopped;

typedef enum kind { QUIET, VANISHED, LOST, SLOW, DEAF, PARTIAL, KINDS } kind;
static const char *const names[KINDS] = {"quiet", "vanished", "lost", "slow", "deaf", "partial"};

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

/* From now on the socket takes no segment: as if the cable were cut. */
static void cut(const peer *p) {
    struct sock_filter nothing = {.code = BPF_RET | BPF_K, .k = 0};
    struct sock_fprog program = {.len = 1, .filter = &nothing};
    EXPECT(setsockopt(p->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0, "no filter: %s",
           strerror(errno));
}

/* As much as the sockets take of requests whose replies are long. */
static void ask_for_much(peer *p) {
    static buf requests;
    if (requests.size == 0) {
        static wire_get gets[LIMIT_ENTRIES_MAX];
        for (unsigned i = 0; i < LIMIT_ENTRIES_MAX; i++) gets[i].purpose = 6;
        for (unsigned i = 0; i < REPLIES; i++)
            message_request(&requests, MESSAGE_GET, i, 0, gets, LIMIT_ENTRIES_MAX, true);
        EXPECT(!requests.failed, "no memory");
    }
    ssize_t ignored = send(p->fd, requests.data, requests.size, MSG_NOSIGNAL);
    (void)ignored;
}

static void send_half(peer *p) {
    static wire_put puts[LIMIT_ENTRIES_MAX];
    buf frame = {0};
    message_request(&frame, MESSAGE_PUT, 1, 0, puts, LIMIT_ENTRIES_MAX, true);
    EXPECT(!frame.failed, "no memory");
    for (size_t at = 0; at < frame.size / 2;) {
        ssize_t n = send(p->fd, frame.data + at, frame.size / 2 - at, MSG_NOSIGNAL);
        if (n > 0) at += (size_t)n;
        if (n <= 0 && errno != EAGAIN) break;
    }
    buf_deinit(&frame);
}

static peer open_one(kind k) {
    peer p = peer_ready(server, k == QUIET || k == VANISHED ? 0 : 16384);
    buf_deinit(&p.in);
    p.at = 0;
    if (k == LOST || k == SLOW || k == DEAF) ask_for_much(&p);
    if (k == PARTIAL) send_half(&p);
    if (k == VANISHED || k == LOST) cut(&p);
    return p;
}

/* Whether the server has closed it; takes what `slow` takes. */
static bool is_closed(peer *p, kind k, bool take) {
    uint8_t bytes[SLOW_BYTES];
    if (p->closed || k == VANISHED || k == LOST) return p->closed;
    ssize_t n = recv(p->fd, bytes, sizeof bytes, k == SLOW && take ? 0 : MSG_PEEK);
    p->closed = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    return p->closed;
}

static unsigned count_alive(peer *peers, kind k) {
    unsigned alive = 0;
    for (unsigned i = 0; i < count; i++) {
        if (is_closed(&peers[i], k, false)) continue;
        if (k == QUIET) {
            peer_ping(&peers[i], i);
            buf_deinit(&peers[i].in);
            peers[i].at = 0;
        }
        alive++;
    }
    return alive;
}

static void hold(peer *peers, kind k) {
    int64_t until = peer_now_ms() + (int64_t)(seconds * 1000);
    while (!stopped && peer_now_ms() < until) {
        for (unsigned i = 0; i < count && k == SLOW; i++) is_closed(&peers[i], k, true);
        int64_t left = until - peer_now_ms();
        poll(NULL, 0, left > 1000 ? 1000 : left > 0 ? (int)left : 0);
    }
}

static void allow_files(void) {
    struct rlimit files;
    EXPECT(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
    files.rlim_cur = files.rlim_max;
    EXPECT(setrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max > count + 16,
           "%u connections need as many descriptors (ulimit -n)", count);
}

int main(int argc, char **argv) {
    kind k = QUIET;
    while (argc > 1 && k < KINDS && strcmp(argv[1], names[k]) != 0) k++;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--server") == 0) server = argv[i + 1];
        if (strcmp(argv[i], "--count") == 0) count = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--seconds") == 0) seconds = strtod(argv[i + 1], NULL);
    }
    if (argc < 2 || k == KINDS || count == 0) {
        fprintf(stderr, "usage: idle quiet|vanished|lost|slow|deaf|partial --server HOST:PORT [--count N] "
                        "[--seconds S]\n");
        return 2;
    }
    struct sigaction stop = {.sa_handler = on_signal};
    sigaction(SIGTERM, &stop, NULL);
    allow_files();
    peer *peers = calloc(count, sizeof *peers);
    EXPECT(peers != NULL, "no memory");
    for (unsigned i = 0; i < count; i++) peers[i] = open_one(k);
    printf("open %u\n", count);
    fflush(stdout);
    hold(peers, k);
    printf("alive %u of %u\n", count_alive(peers, k), count);
    free(peers);
    return 0;
}
