/* Loops over long vectors, in one fixed order of operations, so that a sum computed by a
   stepper and by a replay has the same bits. n is a length, arrays do not overlap unless
   said. */
#ifndef GN_BASE_VEC_H
#define GN_BASE_VEC_H

#include <stddef.h>

#define GN_LINCOMB_MAX 24

/* Put before a function of loops: it is compiled for three levels of x86-64 and chosen
   when the program is loaded. Empty where compiler or C library cannot do that, or with
   -DGN_CLONES= for one level only. */
#ifndef GN_CLONES
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) &&                \
    !defined(__clang__) && __GNUC__ >= 12
#define GN_CLONES                                                                        \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define GN_CLONES
#endif
#endif

/* z = ((c_0 x_0 + c_1 x_1) + c_2 x_2) + ... , m >= 1 terms; z may be one of the x. */
void gn_vec_lincomb(size_t n, size_t m, const double *c, const double *const *x, double *z);
void gn_vec_axpy(size_t n, double a, const double *x, double *y);  /* y += a x        */
void gn_vec_scale(size_t n, double a, const double *x, double *z); /* z = a x, z may be x */
void gn_vec_copy(size_t n, const double *x, double *z);
void gn_vec_fill(size_t n, double a, double *z);
double gn_vec_dot(size_t n, const double *x, const double *y);
double gn_vec_sumsq(size_t n, const double *x);                    /* sum x_i^2       */
double gn_vec_wsumsq(size_t n, const double *x, const double *w);  /* sum (x_i w_i)^2 */
double gn_vec_maxabs(size_t n, const double *x);                   /* NaN if any is NaN */
/* w_i = 1 / (rtol |y_i| + atol). */
void gn_vec_weights(size_t n, double rtol, double atol, const double *y, double *w);
/* 1 if every value is finite. */
int gn_vec_finite(size_t n, const double *x);

#endif
