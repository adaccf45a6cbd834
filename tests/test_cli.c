/* The program: every command does its work, wrong input is one line on stderr that names
 * the place and the nearest valid name, with exit code 2 and nothing written. */
#include "base/h5.h"
#include "base/text.h"
#include "core/gradient.h"
#include "base/csv.h"
#include "support/support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT = 1 << 18 };
static char output[OUTPUT]; /* of the last run, stdout and stderr */
static const char *dir;     /* of this test                        */

/* A command line in the test's folder; its exit code. */
static int shell(const char *text)
{
  char command[4096];
  int n = snprintf(command, sizeof command, "cd '%s' && %s 2>&1", dir, text);
  ck_assert(n > 0 && n < (int)sizeof command);
  FILE *p = popen(command, "r"); /* NOLINT(cert-env33-c): run as users run it */
  ck_assert(p != NULL);
  size_t got = fread(output, 1, sizeof output - 1, p);
  output[got] = '\0';
  int rc = pclose(p);
  ck_assert_msg(WIFEXITED(rc), "%s ended by a signal:\n%s", text, output);
  return WEXITSTATUS(rc);
}

static int gnomon(const char *args)
{
  char text[4096];
  int n = snprintf(text, sizeof text, "'%s' %s", GN_PROGRAM, args);
  ck_assert(n > 0 && n < (int)sizeof text);
  return shell(text);
}

/* Entries of the test's folder. */
static size_t entries(void)
{
  size_t n = 0;
  DIR *d = opendir(dir);
  ck_assert(d != NULL);
  while (readdir(d)) n++;
  (void)closedir(d);
  return n;
}

static int exists(const char *name) { return access(gn_test_path(dir, name), F_OK) == 0; }

#define ck_runs(args)                                                                      \
  do {                                                                                     \
    int ck_rc = gnomon(args);                                                              \
    ck_assert_msg(ck_rc == 0, "gnomon %s: exit %d\n%s", (args), ck_rc, output);            \
  } while (0)

#define ck_says(text)                                                                      \
  ck_assert_msg(strstr(output, (text)) != NULL, "'%s' is not in\n%s", (text), output)

/* Exit code 2, one line that begins "gnomon: " and has the text, nothing written. */
#define ck_refuses(args, text)                                                             \
  do {                                                                                     \
    size_t ck_before = entries();                                                          \
    int ck_rc = gnomon(args);                                                              \
    ck_assert_msg(ck_rc == 2, "gnomon %s: exit %d, expected 2\n%s", (args), ck_rc,         \
                  output);                                                                 \
    ck_assert_msg(strncmp(output, "gnomon: ", 8) == 0, "gnomon %s says\n%s", (args),       \
                  output);                                                                 \
    ck_assert_msg(strchr(output, '\n') == output + strlen(output) - 1,                     \
                  "gnomon %s says more than a line:\n%s", (args), output);                 \
    ck_says(text);                                                                         \
    ck_assert_msg(entries() == ck_before, "gnomon %s wrote something", (args));            \
  } while (0)

static const char small_ini[] = "[data]\nname = spiral\nn = 3\nvalid = 1\nK = 4\nT = 1\n"
                                "[model]\nname = hbnode\nwidth = 6\ndepth = 1\n"
                                "[solver]\nrtol = 1e-5\natol = 1e-5\n"
                                "[train]\nepochs = 3\nlr = 0.01\n"
                                "[compare]\nreference_tol = 1e-11\nrepeats = 1\n"
                                "[run]\nout = out\n";

static void prepare(void)
{
  dir = gn_test_tmpdir();
  (void)gn_test_file(dir, "small.ini", small_ini);
}

/* ---- usage --------------------------------------------------------------------------- */

START_TEST(help)
{
  static const char *const command[] = { "list",    "show", "check", "train",
                                         "compare", "grad", "plot", "report" };
  prepare();
  ck_runs("--help");
  ck_says("usage: gnomon COMMAND");
  ck_runs("--version");
  ck_assert(strncmp(output, "gnomon ", 7) == 0);
  ck_says("\nSUNDIALS ");
  for (size_t k = 0; k < sizeof command / sizeof *command; k++) {
    char args[64], usage[64];
    (void)snprintf(args, sizeof args, "%s --help", command[k]);
    (void)snprintf(usage, sizeof usage, "usage: gnomon %s ", command[k]);
    ck_runs(args);
    ck_says(usage);
    (void)snprintf(args, sizeof args, "help %s", command[k]);
    ck_runs(args);
    ck_says(usage);
  }
  ck_assert_int_eq(gnomon(""), 2);
  ck_says("usage: gnomon COMMAND");
}
END_TEST

START_TEST(wrong_usage)
{
  prepare();
  ck_refuses("tarin", "no command 'tarin'; did you mean 'train'?");
  ck_refuses("list modles", "did you mean 'models'?");
  ck_refuses("list --cvs", "no flag '--cvs'; did you mean '--csv'?");
  ck_refuses("list --csv=yes", "--csv takes no value");
  ck_refuses("list -x", "flags begin with two dashes");
  ck_refuses("list --solver.rtol=1", "takes no --section.key=value");
  ck_refuses("list models models", "usage: gnomon list");
  ck_refuses("show", "usage: gnomon show NAME");
  ck_refuses("show hbnod", "did you mean 'hbnode'?");
  ck_refuses("check hbnodes", "did you mean 'hbnode'?");
  ck_refuses("check hbnode:widht=3", "'width'");
  ck_refuses("check hbnode:width=0", "width = 0, expected 1 to");
  ck_refuses("check hbnode:width", "expected key=value");
  ck_refuses("check --seed=x", "--seed=x, expected an integer");
  ck_refuses("train", "usage: gnomon train");
  ck_refuses("train small.ini --resume --overwrite", "either --resume or --overwrite");
  ck_refuses("train small.ini --solver.rtol", "needs a value");
  ck_refuses("grad small.ini --out=o.h5", "--case=IN.h5 is missing");
  ck_refuses("grad small.ini --case=", "--case needs a value");
  ck_refuses("compare small.ini --batch=0", "--batch=0, expected");
  ck_refuses("compare small.ini --batch=4", "batch = 4, expected 1 to 3");
  ck_refuses("plot", "usage: gnomon plot");
}
END_TEST

/* ---- list, show, check --------------------------------------------------------------- */

START_TEST(list_and_show)
{
  prepare();
  ck_runs("list");
  ck_says("hbnode");
  ck_says("lynx_hare");
  ck_runs("list strategies");
  ck_says("discrete");
  ck_assert(strstr(output, "hbnode") == NULL);
  ck_runs("list pairs --csv");
  ck_says("stepper,strategy,exact,legal,reason\n");
  ck_says("erk,discrete,yes,yes,");
  ck_runs("show hbnode");
  ck_says("[model]\nname = hbnode");
  ck_says("hidden units of f");
  ck_runs("show train");
  ck_says("learning rate");
  ck_runs("show erk --csv");
  ck_says("name,option,default,values,help\nerk,table,dormand_prince,");
  ck_assert_uint_eq(entries(), 3); /* ., .., small.ini */
}
END_TEST

START_TEST(check_models)
{
  prepare();
  ck_runs("check");
  ck_says("lotka");
  ck_assert(strstr(output, "wrong") == NULL);
  ck_runs("check hbnode:width=5:time=append lotka");
  ck_says("dot product");
  ck_runs("check node --all --csv");
  ck_says("node,f,1,ok,pgrad,differences,");
  ck_says("parameter f.0.weight");
}
END_TEST

/* What it writes is built by tests/walkthrough.sh. */
START_TEST(new_model)
{
  prepare();
  ck_runs("new model fresh");
  ck_says("written: fresh.c");
  ck_assert(exists("fresh.c"));
  ck_assert_int_eq(shell("mkdir sub"), 0);
  ck_runs("new model fresh --out=sub");
  ck_assert_int_eq(shell("cmp fresh.c sub/fresh.c && ! grep @ fresh.c"), 0);
  ck_refuses("new model fresh", "fresh.c is there already");
  ck_refuses("new model hbnode", "there is a model hbnode already");
  ck_refuses("new model 2fast", "cannot name a C file");
  ck_refuses("new model a-b", "cannot name a C file");
  ck_refuses("new model ''", "cannot name a C file");
  ck_refuses("new model double", "means something else");
  ck_refuses("new model gn_mine", "gn_ begins");
  ck_refuses("new model mine --out=nowhere", "nowhere/mine.c: cannot open");
  ck_refuses("new modle mine", "did you mean 'model'?");
  ck_refuses("new model", "usage: gnomon new");
}
END_TEST

/* ---- experiments --------------------------------------------------------------------- */

START_TEST(wrong_experiment)
{
  prepare();
  ck_refuses("train nothing.ini", "nothing.ini: cannot open");
  ck_refuses("train small.ini --solver.rtl=1", "did you mean 'rtol'?");
  ck_refuses("train small.ini --solvr.rtol=1", "did you mean [solver]?");
  ck_refuses("train small.ini --solver.rtol=-1", "rtol = -1, expected");
  ck_refuses("train small.ini --model.name=hbnod", "did you mean 'hbnode'?");
  ck_refuses("train small.ini --gradient.name=discret", "did you mean 'discrete'?");
  gn_test_file(dir, "lynx.ini", "[data]\nname = lynx_hare\n[model]\nname = node\n");
  ck_refuses("train lynx.ini --data.dir=/none/such", "/none/such");
  ck_refuses("train small.ini --model.dim=5", "gnomon: ");
  ck_refuses("train small.ini --resume", "resume");
  gn_test_file(dir, "key.ini", "[model]\nname = hbnode\nwidht = 3\n");
  ck_refuses("train key.ini", "gnomon: key.ini:3: no key 'widht'");
  ck_says("'width'");
  gn_test_file(dir, "value.ini", "[model]\nname = hbnode\n\nwidth = many\n");
  ck_refuses("compare value.ini", "gnomon: value.ini:4: width = many, expected 1 to");
  gn_test_file(dir, "line.ini", "[model]\nname = hbnode\nwidth\n");
  ck_refuses("grad line.ini --case=c.h5 --out=o.h5", "gnomon: line.ini:3: ");
  gn_test_file(dir, "nodata.ini", "[model]\nname = lotka\n");
  ck_refuses("train nodata.ini", "[data]");
  ck_refuses("compare nodata.ini", "[data]");
  ck_refuses("compare small.ini --strategies=discret", "did you mean 'discrete'?");
  ck_refuses("compare small.ini --strategies=backsolve:nrom=semi", "did you mean 'norm'?");
  ck_refuses("compare small.ini --strategies=discrete,,backsolve", "an empty name");
  ck_refuses("compare small.ini --state=nothing.h5", "nothing.h5");
  gn_test_file(dir, "text.h5", "this is not HDF5\n");
  ck_refuses("compare small.ini --state=text.h5", "text.h5");
}
END_TEST

START_TEST(train_and_plot)
{
  prepare();
  ck_runs("train small.ini");
  ck_says("out: epoch 3 of 3, done");
  ck_assert(strstr(output, "ETA") == NULL); /* not a terminal */
  ck_assert(exists("out/state.h5") && exists("out/metrics.csv") &&
            exists("out/experiment.ini"));
  ck_refuses("train small.ini", "holds a run already");
  ck_runs("train small.ini --resume --train.epochs=5");
  ck_says("resumed after epoch 3");
  ck_says("epoch 5 of 5");
  ck_runs("train small.ini --overwrite");
  ck_says("epoch 3 of 3");
  ck_runs("compare small.ini --state=out --strategies=discrete");
  ck_says("parameters: out/state.h5 (epoch 3)");
  if (shell("gnuplot --version") != 0) {
    ck_refuses("plot out", "gnuplot is not on the PATH");
    (void)printf("SKIP: plot: gnuplot not found\n");
    return;
  }
  ck_runs("plot out");
  static const char *const name[] = { "loss", "cost", "compare" };
  static const char *const ending[] = { "svg", "pdf", "png" };
  for (int i = 0; i < 9; i++) {
    char file[64];
    (void)snprintf(file, sizeof file, "out/%s.%s", name[i / 3], ending[i % 3]);
    ck_assert_msg(exists(file), "%s is missing", file);
    ck_says(file);
  }
  ck_runs("plot out/compare.csv out/metrics.csv out --out=.");
  ck_assert(exists("loss.svg") && exists("compare.png"));
}
END_TEST

START_TEST(wrong_plot)
{
  prepare();
  ck_refuses("plot nothing", "nothing: cannot open");
  ck_refuses("plot .", "neither metrics.csv nor compare.csv");
  ck_refuses("plot small.ini", "small.ini:");
  gn_test_file(dir, "a.csv", "x,y\n1,2\n");
  ck_refuses("plot a.csv", "a.csv:1: neither the columns of metrics.csv");
  gn_test_file(dir, "b.csv", "epoch,loss\n1,2\n2\n");
  ck_refuses("plot b.csv", "b.csv:3: 1 cells, expected 2");
  gn_test_file(dir, "c.csv", "epoch,loss\n");
  ck_refuses("plot c.csv", "no rows");
  gn_test_file(dir, "n.csv", "epoch,loss\n1,nan\n");
  ck_refuses("plot n.csv", "n.csv: no finite loss to draw");
  gn_test_file(dir, "d.csv", "epoch,loss\n1,\"2\n");
  ck_refuses("plot d.csv", "without an end");
  gn_test_file(dir, "e.csv", "epoch,loss\n1,2\n");
  ck_refuses("plot e.csv --out=e.csv/x", "e.csv/x: cannot make the directory");
  ck_refuses("plot e.csv --x=epoch", "--y is missing");
  ck_refuses("plot e.csv --logy", "--x is missing");
  ck_refuses("plot e.csv a.csv --x=epoch --y=loss", "2 files with --x and --y");
  ck_refuses("plot e.csv --x=epok --y=loss", "no column 'epok'; did you mean 'epoch'?");
  ck_refuses("plot e.csv --x=epoch --y=loss,lossy", "--y=lossy: no column 'lossy'");
  ck_refuses("plot e.csv --x=epoch --y=loss --by=sed", "--by=sed: no column");
  ck_refuses("plot e.csv --x=epoch --y=loss --band=seed", "--band=seed: no column");
  ck_refuses("plot d.csv --x=epoch --y=loss", "without an end");
  ck_refuses("plot c.csv --x=epoch --y=loss", "no rows");
  ck_refuses("plot n.csv --x=epoch --y=loss", "no row has numbers in epoch and loss");
  ck_refuses("plot e.csv --x=epoch --y=loss --out=none/", "a folder");
  ck_refuses("report", "usage: gnomon report");
  ck_refuses("report nothing", "nothing: cannot open");
  ck_refuses("report . --out=x.html", "neither metrics.csv");
  ck_assert_int_eq(shell("PATH=/nowhere '" GN_PROGRAM "' plot e.csv"), 2);
  ck_says("gnomon: gnuplot is not on the PATH");
}
END_TEST

/* ---- compare ------------------------------------------------------------------------- */

static gn_csv *read_csv(gn_arena *a, const char *name)
{
  gn_csv *c;
  gn_ck_ok(gn_csv_read(a, gn_test_path(dir, name), &c));
  return c;
}

/* The class of a row's strategy, "backsolve:norm=semi". */
static const gn_gradient_class *strategy_of(const char *text)
{
  char name[64];
  (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(text, ":"), text);
  const gn_gradient_class *g = gn_gradient_find(name);
  ck_assert_msg(g != NULL, "%s", gn_last_error());
  return g;
}

/* Same stepper, same forward steps: all strategies that use it have the counts of the first
   row; the others have no err_adj. */
START_TEST(compare_all)
{
  gn_arena *a;
  prepare();
  ck_runs("compare small.ini");
  ck_says("parameters: initial (seed 1)");
  ck_says("agree to");
  ck_says("discrete");
  ck_assert(exists("out/compare.ini") && exists("out/compare_timing.csv"));
  gn_ck_ok(gn_arena_create(&a));
  gn_csv *c = read_csv(a, "out/compare.csv");
  const size_t strategy = gn_csv_column(c, "strategy"), status = gn_csv_column(c, "status");
  const size_t ode = gn_csv_column(c, "err_ode"), adj = gn_csv_column(c, "err_adj");
  static const char *const same[] = { "steps", "rejects", "f", "nfe_forward", "loss" };
  int exact = 0, semi = 0, own = 0;
  ck_assert_uint_ge(c->nrow, 3);
  for (size_t i = 0; i < c->nrow; i++) {
    const char *name = gn_csv_text(c, i, strategy);
    ck_assert_msg(strcmp(gn_csv_text(c, i, status), "ok") == 0, "%s failed", name);
    const gn_gradient_class *g = strategy_of(name);
    for (size_t k = 0; g->needs && k < sizeof same / sizeof *same; k++)
      ck_assert_msg(gn_csv_number(c, i, gn_csv_column(c, same[k])) ==
                        gn_csv_number(c, 0, gn_csv_column(c, same[k])),
                    "%s: another %s than %s", name, same[k], gn_csv_text(c, 0, strategy));
    /* tolerance 1e-5, a short smooth problem: errors well below 1e-2 and not zero */
    ck_assert_msg(gn_csv_number(c, i, ode) > 0 && gn_csv_number(c, i, ode) < 1e-2,
                  "%s: err_ode = %s", name, gn_csv_text(c, i, ode));
    if (strcmp(name, "discrete") == 0) {
      exact = 1;
      ck_assert(gn_csv_number(c, i, adj) <= 1e-14);
    } else if (!g->needs) {
      own = 1;
      ck_assert_str_eq(gn_csv_text(c, i, adj), "");
    } else if (g->exact) { /* the same sums in another order */
      ck_assert(gn_csv_number(c, i, adj) <= 1e-12);
    } else {
      ck_assert_msg(gn_csv_number(c, i, adj) > 0, "%s: err_adj = %s", name,
                    gn_csv_text(c, i, adj));
    }
    semi |= strcmp(name, "backsolve:norm=semi") == 0;
    ck_assert(gn_csv_number(c, i, gn_csv_column(c, "work")) > 0);
  }
  ck_assert(exact && semi && own);
  ck_assert(gn_csv_column(c, "sec") == GN_CSV_NONE);
  ck_assert(gn_csv_column(read_csv(a, "out/compare_timing.csv"), "back_sec") !=
            GN_CSV_NONE);
  gn_arena_destroy(&a);
}
END_TEST

/* A repeated comparison gives the same file; the resolved experiment too. */
START_TEST(compare_repeats)
{
  prepare();
  ck_runs("compare small.ini --strategies=discrete,backsolve:norm=semi --run.out=a");
  ck_runs("compare a/compare.ini --run.out=b");
  ck_assert_int_eq(shell("cmp a/compare.csv b/compare.csv"), 0);
  ck_runs("compare small.ini --strategies=discrete --csv --compare.cotangent=frozen "
          "--batch=1");
  ck_assert(strncmp(output, "strategy,executed,status,", 25) == 0);
  ck_says(",frozen,");
}
END_TEST

/* A strategy that fails is a row with its reason; the others are not stopped. */
START_TEST(compare_failure)
{
  prepare();
  int rc = gnomon("compare small.ini --solver.max_steps=3 --strategies=discrete,seminorm");
  ck_assert_int_eq(rc, 1); /* every strategy failed */
  ck_says("agree to");     /* and the reference did not */
  ck_says("discrete: ");
  ck_says("seminorm: ");
  gn_test_file(dir, "loose.ini", small_ini);
  rc = gnomon("compare loose.ini --solver.max_steps=40 "
              "--strategies=discrete,backsolve:rtol=1e-12:atol=1e-14");
  ck_assert_msg(rc == 0, "exit %d\n%s", rc, output);
  ck_says("backsolve:rtol=1e-12:atol=1e-14: ");
}
END_TEST

/* ---- grad ---------------------------------------------------------------------------- */

typedef struct kase {
  size_t B, nx, nt, K, nz; /* as written */
  int skip;                /* leave out dataset 1 + skip */
  double step;             /* between times */
  const char *rename;      /* another name for the first parameter */
} kase;

/* A case of the lotka model, possibly wrong. */
static gn_status write_case(gn_h5 *h, void *user)
{
  const kase *k = user;
  const size_t xs[2] = { k->B, k->nx }, ts[1] = { k->nt }, ws[3] = { k->K, k->B, k->nz },
               one[1] = { 1 };
  double v[64], p = 0.8;
  static const char *const name[4] = { "params/alpha", "params/beta", "params/delta",
                                       "params/gamma" };
  for (int i = 0; i < 64; i++) v[i] = 1 + 0.1 * i;
  if (k->skip != 1) GN_TRY(gn_h5_write(h, "x", 2, xs, v));
  if (k->skip != 3) GN_TRY(gn_h5_write(h, "cotangent", 3, ws, v));
  for (int i = 0; i < 64; i++) v[i] = k->step * i;
  if (k->skip != 2) GN_TRY(gn_h5_write(h, "times", 1, ts, v));
  for (int i = 0; i < 4; i++)
    GN_TRY(gn_h5_write(h, i == 0 && k->rename ? k->rename : name[i], 1, one, &p));
  return GN_OK;
}

static void make_case(const char *name, kase k)
{
  char file[1024];
  (void)snprintf(file, sizeof file, "%s", gn_test_path(dir, name));
  gn_ck_ok(gn_h5_write_atomic(file, write_case, &k));
}

static const char lotka_ini[] = "[model]\nname = lotka\n[solver]\nrtol = 1e-9\natol = "
                                "1e-9\n[gradient]\nname = discrete\n";

START_TEST(grad_case)
{
  static const kase good = { 2, 2, 3, 2, 2, 0, 0.5, NULL };
  gn_h5 *h;
  double v[8], n;
  char text[64];
  prepare();
  gn_test_file(dir, "lotka.ini", lotka_ini);
  make_case("in.h5", good);
  ck_runs("grad lotka.ini --case=in.h5 --out=out.h5");
  gn_ck_ok(gn_h5_open(gn_test_path(dir, "out.h5"), &h));
  gn_ck_ok(gn_h5_read(h, "z", 8, v));
  gn_ck_ok(gn_h5_read(h, "grad/x", 4, v));
  gn_ck_ok(gn_h5_read(h, "grad/times", 3, v));
  gn_ck_ok(gn_h5_read(h, "grad/params/alpha", 1, v));
  ck_assert(isfinite(v[0]) && v[0] != 0);
  static const char *const attr[] = { "steps",        "rejects",    "f",
                                      "back_vjp",     "back_pgrad", "nfe_forward",
                                      "nfe_backward", "bytes",      "work" };
  for (size_t k = 0; k < sizeof attr / sizeof *attr; k++)
    gn_ck_ok(gn_h5_attr_read_real(h, attr[k], &n));
  ck_assert(n > 0);
  gn_ck_ok(gn_h5_attr_read_text(h, "status", text, sizeof text));
  ck_assert_str_eq(text, "ok");
  gn_ck_ok(gn_h5_attr_read_text(h, "executed", text, sizeof text));
  ck_assert(strstr(text, "discrete") != NULL);
  gn_ck_ok(gn_h5_close(&h));
}
END_TEST

START_TEST(wrong_case)
{
  static const kase good = { 2, 2, 3, 2, 2, 0, 0.5, NULL };
  kase k = good;
  prepare();
  gn_test_file(dir, "lotka.ini", lotka_ini);
  ck_refuses("grad lotka.ini --case=none.h5 --out=o.h5", "none.h5");
  make_case("in.h5", good);
  ck_refuses("grad lotka.ini --case=in.h5 --out=no/such/o.h5", "no/such: cannot write");
  ck_refuses("grad lotka.ini --case=lotka.ini --out=o.h5", "lotka.ini");
  k.skip = 2;
  make_case("in.h5", k);
  ck_refuses("grad lotka.ini --case=in.h5 --out=o.h5", "in.h5: no dataset 'times'");
  k = good, k.K = 3;
  make_case("in.h5", k);
  ck_refuses("grad lotka.ini --case=in.h5 --out=o.h5",
             "cotangent is [3, 2, 2], expected [2, 2, nz]");
  k = good, k.nx = 3;
  make_case("in.h5", k);
  ck_refuses("grad lotka.ini --case=in.h5 --out=o.h5", "in.h5: ");
  k = good, k.step = -1;
  make_case("in.h5", k);
  ck_refuses("grad lotka.ini --case=in.h5 --out=o.h5",
             "times[1] = -1 is not above times[0]");
  k = good, k.rename = "params/alhpa";
  make_case("in.h5", k);
  ck_refuses("grad lotka.ini --case=in.h5 --out=o.h5", "alpha");
  k = good;
  make_case("in.h5", k);
  ck_refuses("grad lotka.ini --case=in.h5 --out=o.h5 --gradient.name=discrte",
             "'discrete'");
}
END_TEST

/* A solver that gives up is exit code 1, and leaves no answer. */
START_TEST(grad_fails)
{
  static const kase good = { 2, 2, 3, 2, 2, 0, 0.5, NULL };
  prepare();
  gn_test_file(dir, "lotka.ini", lotka_ini);
  make_case("in.h5", good);
  ck_assert_int_eq(gnomon("grad lotka.ini --case=in.h5 --out=o.h5 --solver.max_steps=2"),
                   1);
  ck_assert(strncmp(output, "gnomon: ", 8) == 0);
  ck_assert(!exists("o.h5"));
}
END_TEST

/* Recorded answers of another program: 1e-7 relative to the largest component. */
START_TEST(recorded_cases)
{
  static const struct {
    const char *file, *ini;
    size_t np;
    const char *param[7];
  } row[] = {
    { "cases/hbnode_small.h5",
      "[model]\nname = hbnode\ndim = 2\nwidth = 12\ndepth = 2\nactivation = "
      "tanh\ntime = none\n"
      "lift = zero\n[solver]\nname = erk\nrtol = 1e-10\natol = "
      "1e-10\n[gradient]\nname = discrete\n",
      7,
      { "f.0.weight", "f.0.bias", "f.1.weight", "f.1.bias", "f.2.weight", "f.2.bias",
        "rho" } },
    { "cases/node_small.h5",
      "[model]\nname = node\ndim = 2\nwidth = 10\ndepth = 2\nactivation = tanh\ntime "
      "= none\n"
      "[solver]\nname = erk\nrtol = 1e-10\natol = 1e-10\n[gradient]\nname = "
      "discrete\n",
      6,
      { "f.0.weight", "f.0.bias", "f.1.weight", "f.1.bias", "f.2.weight", "f.2.bias" } },
  };
  char path[1024], args[4096], name[128];
  (void)snprintf(path, sizeof path, "%s",
                 gn_test_shared() ? gn_test_path(gn_test_shared(), row[_i].file) : "");
  if (!gn_test_need("recorded_cases", *path ? path : NULL)) return;
  prepare();
  gn_test_file(dir, "case.ini", row[_i].ini);
  char here[1024] = "", full[2100]; /* the program runs in another folder */
  if (path[0] != '/') ck_assert(getcwd(here, sizeof here) != NULL);
  (void)snprintf(full, sizeof full, "%s%s%s", here, here[0] ? "/" : "", path);
  (void)snprintf(args, sizeof args, "grad case.ini --case='%s' --out=o.h5", full);
  ck_runs(args);
  gn_h5 *got, *want;
  gn_ck_ok(gn_h5_open(gn_test_path(dir, "o.h5"), &got));
  gn_ck_ok(gn_h5_open(full, &want));
  for (size_t k = 0; k < row[_i].np + 2; k++) {
    static double a[4096], b[4096];
    size_t shape[GN_H5_MAXRANK], n = 1;
    int rank;
    if (k < row[_i].np)
      (void)snprintf(name, sizeof name, "grad/params/%s", row[_i].param[k]);
    else (void)snprintf(name, sizeof name, "%s", k == row[_i].np ? "grad/x" : "z");
    gn_ck_ok(gn_h5_shape(want, name, &rank, shape));
    for (int i = 0; i < rank; i++) n *= shape[i];
    ck_assert_uint_le(n, 4096);
    gn_ck_ok(gn_h5_read(got, name, n, a));
    gn_ck_ok(gn_h5_read(want, name, n, b));
    double e = gn_test_relerr_max(n, a, b);
    ck_assert_msg(e <= 1e-7, "%s: relative error %.2e", name, e);
  }
  gn_ck_ok(gn_h5_close(&got));
  gn_ck_ok(gn_h5_close(&want));
}
END_TEST

int main(void)
{
  Suite *s = suite_create("cli");
  TCase *t = tcase_create("program");
  tcase_add_test(t, help);
  tcase_add_test(t, wrong_usage);
  tcase_add_test(t, list_and_show);
  tcase_add_test(t, check_models);
  tcase_add_test(t, new_model);
  tcase_add_test(t, wrong_experiment);
  tcase_add_test(t, train_and_plot);
  tcase_add_test(t, wrong_plot);
  tcase_add_test(t, compare_all);
  tcase_add_test(t, compare_repeats);
  tcase_add_test(t, compare_failure);
  tcase_add_test(t, grad_case);
  tcase_add_test(t, wrong_case);
  tcase_add_test(t, grad_fails);
  tcase_add_loop_test(t, recorded_cases, 0, 2);
  tcase_set_timeout(t, 300);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
