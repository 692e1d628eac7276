/* A write whose answer does not come: the program must say that the outcome is not known, with the operation's id and
 * the commands that ask and repeat. The server here is a thread that answers HELLO and then keeps silent or hangs up.
 */
#include "base/buf.h"
#include "client/cli/command.h"
#include "protocol/message.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct stub {
    int listener;
    bool hang_up; /* close on the first request behind HELLO; else read and never answer */
    char address[32];
    pthread_t thread;
    wire_operation seen; /* the operation that was asked for */
} stub;

static void answer_hello(int fd, uint64_t request_id) {
    buf reply = {0};
    hello h = {.version_min = 1,
               .version_max = 1,
               .max_frame = LIMIT_FRAME_MAX,
               .max_entries = 64,
               .max_in_flight = 16,
               .cluster = "xinyi",
               .cluster_length = 5};
    hello_encode(&reply, request_id, FRAME_REPLY, &h, NULL, 0);
    cr_assert_eq(write(fd, reply.data, reply.size), (ssize_t)reply.size);
    buf_deinit(&reply);
}

/* The operation is not known. */
static void answer_outcome(int fd, uint64_t request_id) {
    _Alignas(8) uint8_t frame[FRAME_HEADER + sizeof(wire_outcome_reply)] = {0};
    uint16_t unknown = STATUS_UNKNOWN_OPERATION;
    memcpy(frame + FRAME_HEADER, &unknown, sizeof unknown);
    frame_finish(frame,
                 (frame_header){.type = MESSAGE_QUOTA_OUTCOME,
                                .flags = FRAME_REPLY,
                                .request_id = request_id,
                                .entry_length = sizeof(wire_outcome_reply),
                                .entry_count = 1},
                 sizeof(wire_outcome_reply), true);
    cr_assert_eq(write(fd, frame, sizeof frame), (ssize_t)sizeof frame);
}

static void *serve(void *context) {
    stub *s = context;
    int fd = accept(s->listener, NULL, NULL);
    buf in = {0};
    for (;;) {
        uint8_t *at = buf_reserve(&in, 4096);
        ssize_t n = read(fd, at, 4096);
        if (n <= 0) break;
        in.size += (size_t)n;
        frame_view view;
        while (frame_parse(in.data, in.size, LIMIT_FRAME_MAX, false, &view) == FRAME_READY) {
            if (view.header.type == MESSAGE_HELLO) answer_hello(fd, view.header.request_id);
            if (view.header.type == MESSAGE_QUOTA_OUTCOME) answer_outcome(fd, view.header.request_id);
            if (view.header.type == MESSAGE_QUOTA_OPERATE) memcpy(&s->seen, view.body, sizeof s->seen);
            bool done = s->hang_up && view.header.type != MESSAGE_HELLO && view.header.type != MESSAGE_QUOTA_OUTCOME;
            buf_consume(&in, view.header.length);
            if (done) goto out;
        }
    }
out:
    buf_deinit(&in);
    close(fd);
    return NULL;
}

static void stub_start(stub *s, bool hang_up) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    *s = (stub){.hang_up = hang_up, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    cr_assert_eq(bind(s->listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(s->listener, 1), 0);
    cr_assert_eq(getsockname(s->listener, (struct sockaddr *)&at, &length), 0);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", ntohs(at.sin_port));
    cr_assert_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

/* Runs "xinyi --server ADDRESS --timeout 300 …" and returns what it wrote to stderr. */
static char *run(stub *s, bool hang_up, const char *const *words, int wanted_exit) {
    const char *line[24] = {"xinyi", "--server", s->address, "--timeout", "300"};
    char *argv[24] = {0};
    int argc = 0;
    stub_start(s, hang_up);
    for (int n = 5; *words != NULL; words++) line[n++] = *words;
    for (; line[argc] != NULL; argc++) argv[argc] = (char *)line[argc];
    char *text = calloc(1, 8192);
    FILE *captured = tmpfile();
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
    int code = command_main(argc, argv);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(captured);
    cr_assert_gt(fread(text, 1, 8191, captured), 0);
    fclose(captured);
    pthread_join(s->thread, NULL);
    close(s->listener);
    cr_expect_eq(code, wanted_exit, "exit %d: %s", code, text);
    return text;
}

#define CONTAINS(text, part) cr_expect(strstr(text, part) != NULL, "<%s> has no <%s>", text, part)

static void check_doubt(bool hang_up) {
    static const char *const words[] = {"quota", "reserve", "uscc:91530000MA00TTT099", "--amount", "100万", "--ttl",
                                        "10m",   NULL};
    stub s;
    char hex[XINYI_OPERATION_TEXT], wanted[512];
    char *text = run(&s, hang_up, words, CLI_EXIT_NO_CONNECTION);
    xinyi_operation_id id;
    memcpy(id.bytes, s.seen.id, sizeof id.bytes);
    xinyi_operation_format(&id, hex);
    cr_expect_eq(s.seen.amount_fen, 100000000);
    snprintf(wanted, sizeof wanted, "whether operation %s was executed is not known", hex);
    CONTAINS(text, wanted);
    snprintf(wanted, sizeof wanted, "  xinyi --server %s quota outcome %s\n", s.address, hex);
    CONTAINS(text, wanted);
    snprintf(wanted, sizeof wanted,
             "  xinyi --server %s quota reserve uscc:91530000MA00TTT099 --amount-fen 100000000 --ttl 600000ms "
             "--operation %s\n",
             s.address, hex);
    CONTAINS(text, wanted);
    free(text);
}

Test(doubt, no_answer_in_time, .timeout = 20) { check_doubt(false); }
Test(doubt, the_server_hangs_up, .timeout = 20) { check_doubt(true); }

Test(doubt, the_printed_command_sends_the_same_again, .timeout = 20) {
    static const char *const first[] = {"quota",         "pledge",     "uscc:91530000MA00TTT099",
                                        "--instrument",  "7",          "--kind",
                                        "bond",          "--amount",   "12.34",
                                        "--from",        "2026-01-01", "--to",
                                        "2026-12-31T18", NULL};
    stub one, two;
    char *text = run(&one, true, first, CLI_EXIT_NO_CONNECTION);
    char *command = strstr(text, "quota pledge uscc:");
    cr_assert_not_null(command);
    const char *again[24] = {0};
    int n = 0;
    for (char *word = strtok_r(command, " \n", &command); word != NULL; word = strtok_r(NULL, " \n", &command))
        again[n++] = word;
    free(run(&two, true, again, CLI_EXIT_NO_CONNECTION));
    cr_expect_arr_eq(&one.seen, &two.seen, sizeof one.seen);
    free(text);
}

Test(doubt, a_profile_write_can_be_repeated, .timeout = 20) {
    static const char *const words[] = {"set", "uscc:91530000MA00TTT099", "tax_grade=A", NULL};
    stub s;
    char *text = run(&s, true, words, CLI_EXIT_NO_CONNECTION);
    CONTAINS(text, "can be repeated safely");
    free(text);
}

Test(doubt, an_import_says_what_is_certain, .timeout = 20) {
    char path[64];
    FILE *f = tmpfile();
    fputs("subject,tax_grade\nuscc:91530000MA00TTT099,A\n", f);
    fflush(f);
    rewind(f);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(f));
    const char *const words[] = {"import", path, "--rejects", "/dev/null", NULL};
    stub s;
    char *text = run(&s, false, words, CLI_EXIT_NO_CONNECTION);
    CONTAINS(text, "0 rows, up to line 0, are certain");
    CONTAINS(text, "running the same import again is safe");
    free(text);
    fclose(f);
}
