/* name: how a subject is called, for lists that are published. */
#include "base/purpose.h"
#include "base/utf8.h"
#include "client/cli/command.h"
#include "client/cli/option.h"
#include "client/cli/reporting.h"

#include <string.h>

const char help_name[] =
    "usage: xinyi name ID NAME [--source S] [--id TEXT]\n"
    "\n"
    "Tells the name of a subject, up to 96 bytes of UTF-8. The newest one counts.\n"
    "  --source S       who says so: number or id (xinyi sources); default 0, the province's own platform\n"
    "  --id TEXT        the source's own id of this report, up to 16 bytes or 32 hexadecimal digits\n"
    "  --purpose NAME   what the query is for (data_maintenance)\n"
    "\n"
    "  xinyi name uscc:91530000MA00TTT099 云南示例售电有限公司\n";

int command_name(cli *c, int argc, char **argv) {
    const char *source = NULL, *id = NULL, *purpose_text = NULL;
    const option_spec specs[] = {
        {"source", NULL, &source}, {"id", NULL, &id}, {"purpose", NULL, &purpose_text}, OPTION_END};
    xinyi_report_entry r = {.kind = XINYI_NAME};
    rulebook book = {0};
    unsigned number = 0, asked_for;
    int first, code = option_parse(c, argc, argv, specs, &first);
    if (code != 0 || (code = cli_purpose(c, purpose_text, PURPOSE_DATA_MAINTENANCE, &asked_for)) != 0) return code;
    if (argc - first != 2) return cli_usage(c, "give a subject and its name (in quotes if it has blanks)");
    if ((code = cli_subject(c, argv[first], &r.subject)) != 0) return code;
    size_t length = strlen(argv[first + 1]);
    if (length == 0 || length > sizeof r.text - 1)
        return cli_usage(c, "a name has 1 to %zu bytes (about 32 Chinese characters), not %zu", sizeof r.text - 1,
                         length);
    if (!utf8_is_line(argv[first + 1], length))
        return cli_usage(c, "a name is one line of UTF-8, without control characters");
    memcpy(r.text, argv[first + 1], length);
    if (id == NULL)
        r.id = xinyi_operation_new();
    else if (!reporting_parse_id(id, strlen(id), &r.id))
        return cli_usage(c, "--id is 1 to 16 bytes of text or 32 hexadecimal digits, not '%s'", id);
    if (source != NULL) code = rulebook_code(c, &book, RULEBOOK_SOURCES, source, &number);
    rulebook_deinit(&book);
    if (code != 0 || (code = cli_connect(c)) != 0) return code;
    r.source = (uint16_t)number;
    r.purpose = (uint8_t)asked_for;
    return reporting_send(c, &r);
}
