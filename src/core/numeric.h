/* Verbs by differences of eval, for a model whose author has not written them yet.
 *
 *   g'(x) = (8 (g(x + h) - g(x - h)) - (g(x + 2h) - g(x - 2h))) / (12 h) + O(h^4)
 *
 * with h = 2^-12 max(1, |x|): good to about 1e-11 of the largest term where g is smooth on
 * the scale of its arguments. A vjp costs 4 evaluations per column of the input, a jvp 4
 * (8 with vp), a pgrad 4 per parameter; each is counted as the one verb it stands for.
 * At an argument where eval fails the step shrinks twice, by 2^-10 each time.
 *
 * A pgrad reads what its own vjp leaves, so it is in force only with a vjp of the author's.
 * Numeric pgrad, and jvp with vp, copy the parameters and allocate for it: models are shared
 * between threads. Without memory pgrad adds NaN, which ends the solve. */
#ifndef GN_CORE_NUMERIC_H
#define GN_CORE_NUMERIC_H

#include "core/model.h"

/* Bits of gn_model.numeric[map]. */
enum { GN_NUMERIC_VJP = 1, GN_NUMERIC_PGRAD = 2, GN_NUMERIC_JVP = 4 };

/* Supply the missing verbs of every map in force and append what they keep to its tape. A
   map without pgrad is given one if its output changes with the parameters at random
   points. For gn_model_create. */
gn_status gn_numeric_complete(gn_model *m);

/* "numeric vjp, pgrad": the verbs of any map that are differences; "" if there are none. */
const char *gn_model_numeric(const gn_model *m);
/* GN_EUNSUP if there are: for who measures seconds. */
gn_status gn_model_analytic(const gn_model *m);

#endif
