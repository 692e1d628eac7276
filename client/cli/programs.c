/* A run speaks to one server, so its names are kept once for all who print them. */
#include "client/cli/programs.h"

#include "base/limits.h"
#include "client/cli/money.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static char names[PROGRAMS_MAX + 1][LIMIT_NAME_MAX + 1];
static char unnamed[PROGRAMS_MAX + 1][16];
static bool learnt;

const char *programs_name(unsigned program) {
    if (program == XINYI_PROGRAM_POWER) return "power";
    if (program > PROGRAMS_MAX) return "unknown";
    if (names[program][0] != '\0') return names[program];
    snprintf(unnamed[program], sizeof unnamed[program], "program_%u", program);
    return unnamed[program];
}

int programs_learn(cli *c) {
    const char *text = NULL;
    json_t *policy;
    size_t i;
    if (learnt) return 0;
    int code = xinyi_policy_info(c->x, &text);
    if (code != 0) return cli_failed(c, code);
    json_t *document = json_loads(text, 0, NULL);
    json_array_foreach(json_object_get(document, "policies"), i, policy) {
        json_int_t number = json_integer_value(json_object_get(policy, "program"));
        const char *name = json_string_value(json_object_get(policy, "program_name"));
        if (number < 1 || number > PROGRAMS_MAX || name == NULL) continue;
        snprintf(names[number], sizeof names[number], "%s", name);
    }
    json_decref(document);
    learnt = true;
    return 0;
}

static bool known(const char *text, unsigned *out) {
    int64_t number;
    for (unsigned i = 1; i <= PROGRAMS_MAX; i++) {
        if (strcmp(text, programs_name(i)) != 0) continue;
        *out = i;
        return true;
    }
    if (!money_parse_count(text, strlen(text), PROGRAMS_MAX, &number) || number == 0) return false;
    *out = (unsigned)number;
    return true;
}

bool programs_look(cli *c, const char *text, unsigned *out, char *why, size_t room) {
    *out = XINYI_PROGRAM_POWER;
    if (text == NULL || known(text, out)) return true;
    if (cli_connect(c) != 0 || programs_learn(c) != 0) {
        snprintf(why, room, "whether there is a guarantee program '%.64s' cannot be asked", text);
        return false;
    }
    if (known(text, out)) return true;
    int n = snprintf(why, room, "unknown guarantee program '%.64s'; there is: power", text);
    for (unsigned i = XINYI_PROGRAM_POWER + 1; i <= PROGRAMS_MAX; i++)
        if (names[i][0] != '\0' && n > 0 && (size_t)n < room)
            n += snprintf(why + n, room - (size_t)n, ", %s", names[i]);
    return false;
}

int programs_find(cli *c, const char *text, unsigned *out) {
    char why[1200];
    *out = XINYI_PROGRAM_POWER;
    if (text == NULL || known(text, out)) return 0;
    int code = cli_connect(c);
    if (code == 0) code = programs_learn(c);
    if (code != 0) return code;
    return programs_look(c, text, out, why, sizeof why) ? 0 : cli_usage(c, "%s", why);
}
