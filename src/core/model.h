/* Models: up to four differentiable maps over a state made of blocks.
 *
 * A batch of B rows is one system. The state is a sequence of blocks [B, d_k], row-major
 * and contiguous, one after another: HBNODE is [h][m]. ny = sum d_k, and a state array has
 * B * ny doubles; block k begins at B * (d_0 + ... + d_{k-1}). */
#ifndef GN_CORE_MODEL_H
#define GN_CORE_MODEL_H

#include "base/option.h"
#include "base/param.h"
#include "core/registry.h"
#include "nn/net.h"

#include <stdint.h>

enum { GN_BLOCKS_MAX = GN_NET_BLOCKS };

typedef struct gn_model gn_model;
typedef struct gn_model_class gn_model_class;

/* Where a map is evaluated. Arrays are borrowed for the call. */
typedef struct gn_point {
  size_t B;                 /* rows                                                    */
  const double *t;          /* time of each row [B], in the units of the data set      */
  const double *y;          /* the map's input: blocks of the state; lift: x [B, nx]   */
  const double *u;          /* signal values [B, nu]; NULL when nu = 0                 */
  const double *const *lag; /* delayed states, one per lag, laid out as y; or NULL     */
  const double *const *vlag; /* jvp: their tangents; the list or an entry may be NULL  */
  const double *x;          /* observation [B, nobs], for jump; NULL elsewhere         */
  const double *p;          /* parameters [np]                                         */
} gn_point;

/* What one evaluation leaves for its derivatives: field[j] is [rows, width_j], the widths
   declared at set-up. rows is B for eval, vjp and jvp; pgrad may see several evaluations
   that follow each other (rows = n B). */
typedef struct gn_tape {
  size_t rows;
  double *const *field;
} gn_tape;

/* Where a vjp adds its results; NULL = not wanted. */
typedef struct gn_pull {
  double *y;          /* cotangent of the input, laid out as point.y */
  double *u;          /* [B, nu]                                     */
  double *x;          /* [B, nobs], jump only                        */
  double *const *lag; /* one per lag; the list or an entry may be NULL */
} gn_pull;

/* A differentiable map z = g(point).
 *
 * Values are written (=), gradients are accumulated (+=). Return 0; > 0 if a value is not
 * finite here (the solver retries with a smaller step); < 0 to stop. No allocation, no
 * output, no mutable static data. vjp, pgrad and jvp read the tape of an eval at the same
 * parameters; of the point they may use B, t, p (and u, lag, x), not y. */
typedef struct gn_map {
  /* z = g(point), leaving what the derivatives need in the tape. */
  int (*eval)(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z);
  /* to += (dg/d.)^T w, leaving in the tape what pgrad needs of w. */
  int (*vjp)(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
             const gn_pull *to);
  /* gp += weight * sum over the rows of the tape of (dg/dp)^T w, w as left by vjp.
     NULL if the map has no parameters. */
  void (*pgrad)(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                double *gp);
  /* z = (dg/dy) vy + (dg/dp) vp + (dg/dlag) vlag; any may be NULL = zero. May use the cotangent fields
     of the tape as scratch (a vjp after it needs nothing but to be called again). */
  int (*jvp)(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
             const double *vp, double *z);
} gn_map;

typedef enum gn_map_id { GN_F, GN_LIFT, GN_JUMP, GN_READ, GN_NMAPS } gn_map_id;
extern const char *const gn_map_names[GN_NMAPS]; /* "f", "lift", "jump", "read" */

/* Head of every model; a concrete model puts it first in its own struct. Immutable after
   set-up, hence shareable between threads. */
struct gn_model {
  const gn_model_class *cls;
  const gn_model *inner; /* the model of class cls this one is made around; NULL: itself */
  const void *config;  /* the filled-in option struct                             */
  gn_arena *arena;     /* owns everything the model allocates                     */
  size_t nblock, d[GN_BLOCKS_MAX]; /* state blocks and their widths               */
  const char *block_name[GN_BLOCKS_MAX]; /* "h", "m"; for messages                */
  int quadrature[GN_BLOCKS_MAX]; /* 1: f does not read the block; outside error norms  */
  size_t nx, ny, nz;   /* inputs, state and outputs per row; ny = sum d           */
  size_t nobs;         /* values of an observation, which jump takes; 0: nx       */
  size_t nu, nlag;     /* signals and lags; 0 for a plain ODE                     */
  int uses_time;       /* 1 if f depends on t                                     */
  gn_params params;    /* names, shapes, starts                                   */
  gn_fields tape[GN_NMAPS]; /* widths of the arrays of each map's tape            */
  gn_map map[GN_NMAPS];     /* the maps in force: the class's, or the defaults    */
  unsigned numeric[GN_NMAPS]; /* their verbs that are differences of eval: core/numeric.h */
  const struct gn_numeric *differences; /* what those need; NULL: every verb is written */
  void (*lags)(const gn_model *m, const double *p, double *tau); /* the class's, unless
                                                                  set-up gives others */
  void (*lags_pgrad)(const gn_model *m, const double *p, const double *gtau, double *gp);
  const struct gn_parts *parts; /* ready-made lift and read, core/parts.h; or NULL */
};

/* What the data fix about a model; 0 = not fixed. */
typedef struct gn_sizes {
  size_t nx, nz;
  size_t nobs; /* of a sequence */
} gn_sizes;

/* A number of a model that is worth watching: gamma = eps sigmoid(rho) instead of rho. */
typedef struct gn_watched {
  const char *name, *text;
  int damping; /* 1: it takes energy out of the state; watched for being lost */
  double (*value)(const gn_model *m, const double *p);
} gn_watched;

/* What a file in models/ exports: one constant, gn_model_<file stem>. */
struct gn_model_class {
  const char *name, *summary, *source;
  size_t size;              /* sizeof the concrete struct */
  const gn_option *options; /* table describing config    */
  size_t config_size;       /* sizeof the config struct   */
  /* Fill sizes, blocks, parameters, tapes and private fields of a zeroed object. config
     is the model's own copy. GN_EARG if the data's sizes do not fit. */
  gn_status (*setup)(gn_model *m, const void *config, gn_sizes data);
  /* Of a map only eval is mandatory; other verbs that are missing are differences of it. */
  gn_map f;    /* [ny] -> [ny]  y' = f(t, y; p).                         Required. */
  gn_map lift; /* [nx] -> [ny]  y(t0) from x.        Default: x into block 0, zeros after. */
  gn_map jump; /* [ny] -> [ny]  y+ from y- and x at an observation. Default: none. */
  gn_map read; /* [ny] -> [nz]  output.              Default: block 0.              */
  const gn_watched *watch; /* ended by name NULL. Default: the scalar parameters     */
  /* The lags tau [nlag] > 0, and gp += (dtau/dp)^T gtau (NULL: they are fixed). A model with
     lags has them here or sets them up. */
  void (*lags)(const gn_model *m, const double *p, double *tau);
  void (*lags_pgrad)(const gn_model *m, const double *p, const double *gtau, double *gp);
};

extern const gn_model_class *gn_models[]; /* by name, NULL at the end */
GN_ABI_MARK(model, sizeof(gn_model_class) + sizeof(gn_model) + sizeof(gn_point));
const gn_model_class *gn_model_find(const char *name); /* NULL + message with the nearest name */

/* config is copied (NULL: all defaults). On failure *out is NULL and nothing leaks. */
gn_status gn_model_create(const gn_model_class *cls, const void *config, gn_sizes data,
                          gn_model **out);
void gn_model_destroy(gn_model **m); /* NULL-safe, sets *m to NULL */

/* For set-up: append a state block of width d. */
gn_status gn_model_block(gn_model *m, const char *name, size_t d);
/* First double of block k in a state of B rows. */
static inline double *gn_block(const gn_model *m, size_t B, size_t k, double *y)
{
  for (size_t j = 0; j < k; j++) y += B * m->d[j];
  return y;
}
static inline const double *gn_cblock(const gn_model *m, size_t B, size_t k, const double *y)
{
  for (size_t j = 0; j < k; j++) y += B * m->d[j];
  return y;
}

/* Values of a row without quadratures. */
size_t gn_model_nread(const gn_model *m);
/* Lengths per row of a map's input and output. */
size_t gn_map_nin(const gn_model *m, gn_map_id id);
size_t gn_map_nout(const gn_model *m, gn_map_id id);

#endif
