/* Systematic sampling: the size comes from INFO before the walk, entry i is kept when i × wanted / size passes a whole
 * number. One walk, memory for the sample only. A server of 50 million subjects is walked in some seconds. */
#include "bench/sample.h"

#include "bench/keys.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROFILES = 4096, ACCOUNTS = 1024 };

static int failed(xinyi *x, const char *what, int code) {
    fprintf(stderr, "xinyi-bench: cannot %s: %s (%s)\n", what, xinyi_last_error(x), xinyi_status_name(code));
    return code == XINYI_CLOSED || code == XINYI_NO_CONNECTION || code == XINYI_TIMEOUT ? BENCH_EXIT_NO_CONNECTION
                                                                                        : BENCH_EXIT_FAILED;
}

static int population(xinyi *x, const char *key, uint64_t *out) {
    const char *text;
    int code = xinyi_info(x, &text);
    if (code != 0) return failed(x, "ask for the server's size", code);
    json_t *document = json_loads(text, 0, NULL);
    json_t *number = json_object_get(document, key);
    bool good = json_is_integer(number) && json_integer_value(number) >= 0;
    *out = good ? (uint64_t)json_integer_value(number) : 0;
    json_decref(document);
    if (!good) fprintf(stderr, "xinyi-bench: the server's INFO has no '%s'\n", key);
    return good ? 0 : BENCH_EXIT_FAILED;
}

/* The walk: one page at a time into `subjects`; 0 in *count ends it. */
typedef struct walk {
    xinyi *x;
    bool accounts;
    unsigned purpose;
    uint64_t cursor;
    union {
        xinyi_profile profiles[PROFILES];
        xinyi_account accounts[ACCOUNTS];
    } * page;
    xinyi_subject subjects[PROFILES];
    size_t count;
} walk;

static int walk_page(walk *w) {
    size_t n = w->accounts ? ACCOUNTS : PROFILES;
    int code = w->accounts ? xinyi_scan_accounts(w->x, w->purpose, &w->cursor, w->page->accounts, &n)
                           : xinyi_scan(w->x, w->purpose, &w->cursor, w->page->profiles, &n);
    if (code != 0) return failed(w->x, w->accounts ? "walk the accounts" : "walk the subjects", code);
    w->count = n;
    for (size_t i = 0; i < n; i++)
        w->subjects[i] = w->accounts ? w->page->accounts[i].subject : w->page->profiles[i].id;
    return 0;
}

/* Does entry `index` of `size` belong to a sample of `wanted`? */
static bool belongs(uint64_t index, uint64_t size, uint64_t wanted) {
    if (wanted >= size) return true;
    return (unsigned __int128)(index + 1) * wanted / size > (unsigned __int128)index * wanted / size;
}

int sample_take(xinyi *x, const bench_options *o, sample *out) {
    *out = (sample){0};
    bool accounts = options_op_on_accounts(o->op);
    uint64_t size = 0;
    walk *w = NULL;
    int code = population(x, accounts ? "accounts" : "subjects", &size);
    if (code != 0) return code;
    if (size == 0) goto empty;
    uint64_t wanted = size < o->sample ? size : o->sample;
    out->subjects = malloc(wanted * sizeof *out->subjects);
    w = malloc(sizeof *w);
    if (w != NULL) w->page = malloc(sizeof *w->page);
    if (out->subjects == NULL || w == NULL || w->page == NULL) {
        fprintf(stderr, "xinyi-bench: no memory for a sample of %llu subjects; try --sample\n",
                (unsigned long long)wanted);
        code = BENCH_EXIT_FAILED;
        goto out;
    }
    w->x = x;
    w->accounts = accounts;
    w->purpose = o->purpose;
    w->cursor = 0;
    do {
        code = walk_page(w);
        if (code != 0) goto out;
        for (size_t i = 0; i < w->count; i++)
            if (belongs(out->population++, size, wanted) && out->count < wanted)
                out->subjects[out->count++] = w->subjects[i];
    } while (w->count > 0);
    keys_shuffle(out->subjects, out->count, o->seed);
    if (out->count > 0) goto out;
empty:
    fprintf(stderr,
            accounts ? "xinyi-bench: %s has no guarantee accounts; import a file with energy or guarantee columns\n"
                     : "xinyi-bench: %s has no subjects; make some: xinyi gen --subjects 1000000 --output FILE, then "
                       "xinyi import FILE\n",
            o->server);
    code = BENCH_EXIT_FAILED;
out:
    if (w != NULL) free(w->page);
    free(w);
    if (code != 0) sample_deinit(out);
    return code;
}

void sample_deinit(sample *s) {
    free(s->subjects);
    *s = (sample){0};
}
