/* libyaml's events become a small tree, with the limits checked as it grows: a hostile file ends in a finding, not in
 * memory. What YAML can do and a policy does not need — anchors and aliases (a kilobyte that unfolds to a gigabyte),
 * tags, several documents, control characters — is refused; a policy says everything where it stands.
 *
 * All scalars stay texts: whether true, 3.5 or 2026-01-01 means something is for the field to say. */
#include "engine/policy_load.h"

#include "base/check.h"
#include "engine/policy_suggest.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

typedef struct level {
    policy_node *node, *last; /* last: item or key; of a key without value yet, `value` is NULL */
} level;

typedef struct builder {
    policy_loader *l;
    const char *text;
    size_t length;
    policy_node *root;
    unsigned depth, nodes, documents;
    level levels[LIMIT_POLICY_DEPTH];
} builder;

static policy_mark mark_of(yaml_mark_t m) { return (policy_mark){(unsigned)m.line + 1, (unsigned)m.column + 1}; }

#define say(b, mark, ...) policy_say_at((b)->l, POLICY_ERROR, (mark), __VA_ARGS__)

/* ------------------------------------------------------------------ syntax errors */

static const struct {
    const char *problem, *remedy;
} REMEDIES[] = {
    {"cannot start any token", "put the text in quotes; indent with spaces, never with tabs"},
    {"mapping values are not allowed", "check the indentation, and put a text that contains ': ' in quotes"},
    {"expected ',' or ']'",
     "items in [ ] are separated by commas; put cells such as '[3..6)' or '\"A\",\"B\"' in quotes"},
    {"expected ',' or '}'", "entries in { } are separated by commas; put cells such as '[3..6)' in quotes"},
    {"expected key", "check the indentation of this line and of the one before"},
    {"'-' indicator", "check the indentation: items of one list begin in one column"},
    {"block sequence entries", "put '-' in quotes, and begin lists on a line of their own"},
    {"tab character", "indent with spaces"},
    {"unexpected end of stream", "a closing quote or bracket is missing"},
    {"could not find expected ':'", "a key is followed by ': '"},
    {"alphabetic or numeric character", "put a text that begins with & or * in quotes"},
    {"control characters", "remove the control character"},
    {"UTF-8", "save the file as UTF-8"},
    {"document start", "write one policy a file, without '...' and '---'"},
    {"escape character", "within double quotes \\ is special; use single quotes"},
};

static const char *remedy_of(const char *problem) {
    for (size_t i = 0; i < sizeof REMEDIES / sizeof REMEDIES[0]; i++)
        if (strstr(problem, REMEDIES[i].problem)) return REMEDIES[i].remedy;
    return "check quotes, brackets and indentation here";
}

/* The reader gives a byte offset only. */
static policy_mark mark_of_offset(const builder *b, size_t offset) {
    policy_mark m = {1, 1};
    if (offset > b->length) offset = b->length;
    for (size_t i = 0; i < offset; i++) {
        if (b->text[i] == '\n')
            m.line++, m.column = 1;
        else if (((unsigned char)b->text[i] & 0xC0) != 0x80)
            m.column++;
    }
    return m;
}

static status syntax_error(builder *b, const yaml_parser_t *parser) {
    if (parser->error == YAML_MEMORY_ERROR) return STATUS_NO_MEMORY;
    const char *problem = parser->problem ? parser->problem : "the text cannot be understood";
    policy_mark at =
        parser->error == YAML_READER_ERROR ? mark_of_offset(b, parser->problem_offset) : mark_of(parser->problem_mark);
    say(b, at, "not YAML: %s%s%s; %s", parser->context ? parser->context : "", parser->context ? ", " : "", problem,
        remedy_of(problem));
    return STATUS_POLICY_INVALID;
}

/* ------------------------------------------------------------------ nodes */

static status new_node(builder *b, policy_node_kind kind, const yaml_event_t *event, policy_node **out) {
    if (++b->nodes > LIMIT_POLICY_NODES) {
        say(b, mark_of(event->start_mark), "the file has more than %u parts; split it by period or scenario",
            LIMIT_POLICY_NODES);
        return STATUS_POLICY_INVALID;
    }
    policy_node *node = POLICY_ARENA_ARRAY(&b->l->scratch, policy_node, 1);
    if (!node) return STATUS_NO_MEMORY;
    policy_mark m = mark_of(event->start_mark);
    *node = (policy_node){.kind = (uint8_t)kind, .line = m.line, .column = m.column};
    *out = node;
    return STATUS_OK;
}

/* A key that comes twice is said; policy_read_keys takes its first value. */
static status add_key(builder *b, level *top, policy_node *node) {
    if (node->kind != NODE_TEXT) {
        say(b, policy_mark_of(node), "a key must be a text");
        return STATUS_POLICY_INVALID;
    }
    const policy_node *k = top->node->first;
    while (k && (k->length != node->length || memcmp(k->text, node->text, k->length) != 0)) k = k->next;
    if (k)
        say(b, policy_mark_of(node), "the key '%.*s' stands here twice, first in line %u; remove one",
            policy_shown(node->text, node->length), node->text, k->line);
    if (++top->node->count > LIMIT_POLICY_KEYS) {
        say(b, policy_mark_of(node), "more than %d keys in one place", LIMIT_POLICY_KEYS);
        return STATUS_POLICY_INVALID;
    }
    return STATUS_OK;
}

static status attach(builder *b, policy_node *node) {
    if (b->depth == 0) {
        b->root = node;
        return STATUS_OK;
    }
    level *top = &b->levels[b->depth - 1];
    bool is_map = top->node->kind == NODE_MAP;
    if (is_map && top->last && !top->last->value) {
        top->last->value = node;
        return STATUS_OK;
    }
    if (is_map) {
        status s = add_key(b, top, node);
        if (s != STATUS_OK) return s;
    } else
        top->node->count++;
    if (top->last)
        top->last->next = node;
    else
        top->node->first = node;
    top->last = node;
    return STATUS_OK;
}

/* ------------------------------------------------------------------ events */

static void check_plain(builder *b, const yaml_event_t *event, const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (anchor)
        say(b, mark_of(event->start_mark), "anchors (&name) are not understood; write the text where it is needed");
    if (tag) say(b, mark_of(event->start_mark), "tags (!type) are not understood; write the text alone");
}

static size_t characters(const char *text, size_t length) {
    size_t n = 0;
    for (size_t i = 0; i < length; i++) n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static bool is_printable(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7F) return false;
    return true;
}

static status on_scalar(builder *b, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    check_plain(b, event, event->data.scalar.anchor, event->data.scalar.tag);
    policy_node *node;
    status s = new_node(b, NODE_TEXT, event, &node);
    if (s != STATUS_OK) return s;
    if (length > LIMIT_POLICY_TEXT_BYTES) {
        say(b, policy_mark_of(node), "a text of %zu bytes; at most %d are allowed", length, LIMIT_POLICY_TEXT_BYTES);
        length = 0;
    }
    if (!is_printable(text, length)) {
        say(b, policy_mark_of(node), "the text contains a control character; remove it");
        length = 0;
    }
    node->text = policy_arena_text(&b->l->scratch, text, length);
    if (!node->text) return STATUS_NO_MEMORY;
    node->length = (uint32_t)length;
    yaml_scalar_style_t style = event->data.scalar.style;
    node->quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    node->straight = event->start_mark.line == event->end_mark.line &&
                     event->end_mark.index - event->start_mark.index == characters(text, length) + 2u * node->quoted;
    return attach(b, node);
}

static status on_start(builder *b, const yaml_event_t *event, policy_node_kind kind) {
    if (kind == NODE_LIST)
        check_plain(b, event, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    else
        check_plain(b, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    policy_node *node;
    status s = new_node(b, kind, event, &node);
    if (s == STATUS_OK) s = attach(b, node);
    if (s != STATUS_OK) return s;
    if (b->depth == LIMIT_POLICY_DEPTH) {
        say(b, policy_mark_of(node), "lists and maps are nested more than %d deep", LIMIT_POLICY_DEPTH);
        return STATUS_POLICY_INVALID;
    }
    b->levels[b->depth++] = (level){.node = node};
    return STATUS_OK;
}

static status on_event(builder *b, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++ == 0) return STATUS_OK;
        say(b, mark_of(event->start_mark), "a second document; write one policy a file");
        return STATUS_POLICY_INVALID;
    case YAML_ALIAS_EVENT:
        say(b, mark_of(event->start_mark),
            "aliases (*name) are not understood; write the text where it is needed, in "
            "quotes if it begins with *");
        return STATUS_POLICY_INVALID;
    case YAML_SCALAR_EVENT: return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT: return on_start(b, event, NODE_LIST);
    case YAML_MAPPING_START_EVENT: return on_start(b, event, NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        CHECK(b->depth > 0);
        b->depth--;
        return STATUS_OK;
    default: return STATUS_OK;
    }
}

status policy_yaml_parse(policy_loader *l, const char *text, size_t length, policy_node **root) {
    builder b = {.l = l, .text = text, .length = length};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return STATUS_NO_MEMORY;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    status s = STATUS_OK;
    for (bool end = false; s == STATUS_OK && !end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            s = syntax_error(&b, &parser);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        s = on_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (s == STATUS_OK && !b.root) {
        say(&b, ((policy_mark){1, 1}), "the file is empty; a policy begins with 'policy:'");
        s = STATUS_POLICY_INVALID;
    }
    *root = b.root;
    return s;
}
