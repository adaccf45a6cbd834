# shellcheck shell=bash disable=SC2034
# Set-up shared by experiments/quickstart and tests/: sourced, never run. The caller has set
# `set -euo pipefail`. Finds what is missing by looking for the thing itself (a compiler, a
# library that CMake finds, ...), installs the Debian package that has it, configures and
# builds. Never asks: standard input is closed for everything it starts.

gn_top=$(CDPATH="" cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
gn_list=$gn_top/experiments/packages
gn_install=yes # no: --no-install
gn_missing=()  # packages whose thing was not found
gn_found=()    # versions of the libraries
gn_old=''      # versions of SUNDIALS that are too old
gn_check=no    # yes: Check is there
gn_optional=' gnuplot-nox chromium python3-h5py cppcheck clang-tidy ' # what scripts go on without

gn_say() { printf 'gnomon: %s\n' "$*"; }

gn_die() # STATUS MESSAGE...
{
  local status=$1
  shift
  printf 'gnomon: %s\n' "$@" >&2
  exit "$status"
}

gn_writable() # DIR: make it, or stop
{
  if ! mkdir -p "$1" 2>/dev/null || [ ! -w "$1" ]; then
    gn_die 2 "$1: cannot write there; copy the tree to a folder of your own"
  fi
}

gn_cores() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2; }

# Packages of the groups given, and what one of them is for.
gn_packages() { awk -v want=" $* " 'index(want, " " $1 " ") { print $2 }' "$gn_list"; }
gn_purpose() { sed -n "s/^[a-z]* *$1 *# //p" "$gn_list"; }

# ---- what is there --------------------------------------------------------------------------

gn_compiler() { command -v "${CC:-cc}" || command -v gcc || command -v clang; }

# Libraries as CMakeLists.txt finds them, CMAKE_PREFIX_PATH included: a line "name version"
# each; version "no" when it is missing.
gn_libraries()
{
  local dir status=0
  dir=$(mktemp -d)
  cat >"$dir/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(probe LANGUAGES C)
find_package(SUNDIALS 6.4 QUIET COMPONENTS arkode)
find_package(HDF5 QUIET COMPONENTS C)
find_package(ZLIB QUIET)
set(ZLIB_VERSION ${ZLIB_VERSION_STRING}) # before CMake 3.26
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(INIH QUIET inih)
  pkg_search_module(BLAS QUIET openblas cblas blas)
  pkg_check_modules(CHECK QUIET check)
endif()
if(NOT SUNDIALS_FOUND AND SUNDIALS_CONSIDERED_VERSIONS)
  set(note " ${SUNDIALS_CONSIDERED_VERSIONS}")
endif()
foreach(row SUNDIALS HDF5 ZLIB INIH BLAS CHECK)
  set(version no)
  if(${row}_FOUND)
    set(version ${${row}_VERSION})
  endif()
  file(APPEND ${CMAKE_BINARY_DIR}/found "${row} ${version} ${${row}_MODULE_NAME}\n")
endforeach()
file(APPEND ${CMAKE_BINARY_DIR}/found "OLD${note}\n")
END
  gn_cmake -S "$dir" -B "$dir/build" >"$dir/log" 2>&1 </dev/null || status=$?
  cat "$dir/build/found" 2>/dev/null || status=1
  rm -rf "$dir"
  return "$status"
}

# cmake with Ninja where there is no make.
gn_cmake()
{
  if [ -z "${CMAKE_GENERATOR:-}" ] && ! command -v make >/dev/null && command -v ninja >/dev/null
  then CMAKE_GENERATOR=Ninja cmake "$@"
  else cmake "$@"
  fi
}

gn_recent_cmake()
{
  local version
  version=$(cmake --version 2>/dev/null | sed -n '1s/.* //p') || true
  [ -n "$version" ] && [ "$(printf '%s\n' 3.25 "$version" | sort -V | head -n 1)" = 3.25 ]
}

# Is the thing of this package there? libs: the answer of gn_libraries.
gn_have() # PACKAGE LIBS
{
  local row
  case $1 in
    gcc) gn_compiler >/dev/null ;;
    libc6-dev) echo '#include <stdio.h>' | "$(gn_compiler || echo false)" -E - >/dev/null 2>&1 ;;
    make) command -v make >/dev/null || command -v ninja >/dev/null ;;
    cmake) gn_recent_cmake ;;
    pkg-config) command -v "${PKG_CONFIG:-pkg-config}" >/dev/null || command -v pkgconf >/dev/null ;;
    gnuplot-nox) command -v gnuplot >/dev/null ;;
    python3-h5py) python3 -c "import h5py, numpy" 2>/dev/null ;;
    chromium) command -v chromium >/dev/null || command -v google-chrome >/dev/null ;;
    cppcheck | clang-tidy) command -v "$1" >/dev/null ;;
    libsundials-dev) row=SUNDIALS ;;
    libopenblas-dev) row=BLAS ;;
    libhdf5-dev) row=HDF5 ;;
    libinih-dev) row=INIH ;;
    zlib1g-dev) row=ZLIB ;;
    check) row=CHECK ;;
    *) gn_die 1 "experiments/packages has '$1', and experiments/lib.sh does not know how to look for it" ;;
  esac || return 1
  [ -z "${row:-}" ] || grep -q "^$row [^n]" <<<"$2"
}

# Fill gn_missing and gn_found for the groups given.
gn_look()
{
  local package libs='' name version module
  gn_missing=()
  gn_found=()
  gn_check=no
  if gn_recent_cmake && gn_compiler >/dev/null; then libs=$(gn_libraries) || true; fi
  for package in $(gn_packages "$@"); do
    gn_have "$package" "$libs" || gn_missing+=("$package")
  done
  gn_old=$(sed -n 's/^OLD //p' <<<"$libs")
  while read -r name version module; do
    case $name in
      SUNDIALS | HDF5) gn_found+=("$name $version") ;;
      INIH) gn_found+=("inih $version") ;;
      ZLIB) gn_found+=("zlib $version") ;;
      CHECK) [ "$version" = no ] || gn_check=yes ;;
      BLAS) gn_found+=("$module $version") ;;
    esac
  done <<<"$libs"
}

# ---- what is missing ------------------------------------------------------------------------

gn_tell_missing() # names the missing things on standard error
{
  local package
  echo "gnomon: missing:" >&2
  for package in "${gn_missing[@]}"; do
    printf '  %-16s %s\n' "$package" "$(gn_purpose "$package")" >&2
  done
  gn_recent_cmake && gn_compiler >/dev/null ||
    echo "gnomon: libraries are looked for with cmake and a C compiler; without these none is found" >&2
  [ -z "$gn_old" ] || echo "gnomon: SUNDIALS $gn_old is there, and 6.4 or later is needed" >&2
}

# How packages are installed here: a command, or nothing.
gn_root_command()
{
  if ! command -v apt-get >/dev/null; then return 1; fi
  if [ "$(id -u)" = 0 ]; then echo env; return; fi
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null </dev/null; then echo "sudo -n env"; return; fi
  return 1
}

gn_apt() # apt-get ARGUMENTS, quietly; its output when it fails
{
  local log
  log=$(mktemp)
  # shellcheck disable=SC2086 # the command is words
  if ! $gn_as_root DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# What is missing cannot be had: go on without it, or stop with status 2.
gn_do_without() # MESSAGE...
{
  local package
  for package in "${gn_missing[@]}"; do
    case $gn_optional in
      *" $package "*) ;;
      *) gn_tell_missing
         gn_die 2 "$@" ;;
    esac
  done
  for package in "${gn_missing[@]}"; do
    gn_say "going on without $package ($(gn_purpose "$package"))"
  done
}

# Install what is missing.
gn_fetch() # GROUP...
{
  if [ "$gn_install" = no ]; then
    gn_do_without "install them, or name their folders in CMAKE_PREFIX_PATH"
    return
  fi
  if ! gn_as_root=$(gn_root_command); then
    gn_do_without "cannot install them without root (or sudo without a password) and apt-get; on Debian:" \
      "  apt-get install ${gn_missing[*]}"
    return
  fi
  gn_say "installing Debian packages: ${gn_missing[*]}"
  gn_apt update || gn_say "apt-get update failed; trying with the lists that are there"
  gn_apt install -y --no-install-recommends "${gn_missing[@]}" || {
    gn_do_without "apt-get install failed"
    return
  }
  gn_look "$@"
  [ ${#gn_missing[@]} -eq 0 ] || gn_do_without "the packages are installed, and these are still not found"
}

# Have the things of these groups, or stop with status 2.
gn_need() # GROUP...
{
  local text
  gn_look "$@"
  [ ${#gn_missing[@]} -eq 0 ] || gn_fetch "$@"
  text=$(printf ', %s' "${gn_found[@]}")
  gn_say "found ${text:2}"
}

# ---- the build ------------------------------------------------------------------------------

gn_configure() # DIR CMAKE-ARGUMENTS...
{
  local name=$1 dir=$gn_top/$1 fresh=()
  shift
  gn_writable "$dir"
  # the cache of a tree that was moved or copied is of no use
  if [ -f "$dir/CMakeCache.txt" ] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$gn_top" "$dir/CMakeCache.txt"; then
    fresh=(--fresh)
  fi
  if ! gn_cmake "${fresh[@]}" -S "$gn_top" -B "$dir" "$@" >"$dir/build.log" 2>&1 </dev/null; then
    sed -n '/CMake Error/,$p' "$dir/build.log" | head -n 30 >&2
    gn_die 1 "cmake could not configure $name/ (all of it: $name/build.log)"
  fi
}

# Configure and build TARGET (all: everything) in the folder DIR of the tree.
gn_build() # DIR TARGET CMAKE-ARGUMENTS...
{
  local name=$1 dir=$gn_top/$1 target=$2 begin=$SECONDS cores
  cores=$(gn_cores)
  shift 2
  gn_configure "$name" "$@"
  if ! cmake --build "$dir" --target "$target" --parallel "$cores" >>"$dir/build.log" 2>&1 </dev/null; then
    grep -E -A 5 'error|Error|undefined reference' "$dir/build.log" | head -n 40 >&2
    gn_die 1 "the build in $name/ failed (all of it: $name/build.log)"
  fi
  gn_say "built $name/ in $((SECONDS - begin)) s on $cores cores"
}
