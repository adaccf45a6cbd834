/* Points as lines of CSV. The key comes first, so that a line belongs to a point if it
 * begins with the point's key: that is all a continued sweep has to know about its file. */
#include "base/text.h"
#include "study/sweep_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Columns as lists, which give the header lines as constants and the documentation. */
/* clang-format off */
#define KEY(X)                                                                             \
  X(model, "model of the experiment, or of --models")                                      \
  X(state, "state.h5 the parameters are from; empty: initial values")                       \
  X(seed, "seed of data and initial parameters")                                           \
  X(solver, "stepper as asked for")                                                        \
  X(rtol, "relative tolerance of the forward solve")                                       \
  X(back_rtol, "of the backward solve")                                                    \
  X(quad_rtol, "of the parameter integrals")                                               \
  X(strategy, "as asked for")
#define HEAD(X)                                                                            \
  X(executed, "strategy, norm and stepper actually run")                                   \
  X(status, "ok, how it failed, or crash")                                                 \
  X(reason, "why it failed")                                                               \
  X(note, "what its user should know")                                                     \
  X(loss, "of its own forward solve")                                                      \
  X(err_ode, "relative distance of dL/dp to the certified gradient of the ODE")            \
  X(err_adj, "relative distance to the exact gradient of the steps it took; empty: no such") \
  X(worst, "parameter tensor that is worst in err_ode")                                    \
  X(worst_err, "err_ode of that tensor")                                                   \
  X(cosine, "between dL/dp and the certified gradient")
#define TAIL(X)                                                                            \
  X(work, "f + jvp + back_f + back_vjp + back_pgrad + back_jvp")                           \
  X(rejected_by, "blocks of the norm that caused rejections, with their number")           \
  X(samples, "in the batch")                                                               \
  X(reference, "ok, or why the certified gradient is missing")                             \
  X(reference_agreement, "relative distance of the two certifying gradients")              \
  X(reference_tangent, "their distance from what tangent says")
#define SECONDS(X)                                                                         \
  X(repeats, "timed repeats")                                                              \
  X(sec, "median seconds of the forward solve")                                            \
  X(back_sec, "median seconds of the backward pass")
#define TRAINED(X)                                                                         \
  X(executed, "strategy, norm and stepper actually run")                                   \
  X(status, "ok, how it failed, or crash")                                                 \
  X(reason, "why it failed")                                                               \
  X(epochs, "finished")                                                                    \
  X(loss, "of the last epoch")                                                             \
  X(valid_loss, "of the last epoch; empty: no validation samples")                         \
  X(best_valid, "best validation loss")                                                    \
  X(work_first, "work of the first epoch")                                                 \
  X(work_last, "work of the last epoch")                                                   \
  X(work_growth, "work_last / work_first")                                                 \
  X(work, "of the whole training")                                                         \
  X(target_loss, "--target-loss; empty: none")                                             \
  X(target_epoch, "first epoch that reached it; empty: none did")                          \
  X(target_work, "work until then")
#define TRAINED_SECONDS(X)                                                                 \
  X(repeats, "1")                                                                          \
  X(sec, "seconds of the training")                                                        \
  X(target_sec, "seconds until target_loss was reached; empty: it was not")
/* clang-format on */

#define NAME(name, text)   "," #name
#define COLUMN(name, text) GN_COLUMN(#name, text),
/* Every name has a comma before it, which is dropped from the first. */
static const char *const headers[2][2] = {
  { KEY(NAME) HEAD(NAME) GN_STATS_COUNTS(NAME) TAIL(NAME), KEY(NAME) SECONDS(NAME) },
  { KEY(NAME) TRAINED(NAME), KEY(NAME) TRAINED_SECONDS(NAME) },
};

static const gn_column keys[] = { KEY(COLUMN) GN_COLUMNS_END };
static const gn_column heads[] = { HEAD(COLUMN) GN_COLUMNS_END };
static const gn_column tails[] = { TAIL(COLUMN) GN_COLUMNS_END };
static const gn_column seconds[] = { SECONDS(COLUMN) GN_COLUMNS_END };
static const gn_column trained[] = { TRAINED(COLUMN) GN_COLUMNS_END };
static const gn_column trained_seconds[] = { TRAINED_SECONDS(COLUMN) GN_COLUMNS_END };
#define BY "gnomon sweep"
#define ABOUT "The first eight columns say which point of the grid it is."
const gn_format gn_format_sweep = { "sweep.csv", BY,
                                    "A row per point: errors and counts. " ABOUT,
                                    { keys, heads, gn_stats_columns, tails } };
const gn_format gn_format_sweep_timing = { "sweep_timing.csv", BY " --time",
                                           "A row per point: seconds. " ABOUT,
                                           { keys, seconds } };
const gn_format gn_format_sweep_train = { "sweep_train.csv", BY " --what=train",
                                          "A row per point: what its training came to. " ABOUT,
                                          { keys, trained } };
const gn_format gn_format_sweep_train_timing = { "sweep_train_timing.csv", BY " --what=train",
                                                 "A row per point: seconds. " ABOUT,
                                                 { keys, trained_seconds } };

const char *gn_sweep_header(int train, int which)
{
  return headers[train != 0][which] + 1;
}

/* ---- writing a line ------------------------------------------------------------------ */

/* ",text", quoted where RFC 4180 asks for it; a line break would end the row for those who
   read line by line, and becomes a blank. */
static void cell(FILE *to, const char *text)
{
  const int quote = strpbrk(text, ",\"") != NULL;
  (void)fputs(quote ? ",\"" : ",", to);
  for (; *text; text++) {
    if (*text == '"') (void)fputc('"', to);
    (void)fputc(*text == '\n' || *text == '\r' ? ' ' : *text, to);
  }
  if (quote) (void)fputc('"', to);
}

static void real(FILE *to, double x)
{
  char buf[40] = "";
  if (!isnan(x)) gn_text_print_double(x, buf, sizeof buf);
  cell(to, buf);
}

/* The text of a closed memory stream, or NULL. */
static char *close_text(FILE *f, char **text)
{
  if (fclose(f) == 0) return *text;
  free(*text);
  return NULL;
}

char *gn_sweep_key_text(const gn_sweep *sw, gn_point_at at)
{
  const gn_scene *sc = &sw->scene[at.scene];
  const gn_solver sv = gn_sweep_solver_at(sw, at);
  char *text = NULL, number[24], *key;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return NULL;
  (void)snprintf(number, sizeof number, "%d", sc->seed);
  cell(f, sc->model);
  cell(f, sc->state);
  cell(f, number);
  cell(f, sw->solver[at.scene * sw->nsolver + at.solver].text);
  real(f, sv.tol.rtol);
  real(f, sv.back.rtol);
  real(f, sv.quad.rtol > 0 ? sv.quad.rtol : sv.back.rtol);
  cell(f, sc->c->row[at.strategy].strategy);
  key = close_text(f, &text);
  if (key) memmove(key, key + 1, strlen(key)); /* the first comma */
  return key;
}

char *gn_sweep_row_text(const char *key, const gn_compare *c, const gn_compare_row *r)
{
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return NULL;
  const int certified = c->ref.status == GN_OK;
  (void)fputs(key, f);
  cell(f, r->stats.executed);
  cell(f, gn_status_name(r->status));
  cell(f, r->reason);
  cell(f, r->stats.note);
  real(f, r->has_loss ? r->loss : (double)NAN);
  real(f, r->err_ode);
  real(f, r->err_adj);
  cell(f, r->worst);
  real(f, r->worst_err);
  real(f, r->cosine);
  for (int i = 0; i < (int)GN_STATS_N; i++)
    if (r->has_grad)
      (void)fprintf(f, ",%ld", gn_stats_get(&r->stats, i));
    else
      (void)fputc(',', f);
  if (r->has_grad)
    (void)fprintf(f, ",%ld", gn_stats_work(&r->stats));
  else
    (void)fputc(',', f);
  cell(f, r->stats.rejected_by);
  (void)fprintf(f, ",%zu", c->B);
  cell(f, certified ? "ok" : c->ref.reason);
  real(f, certified ? c->ref.agreement : (double)NAN);
  real(f, certified ? c->ref.tangent : (double)NAN);
  return close_text(f, &text);
}

char *gn_sweep_crash_text(const char *head, const char *key, int wait_status)
{
  char *text = NULL, reason[96];
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return NULL;
  if (WIFSIGNALED(wait_status))
    (void)snprintf(reason, sizeof reason, "the worker was ended by signal %d",
                   WTERMSIG(wait_status));
  else
    (void)snprintf(reason, sizeof reason, "the worker ended with exit status %d",
                   WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1);
  (void)fputs(key, f);
  cell(f, "");
  cell(f, "crash");
  cell(f, reason);
  /* the rest of the row is empty: a comma for every column */
  for (const char *s = head + sizeof(KEY(NAME) ",executed,status,reason") - 2; *s; s++)
    if (*s == ',') (void)fputc(',', f);
  return close_text(f, &text);
}

char *gn_sweep_timing_text(const char *key, const gn_compare_row *r)
{
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return NULL;
  (void)fprintf(f, "%s,%d", key, (int)GN_SWEEP_REPEATS);
  real(f, r->sec);
  real(f, r->back_sec);
  return close_text(f, &text);
}

char *gn_sweep_train_text(const gn_sweep *sw, const char *key, const gn_trained *tn,
                          int which)
{
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return NULL;
  (void)fputs(key, f);
  if (which == GN_SWEEP_SECONDS) {
    (void)fputs(",1", f);
    real(f, tn->sec);
    real(f, tn->target_epoch ? tn->target_sec : (double)NAN);
    return close_text(f, &text);
  }
  cell(f, tn->executed);
  cell(f, gn_status_name(tn->status));
  cell(f, tn->reason);
  (void)fprintf(f, ",%d", tn->epochs);
  real(f, tn->loss);
  real(f, tn->valid_loss);
  real(f, tn->best_valid);
  (void)fprintf(f, ",%ld,%ld", tn->first, tn->last);
  real(f, tn->first > 0 ? (double)tn->last / (double)tn->first : (double)NAN);
  (void)fprintf(f, ",%ld", tn->total);
  real(f, sw->target_loss > 0 ? sw->target_loss : (double)NAN);
  if (tn->target_epoch)
    (void)fprintf(f, ",%d,%ld", tn->target_epoch, tn->target_work);
  else
    (void)fputs(",,", f);
  return close_text(f, &text);
}

/* ---- reading a line ------------------------------------------------------------------ */

/* Behind the cell that begins at s: its comma, or the end. */
static const char *cell_end(const char *s)
{
  if (*s != '"') return s + strcspn(s, ",");
  for (s++; *s && !(*s == '"' && s[1] != '"'); s++)
    if (*s == '"') s++;
  return *s ? s + 1 : s;
}

size_t gn_sweep_cells(const char *line)
{
  size_t n = 1;
  for (const char *s = cell_end(line); *s == ','; s = cell_end(s + 1)) n++;
  return n;
}

char *gn_sweep_cell(const char *head, const char *line, const char *column)
{
  const char *name = head, *s = line;
  const size_t n = strlen(column);
  while (!(strncmp(name, column, n) == 0 && (name[n] == ',' || !name[n]))) {
    name += strcspn(name, ",");
    s = cell_end(s);
    if (!*name || !*s) return NULL;
    name++, s++;
  }
  const char *end = cell_end(s);
  char *text = malloc((size_t)(end - s) + 1), *to = text;
  if (!text) return NULL;
  if (*s == '"') s++, end--;
  for (; s < end; s++) {
    if (*s == '"') s++;
    *to++ = *s;
  }
  *to = '\0';
  return text;
}

double gn_sweep_number(const char *head, const char *line, const char *column)
{
  char *text = gn_sweep_cell(head, line, column);
  double x = (double)NAN;
  if (text && gn_text_double(text, &x) != GN_OK) x = (double)NAN;
  free(text);
  return x;
}
