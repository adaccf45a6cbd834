#!/bin/sh
# The block of README.md that follows <!-- table --> is run as it stands, in an empty folder with
# this tree's experiments/ and program; and oscillator.csv is what its script makes.
#   table_readme.sh SOURCE_DIR PROGRAM
set -eu
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/support/shell.sh"
source=$1 program=$2

awk '/^<!-- table -->$/ { wanted = 1; next }
     /^```/ { if (inside) exit; inside = wanted; next }
     inside' "$source/README.md" >"$work/block.sh"
[ -s "$work/block.sh" ] || fail "README.md has no block after <!-- table -->"
[ "$(wc -l <"$work/block.sh")" -le 25 ] || fail "the block has more than 25 lines"

mkdir "$work/build"
ln -s "$program" "$work/build/gnomon"
ln -s "$source/experiments" "$work/experiments"
(cd "$work" && sh -eu block.sh) >"$work/out" 2>&1 || {
  cat "$work/out" >&2
  fail "the block failed"
}

grep -q 'undo: file = shift + scale' "$work/runs/mine/log.txt" || fail "log.txt has no scales"
grep -q '^node on table: 9 samples, ' "$work/out" || fail "compare did not print its table"
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "status") col = i; next }
         { n++; if ($col != "ok") bad = bad " " $1 }
         END { if (n < 5 || bad != "") { print n " rows, failed:" bad; exit 1 } }' \
  "$work/runs/mine/compare.csv" || fail "not every strategy went through"
awk -F, 'NR == 2 { first = $2 } { last = $2 } END { exit !(last < first / 20) }' \
  "$work/runs/mine/metrics.csv" || fail "the loss did not fall"
awk -f "$source/experiments/data/oscillator.awk" | cmp - "$source/experiments/data/oscillator.csv" ||
  fail "oscillator.awk makes another oscillator.csv"
