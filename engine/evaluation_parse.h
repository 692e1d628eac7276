/* Inside the loading of an evaluation file. As everywhere in a load, what returns false or nothing has said why. */
#ifndef XINYI_ENGINE_EVALUATION_PARSE_H
#define XINYI_ENGINE_EVALUATION_PARSE_H

#include "engine/evaluation_model.h"

/* A file whose first key is `evaluation:`; sets out->evaluation. */
void evaluation_parse(policy_loader *l, const policy_node *root, credit_rules *out);
/* Once all files of the set are read: the sources that the indicators name. */
void evaluation_resolve(policy_loader *l, const credit_rules *rules);

/* After the indicators, whose slots they use. */
void evaluation_parse_cards(policy_loader *l, const policy_node *node, evaluation *e);
/* After the scorecards, which they name. */
void evaluation_parse_examples(policy_loader *l, const policy_node *node, evaluation *e);

#endif
