/* Nicholson's blowflies: adult flies of one culture, counted every 2 days for 720 days (set 4
 * of the table). Eggs become adults after about 14.8 days, which makes it cycle. Later in the
 * record the culture is another one: it cycles less and less regularly (Stokes et al., Theor.
 * Popul. Biol. 34, 1988); `counts` leaves the end away.
 *
 * The record is cut in time order into training, validation and test part, each into windows
 * of its own: x is the count at the start of a window, y the `window` counts after it, the
 * past the `past` counts before it, given to models with lags; inputs = past gives it to those
 * without, as more inputs. Nothing of a window lies in another part.
 *
 *   value = (log count - shift) / scale,  by mean and deviation of the training part
 *
 * Nicholson, Aust. J. Zool. 2 (1954); Brillinger et al., Time Series Analysis (1980). */
#include "base/text.h"
#include "core/dataset.h"
#include "core/split.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 361, SET = 4, DAYS = 2, LINE = 256 };
static const char table[] = "small_series/nicholson_blowflies.csv";
static const char header[] = "day;count;set";

typedef struct config {
  int log, counts, window, stride, past, inputs;
  double valid, test, time_scale;
  gn_split split;
} config;
enum { NOW, PAST };

/* clang-format off */
static const gn_option options[] = {
  GN_BOOL(config, "log", log, 1, "natural logarithms of the counts"),
  GN_INT(config, "counts", counts, ROWS, 2, ROWS, "first counts of the record, used"),
  GN_INT(config, "window", window, 20, 1, ROWS - 1, "counts after the start of a sample"),
  GN_INT(config, "past", past, 8, 0, ROWS - 1, "counts before its start that are known"),
  GN_INT(config, "stride", stride, 2, 1, ROWS - 1, "counts between the starts of samples"),
  GN_CHOICE(config, "inputs", inputs, NOW, "now|past", "x: the count at the start, or those before it too, latest first"),
  GN_REAL(config, "valid", valid, 0.2, 0, 0.9, "of the record, for validation: after the training part"),
  GN_REAL(config, "test", test, 0.2, 0, 0.9, "of the record, for test: the end"),
  GN_REAL(config, "time_scale", time_scale, 0.1, 1e-6, 1e6, "units of time in a day (0.1: ten days)"),
  GN_SPLIT_OPTIONS(config, split),
  GN_OPTIONS_END,
};
/* clang-format on */

typedef struct series {
  size_t n;
  double at[ROWS];
  double shift, scale;
} series;

/* A part of the record: rows [row, end), n windows of it. */
typedef struct part {
  size_t row, end, n;
} part;

/* ---- reading ------------------------------------------------------------------------- */

/* "40;3721;1" */
static int parse_row(char *line, double cell[3])
{
  for (int j = 0; j < 3; j++) {
    char *end = strchr(line, ';');
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
  for (int number = 1; fgets(line, sizeof line, f); number++) {
    double cell[3];
    line[strcspn(line, "\r\n")] = '\0';
    if (number == 1) {
      GN_REQUIRE(strcmp(line, header) == 0, GN_EIO, "%s:1: '%.40s', expected '%s'", path, line,
                 header);
      continue;
    }
    GN_REQUIRE(parse_row(line, cell), GN_EIO, "%s:%d: expected three numbers '%s'", path,
               number, header);
    if (cell[2] != SET) continue;
    GN_REQUIRE(s->n < ROWS && cell[0] == (double)(DAYS * s->n), GN_EIO,
               "%s:%d: day %g, expected day %zu of %d counts of set %d", path, number, cell[0],
               DAYS * s->n, (int)ROWS, (int)SET);
    GN_REQUIRE(cell[1] > 0, GN_EIO, "%s:%d: count %g, expected a positive one", path, number,
               cell[1]);
    s->at[s->n++] = cell[1];
  }
  GN_REQUIRE(!ferror(f), GN_EIO, "%s: cannot read", path);
  GN_REQUIRE(s->n == ROWS, GN_EIO, "%s: %zu counts of set %d, expected %d", path, s->n, (int)SET,
             (int)ROWS);
  return GN_OK;
}

static gn_status read_series(gn_arena *a, const char *dir, series *s)
{
  const char *path = gn_arena_printf(a, "%s/%s", dir, table);
  if (!path) return GN_ENOMEM;
  FILE *f = fopen(path, "r");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s; the counts do not ship with gnomon: "
             "experiments/data/fetch small_series, and let GNOMON_DATA or data.dir be the folder "
             "that has %s, lines '%s'", path, strerror(errno), table, header);
  const gn_status parsed = parse(f, path, s);
  (void)fclose(f);
  return parsed;
}

/* ---- parts and windows --------------------------------------------------------------- */

static void count_windows(const config *c, part *p)
{
  const size_t need = (size_t)c->past + 1 + (size_t)c->window, have = p->end - p->row;
  p->n = have < need ? 0 : (have - need) / (size_t)c->stride + 1;
}

/* Training part, and the part seen with it. */
static gn_status parts(const config *c, part *train, part *other)
{
  GN_REQUIRE(c->valid + c->test < 1, GN_EARG, "valid = %g and test = %g leave nothing to train on",
             c->valid, c->test);
  const size_t n = (size_t)c->counts, test = (size_t)floor((1 - c->test) * c->counts + 0.5);
  const size_t valid = (size_t)floor((1 - c->test - c->valid) * c->counts + 0.5);
  const int last = c->split.part == GN_PART_TEST;
  *train = (part){ .row = 0, .end = valid };
  *other = (part){ .row = last ? test : valid, .end = last ? n : test };
  count_windows(c, train);
  count_windows(c, other);
  GN_REQUIRE(train->n > 0, GN_EARG, "window = %d and past = %d, but the training part has %zu "
             "counts", c->window, c->past, train->end);
  GN_REQUIRE(other->n > 0 || other->row == other->end, GN_EARG,
             "window = %d and past = %d, but the part for %s has %zu counts: give it none, or more",
             c->window, c->past, last ? "test" : "validation", other->end - other->row);
  return GN_OK;
}

static void transform(const config *c, size_t ntrain, series *s)
{
  double sum = 0, var = 0;
  for (size_t i = 0; i < s->n; i++) {
    if (c->log) s->at[i] = log(s->at[i]);
    if (i < ntrain) sum += s->at[i];
  }
  s->shift = sum / (double)ntrain;
  for (size_t i = 0; i < ntrain; i++) var += (s->at[i] - s->shift) * (s->at[i] - s->shift);
  s->scale = var > 0 ? sqrt(var / (double)ntrain) : 1;
  for (size_t i = 0; i < s->n; i++) s->at[i] = (s->at[i] - s->shift) / s->scale;
}

/* Inputs, past and targets of the sample that starts at `row`. */
static void fill(const config *c, const double *row, size_t nx, double *x, double *hist, double *y)
{
  const size_t past = (size_t)c->past, K = (size_t)c->window;
  for (size_t j = 0; j < nx; j++) x[j] = *(row - j);
  for (size_t i = 0; hist && i < past; i++) hist[i] = *(row - past + i);
  memcpy(y, row + 1, K * sizeof *y);
}

static gn_status samples(const config *c, const series *s, const part *train, const part *other,
                         gn_dataset *d)
{
  const size_t ntrain = gn_split_train(&c->split, train->n), n = ntrain + other->n;
  const size_t K = (size_t)c->window, past = (size_t)c->past, stride = (size_t)c->stride;
  const int given = c->inputs == NOW && past > 0;
  const size_t nx = c->inputs == PAST ? 1 + past : 1;
  double *times, *x, *y, *at = NULL, *hist = NULL;
  GN_NEW(d->arena, times, K + 1);
  GN_NEW(d->arena, x, n * nx);
  GN_NEW(d->arena, y, n * K);
  if (given) {
    GN_NEW(d->arena, at, past);
    GN_NEW(d->arena, hist, n * past);
  }
  for (size_t k = 0; k <= K; k++) times[k] = (double)(DAYS * k) * c->time_scale;
  for (size_t i = 0; given && i < past; i++)
    at[i] = -(double)(DAYS * (past - i)) * c->time_scale;
  for (size_t i = 0; i < n; i++) { /* few training samples: the last ones */
    const size_t k = i < ntrain ? train->n - ntrain + i : i - ntrain;
    const size_t row = (i < ntrain ? train->row : other->row) + past + k * stride;
    fill(c, s->at + row, nx, x + i * nx, hist ? hist + i * past : NULL, y + i * K);
  }
  *d = (gn_dataset){ .arena = d->arena, .n = n, .ntrain = ntrain, .K = K, .nx = nx, .ny = 1,
                     .times = times, .x = x, .y = y, .H = given ? past : 0, .hist_times = at,
                     .hist = hist };
  return GN_OK;
}

static gn_status note(const config *c, const series *s, const part *train, gn_dataset *d)
{
  char shift[64], scale[64];
  gn_text_print_double(s->shift, shift, sizeof shift);
  gn_text_print_double(s->scale, scale, sizeof scale);
  d->note = gn_arena_printf(d->arena, "value = (%s - shift) / scale, shift %s, scale %s: mean and "
                            "deviation of the first %zu counts, the training part",
                            c->log ? "log count" : "count", shift, scale, train->end);
  return d->note ? GN_OK : GN_ENOMEM;
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)seed; /* measured data: nothing is drawn */
  series *s;
  part train = { 0 }, other = { 0 };
  GN_NEW(d->arena, s, 1);
  GN_TRY(parts(c, &train, &other));
  GN_TRY(read_series(d->arena, dir, s));
  transform(c, train.end, s);
  GN_TRY(samples(c, s, &train, &other, d));
  return note(c, s, &train, d);
}

const gn_dataset_class gn_dataset_blowflies = {
  .name = "blowflies",
  .summary = "Nicholson's blowflies: real counts every 2 days, windows with their past",
  .source = "Nicholson, Aust. J. Zool. 2 (1954); Brillinger et al. (1980), as in R package pomp",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
