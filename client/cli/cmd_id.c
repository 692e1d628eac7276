/* A report on each number, for people or as JSON. Numbers come from anywhere, so they are shown with every byte that is
 * not printable ASCII escaped (in JSON as JSON does it), and lines of standard input are read in bounded memory. The
 * kind is never guessed: a number without prefix is refused, and if it would be valid with one (or with either), that
 * is shown. */
#include "client/cli/cmd_id.h"

#include "base/clock.h"
#include "base/division.h"
#include "base/subject.h"
#include "client/cli/jout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 256 /* of a line of standard input; what is longer is no number */
#define SHOWN_MAX 400

const char cmd_id_help[] =
    "usage: xinyi id check NUMBER... [--json]\n"
    "       xinyi id check -            numbers from standard input, one a line\n"
    "\n"
    "Checks resident IDs and unified social credit codes without a server: length, alphabet, check character, date,\n"
    "division; shows what is in them. The kind is given with a prefix and never guessed:\n"
    "  id:NUMBER      a natural person: resident ID (18 or 15 characters) or residence permit of the same form\n"
    "  uscc:NUMBER    a legal entity or other organisation: unified social credit code\n"
    "\n"
    "An unknown or retired division is a warning: numbers keep the division they were issued in.\n"
    "Exit status: 0 all valid, 1 some are not, 2 wrong usage.\n"
    "\n"
    "examples:\n"
    "  xinyi id check uscc:91530000MA00TTT099 id:530000199001010011\n"
    "  xinyi id check --json id:530000800101001\n"
    "  cut -d, -f1 province.csv | tail -n +2 | xinyi id check - --json | jq -c 'select(.valid | not)'\n";

/* ------------------------------------------------------------------ words */

/* Registering authorities and categories of GB 32100-2015. */
static const struct {
    char authority, category; /* category 0: the authority itself */
    const char *name, *title;
} words[] = {
    {'1', 0, "establishment office", "机构编制"},
    {'1', '1', "government", "机关"},
    {'1', '2', "public institution", "事业单位"},
    {'1', '3', "mass organisation", "群众团体"},
    {'2', 0, "foreign affairs", "外交"},
    {'2', '1', "foreign news organisation", "外国常驻新闻机构"},
    {'3', 0, "justice", "司法行政"},
    {'3', '1', "law firm", "律师执业机构"},
    {'3', '2', "notary office", "公证处"},
    {'3', '3', "grassroots legal service", "基层法律服务所"},
    {'3', '4', "forensic institution", "司法鉴定机构"},
    {'3', '5', "arbitration commission", "仲裁委员会"},
    {'4', 0, "culture", "文化"},
    {'4', '1', "foreign cultural centre", "外国在华文化中心"},
    {'5', 0, "civil affairs", "民政"},
    {'5', '1', "association", "社会团体"},
    {'5', '2', "private non-enterprise unit", "民办非企业单位"},
    {'5', '3', "foundation", "基金会"},
    {'6', 0, "tourism", "旅游"},
    {'6', '1', "foreign tourism office", "外国旅游部门常驻代表机构"},
    {'6', '2', "Hong Kong, Macau or Taiwan tourism office", "港澳台地区旅游部门常驻内地(大陆)代表机构"},
    {'7', 0, "religious affairs", "宗教"},
    {'7', '1', "place of worship", "宗教活动场所"},
    {'7', '2', "religious school", "宗教院校"},
    {'8', 0, "trade unions", "工会"},
    {'8', '1', "grassroots trade union", "基层工会"},
    {'9', 0, "market regulation", "市场监督管理"},
    {'9', '1', "enterprise", "企业"},
    {'9', '2', "individual business", "个体工商户"},
    {'9', '3', "farmers' cooperative", "农民专业合作社"},
    {'A', 0, "military", "军队"},
    {'A', '1', "military public institution", "军队事业单位"},
    {'N', 0, "agriculture", "农业"},
    {'N', '1', "group collective", "组级集体经济组织"},
    {'N', '2', "village collective", "村级集体经济组织"},
    {'N', '3', "township collective", "乡镇级集体经济组织"},
    {'Y', 0, "other", "其他"},
    {'Y', '1', "other", "其他"},
};

/* Index into words; of categories that have no row: "other" (9), else unknown (-1). */
static int word_of(char authority, char category) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].authority == authority && words[i].category == category) return (int)i;
    return category == '9' ? word_of('Y', '1') : -1;
}

static const char *document_of(const char *number) {
    static const struct {
        const char *start, *name;
    } documents[] = {{"81", "residence permit of a Hong Kong resident"},
                     {"82", "residence permit of a Macau resident"},
                     {"83", "residence permit of a Taiwan resident"},
                     {"9", "foreign permanent resident's ID"}};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        if (strncmp(number, documents[i].start, strlen(documents[i].start)) == 0) return documents[i].name;
    return "resident ID";
}

static const char *verdict_name(subject_verdict v) {
    switch (v) {
    case SUBJECT_VALID: return "valid";
    case SUBJECT_BAD_PREFIX: return "bad_prefix";
    case SUBJECT_BAD_LENGTH: return "bad_length";
    case SUBJECT_BAD_CHAR: return "bad_char";
    case SUBJECT_BAD_CHECK: return "bad_check";
    case SUBJECT_BAD_DATE: return "bad_date";
    case SUBJECT_FUTURE_DATE: return "future_date";
    case SUBJECT_BAD_CATEGORY: return "bad_category";
    case SUBJECT_WARN_DIVISION: return "unknown_division";
    case SUBJECT_WARN_RETIRED: return "retired_division";
    }
    return "unknown";
}

static const char *level_name(division_level level) {
    static const char *const names[] = {"province", "prefecture", "county"};
    return names[level];
}

/* ------------------------------------------------------------------ one number */

typedef struct report {
    const char *text; /* the input */
    size_t length;
    char shown[SHOWN_MAX]; /* the input, made harmless */
    subject_finding finding;
    char why[320];
    subject_id id; /* set if valid */
    bool valid;
    unsigned readings;             /* without a prefix: valid with so many */
    char reading[2][SUBJECT_TEXT]; /* "id:…", "uscc:…" */
} report;

static void make_harmless(const char *text, size_t length, char shown[SHOWN_MAX]) {
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        if (at + 8 >= SHOWN_MAX) {
            memcpy(shown + at, "...", 3);
            at += 3;
            break;
        }
        unsigned char c = (unsigned char)text[i];
        if (c >= ' ' && c < 0x7f)
            shown[at++] = (char)c;
        else
            at += (size_t)snprintf(shown + at, SHOWN_MAX - at, "\\x%02x", c);
    }
    shown[at] = '\0';
}

static void examine(const char *text, size_t length, int32_t today, report *r) {
    *r = (report){.text = text, .length = length};
    make_harmless(text, length, r->shown);
    r->finding = subject_parse(text, length, today, &r->id);
    r->valid = !subject_verdict_is_error(r->finding.verdict);
    subject_explain(&r->finding, text, r->why, sizeof r->why);
    if (r->finding.verdict != SUBJECT_BAD_PREFIX) return;
    static const subject_kind kinds[] = {SUBJECT_PERSON, SUBJECT_ENTITY};
    for (size_t i = 0; i < 2; i++) {
        subject_id id;
        subject_finding f = subject_parse_number(kinds[i], text, length, today, &id);
        if (!subject_verdict_is_error(f.verdict)) subject_format(&id, r->reading[r->readings++]);
    }
}

static void hex_of(const subject_id *id, char hex[2 * sizeof id->bytes + 1]) {
    for (size_t i = 0; i < sizeof id->bytes; i++) snprintf(hex + 2 * i, 3, "%02x", id->bytes[i]);
}

static const char *sex_of(const char *number) { return (number[16] - '0') % 2 == 1 ? "male" : "female"; }

/* ------------------------------------------------------------------ for people */

static void print_division(uint32_t code) {
    const division *d = division_find(code);
    if (d != NULL)
        printf("  division  %06u %s (%s%s)\n", code, d->name, level_name(d->level), d->retired ? ", retired" : "");
    else if (code == 100000)
        printf("  division  100000 (the central registrar)\n");
    else
        printf("  division  %06u (%s)\n", code, code / 10000 == 53 ? "unknown" : "outside the province");
}

static void print_entity(const char *number) {
    int authority = word_of(number[0], 0), category = word_of(number[0], number[1]);
    printf("  kind      entity, unified social credit code\n");
    if (authority >= 0) printf("  register  %c %s %s\n", number[0], words[authority].name, words[authority].title);
    if (category >= 0)
        printf("  category  %c %s %s\n", number[1], words[category].name, words[category].title);
    else
        printf("  category  %c (not in GB 32100-2015)\n", number[1]);
}

static void print_report(const report *r) {
    bool warned = r->valid && r->finding.verdict != SUBJECT_VALID;
    printf("%s  %s\n", r->shown, !r->valid ? "invalid" : warned ? "valid, with a warning" : "valid");
    if (!r->valid || warned) printf("  %s\n", r->why);
    for (unsigned i = 0; i < r->readings; i++) printf("  it would be valid as %s\n", r->reading[i]);
    if (r->readings == 2) printf("  it would be valid as either: only you can know which is meant\n");
    if (!r->valid) return;
    char text[SUBJECT_TEXT], hex[2 * sizeof r->id.bytes + 1], date[CLOCK_DATE_TEXT];
    const char *number = strchr(subject_format(&r->id, text), ':') + 1;
    hex_of(&r->id, hex);
    int32_t born;
    if (subject_birth_day(&r->id, &born)) {
        printf("  kind      person, %s\n", document_of(number));
        print_division(subject_division(&r->id));
        printf("  born      %s, %s\n", clock_format_day(born, date), sex_of(number));
    } else {
        print_entity(number);
        print_division(subject_division(&r->id));
    }
    printf("  number    %s\n  bytes     %s\n", text, hex);
}

/* ------------------------------------------------------------------ for programs */

static void json_division(jout *j, uint32_t code) {
    const division *d = division_find(code);
    jout_object(j, "division");
    jout_int(j, "code", code);
    jout_string(j, "name", d != NULL ? d->name : NULL);
    jout_string(j, "level", d != NULL ? level_name(d->level) : NULL);
    if (d != NULL)
        jout_bool(j, "retired", d->retired);
    else
        jout_null(j, "retired");
    jout_end(j);
}

static void json_word(jout *j, const char *key, char code, int word) {
    jout_object(j, key);
    jout_text(j, "code", &code, 1);
    jout_string(j, "name", word >= 0 ? words[word].name : NULL);
    jout_string(j, "title", word >= 0 ? words[word].title : NULL);
    jout_end(j);
}

static void json_content(jout *j, const report *r) {
    char text[SUBJECT_TEXT], hex[2 * sizeof r->id.bytes + 1], date[CLOCK_DATE_TEXT];
    const char *number = strchr(subject_format(&r->id, text), ':') + 1;
    int32_t born;
    bool person = subject_birth_day(&r->id, &born);
    hex_of(&r->id, hex);
    jout_string(j, "subject", text);
    jout_string(j, "kind", person ? "person" : "entity");
    json_division(j, subject_division(&r->id));
    if (person) {
        jout_string(j, "document", document_of(number));
        jout_string(j, "birth_date", clock_format_day(born, date));
        jout_string(j, "sex", sex_of(number));
    } else {
        json_word(j, "authority", number[0], word_of(number[0], 0));
        json_word(j, "category", number[1], word_of(number[0], number[1]));
    }
    jout_string(j, "bytes", hex);
}

static void json_report(jout *j, const report *r) {
    jout_object(j, NULL);
    if (memchr(r->text, '\0', r->length) == NULL)
        jout_text(j, "input", r->text, r->length);
    else
        jout_string(j, "input", r->shown); /* many readers of JSON refuse zero bytes */
    jout_bool(j, "valid", r->valid);
    jout_string(j, "verdict", verdict_name(r->finding.verdict));
    jout_string(j, "message", r->why);
    if (r->finding.position != 0) jout_int(j, "position", r->finding.position);
    if (r->finding.expected != 0) jout_text(j, "expected", &r->finding.expected, 1);
    if (r->finding.verdict == SUBJECT_BAD_PREFIX) {
        jout_array(j, "would_be_valid_as");
        for (unsigned i = 0; i < r->readings; i++) jout_string(j, NULL, r->reading[i]);
        jout_end(j);
    }
    if (r->valid) json_content(j, r);
    jout_end(j);
    jout_line(j);
}

/* ------------------------------------------------------------------ the command */

typedef struct id_check {
    jout out;
    bool json, help;
    int32_t today;
    uint64_t checked, invalid;
} id_check;

static void check_number(id_check *c, const char *text, size_t length) {
    report r;
    examine(text, length, c->today, &r);
    c->checked++;
    c->invalid += !r.valid;
    if (c->json)
        json_report(&c->out, &r);
    else
        print_report(&r);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Blanks at both ends and empty lines are skipped; of a line that is too long the beginning is checked (and refused).
 */
static void check_line(id_check *c, char *line, size_t length) {
    static const char bom[] = "\xEF\xBB\xBF";
    if (c->checked == 0 && length >= 3 && memcmp(line, bom, 3) == 0) {
        line += 3;
        length -= 3;
    }
    while (length > 0 && is_blank(line[length - 1])) length--;
    while (length > 0 && is_blank(*line)) {
        line++;
        length--;
    }
    line[length] = '\0';
    if (length > 0) check_number(c, line, length);
}

static int usage(const char *what, const char *detail, const char *remedy) {
    fprintf(stderr, "xinyi id: %s%s%s (see: xinyi id --help)\n", what, detail, remedy);
    return 2;
}

static int check_stdin(id_check *c) {
    char line[LINE_MAX_BYTES + 1];
    size_t length = 0;
    int byte;
    while ((byte = getc_unlocked(stdin)) != EOF) {
        if (byte == '\n') {
            check_line(c, line, length);
            length = 0;
        } else if (length < LINE_MAX_BYTES) {
            line[length++] = (char)byte;
        }
    }
    if (ferror(stdin)) {
        fprintf(stderr, "xinyi id: cannot read standard input: %s\n", strerror(errno));
        return 1;
    }
    if (length > 0) check_line(c, line, length);
    return c->checked > 0 ? 0 : usage("standard input holds no numbers", "", "");
}

/* Moves the positional arguments to argv[0..*count-1]. 0, or 2 after a message. */
static int parse_arguments(id_check *c, int argc, char **argv, int *count) {
    bool options = true;
    *count = 0;
    for (int i = 1; i < argc; i++) {
        if (!options || argv[i][0] != '-' || strcmp(argv[i], "-") == 0)
            argv[(*count)++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            options = false;
        else if (strcmp(argv[i], "--json") == 0)
            c->json = true;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            c->help = true;
        else
            return usage("unknown option '", argv[i], "'");
    }
    return 0;
}

static int check_usage(int count, char **argv) {
    if (count == 0) return usage("what to do? There is: xinyi id check NUMBER...", "", "");
    if (strcmp(argv[0], "check") != 0) {
        bool looks_like_number = strchr(argv[0], ':') != NULL || (argv[0][0] >= '0' && argv[0][0] <= '9');
        return usage("unknown action '", argv[0],
                     looks_like_number ? "': write xinyi id check NUMBER..." : "'; there is: check");
    }
    if (count == 1)
        return usage("which number? Give one or more, such as uscc:91530000MA00TTT099, or - for standard input", "",
                     "");
    for (int i = 1; i < count; i++)
        if (strcmp(argv[i], "-") == 0 && count > 2)
            return usage("- reads standard input and must be the only NUMBER", "", "");
    return 0;
}

int cmd_id(int argc, char **argv, bool json) {
    id_check c = {.json = json, .today = clock_day_of_ms(clock_wall_ms())};
    int count, code = parse_arguments(&c, argc, argv, &count);
    if (code != 0) return code;
    if (c.help) {
        fputs(cmd_id_help, stdout);
        goto flush;
    }
    code = check_usage(count, argv);
    if (code != 0) return code;
    if (strcmp(argv[1], "-") == 0)
        code = check_stdin(&c);
    else
        for (int i = 1; i < count; i++) check_number(&c, argv[i], strlen(argv[i]));
    if (code == 0 && c.invalid > 0) code = 1;
flush:
    if (!jout_flush(&c.out)) {
        fprintf(stderr, "xinyi id: cannot write to standard output: %s\n", strerror(errno));
        code = 1;
    }
    jout_deinit(&c.out);
    return code;
}
