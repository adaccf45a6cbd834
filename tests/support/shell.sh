# shellcheck shell=sh
# Shared by the test scripts: sourced first, never run. A folder of their own in $work, removed at
# the end; fail, quietly and copy_tree.
script=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/gnomon-$script-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
  echo "$script: $*" >&2
  exit 1
}

# quietly COMMAND...: its output only if it fails
quietly() {
  "$@" >"$work/log" 2>&1 || {
    tail -n 60 "$work/log" >&2
    fail "failed: $*"
  }
}

# copy_tree SOURCE: into $work/tree, without what was built
copy_tree() {
  mkdir "$work/tree"
  (cd "$1" && tar cf - --exclude=./.git --exclude='./build*' --exclude=./runs --exclude=./experiments/data/fetched .) |
    (cd "$work/tree" && tar xf -)
}

here=$(cd "$(dirname "$0")" && pwd) # the folder of the scripts
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
