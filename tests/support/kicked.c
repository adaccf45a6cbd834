/* The model of tests/data/one_file under another name, so that the suites have a model that
 * jumps whether or not it is registered. */
#define gn_model_kicked gn_rig_kicked
#include "data/one_file/models/kicked.c" /* NOLINT(bugprone-suspicious-include) */
