/* Rows of iterations.csv. An update costs one pass over the states of its solve and a few
 * over the parameters; nothing is allocated. The worst blocks are read from
 * gn_stats.rejected_by, "h 3, m 1; backward a.h 2". */
#include "study/monitor.h"

#include "base/text.h"
#include "base/vec.h"

#include <math.h>
#include <string.h>

#define COLUMN(name, text) GN_COLUMN(#name, text),
static const gn_column columns[] = {
  GN_COLUMN("epoch", "from 1"),
  GN_COLUMN("batch", "from 1 in every epoch"),
  /* clang-format off */
  GN_ITERATION_LIST(COLUMN)
  /* clang-format on */
  GN_COLUMN("worst_block", "block of the norm that caused most rejections, forward"),
  GN_COLUMN("back_worst_block", "the same, backward"),
  GN_COLUMN("signs", "what is abnormal: failed loss gradient work state update damping"),
  GN_COLUMN("gradient:NAME", "l2 norm of the gradient of tensor NAME, before clipping"),
  GN_COLUMN("norm:NAME", "l2 norm of the tensor, before the update"),
  GN_COLUMN("update:NAME", "l2 norm of its update / that of the tensor"),
  GN_COLUMN("value:NAME", "watched quantity of the model (gamma), or a tensor of one element"),
  GN_COLUMNS_END,
};
#undef COLUMN
const gn_format gn_format_iterations = {
  "iterations.csv", "gnomon train",
  "A row per update, unless train.monitor = no; no seconds, the same in a replay. A failed "
  "update has the cells it reached. NAME runs over the named tensors of the model.",
  { columns }
};

/* ---- set-up -------------------------------------------------------------------------- */

static int has_watched(const gn_model *m, const char *name)
{
  for (const gn_watched *w = m->cls->watch; w && w->name; w++)
    if (strcmp(w->name, name) == 0) return 1;
  return 0;
}

static gn_status list_values(gn_arena *a, gn_monitor *mo)
{
  const gn_model *m = mo->setup->model;
  size_t n = m->params.n;
  for (const gn_watched *w = m->cls->watch; w && w->name; w++) n++;
  GN_NEW(a, mo->value, n);
  GN_NEW(a, mo->now.value, n);
  for (const gn_watched *w = m->cls->watch; w && w->name; w++)
    mo->value[mo->nvalue++] = (gn_monitor_value){ .name = w->name, .of = w };
  for (size_t k = 0; k < m->params.n; k++) {
    const gn_param *pa = &m->params.at[k];
    if (pa->n == 1 && !has_watched(m, pa->name))
      mo->value[mo->nvalue++] =
          (gn_monitor_value){ .name = pa->name, .offset = pa->offset };
  }
  return GN_OK;
}

/* The median sample's largest |x| or |y|: one wild sample does not move it. */
static gn_status data_scale(const gn_dataset *d, double *scale)
{
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  double *size = gn_arena_alloc(a, d->ntrain, sizeof *size);
  for (size_t i = 0; size && i < d->ntrain; i++) {
    size[i] = gn_vec_maxabs(d->nx, d->x + i * d->nx);
    for (size_t j = i * d->K * d->ny; j < (i + 1) * d->K * d->ny; j++)
      if ((!d->mask || d->mask[j]) && fabs(d->y[j]) > size[i]) size[i] = fabs(d->y[j]);
  }
  if (size) *scale = gn_median(d->ntrain, size);
  if (size && *scale == 0) *scale = 1;
  gn_arena_destroy(&a);
  return size ? GN_OK : GN_ENOMEM;
}

/* The longest time a sample is solved over. */
static double longest(const gn_dataset *d)
{
  const size_t J = d->sequence.J;
  double span = d->row_times || d->obs ? 0 : d->times[d->K] - d->times[0];
  for (size_t i = 0; d->obs && i < d->ntrain; i++) {
    double sum = d->sequence.nahead ? d->sequence.ahead[d->sequence.nahead - 1] : 0;
    for (size_t j = 0; j < J; j++) sum += d->gap[i * J + j];
    if (sum > span) span = sum;
  }
  for (size_t i = 0; d->row_times && i < d->ntrain; i++) {
    const double *t = d->row_times + i * (d->K + 1);
    if (t[d->K] - t[0] > span) span = t[d->K] - t[0];
  }
  return span;
}

gn_status gn_monitor_create(gn_arena *a, const gn_setup *setup, gn_monitor **out)
{
  const gn_dataset *d = setup->data;
  const gn_params *ps = &setup->model->params;
  gn_monitor *mo;
  GN_NEW(a, mo, 1);
  mo->setup = setup;
  mo->span = longest(d);
  GN_TRY(data_scale(d, &mo->scale));
  GN_TRY(list_values(a, mo));
  GN_NEW(a, mo->before, ps->np);
  GN_NEW(a, mo->now.of_gradient, ps->n);
  GN_NEW(a, mo->now.of_norm, ps->n);
  GN_NEW(a, mo->now.of_update, ps->n);
  *out = mo;
  return GN_OK;
}

/* ---- an update ----------------------------------------------------------------------- */

/* to[k] = norm of tensor k. */
static void norms(const gn_params *ps, const double *v, double *to)
{
  for (size_t k = 0; k < ps->n; k++)
    to[k] = sqrt(gn_vec_sumsq(ps->at[k].n, v + ps->at[k].offset));
}

void gn_monitor_begin(gn_monitor *mo, int epoch, size_t batch, double lr, const double *p)
{
  if (!mo) return;
  const gn_model *m = mo->setup->model;
  gn_iteration *it = &mo->now;
  const double none = (double)NAN;
  mo->extremes = (gn_extremes){ 0 };
  it->epoch = epoch;
  it->batch = batch;
  it->worst[0] = it->back_worst[0] = '\0';
#define CLEAR(name, text) it->name = none;
  GN_ITERATION_LIST(CLEAR)
#undef CLEAR
  it->lr = lr;
  it->norm = sqrt(gn_vec_sumsq(m->params.np, p));
  norms(&m->params, p, it->of_norm);
  gn_vec_fill(m->params.n, none, it->of_gradient);
  gn_vec_fill(m->params.n, none, it->of_update);
  for (size_t k = 0; k < mo->nvalue; k++) {
    const gn_monitor_value *v = &mo->value[k];
    it->value[k] = v->of ? v->of->value(m->inner ? m->inner : m, p) : p[v->offset];
  }
  gn_vec_copy(m->params.np, p, mo->before);
}

void gn_monitor_loss(gn_monitor *mo, double loss)
{
  if (mo) mo->now.loss = loss;
}

void gn_monitor_gradient(gn_monitor *mo, const double *g)
{
  if (!mo) return;
  mo->now.gradient = sqrt(gn_vec_sumsq(mo->setup->model->params.np, g));
  norms(&mo->setup->model->params, g, mo->now.of_gradient);
}

/* The name with the largest count in "h 3, m 1" up to stop. */
static void worst_of(const char *s, const char *stop, char *name, size_t size)
{
  long most = 0;
  name[0] = '\0';
  while (s < stop) {
    const size_t n = strcspn(s, " ,;");
    long count = 0;
    for (const char *c = s + n + 1; s[n] == ' ' && *c >= '0' && *c <= '9'; c++)
      count = 10 * count + (*c - '0');
    if (count > most && n < size) {
      most = count;
      memcpy(name, s, n);
      name[n] = '\0';
    }
    s += strcspn(s, ",;");
    s += strspn(s, ",; ");
  }
}

static void blame(const gn_stats *st, gn_iteration *it)
{
  static const char mark[] = "backward ";
  const char *s = st->rejected_by, *end = s + strlen(s), *back = strstr(s, mark);
  worst_of(s, back ? back : end, it->worst, sizeof it->worst);
  worst_of(back ? back + sizeof mark - 1 : end, end, it->back_worst, sizeof it->back_worst);
}

static void take_stats(gn_monitor *mo, const size_t *idx, const gn_stats *st, int failed)
{
  gn_iteration *it = &mo->now;
  const gn_extremes *ex = &mo->extremes;
  it->work = (double)(st->f + st->jvp);
  it->steps = (double)st->steps;
  it->rejects = (double)st->rejects;
  if (!failed || st->back_steps > 0) {
    it->back_work = (double)(st->back_f + st->back_vjp + st->back_pgrad + st->back_jvp);
    it->back_steps = (double)st->back_steps;
    it->back_rejects = (double)st->back_rejects;
  }
  blame(st, it);
  if (ex->steps > 0) it->h_min = ex->h;
  it->y_start = ex->y0;
  it->y_max = ex->y;
  it->y_time = ex->t;
  it->y_sample = (double)idx[ex->row];
}

static void take_update(gn_monitor *mo, const double *p)
{
  const gn_params *ps = &mo->setup->model->params;
  gn_iteration *it = &mo->now;
  gn_vec_axpy(ps->np, -1.0, p, mo->before);
  it->update = sqrt(gn_vec_sumsq(ps->np, mo->before)) / it->norm;
  norms(ps, mo->before, it->of_update);
  for (size_t k = 0; k < ps->n; k++) it->of_update[k] /= it->of_norm[k];
}

static double larger(double a, double b)
{
  return a > b ? a : b;
}

static void judge(gn_monitor *mo, int failed)
{
  gn_iteration *it = &mo->now;
  gn_vitals v = { .failed = failed,
                  .loss = it->loss,
                  .gradient = it->gradient,
                  .work = it->work + it->back_work,
                  .growth = it->y_max / larger(it->y_start, mo->scale),
                  .update = it->norm > 0 ? it->update : (double)NAN,
                  .damping = (double)NAN,
                  .span = mo->span };
  for (size_t k = 0; k < mo->nvalue; k++)
    if (mo->value[k].of && mo->value[k].of->damping && !(it->value[k] > v.damping))
      v.damping = it->value[k];
  it->signs = gn_anomaly_feed(&mo->anomaly, &v);
  if (!it->signs || mo->first_epoch || it->epoch < mo->since) return;
  mo->first_epoch = it->epoch;
  mo->first_batch = it->batch;
  mo->first_signs = it->signs;
}

/* ---- rows ---------------------------------------------------------------------------- */

void gn_signs_print(unsigned signs, char *buf, size_t size)
{
  size_t used = 0;
  buf[0] = '\0';
  for (int k = 0; k < GN_ANOMALY_N; k++) {
    const size_t n = strlen(gn_signs[k].name);
    if (!(signs & 1U << k) || used + n + 2 > size) continue;
    if (used) buf[used++] = ' ';
    memcpy(buf + used, gn_signs[k].name, n + 1);
    used += n;
  }
}

static void put(FILE *f, double x)
{
  char buf[40] = "";
  if (isfinite(x))
    gn_text_print_double(x, buf, sizeof buf);
  else if (isinf(x))
    (void)snprintf(buf, sizeof buf, x > 0 ? "inf" : "-inf");
  (void)fputc(',', f);
  (void)fputs(buf, f);
}

static void put_all(FILE *f, size_t n, const double *x)
{
  for (size_t k = 0; k < n; k++) put(f, x[k]);
}

static void write_row(const gn_monitor *mo)
{
  const gn_iteration *it = &mo->now;
  const size_t n = mo->setup->model->params.n;
  char signs[80];
  (void)fprintf(mo->to, "%d,%zu", it->epoch, it->batch);
#define PUT(name, text) put(mo->to, it->name);
  GN_ITERATION_LIST(PUT)
#undef PUT
  gn_signs_print(it->signs, signs, sizeof signs);
  (void)fprintf(mo->to, ",%s,%s,%s", it->worst, it->back_worst, signs);
  put_all(mo->to, n, it->of_gradient);
  put_all(mo->to, n, it->of_norm);
  put_all(mo->to, n, it->of_update);
  put_all(mo->to, mo->nvalue, it->value);
  (void)fputc('\n', mo->to);
}

void gn_monitor_end(gn_monitor *mo, const size_t *idx, const gn_stats *st, const double *p,
                    int failed)
{
  if (!mo) return;
  const int solved = mo->extremes.steps > 0 || mo->extremes.y0 > 0;
  if (!failed || solved) take_stats(mo, idx, st, failed);
  if (!failed) take_update(mo, p);
  judge(mo, failed);
  if (mo->to) write_row(mo);
}

const char *gn_monitor_header(const gn_monitor *mo, gn_arena *a)
{
  const gn_params *ps = &mo->setup->model->params;
  const char *s = "";
  for (const gn_column *c = columns; s && c->name; c++) {
    const size_t n = strcspn(c->name, ":");
    if (!c->name[n])
      s = gn_arena_printf(a, "%s%s%s", s, *s ? "," : "", c->name);
    else if (strncmp(c->name, "value", n) == 0)
      for (size_t k = 0; s && k < mo->nvalue; k++)
        s = gn_arena_printf(a, "%s,value:%s", s, mo->value[k].name);
    else
      for (size_t k = 0; s && k < ps->n; k++)
        s = gn_arena_printf(a, "%s,%.*s:%s", s, (int)n, c->name, ps->at[k].name);
  }
  return s;
}

/* ---- reading rows -------------------------------------------------------------------- */

static double cell(const gn_csv *c, size_t row, const char *name)
{
  return gn_csv_number(c, row, gn_csv_column(c, name));
}

gn_status gn_monitor_restore(gn_monitor *mo, const gn_csv *rows, int epoch)
{
  for (size_t r = 0; r < rows->nrow; r++) {
    gn_iteration *it = &mo->now;
    char name[GN_TEXT_MAX];
    it->epoch = (int)cell(rows, r, "epoch");
    it->batch = (size_t)cell(rows, r, "batch");
    if (it->epoch > epoch) return GN_OK;
#define TAKE(member, text) it->member = cell(rows, r, #member);
    GN_ITERATION_LIST(TAKE)
#undef TAKE
    for (size_t k = 0; k < mo->nvalue; k++) {
      (void)snprintf(name, sizeof name, "value:%s", mo->value[k].name);
      const size_t col = gn_csv_column(rows, name);
      GN_REQUIRE(col != GN_CSV_NONE, GN_EIO, "%s: no column %s", rows->file, name);
      it->value[k] = gn_csv_number(rows, r, col);
    }
    judge(mo, isnan(it->update));
  }
  return GN_OK;
}

int gn_monitor_same(const gn_monitor *mo, const gn_csv *rows, size_t row)
{
  const gn_iteration *it = &mo->now;
  int same = 1;
#define SAME(member, text)                                                                 \
  {                                                                                        \
    const double x = cell(rows, row, #member);                                             \
    same &= x == it->member || (isnan(x) && isnan(it->member));                            \
  }
  GN_ITERATION_LIST(SAME)
#undef SAME
  return same;
}
