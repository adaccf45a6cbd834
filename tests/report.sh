#!/bin/sh
# The reports of gnomon in a real browser: a training with a comparison, and a sweep, opened in
# headless Chromium at 1280 and at 400 pixels. Tables and figures are there and have a size,
# nothing is wider than the window, nothing else is loaded, and text that looks like HTML
# stays text.
#   report.sh SOURCE_DIR GNOMON
# With GNOMON_SCREENSHOTS=DIR pictures of the pages are left there, to be looked at.
set -eu
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/support/shell.sh"
source=$(cd "$1" && pwd) gnomon=$2

# need WHAT COMMAND...: path of the first command there is, or skip; a failure where CI is set
need() {
  what=$1
  shift
  for c in "$@"; do
    command -v "$c" && return
  done
  [ -z "${CI:-}" ] || fail "$what not found"
  echo "SKIP: report in a browser: $what not found" >&2
}

chromium=$(need Chromium chromium chromium-browser google-chrome)
gnuplot=$(need gnuplot gnuplot)
[ -n "$chromium" ] && [ -n "$gnuplot" ] || exit 0

cd "$work"

# the script that a copy of a page tells its sizes with, to the page around it
cat >probe.html <<'HTML'
<script>
addEventListener('load', function () {
  var drawn = 0, cut = 0;
  document.querySelectorAll('figure svg').forEach(function (s) {
    var r = s.getBoundingClientRect(), lines = s.querySelectorAll('path').length;
    if (r.width > 200 && r.height > 100 && lines > 3) drawn++;
  });
  document.querySelectorAll('.wide').forEach(function (d) {
    if (d.scrollWidth > d.clientWidth) cut++;
  });
  parent.postMessage('window=' + innerWidth + ' page=' + document.documentElement.scrollWidth +
    ' tables=' + document.querySelectorAll('table tr td').length + ' figures=' + drawn +
    ' svg=' + document.querySelectorAll('svg').length + ' cut=' + cut +
    ' loaded=' + performance.getEntriesByType('resource').length +
    ' planted=' + document.querySelectorAll('#planted').length, '*');
});
</script>
HTML

browse() { # the browser on PAGE, with flags; no name is resolved
  page=$1
  shift
  timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars \
    --user-data-dir="$work/profile" --host-resolver-rules='MAP * ~NOTFOUND' "$@" \
    "file://$work/$page" 2>browser.log || {
    tail -n 20 browser.log >&2
    fail "$chromium failed"
  }
}

frame() { # PAGE WIDTH HEIGHT: frame.html shows it at that width
  printf '%s\n' '<!DOCTYPE html><body style="margin:0"><script>' \
    'addEventListener("message", function (e) { document.body.setAttribute("data-says", e.data); });' \
    '</script>' "<iframe src=\"$1\" style=\"border:0;width:$2px;height:$3px\"></iframe>" >frame.html
}

says() { # PAGE WIDTH: what the probe in the page says
  cat "$1" probe.html >probed.html
  frame probed.html "$2" 900
  browse frame.html --virtual-time-budget=5000 --window-size=1400,1000 --dump-dom |
    sed -n 's/.*data-says="\([^"]*\)".*/\1/p'
}

value() { # NAME LINE
  printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# page FILE FIGURES: opened at both widths
page() {
  if grep -nE "(src|href|url\(|action|@import)[^>]{0,3}[\"'(]? *(https?:)?//" "$1"; then
    fail "$1 names another place"
  fi
  grep -q 'http' "$1" && fail "$1 holds an address"
  for width in 1280 400; do
    line=$(says "$1" "$width")
    echo "report: $1: $line"
    [ "$(value window "$line")" = "$width" ] || fail "$1: no window of $width pixels: '$line'"
    [ "$(value page "$line")" -le "$width" ] || fail "$1: wider than $width pixels"
    [ "$(value cut "$line")" = 0 ] || fail "$1: a table is cut at $width pixels"
    [ "$(value tables "$line")" -gt 20 ] || fail "$1: no tables"
    [ "$(value figures "$line")" = "$2" ] || fail "$1: not $2 figures with a size at $width pixels"
    [ "$(value svg "$line")" = "$2" ] || fail "$1: not $2 figures"
    [ "$(value loaded "$line")" = 0 ] || fail "$1: loads something"
    [ "$(value planted "$line")" = 0 ] || fail "$1: text became HTML"
    if [ -n "${GNOMON_SCREENSHOTS:-}" ]; then
      frame "$1" "$width" 3000
      browse frame.html --window-size=1280,3000 \
        --screenshot="$GNOMON_SCREENSHOTS/$(basename "$1" .html)-$width.png"
    fi
  done
}

# a name that a page must not take for an element
run="a<i id=planted>&'b"
quietly "$gnomon" train "$source/experiments/spiral.ini" --train.epochs=15 --data.n=12 \
  --data.valid=4 --train.batch=4 --model.name=hbnode --run.out="$run"
quietly "$gnomon" compare "$run/experiment.ini" --state="$run" --run.out="$run" \
  --strategies=discrete,backsolve,gauss --compare.repeats=1
quietly "$gnomon" sweep "$source/experiments/spiral.ini" --data.n=4 --data.valid=0 \
  --rtol=1e-3,1e-5 --seeds=1:2 --strategies=discrete,interpolate --time --out=sweep --no-figures
quietly "$gnomon" sweep "$source/experiments/spiral.ini" --data.n=6 --data.valid=2 --what=train \
  --train.epochs=2 --rtol=1e-3,1e-5 --strategies=discrete --out=trained --no-figures
quietly "$gnomon" report "$run" --out=run.html
quietly "$gnomon" report sweep --out=sweep.html
quietly "$gnomon" report trained --out=trained.html

page run.html 3
page sweep.html 3
page trained.html 2

# the checks can fail: a picture from elsewhere, a line that is too wide
{ cat run.html; echo '<img src="http://gnomon.invalid/a.png"><p style="width:2000px">wide</p>'; } >bad.html
line=$(says bad.html 400)
[ "$(value loaded "$line")" = 1 ] || fail "a picture from elsewhere was not noticed: '$line'"
[ "$(value page "$line")" -gt 400 ] || fail "a page that is too wide was not noticed: '$line'"

# the commands of the page do it again, to the last digit
sed -n '/<pre>gnomon/,/<\/pre>/p' sweep.html | sed -n 's/^.*\(gnomon sweep .*\)/\1/p' |
  sed "s|^gnomon|'$gnomon'|; s/\$/ --no-figures/" >again.sh
[ -s again.sh ] || fail "sweep.html has no command to do it again"
quietly sh again.sh
cmp sweep/sweep.csv sweep-again/sweep.csv || fail "the command of the page gives another sweep"

# without gnuplot there are tables and a sentence
mkdir none
quietly env PATH="$work/none" "$gnomon" report sweep --out=none.html
grep -q 'gnuplot was not there' none.html || fail "none.html does not say that gnuplot is missing"
grep -q '<svg' none.html && fail "none.html has a figure"
echo 'report: tables and figures of a run, a sweep and trainings, at 1280 and 400 pixels'
