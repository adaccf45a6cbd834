/* Hudson Bay pelts of hare and lynx, 1900 to 1920: one real trajectory of 21 years.
 *
 * Columns are hare, lynx (prey first). With log = yes they are natural logarithms of
 * thousands of pelts, with zscore = yes each column has mean 0 and variance 1 over the 21
 * years, so that everything is O(1). The trajectory is cut into windows of `window` steps:
 * x is the first year of a window, y the years after it; t = 0 at its start.
 *
 * Source: Elton and Nicholson, J. Anim. Ecol. 11 (1942); numbers as in lynx_hare.csv. */
#include "base/text.h"
#include "core/dataset.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 256, LINE = 512 };
static const char header[] = "year,hare,lynx";

typedef struct config {
  int log, zscore, window, stride, valid;
  double time_scale;
} config;

/* clang-format off */
static const gn_option options[] = {
  GN_BOOL(config, "log", log, 1, "natural logarithm of thousands of pelts"),
  GN_BOOL(config, "zscore", zscore, 1, "each column to mean 0 and variance 1 over all years"),
  GN_INT(config, "window", window, 20, 1, ROWS - 1, "years after the start of a sample"),
  GN_INT(config, "stride", stride, 1, 1, ROWS - 1, "years between the starts of samples"),
  GN_REAL(config, "time_scale", time_scale, 0.1, 1e-6, 1e6, "units of time in a year (0.1: decades)"),
  GN_INT(config, "valid", valid, 0, 0, ROWS - 1, "last windows, kept for validation"),
  GN_OPTIONS_END,
};
/* clang-format on */

typedef struct series {
  size_t n;
  double at[ROWS][2];
} series;

/* The table ships with gnomon: a data folder that exists and lacks it is no mistake. */
static gn_status open_table(const char *dir, char *path, size_t size, FILE **out)
{
  const char *last = access(dir, F_OK) == 0 ? gn_dataset_folder() : dir;
  const char *const folder[2] = { dir, last };
  for (int i = 0; i < 2; i++) {
    const int m = snprintf(path, size, "%s/lynx_hare.csv", folder[i]);
    GN_REQUIRE(m > 0 && (size_t)m < size, GN_EARG, "%s: path is too long", folder[i]);
    if ((*out = fopen(path, "r")) != NULL) return GN_OK;
  }
  return GN_FAIL(GN_EIO, "%s: cannot open: %s", path, strerror(errno));
}

/* "1900,30.0,4.0" */
static int parse_row(char *line, double cell[3])
{
  for (int j = 0; j < 3; j++) {
    char *end = strchr(line, ',');
    if ((end == NULL) != (j == 2)) return 0;
    if (end) *end = '\0';
    if (gn_text_double(line, &cell[j]) != GN_OK || !isfinite(cell[j])) return 0;
    line = end ? end + 1 : line;
  }
  return 1;
}

static gn_status parse(FILE *f, const char *path, series *s)
{
  char line[LINE];
  int seen_header = 0;
  for (int number = 1; fgets(line, sizeof line, f); number++) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '#' || line[0] == '\0') continue;
    if (!seen_header) {
      GN_REQUIRE(strcmp(line, header) == 0, GN_EIO, "%s:%d: '%.40s', expected '%s'", path,
                 number, line, header);
      seen_header = 1;
      continue;
    }
    double cell[3];
    GN_REQUIRE(s->n < ROWS, GN_EIO, "%s:%d: more than %d rows", path, number, (int)ROWS);
    GN_REQUIRE(parse_row(line, cell), GN_EIO, "%s:%d: expected three numbers '%s'", path,
               number, header);
    GN_REQUIRE(cell[1] > 0 && cell[2] > 0, GN_EIO, "%s:%d: pelts must be positive", path,
               number);
    s->at[s->n][0] = cell[1];
    s->at[s->n++][1] = cell[2];
  }
  GN_REQUIRE(!ferror(f), GN_EIO, "%s: cannot read", path);
  GN_REQUIRE(s->n >= 2, GN_EIO, "%s: %zu rows, expected at least 2", path, s->n);
  return GN_OK;
}

static void transform(const config *c, series *s)
{
  for (size_t j = 0; j < 2; j++) {
    double mean = 0, var = 0;
    for (size_t i = 0; i < s->n; i++) {
      if (c->log) s->at[i][j] = log(s->at[i][j]);
      mean += s->at[i][j];
    }
    mean /= (double)s->n;
    for (size_t i = 0; i < s->n; i++) {
      const double d = s->at[i][j] - mean;
      var += d * d;
    }
    const double dev = sqrt(var / (double)s->n);
    if (!c->zscore) continue;
    for (size_t i = 0; i < s->n; i++)
      s->at[i][j] = (s->at[i][j] - mean) / (dev > 0 ? dev : 1);
  }
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)seed; /* measured data: nothing is drawn */
  char path[1024];
  FILE *f = NULL;
  series s = { 0 };
  GN_TRY(open_table(dir, path, sizeof path, &f));
  const gn_status parsed = parse(f, path, &s);
  (void)fclose(f);
  GN_TRY(parsed);
  transform(c, &s);

  const size_t K = (size_t)c->window, stride = (size_t)c->stride;
  GN_REQUIRE(K < s.n, GN_EARG, "window = %d, expected 1 to %zu: %s has %zu years",
             c->window, s.n - 1, path, s.n);
  const size_t n = (s.n - K - 1) / stride + 1;
  GN_REQUIRE((size_t)c->valid < n, GN_EARG,
             "valid = %d, expected 0 to %zu: window = %d and stride = %d give %zu samples",
             c->valid, n - 1, c->window, c->stride, n);
  double *times, *x, *y;
  GN_NEW(d->arena, times, K + 1);
  GN_NEW(d->arena, x, n * 2);
  GN_NEW(d->arena, y, n * K * 2);
  for (size_t k = 0; k <= K; k++) times[k] = (double)k * c->time_scale;
  for (size_t i = 0; i < n; i++) {
    memcpy(x + 2 * i, s.at[i * stride], 2 * sizeof *x);
    memcpy(y + 2 * i * K, s.at[i * stride + 1], 2 * K * sizeof *y);
  }
  *d = (gn_dataset){ .arena = d->arena,
                     .n = n,
                     .ntrain = n - (size_t)c->valid,
                     .K = K,
                     .nx = 2,
                     .ny = 2,
                     .times = times,
                     .x = x,
                     .y = y };
  return GN_OK;
}

const gn_dataset_class gn_dataset_lynx_hare = {
  .name = "lynx_hare",
  .summary = "Hudson Bay pelts of hare and lynx, 1900-1920: a real trajectory at 21 times",
  .source = "Elton and Nicholson, J. Anim. Ecol. 11 (1942)",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
