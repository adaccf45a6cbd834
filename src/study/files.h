/* The formats of all files gnomon writes, for `gnomon list files` and experiments/README.md. */
#ifndef GN_STUDY_FILES_H
#define GN_STUDY_FILES_H

#include "base/format.h"

/* In the order in which they are described; NULL at the end. A writer joins by defining a
   gn_format beside the code that writes the file and adding it to this list. */
extern const gn_format *const gn_formats[];

/* All of them as Markdown. */
gn_status gn_files_print(FILE *to);

#endif
