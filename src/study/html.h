/* Writing one HTML file that needs nothing else: style inside, figures inside as SVG, every
 * text escaped, no address of another place. */
#ifndef GN_STUDY_HTML_H
#define GN_STUDY_HTML_H

#include "base/arena.h"

#include <stdio.h>

typedef struct gn_html {
  FILE *to;
  int figures; /* put in so far: their ids get a number */
} gn_html;

void gn_html_begin(gn_html *h, const char *title);
void gn_html_end(gn_html *h);

/* Text with & < > " ' escaped; control characters become blanks. */
void gn_html_text(gn_html *h, const char *s);
void gn_html_heading(gn_html *h, const char *s);
void gn_html_paragraph(gn_html *h, const char *s);
void gn_html_pre(gn_html *h, const char *s);

/* What folds away under a line of text. */
void gn_html_fold(gn_html *h, const char *summary);
void gn_html_unfold(gn_html *h);

/* A table of n columns; on a small screen a row is a card that repeats the heads. Rows:
   gn_html_row, then n cells, each with the head of its column. */
void gn_html_table(gn_html *h, size_t n, const char *const *head);
void gn_html_row(gn_html *h, int marked);
void gn_html_cell(gn_html *h, const char *head, const char *text);
void gn_html_table_end(gn_html *h);

/* Two columns, a name and a value. */
void gn_html_pairs(gn_html *h);
void gn_html_pair(gn_html *h, const char *name, const char *value, int marked);
void gn_html_pairs_end(gn_html *h);

/* The SVG in a file that gnuplot wrote, with ids of its own; name is read to those who do
   not see it. Figures stand in one block, begun and ended by the caller. GN_EIO if the file
   cannot be read or is none. */
void gn_html_figures(gn_html *h);
void gn_html_figures_end(gn_html *h);
gn_status gn_html_svg(gn_html *h, gn_arena *a, const char *file, const char *name);

#endif
