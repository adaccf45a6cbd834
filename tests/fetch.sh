#!/bin/sh
# experiments/data/fetch from a small mirror with a table of its own: a folder, file:// and, from
# a server on this machine, http://. Then the real table, and real data sets from the shared
# folder where that is there.
#   fetch.sh SOURCE_DIR
set -eu
# shellcheck source=tests/support/shell.sh
. "$(dirname "$0")/support/shell.sh"
source=$1
unset GNOMON_DATA

# runs STATUS TEXT COMMAND...: ends with the status and says the text
runs() {
  want=$1 text=$2
  shift 2
  status=0
  "$@" >"$work/said" 2>&1 || status=$?
  if [ "$status" -ne "$want" ] || ! grep -q -e "$text" "$work/said"; then
    cat "$work/said" >&2
    fail "status $status, expected $want and '$text': $*"
  fi
}

# silent TEXT: the last command did not say it
silent() { if grep -q -e "$1" "$work/said"; then fail "said '$1'"; fi; }

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
size() { wc -c <"$1" | tr -d ' '; }

tool="$work/a tool" mirror="$work/a mirror"
mkdir -p "$tool" "$mirror/one/sub" "$mirror/packed" "$mirror/archive/box"
cp "$source/experiments/data/fetch" "$tool/"
awk 'BEGIN { for (i = 0; i < 20000; i++) print i * i }' >"$mirror/one/big.txt"
echo small >"$mirror/one/sub/small.txt"
echo text >"$mirror/packed/text"
gzip -c "$mirror/packed/text" >"$mirror/packed/text.gz"
gzip -9 -c "$mirror/one/big.txt" >"$mirror/packed/big.gz"
echo member >"$mirror/archive/box/member"
tar -C "$mirror/archive" -czf "$mirror/archive/box.tar.gz" box
{
  echo "# a table"
  echo "set one two files"
  echo "terms free"
  echo "at http://127.0.0.1:PORT/one/"
  echo "file big.txt $(size "$mirror/one/big.txt") $(sum "$mirror/one/big.txt") big.txt"
  echo "file sub/small.txt 6 $(sum "$mirror/one/sub/small.txt") sub/small.txt"
  echo "set packed content known"
  echo "file big.gz 0 gz:$(sum "$mirror/one/big.txt") -"
  echo "file text 5 $(sum "$mirror/packed/text") -"
  echo "steps squares, then gzip"
  echo "set archive with a member"
  echo "file box.tar.gz 0 md5:$(md5sum <"$mirror/archive/box.tar.gz" | cut -d ' ' -f 1) -"
  echo "member box.tar.gz box/member inside 7 $(sum "$mirror/archive/box/member")"
  echo "set unpacked from a packed address"
  echo "file text 5 $(sum "$mirror/packed/text") http://127.0.0.1:PORT/packed/text.gz"
} >"$tool/sources"

fetch="$tool/fetch"
out="$work/out"
get() { # STATUS TEXT ARGUMENT...
  want=$1 text=$2
  shift 2
  runs "$want" "$text" "$fetch" "$@" "--out=$out"
}

# what is asked for
runs 2 'usage: ' "$fetch"
runs 0 'Only mirrors, over file:// and http://' "$fetch" --help
runs 2 "no data set 'two'; there are: one packed archive unpacked" "$fetch" two
runs 2 "no option '--mirorr=x'" "$fetch" one --mirorr=x
runs 2 "no option '--out='" "$fetch" one --out=
runs 2 '/none: no such folder' "$fetch" one --mirror=/none
runs 2 'expected file:///FOLDER' "$fetch" one --mirror=file:here
runs 0 '^packed .* mirror only ' "$fetch" --list

# a folder; what is there is left alone, what is spoilt is replaced
get 0 'one/sub/small.txt: ok' one "--mirror=$mirror"
cmp "$mirror/one/big.txt" "$out/one/big.txt" || fail "another file"
touch -d 2001-01-01 "$out/one/big.txt"
echo spoilt >"$out/one/sub/small.txt"
get 0 'one/big.txt: there already' one "--mirror=file://$mirror/"
silent 'one/sub/small.txt: there'
[ -n "$(find "$out/one/big.txt" ! -newermt 2002-01-01)" ] || fail "a file that is there was written"
[ "$(cat "$out/one/sub/small.txt")" = small ] || fail "a spoilt file stays"

# cut off at several places: only the rest comes
for bytes in 1 777 100000; do
  rm "$out/one/big.txt"
  head -c $bytes "$mirror/one/big.txt" >"$out/one/big.txt.part"
  get 0 'one/big.txt: ok' one "--mirror=$mirror"
  silent 'from the start'
  cmp "$mirror/one/big.txt" "$out/one/big.txt" || fail "after $bytes bytes: another file"
done
# all of it was there; another file was begun; more than the file was
rm "$out/one/big.txt"
cp "$mirror/one/big.txt" "$out/one/big.txt.part"
get 0 'one/big.txt: ok' one "--mirror=$mirror"
for other in 'something else' "$(cat "$mirror/one/big.txt") and more"; do
  rm "$out/one/big.txt"
  printf '%s' "$other" >"$out/one/big.txt.part"
  get 0 'from the start' one "--mirror=$mirror"
  cmp "$mirror/one/big.txt" "$out/one/big.txt" || fail "another file was begun, and stays"
done

# a mirror that is cut off keeps what came; one that is whole again ends it
cp -r "$mirror" "$work/cut"
head -c 5000 "$mirror/one/big.txt" >"$work/cut/one/big.txt"
rm "$out/one/big.txt"
get 1 'cut off after 5000 bytes; run it again' one "--mirror=$work/cut"
[ "$(size "$out/one/big.txt.part")" = 5000 ] || fail "what came was not kept"
[ ! -e "$out/one/big.txt" ] || fail "a part is there as the whole"
get 0 'one/big.txt: ok' one "--mirror=$mirror"
silent 'from the start'

# a wrong file of the right size is refused and leaves nothing; the others come
sed 's/^4$/5/' "$mirror/one/big.txt" >"$work/cut/one/big.txt"
rm -r "$out"
get 1 'big.txt: WRONG CHECK SUM, refused' one "--mirror=$work/cut"
[ -f "$out/one/sub/small.txt" ] || fail "the file after a wrong one did not come"
[ -z "$(find "$out" -name 'big*')" ] || fail "refused, and there"
rm "$work/cut/one/big.txt"
get 1 "big.txt: not there; tried $work/cut/one/big.txt" one "--mirror=$work/cut"

# packed content, by its sum however it is packed; members of an archive; no address at all
get 0 'packed/big.gz: ok' packed "--mirror=$mirror"
gzip -c "$mirror/packed/text" >"$work/cut/packed/big.gz"
rm "$out/packed/big.gz"
get 1 'packed/big.gz: WRONG CHECK SUM' packed "--mirror=$work/cut"
gzip -1 -c "$mirror/one/big.txt" >"$out/packed/big.gz"
get 0 'packed/big.gz: there already' packed "--mirror=$mirror"
get 0 'archive/inside: unpacked' archive "--mirror=$mirror"
[ "$(cat "$out/archive/inside")" = member ] || fail "another member"
rm -r "$out/packed"
get 1 'squares, then gzip' packed

# GNOMON_DATA, and beside the program
runs 0 'there already' env "GNOMON_DATA=$out" "$fetch" one "--mirror=$mirror"
runs 0 "in $tool/fetched: name it in GNOMON_DATA" "$fetch" one "--mirror=$mirror"

# http://, by a server that can go on (and then by one that cannot)
if command -v python3 >/dev/null && { command -v curl || command -v wget; } >/dev/null; then
  cat >"$work/server.py" <<'END'
import http.server, os, re, sys

class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try: body = open(sys.argv[1] + self.path, "rb").read()
        except OSError: return self.send_error(404)
        begin = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
        begin = int(begin[1]) if begin and sys.argv[2] == "goes-on" else 0
        if begin >= len(body): return self.send_error(416)
        self.send_response(206 if begin else 200)
        if begin: self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        self.wfile.write(body[begin:])
        with open(sys.argv[3] + ".sent", "a") as f: print(self.path, len(body) - begin, file=f)
    def log_message(self, *_): pass

server = http.server.HTTPServer(("127.0.0.1", 0), Server)
with open(sys.argv[3] + ".new", "w") as f: print(server.server_port, file=f)
os.rename(sys.argv[3] + ".new", sys.argv[3])
server.serve_forever()
END
  for kind in goes-on forgets; do
    python3 "$work/server.py" "$mirror" $kind "$work/$kind" &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
    n=0
    until [ -f "$work/$kind" ]; do
      n=$((n + 1))
      [ $n -lt 300 ] || fail "the server does not begin"
      sleep 0.1
    done
    port=$(cat "$work/$kind")
    sed "s/PORT/$port/" "$tool/sources" >"$tool/sources.new"
    cp "$tool/sources" "$tool/sources.kept"
    mv "$tool/sources.new" "$tool/sources"
    rm -rf "$out"
    mkdir -p "$out/one"
    head -c 100000 "$mirror/one/big.txt" >"$out/one/big.txt.part"
    get 0 'one/sub/small.txt: ok' one
    cmp "$mirror/one/big.txt" "$out/one/big.txt" || fail "http ($kind): another file"
    if [ $kind = goes-on ]; then
      grep -q "^/one/big.txt $(($(size "$mirror/one/big.txt") - 100000))\$" "$work/$kind.sent" ||
        fail "http: not only the rest came: $(cat "$work/$kind.sent")"
    fi
    get 0 'unpacked/text: ok' unpacked
    [ "$(cat "$out/unpacked/text")" = text ] || fail "not unpacked"
    runs 1 'not there; tried http' "$fetch" one "--mirror=http://127.0.0.1:$port/none" "--out=$work/none"
    rm -rf "$out"
    get 0 'packed/big.gz: ok' packed --mirror="http://127.0.0.1:$port"
    kill "$server"
    wait "$server" 2>/dev/null || true
    rm -rf "$out"
    mkdir -p "$out/one"
    head -c 100000 "$mirror/one/big.txt" >"$out/one/big.txt.part"
    get 1 'cut off after 100000 bytes; run it again' one
    mv "$tool/sources.kept" "$tool/sources"
  done
else
  [ -z "${CI:-}" ] || fail "python3, or curl and wget, are missing"
  echo "SKIP: fetch over http: python3, or curl and wget, are missing"
fi

# the real table: fields, sums, and a reason where no address is
real="$source/experiments/data/sources"
awk '
  function hex(text, n) { return length(text) == n && text ~ /^[0-9a-f]+$/ }
  function wrong(why) { print FILENAME ":" FNR ": " why; bad = 1 }
  $1 == "set" { if (seen[$2]++) wrong("twice"); set = $2; order[++n] = set; next }
  /^#/ || !NF { next }
  $1 == "terms" { terms[set] = 1; next }
  $1 == "steps" { steps[set] = 1; next }
  $1 == "at" { if (NF != 2 || $2 !~ /^https:\/\/.*\/$/) wrong("address"); next }
  $1 == "file" { if (NF != 5) wrong("fields"); files[set]++; if ($5 == "-") none[set] = 1 }
  $1 == "member" { if (NF != 6) wrong("fields"); $4 = $6; $3 = $5 }
  $1 != "file" && $1 != "member" { wrong("key"); next }
  $3 !~ /^[0-9]+$/ { wrong("bytes") }
  {
    kind = digits = $4
    sub(/:.*/, ":", kind)
    sub(/.*:/, "", digits)
    if (kind == "md5:" ? !hex(digits, 32) : !hex(digits, 64) || kind ~ /:/ && kind != "gz:")
      wrong("check sum")
  }
  END {
    for (i = 1; i <= n; i++)
      if (!terms[order[i]] || !files[order[i]] || (none[order[i]] && !steps[order[i]]))
        wrong(order[i] ": without terms, files or steps")
    exit bad
  }' "$real" || fail "sources"
sed -n 's/^file .* make://p' "$real" | while read -r program; do
  [ -f "$source/experiments/data/$program" ] || fail "$program is missing"
done

# real data: every set but the full archive, from the shared folder as a mirror
shared=${GNOMON_SHARED:-$source/../shared}
if [ -d "$shared/data" ]; then
  sets=$(sed -n 's/^set \([a-z0-9_]*\) .*/\1/p' "$real" | grep -v -x cifar10_full)
  # shellcheck disable=SC2086 # names are words
  runs 0 'physionet2012/set-a-400.csv.gz: ok' "$source/experiments/data/fetch" $sets \
    "--mirror=$shared/data" "--out=$work/real"
  silent 'there already'
  if command -v python3 >/dev/null && python3 -c 'import numpy' 2>/dev/null; then
    python3 "$source/experiments/data/pv_dropped.py" | cmp - "$work/real/plane_vibration/pv_dropped.csv" ||
      fail "pv_dropped.py makes another pv_dropped.csv"
  else
    [ -z "${CI:-}" ] || fail "python3-numpy is missing"
    echo "SKIP: pv_dropped.py: python3-numpy is missing"
  fi
else
  [ -z "${CI:-}" ] || fail "$shared/data is missing"
  echo "SKIP: fetch of real data: $shared/data not found"
fi
