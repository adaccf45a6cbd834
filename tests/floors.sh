#!/bin/sh
# Includes point downward only, and every foreign library has one door.
#   floors.sh [SOURCE_DIR]
# Prints every violation as FILE:LINE: text, and exits with 1 if there is one.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2
bad=0

# report TITLE LINES: what was found where nothing may be
report() {
  [ -z "$2" ] && return
  printf '%s\n%s\n' "$1" "$2"
  bad=1
}

# quoted FILES...: the #include "..." lines
quoted() {
  grep -nH -E '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$@" 2>/dev/null
}

# floor NAME ALLOWED FILES...: includes of our own headers must match ALLOWED
floor() {
  name=$1 allowed=$2
  shift 2
  report "$name may include only $allowed:" "$(quoted "$@" | grep -v -E "\"($allowed)")"
}

# door LIBRARY HEADERS EXCEPT: nothing but EXCEPT may include the library's headers
door() {
  report "$1 may be included only by $3:" \
    "$(find src models solvers experiments tests -name '*.[ch]' -not -path 'tests/data/*' -print0 |
      xargs -0 grep -nH -E "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" |
      grep -v -E "^($3)")"
}

floor src/base 'base/' src/base/*.[ch]
floor src/nn 'base/|nn/' src/nn/*.[ch]
floor src/core 'base/|nn/|core/' src/core/*.[ch]
floor src/data 'base/|nn/|core/' src/data/*.[ch]
floor src/loss 'base/|nn/|core/' src/loss/*.[ch]
floor models 'base/|nn/|core/' models/*.[ch]
own=$(find solvers -maxdepth 1 -name '*.h' | sed 's|.*/||; s|\.|\\.|; s|$|"|' | paste -s -d '|' -)
floor solvers "base/|core/|$own" solvers/*.[ch] solvers/*/*.[ch]
floor src/study 'base/|nn/|core/|study/' src/study/*.[ch]
floor src/cli 'base/|nn/|core/|study/|cli/' src/cli/*.[ch]

door SUNDIALS 'arkode|cvode|kinsol|ida|nvector|sundials/|sunlin|sunmat|sunnonlin|sunadapt|sundials_' \
  'solvers/'
door CBLAS 'cblas|openblas' 'src/nn/|experiments/bench/'
door LAPACK 'lapacke|lapack\.h>' 'src/base/lapack.c:'
report 'LAPACK may be called only in src/base/lapack.c:' \
  "$(grep -rnE '\bd[a-z]{2,5}_\(' src models solvers --include='*.[ch]' |
    grep -v '^src/base/lapack.c:')"
door HDF5 'hdf5|H5' 'src/base/h5.c:'
door inih 'ini\.h' 'src/base/ini.c:'
door zlib 'zlib' 'src/base/gzip.c:'

# The registries are reached through the tables, never by naming a plug-in; siblings never
# meet.
plugins() {
  kind=$1
  shift
  for f in "$@"; do
    stem=$(basename "$f" .c)
    report "$f is reached through its registry, not by name:" \
      "$(find src models solvers -name '*.[ch]' -not -path "$f" -print0 |
        xargs -0 grep -nH -E "\bgn_${kind}_$stem\b")"
  done
}
plugins model models/*.c
plugins stepper solvers/step/*.c
plugins gradient solvers/grad/*.c
plugins dataset src/data/*.c
plugins loss src/loss/*.c

# Nothing stands beside the floors.
report 'unknown folder in src/:' "$(find src -mindepth 1 -maxdepth 1 -not -name base -not -name nn \
  -not -name core -not -name data -not -name loss -not -name study -not -name cli \
  -not -name install)"

[ $bad = 0 ] && echo 'floors: includes point downward'
exit $bad
