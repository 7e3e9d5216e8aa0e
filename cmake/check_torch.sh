#!/usr/bin/env bash
# Does Espalier build against these LibTorches, and does what was built start? Programs and plugins only.
set -uo pipefail

usage() {
  cat <<'USAGE'
usage: bash cmake/check_torch.sh TORCH_ROOT...

  TORCH_ROOT   a folder with torch's include/ and lib/; each is built in .deps/check-torch/VERSION and answers with one line

environment:
  ESPALIER_JOBS   compilers at a time (2)
  BUILD_DIR       a build folder to use instead, where one LibTorch is named
USAGE
}

case ${1:-} in
  -h|--help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
if [ -n "${BUILD_DIR:-}" ] && [ $# -gt 1 ]; then
  echo "check_torch: BUILD_DIR is of one LibTorch; $# are named" >&2
  exit 2
fi
if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER:-ccache}
  export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
fi

version_of() {  # TORCH_ROOT
  local header
  for header in "$1"/include/torch/{headeronly,csrc/api/include/torch}/version.h; do
    if [ -f "$header" ]; then
      awk '/#define TORCH_VERSION_(MAJOR|MINOR|PATCH) / { v = v dot $3; dot = "." } END { print v }' "$header"
      return
    fi
  done
}

failed=0
for named in "$@"; do
  torch=$(cd "$named" 2>/dev/null && pwd -P) || { echo "LibTorch in $named: FAILED: no such folder"; failed=1; continue; }
  version=$(version_of "$torch")
  if [ -z "$version" ]; then echo "LibTorch in $torch: FAILED: no version.h in its include/"; failed=1; continue; fi
  build=${BUILD_DIR:-$root/.deps/check-torch/$version}
  mkdir -p "$build"
  log=$build/check_torch.log
  begun=$SECONDS
  said=''
  if ! cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release "-DESPALIER_TORCH_ROOT=$torch" >"$log" 2>&1; then
    said="does not configure: $(grep -m 1 -A 2 'CMake Error' "$log" | tr -s '\n ' ' ')"
  elif ! cmake --build "$build" --parallel "${ESPALIER_JOBS:-2}" --target espalier espalier_worker espalier_plugins >>"$log" 2>&1; then
    said="does not compile: $(grep -m 1 -E 'error: ' "$log")"
  elif ! answer=$("$build/bin/espalier-worker" --version 2>&1); then
    said="does not start: $answer"
  elif ! "$build/bin/espalier" plugins >>"$log" 2>&1; then
    said="its plugins are refused: $(tail -n 1 "$log")"
  fi
  if [ -n "$said" ]; then
    echo "LibTorch $version: FAILED: $said (log: $log)"
    failed=1
  else
    plugins=$(find "$build/plugins" -maxdepth 1 -name '*.so' | wc -l)
    echo "LibTorch $version: $(head -n 1 <<<"$answer"); programs and $plugins plugins built in $((SECONDS - begun)) s, started"
  fi
done
exit $failed
