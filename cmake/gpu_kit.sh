#!/usr/bin/env bash
# Packs everything that a machine with a GPU and a LibTorch needs to try Espalier: an archive that runs there with bash, and
# with a python3 that has torch (and transformers) also measures. Nothing is installed there, nothing is fetched.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: bash cmake/gpu_kit.sh BUILD [ARCHIVE]

  BUILD    a build folder made against the LibTorch of that machine (-DESPALIER_TORCH_ROOT=DIR, same version, CUDA or not)
  ARCHIVE  .deps/gpu-kit/espalier-gpu-kit.tar.xz where none is named; refused above 55 MB

then there:
  tar xJf espalier-gpu-kit.tar.xz && bash espalier-gpu-kit/run.sh 400

environment:
  KIT_PYTHON   a python3 with torch, to pack weights (.deps/venv/bin/python where it is there, else python3)
  KIT_MINILM   a MiniLM fine-tuned on WordNet's glosses; otherwise trained once into .deps/gpu-kit/minilm-wordnet

In it: the installed tree, the shared libraries of this system it needs (LibTorch's and the C and C++ run time excepted), the
tests labelled gpu, golden files, texts, sounds and weights of .deps/data, and the bench of tests/bench/gpu.
USAGE
}

die() { echo "gpu_kit: $*" >&2; exit 2; }

case ${1:-} in
  -h|--help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
esac
[ $# -le 2 ] || die "one build and one archive; unexpected '$3'"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$(cd "$1" 2>/dev/null && pwd -P) || die "$1 is no folder"
[ -f "$build/CMakeCache.txt" ] || die "$1 is no build folder: it has no CMakeCache.txt"
archive=${2:-$root/.deps/gpu-kit/espalier-gpu-kit.tar.xz}
data=$root/.deps/data
most_bytes=55000000
for needed in minilm/model.safetensors whisper-tiny.en/model.safetensors wordnet/train.tsv asterisk-en/test.tsv keywords/test.tsv; do
  [ -f "$data/$needed" ] || die "$data/$needed is missing; run: bash cmake/quickstart.sh build"
done
for program in xz ldd cmake; do command -v "$program" >/dev/null || die "$program is not installed"; done

python=${KIT_PYTHON:-}
if [ -z "$python" ]; then
  python=python3
  [ ! -x "$root/.deps/venv/bin/python" ] || python=$root/.deps/venv/bin/python
fi
"$python" -c 'import torch' 2>/dev/null || die "$python has no torch; name one that has with KIT_PYTHON"

stage=$(mktemp -d "${TMPDIR:-/tmp}/espalier-gpu-kit.XXXXXX")
trap 'rm -rf "$stage"' EXIT
kit=$stage/espalier-gpu-kit
mkdir -p "$kit/tests" "$kit/bench" "$kit/fixtures" "$(dirname "$archive")"

# --- programs, plugins, tests
cmake --install "$build" --prefix "$kit/espalier" --strip >"$stage/install.log" 2>&1 || { tail -n 20 "$stage/install.log" >&2; die "cmake --install $build failed"; }
rm -rf "$kit/espalier/include" "$kit/espalier/share" "$kit/espalier/lib/cmake"
cp -r "$root/tests/fixtures/nn" "$kit/fixtures/"
if [ -x "$build/bin/gpu_test" ]; then
  cp "$build/bin/gpu_test" "$kit/tests/" && strip --strip-unneeded "$kit/tests/gpu_test"
else
  echo "gpu_kit: $build/bin/gpu_test is not built: the kit has no tests labelled gpu" >&2
fi

# --- shared libraries that a bare machine lacks
torch_lib=$(sed -n 's/^ESPALIER_LIB_c10:[A-Z]*=//p' "$build/CMakeCache.txt")
torch_lib=${torch_lib%/*}
find "$kit/espalier" "$kit/tests" -type f \( -perm -u+x -o -name '*.so*' \) -print0 |
  LD_LIBRARY_PATH=$kit/espalier/lib:$torch_lib xargs -0 -n 1 ldd 2>/dev/null |
  awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u >"$stage/libraries"
while read -r library; do
  case $library in
    "$kit"/*|"$torch_lib"/*|*/nvidia/*|*/cuda*/*) continue ;;
  esac
  case ${library##*/} in
    ld-linux*|libc.so*|libm.so*|libdl.so*|librt.so*|libpthread.so*|libstdc++.so*|libgcc_s.so*|libgomp.so*) continue ;;
  esac
  cp -L "$library" "$kit/espalier/lib/"
done <"$stage/libraries"

# --- data and the bench
minilm=${KIT_MINILM:-$root/.deps/gpu-kit/minilm-wordnet}
if [ ! -f "$minilm/config.json" ]; then
  [ -z "${KIT_MINILM:-}" ] || die "KIT_MINILM=$KIT_MINILM holds no config.json"
  echo "gpu_kit: fine-tuning MiniLM on 4,000 glosses (once, some minutes)"
  LD_LIBRARY_PATH=$kit/espalier/lib:$torch_lib ESPALIER_CACHE=$stage/cache "$kit/espalier/bin/espalier-worker" train \
    --model "$data/minilm" --data "$data/wordnet/train.tsv" --limit 4000 --max-tokens 48 --set epochs=2 --set learning_rate=1e-4 \
    --output "$minilm" || die "training failed"
fi
"$python" "$root/tests/bench/gpu/pack.py" --data "$data" --minilm "$minilm" --output "$kit/data"
cp -r "$root/experiments/ast-small" "$kit/data/"
cp "$root"/tests/bench/gpu/{facts,checkpoints,espalier_side,transformers_side,trial,summary}.py "$root/tests/bench/gpu/smoke.toml" "$kit/bench/"
cp "$root/tests/bench/gpu/run.sh" "$kit/"

torch_include=$(sed -n 's/^ESPALIER_TORCH_INCLUDE:[A-Z]*=//p' "$build/CMakeCache.txt")
torch_version=$(cat "$torch_include"/torch/{headeronly,csrc/api/include/torch}/version.h 2>/dev/null |
  awk '/#define TORCH_VERSION_(MAJOR|MINOR|PATCH) / && !seen[$2]++ { v = v dot $3; dot = "." } END { print v }')
commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$root" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit="$commit and changes"
echo "Espalier $(cat "$root/VERSION") at commit $commit, built against LibTorch $torch_version" >"$kit/kit.txt"

# Kinds of files together: it compresses better.
(cd "$stage" && find espalier-gpu-kit \( -type f -o -type l \) | sort -t/ -k2,2 -k3,3 | tar cf - -T - | xz -6 -T2) >"$stage/kit.tar.xz"
bytes=$(stat -c %s "$stage/kit.tar.xz")
if [ "$bytes" -gt $most_bytes ]; then
  du -ah "$kit" | sort -rh | head -n 15 >&2
  die "the archive would be $bytes bytes; at most $most_bytes may travel"
fi
mv "$stage/kit.tar.xz" "$archive"
echo "gpu_kit: $archive, $bytes bytes; $(cat "$kit/kit.txt")"
