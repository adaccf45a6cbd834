/* What the commands of the program share: their table, arguments and exit codes. */
#ifndef GN_CLI_CLI_H
#define GN_CLI_CLI_H

#include "base/option.h"
#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

enum { GN_EXIT_OK = 0, GN_EXIT_FAILED = 1, GN_EXIT_USAGE = 2 };
enum { GN_CLI_FLAGS = 24, GN_CLI_ARGS = 256 };

/* --name, or --name=VALUE when value is not NULL. */
typedef struct gn_flag {
  const char *name, *value, *help;
} gn_flag;

struct gn_command;

/* A parsed command line. */
typedef struct gn_args {
  const struct gn_command *command;
  size_t n, nover;
  const char *at[GN_CLI_ARGS];       /* positional                                      */
  const char *over[GN_CLI_ARGS];     /* "section.key=value", without the dashes         */
  const char *flag[GN_CLI_FLAGS];    /* values; "" for a plain flag; NULL: not given    */
} gn_args;

typedef struct gn_command {
  const char *name, *synopsis, *summary;
  const char *text;                  /* more for --help                                 */
  size_t least, most;                /* positional arguments                            */
  int overrides;                     /* takes --section.key=value                       */
  gn_flag flag[GN_CLI_FLAGS];        /* name NULL at the end                            */
  int (*run)(const gn_args *a);      /* exit code                                       */
} gn_command;

extern const gn_command gn_command_list, gn_command_show, gn_command_check, gn_command_train,
    gn_command_compare, gn_command_sweep, gn_command_advise, gn_command_grad, gn_command_plot,
    gn_command_solve, gn_command_case, gn_command_spectrum, gn_command_new,
    gn_command_report, gn_command_diagnose;

/* The manual page gnomon.1, from the commands. */
void gn_cli_man(size_t n, const gn_command *const *commands, FILE *to);

/* Value of a flag by name, or NULL. */
const char *gn_args_flag(const gn_args *a, const char *name);

/* Print "gnomon: MESSAGE" and return the exit code: of a mistake in the input, or of work
   that failed (only statuses that a user's input can cause at that point are his). */
int gn_cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int gn_cli_refuse(gn_status s); /* while reading and checking: 2, without memory 1 */
int gn_cli_failed(gn_status s); /* while working: 1                                */

/* The file a flag names, open for writing; *to is untouched without the flag. */
gn_status gn_cli_open(const gn_args *a, const char *flag, FILE **to);
/* Close it; rc, or GN_EXIT_FAILED with a message if something could not be written. */
int gn_cli_close(const gn_args *a, const char *flag, FILE *to, int rc);
/* The integer of a flag from least to most, else `missing`; -1 after a message. */
long gn_cli_long(const gn_args *a, const char *flag, long missing, long least, long most);

#endif
