/* Adam, AdamW, schedules, clipping. The order of operations is that of PyTorch's
 * single-tensor implementation (torch/optim/adam.py), so that a run can be compared digit
 * by digit. */
#include "study/optim.h"

#include "base/text.h"
#include "base/vec.h"

#include <math.h>
#include <string.h>

static gn_status parse_list(gn_optim *op, const char *text)
{
  char copy[GN_TEXT_MAX];
  memcpy(copy, text, strlen(text) + 1); /* an option's text fits by its type */
  for (char *s = copy, *next; s && *s; s = next) {
    long epoch;
    next = strchr(s, ',');
    if (next) *next++ = '\0';
    s += strspn(s, " ");
    const long after = op->nat ? op->at[op->nat - 1] : 0;
    GN_REQUIRE(op->nat < GN_SCHEDULE_MAX, GN_EARG, "step_at = %s: more than %d epochs",
               text, (int)GN_SCHEDULE_MAX);
    GN_REQUIRE(gn_text_long(s, &epoch) == GN_OK && epoch > after && epoch <= 1000000000,
               GN_EARG, "step_at = %s: '%s', expected an epoch above %ld", text, s, after);
    op->at[op->nat++] = (int)epoch;
  }
  return GN_OK;
}

gn_status gn_optim_setup(gn_optim *op, gn_arena *a, const gn_train_options *o, size_t n)
{
  *op = (gn_optim){ .o = o, .n = n };
  GN_TRY(parse_list(op, o->step_at));
  GN_NEW(a, op->m, n);
  GN_NEW(a, op->v, n);
  return GN_OK;
}

static int reductions(const gn_optim *op, int epoch)
{
  if (op->nat == 0) return epoch / op->o->step_every;
  int n = 0;
  for (size_t i = 0; i < op->nat; i++) n += op->at[i] <= epoch;
  return n;
}

double gn_optim_rate(const gn_optim *op, int epoch)
{
  const gn_train_options *o = op->o;
  const double pi = 3.14159265358979323846;
  if (o->schedule == GN_SCHEDULE_STEP)
    return o->lr * pow(o->step_factor, reductions(op, epoch));
  if (o->schedule == GN_SCHEDULE_COSINE) {
    const double part = epoch < o->epochs ? (double)epoch / o->epochs : 1;
    return o->lr_min + (o->lr - o->lr_min) * (1 + cos(pi * part)) / 2;
  }
  return o->lr;
}

double gn_optim_clip(size_t n, double *g, double limit)
{
  const double norm = sqrt(gn_vec_sumsq(n, g));
  const double scale = limit / (norm + 1e-6);
  if (limit > 0 && scale < 1) gn_vec_scale(n, scale, g, g);
  return norm;
}

void gn_optim_update(gn_optim *op, double lr, const double *g, double *p)
{
  const gn_train_options *o = op->o;
  const double t = (double)++op->step;
  const double rate = lr / (1 - pow(o->beta1, t));
  const double root = sqrt(1 - pow(o->beta2, t));
  const double pull = o->optimizer == GN_ADAM ? o->weight_decay : 0;
  const double keep = o->optimizer == GN_ADAMW ? 1 - lr * o->weight_decay : 1;
  for (size_t i = 0; i < op->n; i++) {
    const double d = g[i] + pull * p[i];
    op->m[i] += (1 - o->beta1) * (d - op->m[i]);
    op->v[i] = o->beta2 * op->v[i] + (1 - o->beta2) * d * d;
    p[i] = keep * p[i] - rate * op->m[i] / (sqrt(op->v[i]) / root + o->eps);
  }
}
