/* The cheap signs of anomaly.h. An abnormal update does not enter the windows, so that a
 * divergence is not taken for the new normal. */
#include "study/anomaly.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROW(name, label, threshold, below, text) { label, text, threshold, below },
const gn_sign gn_signs[GN_ANOMALY_N] = { GN_ANOMALY_LIST(ROW) };
#undef ROW

static int rising(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double gn_median(size_t n, double *v)
{
  if (n == 0) return (double)NAN;
  qsort(v, n, sizeof *v, rising);
  return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* x over the median of the window; NaN while there are too few. */
static double against(const double *window, long n, double x)
{
  double sorted[GN_ANOMALY_WINDOW];
  if (n < GN_ANOMALY_LEAST) return (double)NAN;
  const size_t have = n < GN_ANOMALY_WINDOW ? (size_t)n : GN_ANOMALY_WINDOW;
  memcpy(sorted, window, have * sizeof *sorted);
  const double m = gn_median(have, sorted);
  return m > 0 ? x / m : (double)NAN;
}

static unsigned compare(const gn_anomaly *an, const gn_vitals *v)
{
  unsigned set = 0;
  for (int k = 0; k < GN_ANOMALY_N; k++) {
    const double x = an->value[k], limit = gn_signs[k].threshold;
    if (gn_signs[k].below ? x < limit : x >= limit) set |= 1U << k;
  }
  if (v->loss < GN_LOSS_FLOOR * an->loss0) set &= ~(1U << GN_ANOMALY_LOSS);
  if (v->damping * v->span >= GN_DAMPING_EFFECT) set &= ~(1U << GN_ANOMALY_DAMPING);
  return set;
}

unsigned gn_anomaly_feed(gn_anomaly *an, const gn_vitals *v)
{
  if (an->seen == 0) an->loss0 = v->loss, an->damping0 = v->damping;
  an->seen++;
  an->value[GN_ANOMALY_FAILED] = v->failed;
  an->value[GN_ANOMALY_LOSS] = against(an->loss, an->n, v->loss);
  an->value[GN_ANOMALY_GRADIENT] = against(an->gradient, an->n, v->gradient);
  an->value[GN_ANOMALY_WORK] = against(an->work, an->n, v->work);
  an->value[GN_ANOMALY_STATE] = v->growth;
  an->value[GN_ANOMALY_UPDATE] = v->update;
  an->value[GN_ANOMALY_DAMPING] =
      an->damping0 > 0 ? v->damping / an->damping0 : (double)NAN;
  const unsigned set = compare(an, v);
  if (set) return set;
  const size_t at = (size_t)(an->n++ % GN_ANOMALY_WINDOW);
  an->loss[at] = v->loss;
  an->gradient[at] = v->gradient;
  an->work[at] = v->work;
  return 0;
}
