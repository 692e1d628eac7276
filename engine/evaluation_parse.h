/* Inside the loading of an evaluation file. As everywhere in a load, what returns false or nothing has said why. */
#ifndef XINYI_ENGINE_EVALUATION_PARSE_H
#define XINYI_ENGINE_EVALUATION_PARSE_H

#include "engine/evaluation_model.h"

/* After the indicators, whose slots they use. */
void evaluation_parse_cards(policy_loader *l, const policy_node *node, evaluation *e);
/* After the scorecards, which they name. */
void evaluation_parse_examples(policy_loader *l, const policy_node *node, evaluation *e);

#endif
