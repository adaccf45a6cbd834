/* gnomon grad: the gradient of a case another program wrote. */
#include "cli/cli.h"
#include "study/cases.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The answer's directory, before any work. */
static gn_status check_out(const char *out)
{
  char dir[4096];
  const char *slash = strrchr(out, '/');
  size_t n = slash ? (size_t)(slash - out) : 0;
  GN_REQUIRE(n < sizeof dir, GN_EARG, "grad: --out: the path is too long");
  memcpy(dir, out, n);
  dir[n] = '\0';
  const char *where = slash ? (n ? dir : "/") : ".";
  GN_REQUIRE(access(where, W_OK | X_OK) == 0, GN_EIO,
             "%s: cannot write in the directory: %s", where, strerror(errno));
  return GN_OK;
}

static int work(gn_case *c, const char *out)
{
  gn_status s = gn_case_run(c);
  if (s == GN_OK) s = gn_case_write(c, out);
  if (s != GN_OK) return gn_cli_failed(s);
  const gn_stats *st = gn_case_stats(c);
  (void)printf("%s: %s; steps %ld+%ld, rejected %ld+%ld, work %ld\n", out, st->executed,
               st->steps, st->back_steps, st->rejects, st->back_rejects, gn_stats_work(st));
  return GN_EXIT_OK;
}

static int run(const gn_args *a)
{
  const char *in = gn_args_flag(a, "case"), *out = gn_args_flag(a, "out");
  if (!in) return gn_cli_usage("grad: --case=IN.h5 is missing");
  if (!out) return gn_cli_usage("grad: --out=OUT.h5 is missing");
  gn_experiment *e = NULL;
  gn_case *c = NULL;
  gn_status s = gn_experiment_read(a->at[0], a->nover, a->over, &e);
  if (s == GN_OK) s = gn_case_create(e, in, &c);
  if (s == GN_OK) s = check_out(out);
  FILE *history = NULL;
  if (s == GN_OK) s = gn_cli_open(a, "history", &history);
  if (history) gn_case_history(c, history);
  int rc = s == GN_OK ? work(c, out) : gn_cli_refuse(s);
  if (history) rc = gn_cli_close(a, "history", history, rc);
  gn_case_destroy(&c);
  if (e) gn_experiment_destroy(&e);
  return rc;
}

const gn_command gn_command_grad = {
  .name = "grad",
  .synopsis = "EXP.ini --case=IN.h5 --out=OUT.h5 [--section.key=value ...]",
  .summary = "Gradient of a given case, for other tools",
  .text = "IN.h5 has x [B, nx], times [K+1] or [B, K+1], cotangent [K, B, nz] and params/NAME.\n"
          "OUT.h5 gets z [K, B, nz], grad/x, grad/params/NAME, grad/times, and as attributes\n"
          "every counter, status and the strategy executed. Rows with times of their own repeat\n"
          "their last one where they have fewer. [data] and [loss] are not used.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "case", "IN.h5", "the case" },
            { "out", "OUT.h5", "the answer" },
            { "history", "FILE.csv", "every step tried: t, h, error, norms of the blocks" } },
  .run = run,
};
