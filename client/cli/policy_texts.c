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

static int take_file(const cli *c, policy_texts *t, const json_t *file) {
    const json_t *text = json_object_get(file, "text");
    const char *name = json_string_value(json_object_get(file, "name"));
    if (name == NULL || !json_is_string(text)) {
        cli_error(c, "the server's answer cannot be understood: a file without name or text");
        return CLI_EXIT_REFUSED;
    }
    size_t i = t->count;
    t->paths[i] = strdup(name);
    if (t->paths[i] == NULL) return cli_no_memory(c);
    t->count++;
    t->contents[i] = (buf){0};
    buf_append(&t->contents[i], json_string_value(text), json_string_length(text));
    if (buf_status(&t->contents[i]) != STATUS_OK) return cli_no_memory(c);
    t->files[i] = (policy_file){.name = t->paths[i], .text = buf_cstr(&t->contents[i]), .length = t->contents[i].size};
    return buf_status(&t->contents[i]) == STATUS_OK ? 0 : cli_no_memory(c);
}

static int take_files(const cli *c, policy_texts *t, const json_t *document) {
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
    for (size_t i = 0; i < count && code == 0; i++) code = take_file(c, t, json_array_get(files, i));
    return code;
}

int policy_texts_ask(cli *c, const char *version, policy_texts *t) {
    char request[96];
    const char *answer = NULL;
    snprintf(request, sizeof request, "{\"command\":\"policy_texts\",\"version\":%.20s}", version);
    int code = cli_connect(c);
    if (code != 0) return code;
    int result = xinyi_command(c->x, request, &answer);
    if (result != 0) return cli_failed(c, result);
    json_error_t problem;
    json_t *document = json_loads(answer, 0, &problem);
    if (document == NULL) {
        cli_error(c, "the server's answer cannot be read: %s", problem.text);
        return CLI_EXIT_REFUSED;
    }
    code = take_files(c, t, document);
    json_decref(document);
    return code;
}
