#!/usr/bin/env bash
# Tries this kit on the machine it lies on (made by cmake/gpu_kit.sh): what is there, the tests labelled gpu, golden files, a
# grid on the GPU and on the CPU, then the bench beside transformers; the most valuable first.
#
# usage: bash run.sh [SECONDS]    400 where none are given; nothing runs longer
#
#   TORCH_ROOT   folder with LibTorch's lib/, of the version the kit was built with; otherwise the torch of PYTHON
#   PYTHON       a python3 with torch, and with transformers for the bench (python3); without one the tests alone run
#   KIT_DEVICE   cuda (default), cuda:N or cpu
#   KIT_WORK     where models, data and caches are made (/tmp/espalier-gpu-work)
#   OUT          where results.jsonl and logs go ($KIT_WORK/out)
#   STEPS        a list of sections with commas: those only; TINY=1: every section in seconds, to find mistakes
set -u
seconds=${1:-400}
case $seconds in ''|*[!0-9]*) echo "run.sh: '$seconds' is no number of seconds" >&2; exit 2 ;; esac
KIT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export KIT KIT_DEVICE=${KIT_DEVICE:-cuda} KIT_WORK=${KIT_WORK:-/tmp/espalier-gpu-work}
export OUT=${OUT:-$KIT_WORK/out} KIT_BEGUN
KIT_BEGUN=$(date +%s.%N)
mkdir -p "$OUT" "$KIT_WORK"
python=$(command -v "${PYTHON:-python3}") || python=''

if [ -n "${TORCH_ROOT:-}" ]; then
  torch_lib=$TORCH_ROOT/lib
else
  torch_lib=$(cd / && "${python:-false}" -c 'import importlib.util as u; s = u.find_spec("torch"); print(list(s.submodule_search_locations)[0] + "/lib" if s else "")')
fi
if [ ! -e "$torch_lib/libtorch_cpu.so" ]; then
  echo "run.sh: no LibTorch found in '$torch_lib'; name one with TORCH_ROOT (its lib/ holds libtorch_cpu.so)" >&2
  exit 2
fi
export KIT_LIBRARIES=$KIT/espalier/lib:$torch_lib

cat "$KIT/kit.txt"
echo "LibTorch here: $(tr -d '\n' <"$torch_lib/../version.py" 2>/dev/null | grep -o "__version__ = '[^']*'" || echo "of $torch_lib")"
[ "$KIT_DEVICE" = cpu ] || nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used,clocks.sm --format=csv,noheader 2>&1 | head -n 4
for file in "$KIT"/espalier/bin/* "$KIT"/espalier/lib/espalier/plugins/*.so "$KIT"/tests/gpu_test; do
  [ -e "$file" ] && LD_LIBRARY_PATH=$KIT_LIBRARIES ldd "$file" 2>&1 | grep -E 'not found' | sed "s|^|run.sh: $(basename "$file"): |"
done | sort | uniq | head -n 20
if ! LD_LIBRARY_PATH=$KIT_LIBRARIES timeout 60 "$KIT/espalier/bin/espalier-worker" --version; then
  echo "run.sh: espalier-worker does not start here" >&2
  exit 1
fi
LD_LIBRARY_PATH=$KIT_LIBRARIES timeout 30 "$KIT/espalier/bin/espalier" devices 2>&1 | head -n 10

export OMP_WAIT_POLICY=passive PYTHONDONTWRITEBYTECODE=1
if [ -n "$python" ] && (cd / && "$python" -c 'import importlib.util as u, sys; sys.exit(u.find_spec("torch") is None)'); then
  exec "$python" -u "$KIT/bench/trial.py" "$seconds"
fi
echo "run.sh: no python3 with torch here: the tests alone are run"
[ -x "$KIT/tests/gpu_test" ] || { echo "run.sh: and this kit has none: gpu_test was not built" >&2; exit 1; }
cd "$KIT/tests" && LD_LIBRARY_PATH=$KIT_LIBRARIES ESPALIER_TEST_PLUGINS=$KIT/espalier/lib/espalier/plugins exec timeout "$seconds" ./gpu_test
