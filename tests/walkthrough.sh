#!/bin/sh
# What a new user reads is what works: `gnomon new model` writes a file that builds without a
# warning, passes its checks and trains; and models/README.md builds its model as it says. The
# fenced blocks of that page are taken in order:
#   c|ini file=F                        F is written
#   c into=F before="TEXT"              inserted before the first line that begins with TEXT
#   c into=F after="TEXT"               after it;  line="TEXT": instead of it
#   sh run                              run in the tree, output kept
#   text expect                         each line is in that output
# where "NAME ok" is a row of the comparison, "every strategy ok" says that of all rows, and
# "not numeric" that the word does not occur.
#   walkthrough.sh [SOURCE_DIR [CMAKE_ARGUMENT...]]
set -eu
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/support/shell.sh"
source=${1:-$here/..}
[ $# -gt 0 ] && shift

tree=$work/tree

copy_tree "$source"
[ -e "$tree/models/nesterov.c" ] && fail 'models/nesterov.c is in the tree already'
cd "$tree"

# Little optimisation: building is most of the time.
CMAKE_BUILD_PARALLEL_LEVEL=$jobs
export CMAKE_BUILD_PARALLEL_LEVEL
quietly cmake -S . -B build -DGN_TESTS=OFF -DGN_WERROR=ON -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_C_FLAGS_NONE=-O1 "$@"
quietly cmake --build build --target gnomon

# ---- gnomon new model ---------------------------------------------------------------------
build/gnomon new model freshly_made >"$work/next"
[ -s models/freshly_made.c ] || fail 'gnomon new model wrote no models/freshly_made.c'
(cd "$work" && "$tree/build/gnomon" new model freshly_made >/dev/null) ||
  fail 'gnomon new model does not write to the current folder'
cmp -s models/freshly_made.c "$work/freshly_made.c" || fail 'two new models differ'
if build/gnomon new model freshly_made >"$work/log" 2>&1; then
  fail 'gnomon new model overwrites'
fi
sed -n 's/^  //p' "$work/next" >"$work/commands" # what it says to do next
quietly sh -eu "$work/commands"
grep -q 'write next: f.vjp' "$work/log" || fail 'gnomon check does not say what to write next'
grep -q '(numeric vjp, pgrad, jvp)' "$work/log" || fail 'gnomon train does not say numeric'
[ -s runs/freshly_made/metrics.csv ] || fail 'gnomon train wrote no metrics'
if build/gnomon new model freshly_made --out="$work/elsewhere" >"$work/log" 2>&1; then
  fail 'gnomon new model takes a name that is taken'
fi
quietly build/gnomon check freshly_made:read=linear:outputs=2:time=append
build/gnomon list models | grep -q 'freshly_made.*(numeric vjp, pgrad, jvp)' ||
  fail 'gnomon list models does not say numeric'
build/gnomon show freshly_made | grep -q '^numeric vjp, pgrad, jvp' ||
  fail 'gnomon show does not say numeric'
short='--model.width=3 --model.depth=1 --data.n=4 --data.valid=0 --data.K=2 --data.T=1'
# shellcheck disable=SC2086
if build/gnomon sweep experiments/spiral.ini --rtol=1e-3 --time --model.name=freshly_made \
  --out="$work/sweep" $short >"$work/log" 2>&1; then
  fail 'gnomon sweep --time takes a numeric model'
fi
grep -q 'model freshly_made has numeric' "$work/log" || fail 'sweep --time does not say why not'
rm models/freshly_made.c

# ---- models/README.md ---------------------------------------------------------------------
# Blocks as files: work/NNN.head has the words after the fence, work/NNN.body the text.
awk -v dir="$work" '
  /^```/ && !open { if (split($0, word, " ") > 1) {
      file = sprintf("%s/%03d", dir, ++n); sub(/^```/, ""); print > (file ".head")
      close(file ".head"); printf "" > (file ".body") } else { file = "" }
    open = 1; next }
  /^```$/ { open = 0; if (file) close(file ".body"); next }
  open && file { print > (file ".body") }' models/README.md

# insert WHERE TEXT FILE BODY
insert() {
  WHERE=$1 TEXT=$2 BODY=$4 awk '
    function body(  s) { while ((getline s < ENVIRON["BODY"]) > 0) print s; done = 1 }
    !done && index($0, ENVIRON["TEXT"]) == 1 {
      if (ENVIRON["WHERE"] == "before") body()
      if (ENVIRON["WHERE"] != "line") print
      if (ENVIRON["WHERE"] != "before") body()
      next
    }
    { print }
    END { exit !done }' "$3" >"$work/edited" || fail "no line of $3 begins with '$2'"
  cp "$work/edited" "$3"
}

# expect LINE: what the page says is so
expect() {
  case $1 in
    'not numeric')
      if grep -q numeric "$work/output"; then fail 'something is numeric still'; fi ;;
    'every strategy ok')
      csv=runs/nesterov/compare.csv
      awk -F, 'NR > 1 { n++; if ($3 != "ok") { print; bad = 1 } }
        END { exit bad || n < 8 }' $csv >&2 || fail 'not every strategy is ok' ;;
    *' ok')
      grep -Eq "^ *${1% ok}[^ ]* +ok" "$work/output" || fail "no row '$1' in the output" ;;
    *) grep -qF -- "$1" "$work/output" || fail "the page says '$1', the output does not" ;;
  esac
}

runs=0 claims=0
for head in "$work"/[0-9][0-9][0-9].head; do
  body=${head%.head}.body
  read -r words <"$head"
  case $words in
    *' file='*) cp "$body" "${words#*file=}" ;;
    *' into='*)
      file=${words#*into=} file=${file%% *}
      where=${words#*into="$file" } text=${where#*=\"}
      insert "${where%%=*}" "${text%\"}" "$file" "$body" ;;
    'sh run')
      runs=$((runs + 1))
      sh -eu "$body" >"$work/output" 2>&1 || {
        tail -n 60 "$work/output" >&2
        fail "failed: $(cat "$body")"
      } ;;
    'text expect')
      while IFS= read -r line; do
        claims=$((claims + 1))
        expect "$line"
      done <"$body" ;;
    *) fail "a block '$words' that means nothing" ;;
  esac
done
if [ "$runs" -lt 6 ] || [ "$claims" -lt 15 ]; then
  fail "only $runs commands and $claims claims found"
fi
echo "walkthrough: gnomon new model, and $runs commands and $claims claims of models/README.md"
