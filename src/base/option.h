/* Options by table: one row gives the default, the range check, the parser, the help
   line and the run record of one field of a config struct. */
#ifndef GN_BASE_OPTION_H
#define GN_BASE_OPTION_H

#include "base/status.h"

#include <stddef.h>

#define GN_TEXT_MAX 256

typedef enum gn_option_type {
  GN_OPT_INT,    /* field is int                                     */
  GN_OPT_REAL,   /* field is double                                  */
  GN_OPT_BOOL,   /* field is int; written yes|no, read also 1|0|true|false|on|off */
  GN_OPT_CHOICE, /* field is int, the position in "a|b|c"            */
  GN_OPT_TEXT    /* field is char[GN_TEXT_MAX]                       */
} gn_option_type;

typedef struct gn_option {
  const char *name;
  gn_option_type type;
  size_t offset;         /* of the field in the config struct                 */
  double init, min, max; /* default and closed range (numbers)                */
  const char *text;      /* choices "a|b|c", or the default of GN_OPT_TEXT    */
  const char *help;
} gn_option;

/* name is the key in the file; field may be nested (net.width). Tables end with
   GN_OPTIONS_END. */
#define GN_INT(cfg, name, field, init, min, max, help)                                   \
  { name, GN_OPT_INT, offsetof(cfg, field), (init), (min), (max), NULL, help }
#define GN_REAL(cfg, name, field, init, min, max, help)                                  \
  { name, GN_OPT_REAL, offsetof(cfg, field), (init), (min), (max), NULL, help }
#define GN_BOOL(cfg, name, field, init, help)                                            \
  { name, GN_OPT_BOOL, offsetof(cfg, field), (init), 0, 1, NULL, help }
#define GN_CHOICE(cfg, name, field, init, choices, help)                                 \
  { name, GN_OPT_CHOICE, offsetof(cfg, field), (init), 0, 0, choices, help }
#define GN_TEXT(cfg, name, field, init, help)                                            \
  { name, GN_OPT_TEXT, offsetof(cfg, field), 0, 0, 0, init, help }
#define GN_OPTIONS_END { NULL, GN_OPT_INT, 0, 0, 0, 0, NULL, NULL }

/* Fill every field named by the table with its default. */
void gn_options_default(const gn_option *table, void *config);

/* Row of that name, or NULL. */
const gn_option *gn_option_find(const gn_option *table, const char *name);

/* Parse value into the field. GN_ENAME for an unknown key (the message names the nearest
   one), GN_EARG for a value that does not parse or is out of range: "width = 0, expected
   1 to 4096". Numbers must be read to their last character. */
gn_status gn_option_set(const gn_option *table, void *config, const char *name,
                        const char *value);

/* The value as text that gn_option_set reads back to the same bits (%.17g where needed,
   the shortest that round-trips). */
void gn_option_print(const gn_option *o, const void *config, char *buf, size_t size);
/* Its default, and its allowed values ("1 to 4096", "tanh|relu", "yes|no", "text"). */
void gn_option_print_default(const gn_option *o, char *buf, size_t size);
void gn_option_print_range(const gn_option *o, char *buf, size_t size);

#endif
