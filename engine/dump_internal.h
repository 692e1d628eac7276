/* What the parts of the dump's reader share. Private to engine/dump.h. */
#ifndef XINYI_ENGINE_DUMP_INTERNAL_H
#define XINYI_ENGINE_DUMP_INTERNAL_H

#include "base/subject.h"
#include "engine/dump.h"
#include "engine/dump_layout.h"
#include "engine/jline.h"

/* An object of a line: the line itself, or one within it. */
typedef struct dump_object {
    dump_parser *p;
    jline_member members[JLINE_MEMBERS_MAX];
    size_t count;
} dump_object;

/* Notes what is wrong, unless something is already; false. So do all below that return false or NULL, but for
 * dump_take and dump_take_two. */
bool dump_wrong(dump_parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool dump_open(dump_parser *p, const jline_value *v, dump_object *o);
/* The member of that name; NULL if there is none. It counts as expected. */
const jline_value *dump_take(dump_object *o, const char *name);
const jline_value *dump_take_two(dump_object *o, const char *name, const char *suffix);
const jline_value *dump_need(dump_object *o, const char *name);
bool dump_need_u64(dump_object *o, const char *name, uint64_t min, uint64_t max, uint64_t *out);
bool dump_need_version(dump_object *o, unsigned min, unsigned max, uint8_t *out); /* the field v */
bool dump_need_subject(dump_object *o, subject_id *out);
bool dump_nothing_left(const dump_object *o); /* every member was taken */
/* l->size bytes; those of fields without a name are zero. */
bool dump_take_image(dump_object *o, const layout *l, uint8_t *image);

#endif
