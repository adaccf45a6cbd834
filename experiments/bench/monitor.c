/* What monitoring costs: seconds of a training epoch with and without train.monitor, on the
 * heavy-ball network of bench_strategies at its medium size (batches of 256, d = 32, width
 * 128, T = 2), 4 batches an epoch, rows written to a file. The two trainers take turns;
 * medians over the repeats, of wall and of CPU seconds.
 *
 *   bench_monitor [REPEATS] */
#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "nn/gemm.h"
#include "study/train.h"

#include <stdio.h>
#include <stdlib.h>

enum { N = 1024, D = 32, MOST = 256 };

static gn_status make(const void *config, uint64_t seed, const char *dir, gn_dataset *d)
{
  double *times, *x, *y;
  (void)config, (void)dir;
  d->n = d->ntrain = N;
  d->K = 1;
  d->nx = d->ny = D;
  GN_NEW(d->arena, times, 2);
  GN_NEW(d->arena, x, (size_t)N * D);
  GN_NEW(d->arena, y, (size_t)N * D);
  gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_DATA, 0));
  for (size_t i = 0; i < (size_t)N * D; i++)
    x[i] = gn_rng_normal(&r), y[i] = gn_rng_normal(&r);
  times[1] = 2;
  d->times = times;
  d->x = x;
  d->y = y;
  return GN_OK;
}

static void check(gn_status s)
{
  if (s == GN_OK) return;
  (void)fprintf(stderr, "bench_monitor: %s\n", gn_last_error());
  exit(1);
}

static int rising(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
  qsort(v, n, sizeof *v, rising);
  return v[n / 2];
}

int main(int argc, char **argv)
{
  static const char *const over[] = { "data.name=spiral", "model.name=hbnode",
                                      "model.width=128",  "solver.rtol=1e-5",
                                      "solver.atol=1e-5", "train.batch=256",
                                      "train.lr=1e-4",    "loss.name=mse" };
  long repeats = 21;
  if (argc > 1 && (gn_text_long(argv[1], &repeats) || repeats < 1 || repeats > MOST)) {
    (void)fprintf(stderr, "usage: bench_monitor [1..%d]\n", MOST);
    return 2;
  }
  gn_blas_single_thread();
  gn_experiment *e[2];
  gn_setup *s[2];
  gn_trainer *tr[2];
  gn_progress pr;
  static const gn_option options[] = { GN_OPTIONS_END };
  static const gn_dataset_class data = { .name = "normal",
                                         .options = options,
                                         .make = make };
  static double wall[2][MOST], cpu[2][MOST];
  FILE *rows = tmpfile();
  if (!rows) return 1;
  for (int k = 0; k < 2; k++) {
    check(gn_experiment_read(NULL, sizeof over / sizeof *over, over, &e[k]));
    e[k]->data = &data;
    e[k]->train.monitor = k;
    check(gn_setup_create(e[k], &s[k]));
    check(gn_trainer_create(e[k], s[k], &tr[k]));
    if (k) tr[k]->monitor->to = rows;
    check(gn_trainer_epoch(tr[k], &pr)); /* first touch */
  }
  for (long r = 0; r < repeats; r++)
    for (int i = 0; i < 2; i++) {
      const int k = (i + (int)r) % 2; /* who is first changes */
      const double begin = gn_clock_cpu();
      check(gn_trainer_epoch(tr[k], &pr));
      if (k) (void)fflush(rows);
      cpu[k][r] = gn_clock_cpu() - begin;
      wall[k][r] = pr.sec;
    }
  const double w0 = median(wall[0], (size_t)repeats), w1 = median(wall[1], (size_t)repeats);
  const double c0 = median(cpu[0], (size_t)repeats), c1 = median(cpu[1], (size_t)repeats);
  (void)printf("BLAS core %s, one thread; epoch of %d batches of 256, median of %ld\n",
               gn_blas_core(), N / 256, repeats);
  (void)printf("          train.monitor=no  train.monitor=yes  more\n");
  (void)printf("wall ms   %16.2f  %17.2f  %+.2f %%\n", 1e3 * w0, 1e3 * w1,
               100 * (w1 / w0 - 1));
  (void)printf("CPU ms    %16.2f  %17.2f  %+.2f %%\n", 1e3 * c0, 1e3 * c1,
               100 * (c1 / c0 - 1));
  for (int k = 0; k < 2; k++) {
    gn_trainer_destroy(&tr[k]);
    gn_setup_destroy(&s[k]);
    gn_experiment_destroy(&e[k]);
  }
  (void)fclose(rows);
  return 0;
}
