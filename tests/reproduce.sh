#!/bin/sh
# experiments/reproduce --quick goes through with every experiment there is, and with one more file:
# reports, manifest, overrides, a second call that computes nothing, failed runs, wrong usage.
#   reproduce.sh SOURCE_DIR PROGRAM
set -eu
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/support/shell.sh"
source=$1 program=$2

GNOMON_DATA=${GNOMON_DATA:-${GNOMON_SHARED:-$source/../shared}/data} # what is missing there is skipped
export GNOMON_DATA
cp -R "$source/experiments" "$work/experiments"
cd "$work"
cat >experiments/reproduce.d/sample <<'END'
# One experiment more
quick_seeds=3,5
plan()
{
  train good/a experiments/spiral.ini --train.epochs=2 --data.n=4 --data.valid=0 --train.patience=0
  train bad experiments/spiral.ini --train.epochs=2 --model.width=0
  queue other sh -c 'echo @seed >@run.txt'
  data experiments/spiral.ini
}
judge()
{
  collect
  say "mean $(value summary.csv nfe_forward good/a), at 2 $(value epochs.csv n good/a 2)."
  claim "is judged" "1" "$(calc %.1f '$1 + $2' 1 0.5)" "$(verdict '$1 > 2' 0 "$(value summary.csv n bad)")"
  claim "is missing" "1" "$(calc %.1f '$1' '')" "$(verdict '$1 > 2' 0 '')"
}
END
run() { experiments/reproduce "$@" --gnomon="$program"; }

printf '%s\n' '# No data' 'plan() { skip "no data"; }' >experiments/reproduce.d/absent
CI='' run all --quick --out=r >log 2>&1 || { cat log >&2; fail 'reproduce all --quick failed'; }
for file in experiments/reproduce.d/*; do
  case ${file##*/} in *.*) continue ;; esac
  at=r/${file##*/}
  if grep "^gnomon: ${file##*/}: SKIP: ." log; then continue; fi
  for part in REPORT.md manifest.txt runs.csv runs_timing.csv; do [ -s "$at/$part" ] || fail "no $at/$part"; done
  for key in seeds overrides gnomon SUNDIALS compiler 'BLAS core' program commit data; do
    grep -q "^$key = ..*" "$at/manifest.txt" || fail "$at/manifest.txt has no $key"
  done
  grep -q '^run .* = ' "$at/manifest.txt" || fail "$at/manifest.txt has no options"
  grep -q '^| .* | \*\*smoke\*\* |$' "$at/REPORT.md" || fail "$at/REPORT.md judges no claim"
done
awk -F, 'NR > 1 && $3 != 0 { print; bad = 1 } END { exit bad }' r/point_cloud/runs.csv >&2 ||
  fail 'a run of point_cloud failed'

at=r/sample
grep -q '^good/a,3,0,$' $at/runs.csv || fail 'runs.csv does not have the good run'
grep -q '^bad,5,2,gnomon: .*width' $at/runs.csv || fail 'runs.csv does not say why a run failed'
grep -q '^good/a,2,0,2,' $at/summary.csv || fail 'summary.csv does not count seeds, failures and epochs'
grep -q '^bad,0,2,0,' $at/summary.csv || fail 'summary.csv does not count failures'
[ "$(cat $at/runs/other/5.txt)" = 5 ] || fail 'queue does not replace @seed and @run'
grep -q '^mean [0-9.]*, at 2 2\.$' $at/REPORT.md || fail 'value does not find a cell'
grep -q '^| is judged | 1 | 1.5 | \*\*smoke' $at/REPORT.md || fail 'calc does not calculate'
grep -q '^| is missing | 1 | - | \*\*not measured' $at/REPORT.md || fail 'a missing value has a verdict'
want=$(sha256sum <experiments/spiral.ini | cut -c 1-64)
grep -q "^data = $want spiral.ini$" $at/manifest.txt || fail 'the hash of the data is another'

# Again: nothing. With an override: all of it, in every training. A part: without the rest.
run sample --quick --out=r | grep -q 'sample: 0 runs computed' || fail 'runs that are there are computed again'
run sample --quick --out=r --train.lr=0.5 --only='good/*' >log || fail 'an override fails'
grep -q 'sample: 2 runs computed' log || fail 'runs with other options are not computed'
grep -q '^lr = 0.5$' $at/runs/good/a/3/experiment.ini || fail 'an override does not reach a run'
grep -q '^overrides = --train.lr=0.5$' $at/manifest.txt || fail 'an override is not in the manifest'
if grep -q bad $at/runs.csv; then fail '--only does not choose'; fi
run sample --quick --out=r --seeds=1:2 --only=other >log || fail '--seeds fails'
grep -q '^other,2,0,$' $at/runs.csv || fail '--seeds does not choose'

# A training that was stopped goes on, to the same bits.
cp -R $at/runs/good/a/3 whole
rm $at/runs/good/a/3.ran
run sample --quick --out=r --train.lr=0.5 --only='good/*' >log
cmp -s whole/metrics.csv $at/runs/good/a/3/metrics.csv || fail 'a run that goes on is another'

refused() { # EXPECTED ARGUMENT...
  expected=$1 status=0
  shift
  run "$@" >log 2>&1 || status=$?
  [ $status = 2 ] || fail "status $status of: $*"
  grep -q "$expected" log || { cat log >&2; fail "does not say '$expected': $*"; }
}
refused 'there are: .*point_cloud' nonsense
refused 'absent: no data' absent
refused 'which?' --quick
refused "no option '--seed=1'" sample --seed=1
refused 'expected A:B' sample --seeds=4:1
refused 'expected 1 to 9999' sample --jobs=0
refused 'use --seeds' sample --run.seed=1
refused 'no run with a label' sample --quick --only=none --out=r
echo 'reproduce: every experiment, and one file more'
