/* gnomon check: the contract tests of models, with numbers. */
#include "base/text.h"
#include "cli/cli.h"
#include "study/check.h"
#include "study/experiment.h"

#include <stdlib.h>
#include <string.h>

/* Options "key=value:key=value" on top of the defaults; text is cut up. */
static gn_status set_options(const gn_model_class *cls, char *text, void *config)
{
  gn_options_default(cls->options, config);
  for (char *next; text; text = next) {
    next = strchr(text, ':');
    if (next) *next++ = '\0';
    char *eq = strchr(text, '=');
    GN_REQUIRE(eq, GN_EARG, "'%s', expected key=value", text);
    *eq = '\0';
    GN_TRY(gn_option_set(cls->options, config, text, eq + 1));
  }
  return GN_OK;
}

/* With the running cost that the flag asks for. */
static gn_status add_cost(const char *rate, gn_model **m)
{
  const gn_option *table = gn_experiment_table("loss");
  gn_running_options o;
  gn_options_default(table, &o);
  gn_status s = rate ? gn_option_set(table, &o, "running", rate) : GN_OK;
  if (s == GN_OK) s = gn_running_add(m, (gn_running_rate)o.rate, (size_t)o.component);
  if (s != GN_OK) gn_model_destroy(m);
  return s;
}

/* The model a text "name:key=value" asks for. */
static gn_status make_model(gn_arena *a, const char *text, const char *rate, gn_model **out)
{
  char *name = gn_arena_strdup(a, text), *keys, *config;
  if (!name) return GN_ENOMEM;
  keys = strchr(name, ':');
  if (keys) *keys++ = '\0';
  const gn_model_class *cls = gn_model_find(name);
  if (!cls) return GN_ENAME;
  GN_NEW(a, config, cls->config_size ? cls->config_size : 1);
  gn_status s = set_options(cls, keys, config);
  if (s == GN_OK) s = gn_check_instance(cls, config, out);
  if (s == GN_OK) s = add_cost(rate, out);
  return s == GN_OK ? s : gn_fail_prefix(s, "%s", text);
}

typedef struct job {
  size_t n;
  gn_model *model[GN_CLI_ARGS];
  gn_check *check[GN_CLI_ARGS];
} job;

static int work(const gn_args *a, const job *j, uint64_t seed, gn_check **check)
{
  size_t bad = 0;
  for (size_t k = 0; k < j->n; k++) {
    gn_status s = gn_check_model(j->model[k], seed, &check[k]);
    if (s != GN_OK) return gn_cli_failed(s);
    bad += check[k]->nfail;
  }
  int detail = gn_args_flag(a, "all") ? GN_CHECK_ALL
               : a->n > 0             ? GN_CHECK_TESTS
                                      : GN_CHECK_MAPS;
  gn_status s = gn_check_print(j->n, check, stdout, gn_args_flag(a, "csv") != NULL, detail);
  if (s != GN_OK) return gn_cli_failed(s);
  return bad ? GN_EXIT_FAILED : GN_EXIT_OK;
}

static int run(const gn_args *a)
{
  static const char what[] = "check: --seed=%s, expected an integer from 0";
  long seed = 1;
  const char *given = gn_args_flag(a, "seed"), *rate = gn_args_flag(a, "running");
  if (given && (gn_text_long(given, &seed) != GN_OK || seed < 0))
    return gn_cli_usage(what, given);
  job j = { 0 };
  gn_arena *arena;
  gn_status s = gn_arena_create(&arena);
  for (size_t k = 0; k < a->n && s == GN_OK; k++) {
    s = make_model(arena, a->at[k], rate, &j.model[k]);
    j.n += s == GN_OK;
  }
  for (size_t k = 0; a->n == 0 && gn_models[k] && k < GN_CLI_ARGS && s == GN_OK; k++) {
    s = make_model(arena, gn_models[k]->name, rate, &j.model[k]);
    j.n += s == GN_OK;
  }
  int rc = s == GN_OK ? work(a, &j, (uint64_t)seed, j.check) : gn_cli_refuse(s);
  for (size_t k = 0; k < j.n; k++) {
    gn_check_destroy(&j.check[k]);
    gn_model_destroy(&j.model[k]);
  }
  gn_arena_destroy(&arena);
  return rc;
}

const gn_command gn_command_check = {
  .name = "check",
  .synopsis = "[MODEL[:key=value...] ...] [--running=RATE] [--all] [--csv] [--seed=N]",
  .summary = "Contract tests of models, with numbers",
  .text = "Holds every verb of every map (f, lift, jump, read) against central differences,\n"
          "the other verbs and the habits of the contract, per block and per parameter. A\n"
          "disagreement names verb, place, both values and the likely mistake; exit code 1.\n"
          "Options of the model follow its name: gnomon check hbnode:width=8:lift=encoder\n",
  .most = GN_CLI_ARGS,
  .flag = { { "all", NULL, "a line for every comparison" },
            { "csv", NULL, "print CSV" },
            { "running", "RATE", "with a running cost: kinetic, square or component (the first)" },
            { "seed", "N", "of the point at which the maps are checked (1)" } },
  .run = run,
};
