/* The policies under which the simulation runs: two guarantee programs, and a catalogue of records of which one
 * suspends and one blocks exemption. Variants differ in factors, ratios and whether a shortfall refuses. */
#ifndef XINYI_TESTS_SIM_RULES_H
#define XINYI_TESTS_SIM_RULES_H

#include "engine/policy.h"

#define RULES_VARIANTS 3
#define RULES_FILES 5
#define RULES_RECORD_SUSPENDS 101
#define RULES_RECORD_NO_EXEMPTION 102

/* The texts of a variant; they live as long as the program. */
const policy_file *rules_files(unsigned variant);
/* Compiles it under a version; aborts if it does not compile. */
policy_set *rules_compile(unsigned variant, uint32_t version);

#endif
