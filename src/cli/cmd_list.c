/* gnomon list: what is registered, and which steppers and strategies go together. */
#include "base/table.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/registries.h"
#include "core/gradient.h"
#include "study/files.h"

#include <string.h>

static gn_status list_kinds(int from, int to, int csv)
{
  static const char *const cols[] = { "<kind", "<name", "<summary", "<source" };
  char text[64];
  gn_table *t;
  gn_entry e;
  GN_TRY(gn_table_create(sizeof cols / sizeof *cols, cols, &t));
  for (int k = from; k < to; k++)
    for (size_t i = 0; gn_entry_get(k, i, &e); i++) {
      gn_table_cell(t, "%s", e.kind);
      gn_table_cell(t, "%s", e.name);
      const char *numeric = gn_entry_numeric(&e, text, sizeof text);
      gn_table_cell(t, "%s%s%s%s", e.summary, *numeric ? " (" : "", numeric,
                    *numeric ? ")" : "");
      gn_table_cell(t, "%s", e.source ? e.source : "");
      gn_table_end_row(t);
    }
  gn_status s = gn_table_print(t, stdout, csv);
  gn_table_destroy(&t);
  return s;
}

static gn_status list_pairs(int csv)
{
  static const char *const cols[] = { "<stepper", "<strategy", "<exact", "<legal",
                                      "<reason" };
  gn_table *t;
  GN_TRY(gn_table_create(sizeof cols / sizeof *cols, cols, &t));
  for (const gn_stepper_class *const *st = gn_steppers; *st; st++)
    for (const gn_gradient_class *const *g = gn_gradients; *g; g++) {
      int legal = gn_pair_check(*st, *g) == GN_OK;
      gn_table_cell(t, "%s", (*st)->name);
      gn_table_cell(t, "%s", (*g)->name);
      gn_table_cell(t, "%s", (*g)->exact ? "yes" : "no");
      gn_table_cell(t, "%s", legal ? "yes" : "no");
      gn_table_cell(t, "%s", legal ? "" : gn_last_error());
      gn_table_end_row(t);
    }
  gn_status s = gn_table_print(t, stdout, csv);
  gn_table_destroy(&t);
  return s;
}

static int run(const gn_args *a)
{
  const int csv = gn_args_flag(a, "csv") != NULL;
  gn_status s = GN_OK;
  if (a->n == 0) {
    s = list_kinds(0, GN_KINDS, csv);
  } else if (strcmp(a->at[0], "pairs") == 0) {
    s = list_pairs(csv);
  } else if (strcmp(a->at[0], "files") == 0) {
    if (csv) return gn_cli_usage("list: files are described in Markdown, without --csv");
    s = gn_files_print(stdout);
  } else {
    const char *names[GN_KINDS + 2];
    int kind = 0;
    while (kind < GN_KINDS && strcmp(gn_kinds[kind], a->at[0]) != 0) kind++;
    for (int k = 0; k < GN_KINDS; k++) names[k] = gn_kinds[k];
    names[GN_KINDS] = "pairs";
    names[GN_KINDS + 1] = "files";
    if (kind == GN_KINDS)
      return gn_cli_usage("list: no list '%s'; did you mean '%s'?", a->at[0],
                          gn_text_nearest(a->at[0], names, GN_KINDS + 2));
    s = list_kinds(kind, kind + 1, csv);
  }
  return s == GN_OK ? GN_EXIT_OK : gn_cli_failed(s);
}

const gn_command gn_command_list = {
  .name = "list",
  .synopsis = "[models|steppers|strategies|datasets|losses|pairs|files] [--csv]",
  .summary = "What there is: name, summary, source",
  .text = "`pairs` says which steppers and strategies go together, and why others do not.\n"
          "`files` describes every file gnomon writes, column by column, in Markdown.\n",
  .most = 1,
  .flag = { { "csv", NULL, "print CSV" } },
  .run = run,
};
