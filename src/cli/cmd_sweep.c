/* gnomon sweep: the tolerance study. */
#include "base/text.h"
#include "cli/cli.h"
#include "study/plot.h"
#include "study/sweep.h"

#include <string.h>
#include <unistd.h>

/* "2/8". */
static gn_status read_shard(const char *text, gn_sweep_input *in)
{
  char part[32];
  long i = 0, n = 0;
  if (!text) return GN_OK;
  const char *slash = strchr(text, '/');
  const size_t len = slash ? (size_t)(slash - text) : 0;
  if (slash && len < sizeof part) {
    memcpy(part, text, len);
    part[len] = '\0';
  }
  GN_REQUIRE(slash && len < sizeof part && gn_text_long(part, &i) == GN_OK &&
                 gn_text_long(slash + 1, &n) == GN_OK && i >= 1 && i <= n,
             GN_EARG, "sweep: --shard=%s, expected i/n with 1 <= i <= n", text);
  in->shard = (size_t)i;
  in->nshard = (size_t)n;
  return GN_OK;
}

static gn_status copy_file(const char *dir, const char *name, FILE *to)
{
  char path[4096], buf[4096];
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "r");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open", path);
  for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) (void)fwrite(buf, 1, n, to);
  (void)fclose(f);
  return GN_OK;
}

/* A machine without gnuplot still has the table. */
static void draw(const gn_sweep *sw, const char *name, int csv)
{
  char path[4096];
  const char *const one = path;
  (void)snprintf(path, sizeof path, "%s/%s", gn_sweep_out(sw), name);
  if (gn_plot(1, &one, NULL, csv ? NULL : stdout) != GN_OK)
    (void)fprintf(stderr, "gnomon: no figures: %s\n", gn_last_error());
}

static int work(const gn_args *a, gn_sweep *sw, const gn_sweep_input *in)
{
  const char *name = in->train ? "sweep_train.csv" : "sweep.csv";
  const int part = in->nshard > 1;
  const int csv = gn_args_flag(a, "csv") != NULL;
  gn_sweep_result res;
  gn_status s = gn_sweep_run(sw, &res);
  if (s == GN_OK)
    s = csv ? copy_file(gn_sweep_out(sw), name, stdout) : gn_sweep_print(sw, stdout);
  if (s != GN_OK) return gn_cli_failed(s);
  if (!csv)
    (void)printf("%zu points: %zu computed, %zu were there, %zu failed; %.1f s\n"
                 "written: %s/%s\n",
                 res.points, res.computed, res.skipped, res.failed, res.sec,
                 gn_sweep_out(sw), name);
  if (res.uncertified)
    (void)fprintf(stderr,
                  "gnomon: %zu problem%s without a certified gradient (column "
                  "reference says why)\n",
                  res.uncertified, res.uncertified == 1 ? "" : "s");
  if (!part && res.failed < res.points && !gn_args_flag(a, "no-figures"))
    draw(sw, name, csv);
  return res.failed < res.points && res.uncertified == 0 ? GN_EXIT_OK : GN_EXIT_FAILED;
}

static int run(const gn_args *a)
{
  gn_sweep *sw = NULL;
  gn_sweep_input in = { .rtol = gn_args_flag(a, "rtol"),
                        .back_rtol = gn_args_flag(a, "back-rtol"),
                        .quad_rtol = gn_args_flag(a, "quad-rtol"),
                        .strategies = gn_args_flag(a, "strategies"),
                        .solvers = gn_args_flag(a, "solvers"),
                        .models = gn_args_flag(a, "models"),
                        .seeds = gn_args_flag(a, "seeds"),
                        .states = gn_args_flag(a, "state"),
                        .out = gn_args_flag(a, "out"),
                        .time = gn_args_flag(a, "time") != NULL,
                        .progress = isatty(STDERR_FILENO) ? stderr : NULL };
  const long batch = gn_cli_long(a, "batch", 0, 1, 1000000000);
  const long jobs = gn_cli_long(a, "jobs", 1, 1, 1024);
  if (batch < 0 || jobs < 0) return GN_EXIT_USAGE;
  in.batch = (size_t)batch;
  in.jobs = (int)jobs;
  const char *what = gn_args_flag(a, "what"), *target = gn_args_flag(a, "target-loss");
  if (what && strcmp(what, "train") != 0 && strcmp(what, "gradient") != 0)
    return gn_cli_usage("sweep: --what=%s, expected gradient or train", what);
  in.train = what && strcmp(what, "train") == 0;
  if (target && (!in.train || gn_text_double(target, &in.target_loss) != GN_OK ||
                 !(in.target_loss > 0)))
    return gn_cli_usage(
        "sweep: --target-loss=%s, expected a number above 0 with --what=train", target);
  gn_status s = read_shard(gn_args_flag(a, "shard"), &in);
  if (s == GN_OK) s = gn_sweep_create(a->at[0], a->nover, a->over, &in, &sw);
  int rc = s == GN_OK ? work(a, sw, &in) : gn_cli_refuse(s);
  gn_sweep_destroy(&sw);
  return rc;
}

const gn_command gn_command_sweep = {
  .name = "sweep",
  .synopsis =
      "EXP.ini --rtol=1e-3:1e-9:7 [--strategies=LIST] [--jobs=N] [--section.key=value ...]",
  .summary = "Tolerance study: gradient error against cost, with figures",
  .text =
      "Points are models x states x seeds x solvers x tolerances x strategies; one row "
      "each\n"
      "in sweep.csv (in run.out, or --out). Backward and quadrature tolerances are tied "
      "to\n"
      "the forward one unless listed; atol keeps the experiment's ratio to rtol. A point\n"
      "whose row exists is not computed again. Parts (--shard) go to DIR/shard-i-of-n;\n"
      "cat DIR/shard-*-of-n/sweep.csv > DIR/sweep.csv puts them together.\n"
      "Exit code 1 if a reference is not certified or every point failed.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "rtol", "GRID", "1e-3:1e-9:7 (from, to, how many) or 1e-3,1e-5" },
            { "back-rtol", "GRID", "of the backward solve (default: tied to --rtol)" },
            { "quad-rtol", "GRID",
              "of the quadrature (default: tied to the backward solve)" },
            { "strategies", "LIST",
              "such as discrete,gauss:rule=paper (default: as compare)" },
            { "solvers", "LIST", "such as erk,erk:table=fehlberg,torchdiffeq" },
            { "models", "LIST", "such as node,hbnode:width=8" },
            { "seeds", "LIST", "0:4 or 1,2,7 (run.seed)" },
            { "state", "LIST", "trained parameters: run directories or state.h5 files" },
            { "what", "WHAT", "gradient (default), or train: train every point" },
            { "target-loss", "L", "train: work and time until an epoch's loss is below L" },
            { "batch", "N", "the first N training samples (default: all)" },
            { "jobs", "N", "worker processes (default: 1)" },
            { "time", NULL, "measure seconds, serially: medians of 5 in sweep_timing.csv" },
            { "shard", "i/n", "only part i of n" },
            { "out", "DIR", "where the files go (default: run.out)" },
            { "no-figures", NULL, "draw nothing" },
            { "csv", NULL, "print sweep.csv" } },
  .run = run,
};
