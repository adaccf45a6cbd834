/* INI files through inih, which finds sections, keys and values.
 *
 * Our reader hands inih one line at a time, so it knows the line number, and repairs
 * what inih does silently: a line that starts with blanks would continue the value above
 * (its blanks are dropped here), a line longer than inih's buffer of 200 would be split
 * (the value is then taken from our copy), text after [section] and long section names
 * would be lost (refused here). Comments: lines that start with '#' or ';', and what
 * follows " ;" after a value. */
#include "base/ini.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_   1024
#define SECTION_MAX 49 /* what inih keeps of a section name */

typedef struct reader {
  gn_arena *arena;
  gn_ini *ini;
  FILE *file;
  gn_status status;
  int line;
  int pending; /* a key = value line that inih has not delivered yet */
  int cut;     /* ... and that is longer than its buffer             */
  char text[LINE_MAX_];
} reader;

static gn_ini_entry *find(const gn_ini *ini, const char *section, const char *key)
{
  for (size_t i = 0; i < ini->n; i++)
    if (strcmp(ini->entry[i].key, key) == 0 &&
        strcmp(ini->entry[i].section, section) == 0)
      return &ini->entry[i];
  return NULL;
}

/* Room for 16 entries, then doubled whenever the count reaches a power of two. */
static gn_status append(gn_arena *a, gn_ini *ini, const gn_ini_entry *e)
{
  size_t n = ini->n;
  if (n == 0 || (n >= 16 && (n & (n - 1)) == 0)) {
    gn_ini_entry *more = NULL;
    GN_NEW(a, more, n ? 2 * n : 16);
    if (n) memcpy(more, ini->entry, n * sizeof *more);
    ini->entry = more;
  }
  gn_ini_entry copy = {gn_arena_strdup(a, e->section), gn_arena_strdup(a, e->key),
                       gn_arena_strdup(a, e->value), e->line};
  if (!copy.section || !copy.key || !copy.value) return GN_ENOMEM;
  ini->entry[ini->n++] = copy;
  return GN_OK;
}

/* What follows the first '=' or ':', without outer blanks and " ;" comment, as inih. */
static char *value_of(char *line)
{
  char *v = line + strcspn(line, "=:");
  if (*v) v++;
  char *end = v;
  while (*end && !(*end == ';' && end > v && isspace((unsigned char)end[-1]))) end++;
  while (isspace((unsigned char)*v)) v++;
  while (end > v && isspace((unsigned char)end[-1])) end--;
  *end = '\0';
  return v;
}

static gn_status take(reader *r, const char *section, const char *key,
                      const char *value)
{
  const char *file = r->ini->file;
  GN_REQUIRE(*key, GN_EARG, "%s:%d: a value without a key", file, r->line);
  GN_REQUIRE(*section, GN_EARG, "%s:%d: '%s' stands before the first [section]", file,
             r->line, key);
  const gn_ini_entry *old = find(r->ini, section, key);
  GN_REQUIRE(!old, GN_EARG, "%s:%d: %s.%s is given twice, first in line %d", file,
             r->line, section, key, old ? old->line : 0);
  gn_ini_entry e = {section, key, r->cut ? value_of(r->text) : value, r->line};
  return append(r->arena, r->ini, &e);
}

static int on_entry(void *user, const char *section, const char *key, const char *value)
{
  reader *r = user;
  r->pending = 0;
  if (r->status == GN_OK) r->status = take(r, section, key, value ? value : "");
  return r->status == GN_OK;
}

static gn_status check_section(const reader *r)
{
  const char *file = r->ini->file;
  const char *end = strchr(r->text, ']');
  GN_REQUIRE(end, GN_EARG, "%s:%d: '%s' has no ']'", file, r->line, r->text);
  GN_REQUIRE(end - r->text - 1 <= SECTION_MAX, GN_EARG,
             "%s:%d: a section name of %d characters, expected at most %d", file,
             r->line, (int)(end - r->text - 1), SECTION_MAX);
  const char *rest = end + 1 + strspn(end + 1, " \t\r");
  GN_REQUIRE(*rest == '\0' || *rest == ';' || *rest == '#', GN_EARG,
             "%s:%d: '%s' after a section", file, r->line, rest);
  return GN_OK;
}

/* One line without leading blanks and line break into text; *more = 0 at the end. */
static gn_status fetch(reader *r, int *more)
{
  size_t n = 0;
  int c = EOF;
  r->line++;
  while ((c = getc(r->file)) != EOF && c != '\n') {
    if (n == 0 && isspace(c)) continue;
    GN_REQUIRE(c != '\0', GN_EARG, "%s:%d: a NUL byte: not a text file", r->ini->file,
               r->line);
    GN_REQUIRE(n + 1 < sizeof r->text, GN_EARG,
               "%s:%d: a line longer than %d characters", r->ini->file, r->line,
               LINE_MAX_ - 1);
    r->text[n++] = (char)c;
  }
  r->text[n] = '\0';
  GN_REQUIRE(!ferror(r->file), GN_EIO, "%s: cannot read: %s", r->ini->file,
             strerror(errno));
  if (r->line == 1 && strncmp(r->text, "\xEF\xBB\xBF", 3) == 0) /* byte order mark */
    memmove(r->text, r->text + 3, n - 2);
  *more = c != EOF || n > 0;
  return GN_OK;
}

static gn_status check_delivered(const reader *r)
{
  GN_REQUIRE(!r->pending, GN_EARG,
             "%s:%d: '%.60s' is neither [section], # comment nor key = value",
             r->ini->file, r->line, r->text);
  return GN_OK;
}

static gn_status next_line(reader *r, char *to, size_t size, int *more)
{
  *more = 0;
  GN_TRY(check_delivered(r));
  GN_TRY(fetch(r, more));
  if (r->text[0] == '[') GN_TRY(check_section(r));
  r->pending =
      *more && !strchr("[#;", r->text[0]); /* '\0' is found too: a blank line */
  r->cut = r->pending && strlen(r->text) + 2 > size;
  size_t room = size - 2, n = strlen(r->text);
  if (n > room) n = room;
  memcpy(to, r->text, n);
  memcpy(to + n, "\n", 2);
  return GN_OK;
}

static char *on_line(char *to, int size, void *user)
{
  reader *r = user;
  int more = 0;
  if (r->status == GN_OK) r->status = next_line(r, to, (size_t)size, &more);
  return r->status == GN_OK && more ? to : NULL;
}

gn_status gn_ini_read(gn_arena *a, const char *file, gn_ini **out)
{
  *out = NULL;
  reader r = {.arena = a};
  GN_NEW(a, r.ini, 1);
  r.ini->file = gn_arena_strdup(a, file);
  if (!r.ini->file) return GN_ENOMEM;
  r.file = fopen(file, "r");
  GN_REQUIRE(r.file, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  int bad = ini_parse_stream(on_line, &r, on_entry, &r);
  (void)fclose(r.file);
  GN_TRY(r.status);
  GN_TRY(check_delivered(&r));
  GN_REQUIRE(bad != -2, GN_ENOMEM, "%s: out of memory", file);
  GN_REQUIRE(bad == 0, GN_EARG, "%s:%d: inih cannot read this line", file, bad);
  *out = r.ini;
  return GN_OK;
}

gn_status gn_ini_set(gn_arena *a, gn_ini *ini, const char *section, const char *key,
                     const char *value)
{
  gn_ini_entry *old = find(ini, section, key);
  if (!old) {
    gn_ini_entry e = {section, key, value, 0};
    return append(a, ini, &e);
  }
  const char *copy = gn_arena_strdup(a, value);
  if (!copy) return GN_ENOMEM;
  old->value = copy;
  old->line = 0;
  return GN_OK;
}

const char *gn_ini_get(const gn_ini *ini, const char *section, const char *key)
{
  const gn_ini_entry *e = find(ini, section, key);
  return e ? e->value : NULL;
}
