/* Eigenvalues of the Jacobian of a model along its solutions.
 *
 * For every time and sample J = df/dy [ny, ny] from ny products J e_j over all samples at
 * once, and its eigenvalues from dgeev. Time constants are 1/|Re|; growth is Re > 0. */
#ifndef GN_STUDY_SPECTRUM_H
#define GN_STUDY_SPECTRUM_H

#include "study/solve.h"

#include <stdio.h>

typedef struct gn_spectrum {
  gn_arena *arena;
  size_t T, B, n;  /* times, samples, eigenvalues of each: ny */
  int own_times;   /* every sample has its own                */
  double *times;   /* [T]; own: [B, T], NaN behind the last    */
  int64_t *sample; /* [B]                                     */
  double *re, *im; /* [T, B, n], by falling real part          */
  /* Summary over all of them. */
  double radius;     /* largest |lambda|                               */
  double growth;     /* largest Re                                     */
  double stiffness;  /* largest over T, B of max |Re| / min |Re| over Re < 0; NaN: none */
  size_t radius_at, growth_at, stiffness_at; /* t * B + b               */
  /* Two blocks of one width with J = [0 D; A -gamma 1], as in a heavy ball: eigenvalues come
     in pairs that sum to -gamma, since lambda (lambda + gamma) is one of D A. */
  int heavy_ball;
  double pair_sum;   /* -gamma, read from J; NaN if it is not the same everywhere       */
  double pair_error; /* largest |lambda_i + lambda_j + gamma|                           */
} gn_spectrum;

/* Along a solution of the subject (its times, samples and states). */
gn_status gn_spectrum_create(const gn_subject *s, const gn_solution *along, gn_spectrum **out);
void gn_spectrum_destroy(gn_spectrum **sp); /* NULL-safe */

/* A row per eigenvalue, atomically. */
gn_status gn_spectrum_write(const gn_spectrum *sp, const char *file);
/* The summary, a few lines. */
void gn_spectrum_print(const gn_spectrum *sp, FILE *to);

extern const gn_format gn_format_spectrum;

#endif
