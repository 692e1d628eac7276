/* The names of the active policy set: scenarios and benefits by code, from the server's POLICY_INFO document.
 * Where the server has none, codes are shown as numbers. Owned by the caller, one thread. */
#ifndef XINYI_CLI_CATALOG_H
#define XINYI_CLI_CATALOG_H

#include "client/cli/cli.h"

#include <jansson.h>
#include <stdint.h>

#define CATALOG_SCENARIOS 64
#define CATALOG_BENEFITS 64

typedef struct catalog {
    json_t *document; /* NULL until loaded; owns all strings below */
    const char *scenario[CATALOG_SCENARIOS];
    const char *title[CATALOG_SCENARIOS]; /* of the newest policy */
    uint8_t purpose[CATALOG_SCENARIOS];   /* the usual one, 0 none */
    const char *benefit_id[CATALOG_SCENARIOS][CATALOG_BENEFITS];
    const char *benefit_title[CATALOG_SCENARIOS][CATALOG_BENEFITS];
} catalog;

/* Asks the server. 0, or an exit code after a message. */
int catalog_load(cli *c, catalog *out);
void catalog_deinit(catalog *k);
/* "loan" → 1. The five that ship are known without a server; others need a loaded catalog. 0, or CLI_EXIT_USAGE after a
 * message. */
int catalog_scenario(const cli *c, const catalog *k, const char *name, unsigned *code);
/* The purpose for which a scenario is usually asked, as its policy says; 0: the caller has to name one. */
unsigned catalog_purpose(const catalog *k, unsigned scenario);
/* "loan"; "scenario_9" is written into buffer if unknown. */
const char *catalog_scenario_name(const catalog *k, unsigned code, char buffer[32]);

#endif
