/* The text of a new model. */
#ifndef GN_CLI_NEW_MODEL_H
#define GN_CLI_NEW_MODEL_H

/* Lines of C with eval alone, NULL at the end; every @ stands for the model's name. */
extern const char *const gn_new_model[];

#endif
