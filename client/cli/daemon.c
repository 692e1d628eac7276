/* exec and not a child: output, signals and the exit status are xinyid's, and nothing is in between. */
#include "client/cli/daemon.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "xinyid"

static void beside(char path[4096 + 16]) {
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    path[0] = '\0';
    if (n <= 0) return;
    self[n] = '\0';
    snprintf(path, 4096 + 16, "%s/" NAME, dirname(self));
}

int daemon_become(cli *c, const char *const arguments[]) {
    char *argv[DAEMON_ARGUMENTS + 3] = {(char *)(uintptr_t)NAME}, path[4096 + 16];
    size_t n = 1;
    for (size_t i = 0; i < DAEMON_ARGUMENTS && arguments[i] != NULL; i++)
        argv[n++] = (char *)(uintptr_t)arguments[i]; /* exec's type; it does not write */
    if (c->json) argv[n++] = (char *)(uintptr_t) "--json";
    argv[n] = NULL;
    fflush(stdout);
    beside(path);
    if (path[0] != '\0') execv(path, argv);
    execvp(NAME, argv);
    cli_error(c, "cannot run " NAME " (looked for %s, then in PATH): %s", path, strerror(errno));
    return CLI_EXIT_REFUSED;
}
