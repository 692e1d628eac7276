#include "base/clock.h"
#include "fake_server.h"

/* Keeps the connection until the client goes. */
static void until_gone(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_read(f, fd, &v)) {
    }
}

static int connect_to(const char *address, const xinyi_options *o, const char **why) {
    xinyi *x = (xinyi *)(uintptr_t)1;
    int code = xinyi_connect(address, o, &x);
    cr_assert(code == 0 || x == NULL, "*out is NULL on failure");
    *why = xinyi_last_error(NULL);
    if (code == 0) xinyi_close(&x);
    return code;
}

Test(connect, hello_agrees_on_names_and_limits) {
    fake f;
    fake_start(&f, until_gone, NULL);
    f.hello.max_entries = 300;
    xinyi_options o = {.cluster = "fake", .agent = "test 1"};
    xinyi *x = fake_connect(&f, &o);
    cr_assert_str_eq(xinyi_server_cluster(x), "fake");
    cr_assert_eq(xinyi_max_entries(x), 300);
    cr_assert_str_eq(xinyi_last_error(x), "");
    cr_assert(xinyi_fd(x) >= 0);
    cr_assert_eq(xinyi_in_flight(x), 0);
    xinyi_close(&x);
    cr_assert(x == NULL);
    xinyi_close(&x);
    xinyi_close(NULL);
    fake_stop(&f);
    cr_assert_str_eq(f.cluster, "fake");
    cr_assert_str_eq(f.agent, "test 1");
    cr_assert_eq(f.greeting.features, 0);
    cr_assert_eq(f.greeting.version_min, 1);
}

Test(connect, the_agent_has_a_default_and_the_cluster_none) {
    fake f;
    fake_start(&f, until_gone, NULL);
    xinyi *x = fake_connect(&f, NULL);
    xinyi_close(&x);
    fake_stop(&f);
    cr_assert_str_eq(f.agent, "libxinyi");
    cr_assert_str_eq(f.cluster, "");
}

Test(connect, a_small_frame_limit_bounds_the_entries) {
    fake f;
    fake_start(&f, until_gone, NULL);
    f.hello.max_frame = 4096;
    xinyi *x = fake_connect(&f, NULL);
    cr_assert_eq(xinyi_max_entries(x), (4096 - 32) / 80);
    xinyi_close(&x);
    fake_stop(&f);
}

/* ------------------------------------------------------------------ refusals */

static void refuse_cluster(fake *f, int fd) {
    frame_view v;
    if (fake_read_hello(f, fd, &v)) fake_error(fd, MESSAGE_HELLO, v.header.request_id, STATUS_WRONG_CLUSTER, "another");
}

Test(connect, a_refused_cluster_is_told) {
    fake f;
    const char *why;
    fake_start(&f, refuse_cluster, NULL);
    xinyi_options o = {.cluster = "test"};
    cr_assert_eq(connect_to(f.address, &o, &why), STATUS_WRONG_CLUSTER);
    expect_contains(why, f.address);
    expect_contains(why, "'test'");
    cr_assert_eq(connect_to(f.address, NULL, &why), STATUS_WRONG_CLUSTER);
    fake_stop(&f);
}

Test(connect, a_server_of_another_cluster_is_left_even_if_it_agrees) {
    fake f;
    const char *why;
    fake_start(&f, until_gone, NULL);
    xinyi_options o = {.cluster = "real"};
    cr_assert_eq(connect_to(f.address, &o, &why), STATUS_WRONG_CLUSTER);
    expect_contains(why, "belongs to cluster 'fake', not 'real'");
    fake_stop(&f);
    fake_start(&f, until_gone, NULL);
    f.hello.cluster = NULL;
    cr_assert_eq(connect_to(f.address, &o, &why), STATUS_WRONG_CLUSTER);
    fake_stop(&f);
}

Test(connect, names_are_checked_before_they_are_sent) {
    fake f;
    const char *why;
    char long_name[80] = {0};
    memset(long_name, 'a', 64);
    fake_start(&f, until_gone, NULL);
    cr_assert_eq(connect_to(f.address, &(xinyi_options){.cluster = ""}, &why), STATUS_BAD_VALUE);
    cr_assert_eq(connect_to(f.address, &(xinyi_options){.agent = ""}, &why), STATUS_BAD_VALUE);
    cr_assert_eq(connect_to(f.address, &(xinyi_options){.cluster = long_name}, &why), STATUS_BAD_VALUE);
    cr_assert_eq(connect_to(f.address, &(xinyi_options){.agent = long_name}, &why), STATUS_BAD_VALUE);
    long_name[63] = '\0';
    cr_assert_eq(connect_to(f.address, &(xinyi_options){.agent = long_name}, &why), 0);
    fake_stop(&f);
    cr_assert_str_eq(f.agent, long_name);
}

static void too_many(fake *f, int fd) {
    (void)f;
    fake_error(fd, 0, 0, STATUS_TOO_MANY_CONNECTIONS, status_text(STATUS_TOO_MANY_CONNECTIONS));
    shutdown(fd, SHUT_WR);
    char sink[256];
    while (recv(fd, sink, sizeof sink, 0) > 0) {
    }
}

Test(connect, a_full_server_says_so) {
    fake f;
    const char *why;
    fake_start(&f, too_many, NULL);
    cr_assert_eq(connect_to(f.address, NULL, &why), STATUS_TOO_MANY_CONNECTIONS);
    expect_contains(why, "too many connections");
    fake_stop(&f);
}

Test(connect, another_version_is_refused) {
    fake f;
    const char *why;
    fake_start(&f, until_gone, NULL);
    f.hello.version_min = f.hello.version_max = 2;
    cr_assert_eq(connect_to(f.address, NULL, &why), STATUS_UNSUPPORTED_VERSION);
    expect_contains(why, "version 2");
    fake_stop(&f);
}

Test(connect, senseless_limits_are_refused) {
    fake f;
    const char *why;
    fake_start(&f, until_gone, NULL);
    f.hello.max_entries = 0;
    cr_assert_eq(connect_to(f.address, NULL, &why), STATUS_BAD_FRAME);
    f.hello.max_entries = 10;
    f.hello.max_frame = 64;
    cr_assert_eq(connect_to(f.address, NULL, &why), STATUS_BAD_FRAME);
    fake_stop(&f);
}

static void web_server(fake *f, int fd) {
    (void)f;
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    char sink[256];
    (void)!recv(fd, sink, sizeof sink, 0);
    fake_send(fd, answer, sizeof answer - 1);
}

Test(connect, something_else_on_the_port_is_recognised) {
    fake f;
    const char *why;
    fake_start(&f, web_server, NULL);
    cr_assert_eq(connect_to(f.address, NULL, &why), STATUS_BAD_CHECKSUM);
    expect_contains(why, "does not speak this protocol");
    expect_contains(why, f.address);
    fake_stop(&f);
}

static void close_at_once(fake *f, int fd) {
    frame_view v;
    fake_read_hello(f, fd, &v);
}

Test(connect, a_server_that_hangs_up_is_told) {
    fake f;
    const char *why;
    fake_start(&f, close_at_once, NULL);
    cr_assert_eq(connect_to(f.address, NULL, &why), XINYI_CLOSED);
    expect_contains(why, "closed the connection");
    fake_stop(&f);
}

/* ------------------------------------------------------------------ time and place */

static void silent(fake *f, int fd) {
    frame_view v;
    while (fake_read(f, fd, &v)) {
    }
}

Test(connect, a_silent_server_times_out) {
    fake f;
    const char *why;
    fake_start(&f, silent, NULL);
    xinyi_options o = {.timeout_ms = 200};
    uint64_t begin = clock_mono_ns();
    cr_assert_eq(connect_to(f.address, &o, &why), XINYI_TIMEOUT);
    uint64_t took_ms = (clock_mono_ns() - begin) / 1000000;
    cr_assert(took_ms >= 190 && took_ms < 2000, "%lu ms", (unsigned long)took_ms);
    expect_contains(why, "did not answer within 200 ms");
    fake_stop(&f);
}

static void slow_hello(fake *f, int fd) {
    frame_view v;
    if (!fake_read_hello(f, fd, &v)) return;
    buf b = {0};
    hello_encode(&b, v.header.request_id, FRAME_REPLY, &f->hello, NULL, 0);
    fake_send_slowly(fd, b.data, b.size, 1, 1);
    buf_deinit(&b);
    while (fake_read(f, fd, &v)) {
    }
}

Test(connect, hello_may_come_byte_by_byte) {
    fake f;
    fake_start(&f, slow_hello, NULL);
    xinyi *x = fake_connect(&f, NULL);
    cr_assert_str_eq(xinyi_server_cluster(x), "fake");
    xinyi_close(&x);
    fake_stop(&f);
}

Test(connect, the_whole_of_connecting_has_one_deadline) {
    fake f;
    const char *why;
    fake_start(&f, slow_hello, NULL);
    uint64_t begin = clock_mono_ns();
    cr_assert_eq(connect_to(f.address, &(xinyi_options){.timeout_ms = 50}, &why), XINYI_TIMEOUT);
    cr_assert((clock_mono_ns() - begin) / 1000000 < 2000);
    fake_stop(&f);
}

Test(connect, nobody_listening_is_told_with_the_address) {
    fake f;
    const char *why;
    fake_start(&f, silent, NULL);
    fake_stop(&f);
    cr_assert_eq(connect_to(f.address, NULL, &why), XINYI_NO_CONNECTION);
    char expected[128];
    snprintf(expected, sizeof expected, "cannot connect to %s: Connection refused; is xinyid running?", f.address);
    cr_assert_str_eq(why, expected);
}

Test(connect, addresses_are_checked) {
    static const char *const bad[] = {
        "",     ":7420",     "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http", "127.0.0.1:-1",
        "[::1", "[::1]7420", "[]:7420",    "[::1]:",      "127.0.0.1: 80",   "127.0.0.1:7420x"};
    const char *why;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(connect_to(bad[i], NULL, &why), XINYI_NO_CONNECTION, "%s", bad[i]);
        expect_contains(why, "is not HOST:PORT");
    }
    cr_assert_eq(connect_to(NULL, NULL, &why), XINYI_NO_CONNECTION);
    char long_host[400];
    memset(long_host, 'a', sizeof long_host);
    long_host[sizeof long_host - 1] = '\0';
    cr_assert_eq(connect_to(long_host, NULL, &why), XINYI_NO_CONNECTION);
}

/* ------------------------------------------------------------------ frames without checksums */

static void answer_decisions(fake *f, int fd) {
    frame_view v;
    if (!fake_hello(f, fd)) return;
    while (fake_request(f, fd, MESSAGE_DECIDE, &v)) {
        wire_decision d[16];
        if ((v.header.flags & FRAME_NO_CHECKSUM) != (f->no_checksum ? FRAME_NO_CHECKSUM : 0))
            fake_problem(f, "flags %u", v.header.flags);
        fake_decide(&v, d);
        if (!fake_reply(f, fd, &v.header, d, sizeof *d, v.header.entry_count)) return;
    }
}

Test(connect, checksums_are_left_out_only_if_both_agree) {
    for (int asked = 0; asked < 2; asked++)
        for (int granted = 0; granted < 2; granted++) {
            fake f;
            fake_start(&f, answer_decisions, NULL);
            f.hello.features = granted ? HELLO_NO_CHECKSUM : 0;
            xinyi *x = fake_connect(&f, &(xinyi_options){.no_checksum = asked});
            xinyi_subject s = fake_subject(12);
            xinyi_decision d;
            cr_assert_eq(xinyi_decide(x, XINYI_LOAN, XINYI_FOR_LOAN_REVIEW, &s, 1, &d), 0, "%s", xinyi_last_error(x));
            cr_assert_eq(d.amount_fen, 12);
            xinyi_close(&x);
            fake_stop(&f);
            cr_assert_eq(f.greeting.features, asked ? HELLO_NO_CHECKSUM : 0u);
            cr_assert_eq(f.no_checksum, asked && granted);
        }
}
