/* Smallest step, largest state. The row is looked for only when the largest state has
 * grown, so that a step costs one pass over it. Quadratures, the last blocks, are left out:
 * they are no part of the state the model evolves. */
#include "core/extremes.h"

#include "base/vec.h"

#include <math.h>

static size_t row_of(const gn_model *m, size_t B, const double *y, double largest)
{
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < B; i++, y += m->d[k])
      for (size_t j = 0; j < m->d[k]; j++)
        if (fabs(y[j]) == largest) return i;
  return 0;
}

void gn_extremes_start(gn_extremes *ex, const gn_model *m, size_t B, double t,
                       const double *y0)
{
  if (!ex) return;
  const double largest = gn_vec_maxabs(B * gn_model_nread(m), y0);
  *ex = (gn_extremes){
    .on = 1, .y0 = largest, .y = largest, .t = t, .row = row_of(m, B, y0, largest)
  };
}

void gn_extremes_step(gn_extremes *ex, const gn_model *m, size_t B, double t, double h,
                      const double *y)
{
  if (!ex || !ex->on) return;
  if (ex->steps++ == 0 || fabs(h) < ex->h) ex->h = fabs(h);
  const double largest = gn_vec_maxabs(B * gn_model_nread(m), y);
  if (!(largest > ex->y)) return;
  ex->y = largest;
  ex->t = t;
  ex->row = row_of(m, B, y, largest);
}

void gn_extremes_stop(gn_extremes *ex)
{
  if (ex) ex->on = 0;
}
