/* A directory gives its *.yaml files, a path that is no directory itself; the names in messages are the paths. A
 * version of the server gives what it was made of: {"files": [{"name": …, "text": …}]}. */
#include "client/cli/policy_texts.h"

#include "base/limits.h"
#include "base/status.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void policy_texts_deinit(policy_texts *t) {
    for (size_t i = 0; i < t->count; i++) {
        buf_deinit(&t->contents[i]);
        free(t->paths[i]);
    }
    free(t->files);
    free(t->contents);
    free(t->paths);
    file_list_deinit(&t->ignored);
    *t = (policy_texts){0};
}

static int read_text(const cli *c, policy_texts *t, const char *directory, const char *name) {
    size_t i = t->count;
    if (asprintf(&t->paths[i], "%s%s%s", directory, directory[0] != '\0' ? "/" : "", name) < 0) return cli_no_memory(c);
    t->contents[i] = (buf){0};
    t->count++;
    errno = 0;
    status s = file_read(t->paths[i], LIMIT_POLICY_FILE_BYTES, &t->contents[i]);
    if (s == STATUS_TOO_LARGE) return cli_usage(c, "%s is larger than %u bytes", t->paths[i], LIMIT_POLICY_FILE_BYTES);
    if (s == STATUS_NO_MEMORY) return cli_no_memory(c);
    if (s != STATUS_OK) return cli_usage(c, "cannot read %s: %s", t->paths[i], strerror(errno));
    const char *text = buf_cstr(&t->contents[i]);
    t->files[i] = (policy_file){.name = t->paths[i], .text = text, .length = t->contents[i].size};
    return 0;
}

static int read_all(const cli *c, policy_texts *t, const char *directory, char *const *names, size_t count) {
    t->files = calloc(count, sizeof *t->files);
    t->contents = calloc(count, sizeof *t->contents);
    t->paths = calloc(count, sizeof *t->paths);
    if (t->files == NULL || t->contents == NULL || t->paths == NULL) return cli_no_memory(c);
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) code = read_text(c, t, directory, names[i]);
    return code;
}

int policy_texts_read(const cli *c, const char *path, policy_texts *t) {
    struct stat about;
    file_list list;
    if (stat(path, &about) != 0) return cli_usage(c, "cannot read %s: %s", path, strerror(errno));
    if (!S_ISDIR(about.st_mode)) {
        char *const one[] = {(char *)path};
        return read_all(c, t, "", one, 1);
    }
    char directory[4096];
    snprintf(directory, sizeof directory, "%s", path);
    for (size_t n = strlen(directory); n > 1 && directory[n - 1] == '/'; n--) directory[n - 1] = '\0';
    errno = 0;
    if (file_list_dir(directory, ".yaml", &list) != STATUS_OK)
        return cli_usage(c, "cannot read %s: %s", path, strerror(errno));
    if (file_list_dir(directory, ".yml", &t->ignored) == STATUS_NO_MEMORY) {
        file_list_deinit(&list);
        return cli_no_memory(c);
    }
    int code = list.count == 0 ? cli_usage(c, "%s holds no *.yaml files%s", path,
                                           t->ignored.count > 0 ? ", only *.yml, which is not read: rename them" : "")
               : list.count > LIMIT_POLICY_FILES
                   ? cli_usage(c, "%s holds more than %d policy files", path, LIMIT_POLICY_FILES)
                   : read_all(c, t, directory, list.names, list.count);
    file_list_deinit(&list);
    return code;
}

/* ------------------------------------------------------------------ from the server */

static json_t *command_answer(cli *c, const char *request, int *code) {
    const char *answer = NULL;
    json_error_t problem;
    int result = xinyi_command(c->x, request, &answer);
    if (result != 0) {
        *code = cli_failed(c, result);
        return NULL;
    }
    json_t *document = json_loads(answer, 0, &problem);
    *code = document != NULL ? 0 : CLI_EXIT_REFUSED;
    if (document == NULL) cli_error(c, "the server's answer cannot be read: %s", problem.text);
    return document;
}

/* Large sets come without texts; each is asked for in parts, then. */
static int take_parts(cli *c, const char *version, const char *name, buf *to) {
    json_int_t offset = 0;
    for (;;) {
        int code;
        json_t *asked = json_pack("{ss, sI, ss, sI}", "command", "policy_texts", "version",
                                  (json_int_t)strtoll(version, NULL, 10), "file", name, "offset", offset);
        char *request = asked != NULL ? json_dumps(asked, JSON_COMPACT) : NULL;
        json_decref(asked);
        if (request == NULL) return cli_no_memory(c);
        json_t *part = command_answer(c, request, &code);
        free(request);
        if (part == NULL) return code;
        const json_t *text = json_object_get(part, "text"), *next = json_object_get(part, "next");
        buf_append(to, json_string_value(text), json_string_length(text));
        bool more = json_is_integer(next) && json_integer_value(next) > offset && json_is_string(text);
        offset = json_integer_value(next);
        json_decref(part);
        if (!more) return buf_status(to) == STATUS_OK ? 0 : cli_no_memory(c);
    }
}

static int take_file(cli *c, policy_texts *t, const char *version, const json_t *file) {
    const json_t *text = json_object_get(file, "text");
    const char *name = json_string_value(json_object_get(file, "name"));
    if (name == NULL) {
        cli_error(c, "the server's answer cannot be understood: a file without a name");
        return CLI_EXIT_REFUSED;
    }
    size_t i = t->count;
    t->paths[i] = strdup(name);
    if (t->paths[i] == NULL) return cli_no_memory(c);
    t->count++;
    t->contents[i] = (buf){0};
    int code = 0;
    if (json_is_string(text))
        buf_append(&t->contents[i], json_string_value(text), json_string_length(text));
    else
        code = take_parts(c, version, name, &t->contents[i]);
    if (code != 0) return code;
    if (buf_status(&t->contents[i]) != STATUS_OK) return cli_no_memory(c);
    t->files[i] = (policy_file){.name = t->paths[i], .text = buf_cstr(&t->contents[i]), .length = t->contents[i].size};
    return buf_status(&t->contents[i]) == STATUS_OK ? 0 : cli_no_memory(c);
}

static int take_files(cli *c, policy_texts *t, const char *version, const json_t *document) {
    const json_t *files = json_object_get(document, "files");
    size_t count = json_array_size(files);
    if (!json_is_array(files) || count > LIMIT_POLICY_FILES) {
        cli_error(c, "the server's answer cannot be understood: no list of files");
        return CLI_EXIT_REFUSED;
    }
    t->files = calloc(count + 1, sizeof *t->files);
    t->contents = calloc(count + 1, sizeof *t->contents);
    t->paths = calloc(count + 1, sizeof *t->paths);
    if (t->files == NULL || t->contents == NULL || t->paths == NULL) return cli_no_memory(c);
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) code = take_file(c, t, version, json_array_get(files, i));
    return code;
}

int policy_texts_ask(cli *c, const char *version, policy_texts *t) {
    char request[96];
    snprintf(request, sizeof request, "{\"command\":\"policy_texts\",\"version\":%.20s}", version);
    int code = cli_connect(c);
    if (code != 0) return code;
    json_t *document = command_answer(c, request, &code);
    if (document == NULL) return code;
    code = take_files(c, t, version, document);
    json_decref(document);
    return code;
}
