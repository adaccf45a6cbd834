/* gnomon show: the options of a class or of a section, from the tables that parse them. */
#include "base/table.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/registries.h"
#include "study/experiment.h"

#include <string.h>

enum { NAMES_MAX = 512 };
static const char *const sections[] = { "data",  "loss",    "solver", "gradient",
                                        "train", "compare", "run" };
enum { NSECTION = sizeof sections / sizeof *sections };

static gn_status print_options(const char *owner, const gn_option *table, int csv)
{
  static const char *const human[] = { "<option", "<default", "<values", "<help" };
  static const char *const full[] = { "name", "option", "default", "values", "help" };
  char text[2 * GN_TEXT_MAX];
  gn_table *t;
  GN_TRY(gn_table_create(csv ? 5 : 4, csv ? full : human, &t));
  for (const gn_option *o = table; o && o->name; o++) {
    if (csv) gn_table_cell(t, "%s", owner);
    gn_table_cell(t, "%s", o->name);
    gn_option_print_default(o, text, sizeof text);
    gn_table_cell(t, "%s", text);
    gn_option_print_range(o, text, sizeof text);
    gn_table_cell(t, "%s", text);
    gn_table_cell(t, "%s", o->help);
    gn_table_end_row(t);
  }
  gn_status s = gn_table_print(t, stdout, csv);
  gn_table_destroy(&t);
  return s;
}

static gn_status show_entry(const gn_entry *e, int csv)
{
  if (csv) return print_options(e->name, e->options, csv);
  (void)printf("%s (%s): %s\n", e->name, e->kind, e->summary);
  if (e->source && *e->source) (void)printf("source: %s\n", e->source);
  char numeric[64];
  if (*gn_entry_numeric(e, numeric, sizeof numeric))
    (void)printf("%s: by differences of eval; gnomon check %s says what to write next\n",
                 numeric, e->name);
  if (!e->options || !e->options->name) {
    (void)printf("no options; chosen by [%s] name = %s\n", e->section, e->name);
    return GN_OK;
  }
  (void)printf("\n[%s]\nname = %s\n\n", e->section, e->name);
  return print_options(e->name, e->options, csv);
}

static gn_status show_section(const char *name, int csv)
{
  if (!csv) (void)printf("[%s]: options that belong to no class\n\n", name);
  return print_options(name, gn_experiment_table(name), csv);
}

static int run(const gn_args *a)
{
  const int csv = gn_args_flag(a, "csv") != NULL;
  const char *want = a->at[0], *names[NAMES_MAX];
  size_t n = 0, found = 0;
  gn_status s = GN_OK;
  gn_entry e;
  for (size_t k = 0; k < NSECTION && s == GN_OK; k++) {
    names[n++] = sections[k];
    if (strcmp(sections[k], want) == 0 && found++ == 0) s = show_section(want, csv);
  }
  for (int k = 0; k < GN_KINDS; k++)
    for (size_t i = 0; gn_entry_get(k, i, &e) && s == GN_OK; i++) {
      if (n < NAMES_MAX) names[n++] = e.name;
      if (strcmp(e.name, want) != 0) continue;
      if (found++ && !csv) (void)putchar('\n');
      s = show_entry(&e, csv);
    }
  if (s != GN_OK) return gn_cli_failed(s);
  if (found == 0)
    return gn_cli_usage("show: nothing is called '%s'; did you mean '%s'? (gnomon list)",
                        want, gn_text_nearest(want, names, n));
  return GN_EXIT_OK;
}

const gn_command gn_command_show = {
  .name = "show",
  .synopsis = "NAME [--csv]",
  .summary = "Options of a model, stepper, strategy, data set, loss or section",
  .text = "NAME is a name from `gnomon list`, or a section with options of its own:\n"
          "data, loss, solver, gradient, train, compare, run.\n",
  .least = 1,
  .most = 1,
  .flag = { { "csv", NULL, "print CSV" } },
  .run = run,
};
