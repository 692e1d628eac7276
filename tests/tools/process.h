/* A look at another process, through /proc. */
#ifndef XINYI_TESTS_TOOLS_PROCESS_H
#define XINYI_TESTS_TOOLS_PROCESS_H

#include "tests/tools/peer.h"

#include <dirent.h>

/* Resident memory. */
static inline size_t process_memory_kb(long pid) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    FILE *f = fopen(path, "r");
    EXPECT(f != NULL, "no process %ld: give --pid", pid);
    size_t kb = 0;
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "VmRSS: %zu kB", &kb) == 1) break;
    fclose(f);
    return kb;
}

/* Descriptors in use. */
static inline unsigned process_files(long pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd", pid);
    DIR *d = opendir(path);
    EXPECT(d != NULL, "no process %ld: give --pid", pid);
    unsigned n = 0;
    while (readdir(d) != NULL) n++;
    closedir(d);
    return n - 2;
}

/* CPU time so far, in clock ticks. */
static inline long process_ticks(long pid) {
    char path[64];
    long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *f = fopen(path, "r");
    EXPECT(f != NULL, "no process %ld: give --pid", pid);
    EXPECT(fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system) == 2, "no times");
    fclose(f);
    return user + system;
}

#endif
