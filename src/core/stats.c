/* Counters: names, access by position and sums, all from the one list. */
#include "core/stats.h"

#include <stddef.h>
#include <string.h>

#define NAME(name, text) #name,
#define TEXT(name, text) text,
#define PLACE(name, text) offsetof(gn_stats, name),

const char *const gn_stats_names[GN_STATS_N] = { GN_STATS_COUNTS(NAME) };
const char *const gn_stats_texts[GN_STATS_N] = { GN_STATS_COUNTS(TEXT) };
#define COLUMN(name, text) GN_COLUMN(#name, text),
const gn_column gn_stats_columns[] = { GN_STATS_COUNTS(COLUMN) GN_COLUMNS_END };
static const size_t places[GN_STATS_N] = { GN_STATS_COUNTS(PLACE) };

long gn_stats_get(const gn_stats *s, int i)
{
  long v;
  memcpy(&v, (const char *)s + places[i], sizeof v);
  return v;
}

void gn_stats_add(gn_stats *sum, const gn_stats *add)
{
  const long bytes = sum->bytes > add->bytes ? sum->bytes : add->bytes;
#define ADD(name, text) sum->name += add->name;
  GN_STATS_COUNTS(ADD)
#undef ADD
  sum->bytes = bytes;
  sum->sec += add->sec;
  sum->back_sec += add->back_sec;
  memcpy(sum->rejected_by, add->rejected_by, sizeof sum->rejected_by);
  memcpy(sum->note, add->note, sizeof sum->note);
  memcpy(sum->executed, add->executed, sizeof sum->executed);
}

long gn_stats_work(const gn_stats *s)
{
  return s->f + s->jvp + s->back_f + s->back_vjp + s->back_pgrad + s->back_jvp;
}
