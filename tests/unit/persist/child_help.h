/* Processes that may be killed: this test program once more, which instead of running tests does what `child_main` of
 * the including file says. A plain fork would not do: RocksDB's threads do not survive one. */
#ifndef XINYI_TESTS_PERSIST_CHILD_HELP_H
#define XINYI_TESTS_PERSIST_CHILD_HELP_H

#include <criterion/criterion.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_VARIABLE "XINYI_TEST_CHILD"
#define CHILD_FAILED 3

/* Criterion is not there in a child. */
#define child_check(expr)                                                                                              \
    do {                                                                                                               \
        if (!(expr)) {                                                                                                 \
            fprintf(stderr, "child: %s:%d: %s does not hold\n", __FILE__, __LINE__, #expr);                            \
            _exit(CHILD_FAILED);                                                                                       \
        }                                                                                                              \
    } while (0)

/* Returns the exit code. */
static int child_main(const char *directory, const char *arguments);

/* Before main, after the libraries. */
__attribute__((constructor)) static void child_begin(void) {
    const char *what = getenv(CHILD_VARIABLE);
    if (what == NULL) return;
    char *copy = strdup(what);
    char *arguments = strchr(copy, '|');
    if (arguments == NULL) _exit(CHILD_FAILED);
    *arguments++ = '\0';
    _exit(child_main(copy, arguments));
}

/* Its standard output goes to `out` if that is not -1. */
static inline pid_t child_start(const char *directory, const char *arguments, int out) {
    char what[1024];
    snprintf(what, sizeof what, "%s|%s", directory, arguments);
    cr_assert_eq(setenv(CHILD_VARIABLE, what, 1), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (out >= 0) posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    extern char **environ;
    pid_t pid = -1;
    char *argv[] = {(char *)"child", NULL};
    int error = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    unsetenv(CHILD_VARIABLE);
    cr_assert_eq(error, 0, "cannot start a child: %s", strerror(error));
    return pid;
}

/* True if it was killed, false if it ended well; anything else fails the test. */
static inline bool child_was_killed(pid_t pid) {
    int code = -1;
    cr_assert_eq(waitpid(pid, &code, 0), pid);
    if (WIFSIGNALED(code) && WTERMSIG(code) == SIGKILL) return true;
    cr_assert(WIFEXITED(code) && WEXITSTATUS(code) == 0, "the child ended with %x", (unsigned)code);
    return false;
}

#endif
