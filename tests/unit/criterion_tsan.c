/* Lets Criterion run under ThreadSanitizer; linked into the tests of SANITIZE=thread builds only.
 *
 * Criterion keeps what parent and child processes share in memory at the same fixed address in both, which it picks by
 * rand_r: 0x200000000000 + (rand_r() & 0x3fffff) * 16 MiB. ThreadSanitizer on x86-64 gives programs only a few ranges
 * of addresses and refuses nearly all of those ("Could not initialize inheritable arena"). This rand_r, which nothing
 * else in the tests calls, leads to 0x550000000000..0x555000000000: allowed, and below where programs are loaded. */
#include <stdlib.h>

__attribute__((visibility("default"))) int rand_r(unsigned *seed) {
    *seed = *seed * 1103515245u + 12345u;
    return 0x350000 + (int)((*seed >> 8) % 0x5000);
}
