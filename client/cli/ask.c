/* Documents are small and asked for by people: nothing here is fast. */
#include "client/cli/ask.h"

#include <stdlib.h>
#include <string.h>

int ask_server_quietly(cli *c, json_t *request, json_t **answer, int *failure) {
    const char *document = NULL;
    json_error_t problem;
    *answer = NULL;
    *failure = 0;
    char *dumped = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (dumped == NULL) return cli_no_memory(c);
    *failure = xinyi_command(c->x, dumped, &document);
    free(dumped);
    if (*failure != 0) return cli_exit_of(*failure);
    *answer = json_loads(document, 0, &problem);
    if (*answer != NULL) return 0;
    cli_error(c, "the server's answer cannot be read: %s", problem.text);
    return CLI_EXIT_REFUSED;
}

int ask_server(cli *c, json_t *request, json_t **answer) {
    int failure, code = ask_server_quietly(c, request, answer, &failure);
    return failure != 0 ? cli_failed(c, failure) : code;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int ask_upload(cli *c, const policy_texts *t, uint32_t *draft) {
    *draft = 0;
    for (size_t i = 0; i < t->count; i++) {
        int result = xinyi_upload(c->x, draft, last_part(t->files[i].name), t->files[i].text, t->files[i].length);
        if (result != 0) return cli_failed(c, result);
    }
    return 0;
}

int64_t ask_number(const json_t *object, const char *key) { return json_integer_value(json_object_get(object, key)); }

const char *ask_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

bool ask_true(const json_t *object, const char *key) { return json_is_true(json_object_get(object, key)); }

int ask_print(cli *c, const json_t *document) {
    char *text = json_dumps(document, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
    if (text == NULL) return cli_no_memory(c);
    jout_raw(&c->out, NULL, text);
    jout_line(&c->out);
    free(text);
    return CLI_EXIT_DONE;
}
