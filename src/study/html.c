/* HTML 5 by hand. Tables become cards on small screens (each cell knows the head of its
 * column); figures scale with the page; colours follow the light or dark scheme, figures
 * keep their white ground. */
#include "study/html.h"

#include <errno.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1b1b1b;--ground:#fff;--faint:#666;--line:#d8d8d8;"
    "--mark:#fff3d0}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--ground:#16181b;--faint:#a0a0a0;"
    "--line:#3a3d42;--mark:#4a3c10}}\n"
    "*{box-sizing:border-box}\n"
    "body{font:15px/1.5 system-ui,'DejaVu Sans',sans-serif;color:var(--ink);"
    "background:var(--ground);margin:0 auto;padding:1rem;max-width:1240px;"
    "overflow-wrap:break-word}\n"
    "h1{font-size:1.5rem;margin:.3rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem;"
    "border-bottom:1px solid var(--line)}\n"
    "p{margin:.4rem 0}\n"
    "table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.2rem .5rem;border-bottom:1px solid var(--line);text-align:right;"
    "vertical-align:top}\n"
    "th{color:var(--faint);font-weight:600}\n"
    "th:first-child,td:first-child{text-align:left}\n"
    ".pairs td,.pairs th{text-align:left}.pairs th{white-space:nowrap}"
    ".pairs td{overflow-wrap:anywhere}\n"
    ".wide{overflow-x:auto}.rows{width:100%}\n"
    "tr.marked td,tr.marked th{background:var(--mark)}\n"
    "pre{background:color-mix(in srgb,var(--ink) 7%,var(--ground));padding:.6rem;"
    "white-space:pre-wrap;overflow-wrap:anywhere;"
    "font:.82rem/1.45 ui-monospace,'DejaVu Sans Mono',monospace}\n"
    "details{margin:.6rem 0}summary{cursor:pointer;color:var(--faint)}\n"
    ".figures{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}\n"
    "figure{margin:0;flex:1 1 22rem;min-width:0;max-width:36rem;background:#fff;"
    "border:1px solid var(--line)}\n"
    "figure svg{display:block;width:100%;height:auto}\n"
    "@media(max-width:60rem){body{padding:.6rem}figure{flex-basis:100%}\n"
    ".rows,.rows tbody{display:block}.rows thead{display:none}\n"
    ".rows tr{display:block;border:1px solid var(--line);margin:.5rem 0;padding:.2rem}\n"
    ".rows td{display:flex;justify-content:space-between;gap:1rem;border:0;"
    "padding:.05rem .4rem;overflow-wrap:anywhere}\n"
    ".rows td::before{content:attr(data-head);color:var(--faint);text-align:left}\n"
    ".rows td:empty{display:none}.rows td:first-child{font-weight:600}\n"
    ".pairs th{white-space:normal}}\n";

void gn_html_text(gn_html *h, const char *s)
{
  for (; *s; s++) {
    const unsigned char c = (unsigned char)*s;
    switch (c) {
    case '&': (void)fputs("&amp;", h->to); break;
    case '<': (void)fputs("&lt;", h->to); break;
    case '>': (void)fputs("&gt;", h->to); break;
    case '"': (void)fputs("&quot;", h->to); break;
    case '\'': (void)fputs("&#39;", h->to); break;
    default: (void)fputc(c < ' ' && c != '\n' && c != '\t' ? ' ' : c, h->to);
    }
  }
}

static void element(gn_html *h, const char *tag, const char *text)
{
  (void)fprintf(h->to, "<%s>", tag);
  gn_html_text(h, text);
  (void)fprintf(h->to, "</%s>\n", tag);
}

void gn_html_begin(gn_html *h, const char *title)
{
  (void)fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
              "<link rel=\"icon\" href=\"data:,\">\n",
              h->to);
  element(h, "title", title);
  (void)fprintf(h->to, "<style>\n%s</style>\n</head>\n<body>\n", style);
  element(h, "h1", title);
}

void gn_html_end(gn_html *h) { (void)fputs("</body>\n</html>\n", h->to); }

void gn_html_heading(gn_html *h, const char *s) { element(h, "h2", s); }
void gn_html_paragraph(gn_html *h, const char *s) { element(h, "p", s); }
void gn_html_pre(gn_html *h, const char *s) { element(h, "pre", s); }

void gn_html_fold(gn_html *h, const char *summary)
{
  (void)fputs("<details>", h->to);
  element(h, "summary", summary);
}

void gn_html_unfold(gn_html *h) { (void)fputs("</details>\n", h->to); }

/* ---- tables -------------------------------------------------------------------------- */

void gn_html_table(gn_html *h, size_t n, const char *const *head)
{
  (void)fputs("<div class=\"wide\"><table class=\"rows\">\n<thead><tr>", h->to);
  for (size_t k = 0; k < n; k++) {
    (void)fputs("<th>", h->to);
    gn_html_text(h, head[k]);
  }
  (void)fputs("</thead>\n<tbody>\n", h->to);
}

void gn_html_row(gn_html *h, int marked)
{
  (void)fputs(marked ? "<tr class=\"marked\">" : "<tr>", h->to);
}

void gn_html_cell(gn_html *h, const char *head, const char *text)
{
  (void)fputs("<td data-head=\"", h->to);
  gn_html_text(h, head);
  (void)fputs("\">", h->to);
  gn_html_text(h, text);
  (void)fputs("</td>\n", h->to);
}

void gn_html_table_end(gn_html *h) { (void)fputs("</tbody></table></div>\n", h->to); }

void gn_html_pairs(gn_html *h)
{
  (void)fputs("<table class=\"pairs\"><tbody>\n", h->to);
}

void gn_html_pair(gn_html *h, const char *name, const char *value, int marked)
{
  gn_html_row(h, marked);
  (void)fputs("<th>", h->to);
  gn_html_text(h, name);
  (void)fputs("</th><td>", h->to);
  gn_html_text(h, value);
  (void)fputs("</td></tr>\n", h->to);
}

void gn_html_pairs_end(gn_html *h) { (void)fputs("</tbody></table>\n", h->to); }

/* ---- figures ------------------------------------------------------------------------- */

void gn_html_figures(gn_html *h) { (void)fputs("<div class=\"figures\">\n", h->to); }
void gn_html_figures_end(gn_html *h) { (void)fputs("</div>\n", h->to); }

static gn_status slurp(gn_arena *a, const char *file, char **out)
{
  FILE *f = fopen(file, "rb");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  const long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
  rewind(f);
  char *text = size >= 0 ? gn_arena_alloc(a, (size_t)size + 1, 1) : NULL;
  const int good = text && fread(text, 1, (size_t)size, f) == (size_t)size;
  (void)fclose(f);
  GN_REQUIRE(good, GN_EIO, "%s: cannot read", file);
  *out = text;
  return GN_OK;
}

static int starts(const char *s, const char *with)
{
  return strncmp(s, with, strlen(with)) == 0;
}

/* What is left out of a figure: gnuplot's own title, and names of namespaces, which look like
   addresses and mean nothing inside HTML. */
static size_t dropped(const char *s)
{
  static const char *const drop[][2] = {
    { "<title>", "</title>" }, { "<desc>", "</desc>" }, { "xmlns=\"", "\"" },
    { "xmlns:xlink=\"", "\"" },
  };
  for (size_t k = 0; k < sizeof drop / sizeof *drop; k++) {
    if (!starts(s, drop[k][0])) continue;
    const size_t n = strlen(drop[k][0]);
    const char *end = strstr(s + n, drop[k][1]);
    return end ? (size_t)(end - s) + strlen(drop[k][1]) : 0;
  }
  return 0;
}

/* Ids are of the whole page: those of the figure, and what refers to them, get its number. */
static size_t before_id(const char *s)
{
  static const char *const lead[] = { " id='",   " id=\"",  "href='#",
                                      "href=\"#", "url(#", "url('#" };
  for (size_t k = 0; k < sizeof lead / sizeof *lead; k++)
    if (starts(s, lead[k])) return strlen(lead[k]);
  return 0;
}

gn_status gn_html_svg(gn_html *h, gn_arena *a, const char *file, const char *name)
{
  char *text = NULL;
  GN_TRY(slurp(a, file, &text));
  const char *s = text ? strstr(text, "<svg") : NULL;
  GN_REQUIRE(s, GN_EIO, "%s: no SVG in it", file);
  h->figures++;
  (void)fputs("<figure><svg role=\"img\" aria-label=\"", h->to);
  gn_html_text(h, name);
  (void)fputc('"', h->to);
  int inside = 1; /* of a tag */
  for (s += strlen("<svg"); *s;) {
    const size_t drop = dropped(s), id = inside ? before_id(s) : 0;
    if (drop) {
      s += drop;
      continue;
    }
    if (id) {
      (void)fprintf(h->to, "%.*sfigure%d-", (int)id, s, h->figures);
      s += id;
      continue;
    }
    if (*s == '<') inside = 1;
    if (*s == '>') inside = 0;
    (void)fputc(*s++, h->to);
  }
  (void)fputs("</figure>\n", h->to);
  return GN_OK;
}
