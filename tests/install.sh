#!/bin/sh
# gnomon installed, and models, steppers, strategies, data sets and losses from outside its
# tree: a build with GN_PLUGINS is installed; against that tree a shared object of several
# classes is made by find_package, one of a single file by pkg-config; the program loads them
# and refuses what does not fit; programs link with the shared and the static library.
#   install.sh [SOURCE_DIR [CMAKE_ARGUMENT...]]
set -eu
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/support/shell.sh"
source=$(cd "${1:-$here/..}" && pwd)
[ $# -gt 0 ] && shift
extra=$source/tests/data/one_file

prefix=$work/prefix

# refused TEXT COMMAND...: ends with 2 and says TEXT
refused() {
  text=$1
  shift
  code=0
  "$@" >"$work/log" 2>&1 || code=$?
  [ "$code" -eq 2 ] || fail "status $code, expected 2: $*"
  grep -q -- "$text" "$work/log" || {
    cat "$work/log" >&2
    fail "does not say '$text': $*"
  }
}

# ---- the build takes files from outside, and is installed --------------------------------
mkdir "$work/mine"
cp "$extra/solvers/step/heun.c" "$extra/solvers/grad/stepwise.c" "$work/mine"
quietly cmake -S "$source" -B "$work/build" -DCMAKE_BUILD_TYPE=None -DGN_TESTS=OFF \
  -DGN_PLUGINS="$work/mine" -DCMAKE_INSTALL_PREFIX="$prefix" "$@"
quietly cmake --build "$work/build" -j "$jobs"
quietly cmake --install "$work/build"
gnomon=$prefix/bin/gnomon
"$gnomon" list pairs | grep -E '^ *heun +stepwise .*yes' >/dev/null ||
  fail "GN_PLUGINS: gnomon list pairs does not pair heun with stepwise"
if cmake -S "$source" -B "$work/none" -DGN_TESTS=OFF -DGN_PLUGINS="$work" "$@" >"$work/log" 2>&1
then fail "GN_PLUGINS took a folder without files"; fi
grep -q 'has no .c files' "$work/log" || fail "GN_PLUGINS does not say what is wrong"

"$gnomon" --help | sed -n 's/^  \([a-z]*\) .*/\1/p' >"$work/commands"
[ -s "$work/commands" ] || fail "gnomon --help lists no commands"
while read -r c; do
  grep -q "^.SS $c\$" "$prefix/share/man/man1/gnomon.1" || fail "gnomon.1 has no $c"
done <"$work/commands"

# every header stands on its own
find "$prefix/include/gnomon" -name '*.h' | while read -r h; do
  quietly cc -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include/gnomon" \
    -fsyntax-only -x c "$h"
done

# ---- several classes by find_package, and programs ---------------------------------------
mkdir "$work/outside"
cp "$extra/models/kicked.c" "$extra/src/data/ramp.c" "$extra/src/loss/mae.c" "$work/outside"
cat >"$work/outside/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES C)
find_package(gnomon 0.1 REQUIRED COMPONENTS static)
gnomon_add_plugin(outside kicked.c ramp.c mae.c)
foreach(kind gnomon static)
  add_executable(use_${kind} use.c)
  target_link_libraries(use_${kind} PRIVATE gnomon::${kind})
endforeach()
END
cat >"$work/outside/use.c" <<'END'
#include "core/model.h"

#include <stdio.h>

int main(void)
{
  gn_model *m = NULL;
  const gn_status s = gn_model_create(gn_model_find("lotka"), NULL, (gn_sizes){ 0, 0 }, &m);
  if (s != GN_OK) (void)fprintf(stderr, "%s\n", gn_last_error());
  else (void)printf("lotka has %zu parameters\n", m->params.n);
  gn_model_destroy(&m);
  return s != GN_OK;
}
END
quietly cmake -S "$work/outside" -B "$work/outside/build" "$@" -Dgnomon_DIR="$prefix/lib/cmake/gnomon"
quietly cmake --build "$work/outside/build"
for kind in gnomon static; do
  "$work/outside/build/use_$kind" | grep -q 'lotka has 4 parameters' ||
    fail "a program linked with gnomon::$kind does not run"
done

mine=--plugin=$work/outside/build/liboutside.so
for name in kicked ramp mae; do
  "$gnomon" list "$mine" | grep -q "[[:space:]]${name}[[:space:]]" ||
    fail "gnomon list has no $name"
done
quietly "$gnomon" "$mine" check kicked
cat >"$work/all.ini" <<'INI'
[data]
name = ramp
n = 6
K = 3
[model]
name = kicked
[loss]
name = mae
[compare]
repeats = 1
[train]
epochs = 2
INI
(cd "$work" && "$gnomon" compare all.ini "$mine" --csv >compare.csv 2>log) || {
  cat "$work/log" >&2
  fail 'gnomon compare failed'
}
[ "$(grep -c -E '^[a-z]+,(.*,)?ok(,|$)' "$work/compare.csv")" -ge 5 ] || {
  cat "$work/compare.csv" >&2
  fail 'gnomon compare has fewer than five strategies that are ok'
}
(cd "$work" && quietly "$gnomon" train all.ini "$mine")
refused 'no model .kicked.' "$gnomon" check kicked
refused 'is there already' "$gnomon" "$mine" "$mine" list

# ---- one class in one file by pkg-config --------------------------------------------------
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
export PKG_CONFIG_PATH
# shellcheck disable=SC2046 # words
quietly cc -std=c11 -O2 -shared -fPIC "$work/outside/kicked.c" -o "$work/libkicked.so" \
  $(pkg-config --cflags --libs gnomon)
quietly "$gnomon" check kicked --plugin="$work/libkicked.so"
# shellcheck disable=SC2046
quietly cc "$work/outside/use.c" -o "$work/use" $(pkg-config --cflags gnomon) \
  "$prefix/lib/libgnomon.a" $(pkg-config --static --libs gnomon)
"$work/use" | grep -q 'lotka has 4' || fail "a program linked by pkg-config --static does not run"

# ---- refusals ----------------------------------------------------------------------------
cp "$work/libkicked.so" "$work/libother.so"
refused 'holds neither gn_model_other' "$gnomon" list --plugin="$work/libother.so"
refused 'cannot open shared object' "$gnomon" list --plugin="$work/none.so"
refused 'needs a file' "$gnomon" list --plugin
cp -R "$prefix/include/gnomon" "$work/changed"
sed 's/enum { GN_ABI = 1 }/enum { GN_ABI = 1000 }/' "$prefix/include/gnomon/core/registry.h" \
  >"$work/changed/core/registry.h"
cmp -s "$prefix/include/gnomon/core/registry.h" "$work/changed/core/registry.h" &&
  fail "GN_ABI is not where this test changes it"
quietly cc -std=c11 -shared -fPIC -I"$work/changed" "$work/outside/kicked.c" -o "$work/libkicked.so"
refused 'against another gnomon' "$gnomon" list --plugin="$work/libkicked.so"

echo 'install: installed; classes from outside by GN_PLUGINS, find_package and pkg-config'
