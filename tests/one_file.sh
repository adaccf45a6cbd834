#!/bin/sh
# Adding a model, a stepper, a strategy, a data set or a loss is adding one file: a copy of the
# tree with one more of each (tests/data/one_file) is built, lists them, and runs the contract
# suites over the larger registries.
#   one_file.sh [SOURCE_DIR [CMAKE_ARGUMENT...]]
set -eu
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/support/shell.sh"
source=${1:-$here/..}
[ $# -gt 0 ] && shift

tree=$work/tree build=$work/build

copy_tree "$source"
for f in models/kicked.c solvers/step/heun.c solvers/grad/stepwise.c src/data/ramp.c src/loss/mae.c; do
  [ -e "$tree/$f" ] && fail "$f is in the tree already"
done
cp -R "$tree/tests/data/one_file/." "$tree"

# Little optimisation: building is most of the time.
quietly cmake -S "$tree" -B "$build" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS_NONE=-O1 "$@"
quietly cmake --build "$build" -j "$jobs" --target gnomon test_models test_steppers \
  test_strategies test_oracles
gnomon=$build/gnomon

for name in kicked heun stepwise ramp mae; do
  "$gnomon" list | grep -q "[[:space:]]${name}[[:space:]]" || fail "gnomon list has no $name"
  "$gnomon" show "$name" | grep -q "$name" || fail "gnomon show $name says nothing"
done
"$gnomon" list pairs | grep -E '^ *heun +stepwise .*yes' >/dev/null ||
  fail "gnomon list pairs does not pair heun with stepwise"
quietly "$gnomon" check kicked

for suite in models steppers strategies oracles; do # the other pairs are as they were
  quietly env CK_FORK=no GNOMON_PAIRS_WITH='heun stepwise' "$build/tests/test_$suite"
done

cat >"$work/all.ini" <<'INI'
[data]
name = ramp
n = 6
K = 3
[model]
name = kicked
[loss]
name = mae
[solver]
name = heun
h = 0.05
[compare]
strategies = discrete,stepwise,backsolve
repeats = 1
[train]
epochs = 2
INI
(cd "$work" && "$gnomon" compare all.ini --csv >compare.csv 2>log) || {
  cat "$work/log" >&2
  fail 'gnomon compare failed'
}
grep -E '^stepwise,(.*,)?ok(,|$)' "$work/compare.csv" >/dev/null || {
  cat "$work/compare.csv" >&2
  fail 'gnomon compare has no row stepwise that is ok'
}
(cd "$work" && quietly "$gnomon" train all.ini)
[ -s "$work/runs/all/metrics.csv" ] || fail "gnomon train wrote no metrics"
echo 'one_file: a model, a stepper, a strategy, a data set and a loss, one file each'
