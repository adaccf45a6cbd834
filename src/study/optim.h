/* Adam and AdamW, learning-rate schedules and clipping, in PyTorch's arithmetic.
 *
 *   m <- m + (1 - b1)(g - m)      v <- b2 v + (1 - b2) g^2
 *   p <- p - lr/(1 - b1^t) m / (sqrt(v)/sqrt(1 - b2^t) + eps)
 *
 * Adam adds weight_decay p to g first; AdamW multiplies p by 1 - lr weight_decay first.
 * Kingma and Ba, ICLR 2015, algorithm 1; Loshchilov and Hutter, ICLR 2019, algorithm 2. */
#ifndef GN_STUDY_OPTIM_H
#define GN_STUDY_OPTIM_H

#include "base/arena.h"
#include "study/experiment.h"

enum { GN_ADAM, GN_ADAMW };
enum { GN_SCHEDULE_CONSTANT, GN_SCHEDULE_STEP, GN_SCHEDULE_COSINE };
enum { GN_SCHEDULE_MAX = 64 };

/* State is open, so that it can be saved: m, v and the step count are all there is. */
typedef struct gn_optim {
  const gn_train_options *o; /* borrowed */
  size_t n;
  double *m, *v;             /* [n] moments       */
  long step;                 /* updates made      */
  size_t nat;                /* epochs of step_at */
  int at[GN_SCHEDULE_MAX];
} gn_optim;

/* Zero moments for n parameters; arrays from the arena. GN_EARG if step_at is not a list of
   increasing epochs. */
gn_status gn_optim_setup(gn_optim *op, gn_arena *a, const gn_train_options *o, size_t n);

/* Learning rate of an epoch, counted from 0.
     step    lr factor^(number of reductions up to the epoch)
     cosine  lr_min + (lr - lr_min)(1 + cos(pi epoch/epochs))/2 */
double gn_optim_rate(const gn_optim *op, int epoch);

/* l2 norm of g [n]; if limit > 0, g is scaled by min(1, limit/(norm + 1e-6)), as
   torch.nn.utils.clip_grad_norm_ does. Returns the norm before. */
double gn_optim_clip(size_t n, double *g, double limit);

/* One update of p [n] with gradient g [n]. */
void gn_optim_update(gn_optim *op, double lr, const double *g, double *p);

#endif
