/* The subjects that areas name one by one: a set of (area, subject), made once and then only looked into. Constant,
 * any thread; lies in the memory it was made in. */
#ifndef XINYI_ENGINE_AREAS_H
#define XINYI_ENGINE_AREAS_H

#include "base/subject.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct area_subjects area_subjects;

/* Bytes for so many members, aligned to 16 and zeroed by the caller. */
size_t area_subjects_bytes(size_t members);
area_subjects *area_subjects_init(void *memory, size_t members);
/* False if it is in already. At most as many as were announced; area is not 0. */
bool area_subjects_add(area_subjects *set, uint16_t area, const subject_id *subject);
bool area_subjects_has(const area_subjects *set, uint16_t area, const subject_id *subject);

#endif
