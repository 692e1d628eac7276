/* What commands print about profiles and decisions, as JSON and for people. Field names are the protocol's. */
#ifndef XINYI_CLI_VIEW_H
#define XINYI_CLI_VIEW_H

#include "client/cli/catalog.h"
#include "client/cli/cli.h"
#include "client/cli/sheet.h"

/* Members of the open object: "subject", "version", then every field: enums by name, missing null, flags booleans,
 * days YYYY-MM-DD. */
void view_profile_json(jout *j, const xinyi_profile *p);
/* Only what is known; with `all` everything. */
void view_profile_card(const cli *c, sheet *card, const xinyi_profile *p, bool all);

/* Members of the open object: "scenario", "status", "outcome", … */
void view_decision_json(jout *j, const catalog *names, unsigned scenario, const xinyi_decision *d);
void view_decision_card(const cli *c, sheet *card, const catalog *names, unsigned scenario, const xinyi_decision *d);

const char *view_outcome(unsigned outcome); /* "granted" */
/* The paint of an outcome: green, yellow, red, or NULL. */
const char *view_outcome_paint(unsigned outcome);

#define VIEW_TEXT 32
/* A day as YYYY-MM-DD, "" for 0. */
const char *view_day(uint16_t day, char buffer[VIEW_TEXT]);
/* Basis points as percent: 350 → "3.50%"; with sign: "-0.30%". */
const char *view_percent(int bp, char buffer[VIEW_TEXT]);

#endif
