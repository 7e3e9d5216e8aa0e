#!/usr/bin/env bash
# The guards of the house, cheapest first. All of them run, and what failed is said again at the end.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bash cmake/check.sh [--all] [PART...]

  format      every source as .clang-format says (clang-format 14)
  arrows      every #include follows the arrows of core/README.md
  rules       names, sizes of rooms and functions, the changelog
  spelling    codespell over every text
  reference   doxygen over the public headers
  tidy        clang-tidy 14 over the sources changed since the branch left main, on main since its last commit, the latest
              first, for ESPALIER_TIDY_SECONDS (60)
  sanitizers  the unit tests of the rooms without tensors, the lowest first, with address and undefined-behaviour sanitizers,
              in build-asan/, as many rooms as can be built in ESPALIER_SANITIZER_SECONDS (240)

  --all       tidy and sanitizers take all the time they need: every source, all these rooms and sdk, nn and families

No part named: all of them. The last three need what 'bash cmake/quickstart.sh setup' installs; 'bash
cmake/quickstart.sh check' installs that and the tools, then calls this.

environment:
  TORCH_ROOT             as for the quickstart; not needed after it has run
  ESPALIER_JOBS          compilers at a time (2)
  ESPALIER_TIDY_SECONDS  no further source is begun after that time (60)
  ESPALIER_SANITIZER_SECONDS   no further program is built after that time (240)
  ESPALIER_SINCE         the commit that tidy compares with
USAGE
}

readonly every_part=(format arrows rules spelling reference tidy sanitizers)
all='' parts=()
for word in "$@"; do
  case $word in
    --all) all=yes ;;
    -h|--help|help) usage; exit 0 ;;
    *)
      case " ${every_part[*]} " in
        *" $word "*) parts+=("$word") ;;
        *) echo "check: unknown part '$word'" >&2; usage >&2; exit 2 ;;
      esac ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=("${every_part[@]}")

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PYTHONDONTWRITEBYTECODE=1
readonly jobs=${ESPALIER_JOBS:-2}
say() { printf 'check: %s\n' "$*" >&2; }

# --- the parts: each says on its standard output what is wrong, and fails; remedy says what to do -------------------

remedy=''

sources() {  # PATTERN...: tracked and new files
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
      while read -r file; do [ ! -f "$file" ] || printf '%s\n' "$file"; done
  else
    local names=() pattern
    for pattern in "$@"; do names+=(-o -name "$pattern"); done
    find core plugins tests -type f \( "${names[@]:1}" \) | sort
  fi
}

tool() {  # NAME: NAME-14 or a NAME of version 14
  local name
  for name in "$1-14" "$1"; do
    if command -v "$name" >/dev/null && "$name" --version | grep -q 'version 14\.'; then echo "$name"; return; fi
  done
  remedy="apt-get install $1-14 (other versions say other things), or run 'bash cmake/quickstart.sh check'"
  echo "there is no $1 of version 14" >&2
  return 1
}

check_format() {
  local formatter
  remedy="git ls-files '*.h' '*.cpp' | xargs clang-format-14 -i"
  formatter=$(tool clang-format) || { remedy="apt-get install clang-format-14"; return 1; }
  sources '*.h' '*.cpp' | xargs -d '\n' -n 60 -P "$jobs" "$formatter" --dry-run --Werror
}

check_arrows() {
  remedy="include what lies below, move what two rooms need down, or draw the arrow in core/README.md and include_arrows.py"
  python3 tests/architecture/include_arrows.py
}

check_rules() {
  remedy="each line above says it; what the rules ask stands in CONTRIBUTING.md"
  python3 tests/architecture/house_rules.py
}

check_spelling() {
  remedy="mend the word; if it is meant, add it to .codespell-ignore"
  command -v codespell >/dev/null || { remedy="apt-get install codespell"; echo "there is no codespell"; return 1; }
  sources | grep -vE '^tests/fixtures/|\.(safetensors|mp3|wav|flac)$|english_spelling\.tsv$|^core/page/vendor/|^\.codespell-ignore$' |
    xargs -d '\n' codespell --ignore-words=.codespell-ignore
}

configured() {  # PRESET OPTION...
  local preset=$1 torch=${TORCH_ROOT:-} folder
  shift
  if [ -z "$torch" ]; then
    for folder in .deps/venv/lib/python3*/site-packages/torch; do [ ! -d "$folder" ] || torch=$PWD/$folder; done
  fi
  [ -z "$torch" ] || set -- "-DESPALIER_TORCH_ROOT=$torch" "$@"
  if command -v ccache >/dev/null; then
    set -- "-DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}" "$@"
  fi
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
  quietly cmake --preset "$preset" "$@"
}

quietly() {  # COMMAND...: its output only where it fails
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] || [ "$status" -eq 124 ] || cat "$log"
  rm -f "$log"
  return "$status"
}

check_reference() {
  remedy="apt-get install doxygen"
  command -v doxygen >/dev/null || { echo "there is no doxygen"; return 1; }
  remedy="run 'bash cmake/quickstart.sh setup' first, or read the message of CMake above"
  configured tidy || return 1
  remedy="mend the comment that is named; it is read as cmake/doxygen_filter.sed shows it to doxygen"
  quietly cmake --build build-tidy --target docs
}

check_tidy() {
  local linter options=()
  remedy="apt-get install clang-tidy-14"
  linter=$(tool clang-tidy) || return 1
  remedy="run 'bash cmake/quickstart.sh setup' first: clang-tidy reads a configured build"
  configured tidy || return 1
  remedy="mend what is named; .clang-tidy says why a check is off"
  [ -z "$all" ] || options+=(--all)
  [ -z "${ESPALIER_SINCE:-}" ] || options+=(--since "$ESPALIER_SINCE")
  python3 cmake/tidy_changed.py --clang-tidy "$linter" --build build-tidy --jobs "$jobs" \
    --seconds "${ESPALIER_TIDY_SECONDS:-60}" ${options[@]+"${options[@]}"}
}

# Room by room, the lowest first, while there is time: a fault in words is one in all.
check_sanitizers() {
  local programs program left status late=() seconds=${ESPALIER_SANITIZER_SECONDS:-240} begun=$SECONDS
  remedy="run 'bash cmake/quickstart.sh setup' first, or read the message of CMake above"
  configured asan || return 1
  programs=$(tr ';' ' ' <build-asan/tests_without_tensors.txt)
  [ -z "$all" ] || programs+=" sdk_test nn_test families_test"
  remedy="mend what the compiler names"
  for program in $programs; do
    left=$((seconds - (SECONDS - begun)))
    if [ -n "$all" ]; then left=86400; fi
    if [ "$left" -le 0 ]; then late+=("${program%_test}"); continue; fi
    status=0
    quietly timeout "$left" cmake --build build-asan --parallel "$jobs" --target "$program" || status=$?
    if [ "$status" -eq 124 ]; then late+=("${program%_test}"); elif [ "$status" -ne 0 ]; then return 1; fi
  done
  [ ${#late[@]} -eq 0 ] || echo "no time for ${late[*]}; all of them: bash cmake/check.sh --all sanitizers"
  remedy="the report above names the line; one test again: ctest --preset asan -R NAME"
  quietly ctest --preset asan -L unit -j "$jobs" --no-tests=error
}

# --- all of them ----------------------------------------------------------------------------------------------------

failed=()
for part in "${parts[@]}"; do
  start=$SECONDS
  say "$part"
  remedy=''
  if "check_$part"; then
    say "  ok ($((SECONDS - start)) s)"
  else
    say "  FAILED ($((SECONDS - start)) s)"
    say "  what to do: $remedy"
    failed+=("$part")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  say "FAILED: ${failed[*]}; one again: bash cmake/check.sh ${failed[0]}"
  exit 1
fi
say "all is well: ${parts[*]}"
