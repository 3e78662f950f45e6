#!/usr/bin/env bash
# Everything that wants a GPU, in pieces of under ten minutes, on a machine with no network. Any piece can be run alone,
# in any order, and again.
#
# usage: bench/gpu.sh PIECE [OPTION...]      PIECE: setup | tests | kernels | pipelines | training | profile | all
#   setup      unpack what was carried, make `fastssl` importable without installing it, print versions; the other
#              pieces do it first where it has not been done
#   tests      the tests marked `gpu`; then, unless OPTIONs choose, all of kernels, which run on the GPU too
#   kernels    ceilings, then every kernel beside eager torch, torch.compile and its floor
#   pipelines  images/s and ms a view, beside kornia where it was carried
#   training   whole steps of every stage, with the share of time spent waiting for data
#   profile    torch profiler tables of MoCo steps; ncu on the kernels where ncu is there
#   all        one after the other; a piece that fails stops none
#   OPTION     handed to pytest: -k moco, say, to measure or test a part
#
# Environment:
#   OUT             figures and log go here, flat: gpu.log, PIECE.json, tests.xml, *.txt (default: bench/results)
#   FASTSSL_CARRY   what bench/gpu-carry.sh made (default: carry)
#   FASTSSL_SITE    unpacked there (default: fastssl-site in the temporary directory)
#   FASTSSL_COMMIT  written beside every figure where there is no git
#   FASTSSL_DRY_RUN=1  everything once and untimed, without a GPU too, to see that it runs
#   PIECE_SECONDS   a piece is ended after so long (default: 560)
#   PYTHON          default: python3
#
# Exit status: 0 if every piece passed. The last lines say which did.
set -uo pipefail
SELF=$(realpath "$0")
cd "$(dirname "$SELF")/.."
PIECES=(tests kernels pipelines training profile)
OUT=$(realpath -m "${OUT:-bench/results}")
CARRY=${FASTSSL_CARRY:-carry}
SITE=${FASTSSL_SITE:-${TMPDIR:-/tmp}/fastssl-site}
PYTHON=${PYTHON:-python3}
LIMIT=${PIECE_SECONDS:-560}
# Not the current folder first: its fastssl/ has no kernels and pipelines in it (needs Python 3.11, or an installation).
export PYTHONSAFEPATH=1 PYTHONPATH="$SITE:$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 OUT
mkdir -p "$OUT"

setup() {
  [ -e "$SITE/.complete" ] && return
  mkdir -p "$SITE" || return
  local archive failed=0
  for archive in "$CARRY"/*.tar.xz; do
    [ ! -e "$archive" ] || tar xJf "$archive" -C "$SITE" || failed=1
  done
  if compgen -G "$CARRY/*.whl" >/dev/null; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --disable-pip-version-check \
      --upgrade --target "$SITE" "$CARRY"/*.whl || failed=1
  fi
  "$PYTHON" -c 'import fastssl.kernels' 2>/dev/null || link_package
  "$PYTHON" -m bench.gpu.versions || failed=1
  [ "$failed" = 1 ] || touch "$SITE/.complete"
  return "$failed"
}

# The import name maps three folders of the repository into one package (setup.py); links do what an installer would.
link_package() {
  mkdir -p "$SITE/fastssl"
  ln -sfn "$PWD"/fastssl/* "$SITE/fastssl/"
  ln -sfn "$PWD/kernels" "$PWD/pipelines" "$SITE/fastssl/"
}

tests() {
  if [ "${FASTSSL_DRY_RUN:-}" != 1 ] && ! "$PYTHON" -c 'import torch; raise SystemExit(not torch.cuda.is_available())'
  then
    echo "no CUDA device: every test marked gpu would be skipped"
    return 1
  fi
  local workers=()
  "$PYTHON" -c 'import xdist' 2>/dev/null && workers=(-n 6)  # most of the time goes into compiling, on the CPU
  local marked
  mapfile -t marked < <(grep -rlE --include='test_*.py' 'mark\.gpu' tests)  # others may import what is not here
  run_pytest --slow -m gpu --junitxml="$OUT/tests.xml" "${workers[@]}" "${marked[@]}" "$@" || return
  [ $# -gt 0 ] || run_pytest -m "not gpu" "${workers[@]}" tests/kernels
}

# Measured for as long as --full does, and kept after every benchmark: the machine may be taken away.
measure() {
  local piece=$1 once=()
  shift
  [ "${FASTSSL_DRY_RUN:-}" = 1 ] && once=(--benchmark-disable)
  run_pytest --full --record-to "$OUT/$piece.json" "${once[@]}" "$@"
}

kernels() { measure kernels bench/kernels "$@"; }
pipelines() { measure pipelines bench/pipelines "$@"; }
training() { measure training bench/end_to_end/test_training.py bench/end_to_end/test_checkpoints.py bench/step bench/embedding "$@"; }

profile() {
  local failed=0
  "$PYTHON" -m bench.gpu.profile_steps >"$OUT/profile.txt" || failed=1
  head -n 25 "$OUT/profile.txt"
  if command -v ncu >/dev/null; then
    timeout -k 10 200 ncu --clock-control none --set basic --kernel-name-base demangled --launch-skip 0 \
      --profile-from-start off --log-file "$OUT/ncu.txt" "$PYTHON" -m bench.gpu.launch_kernels || failed=1
  else
    echo "ncu is not here: no hardware counters"
  fi
  return "$failed"
}

# Of a failure the traceback alone: what torch logs while it compiles would fill the screen.
run_pytest() {
  "$PYTHON" -m pytest -q -p no:cacheprovider --tb=short --show-capture=no --durations=8 "$@"
}

# Run one piece with a time limit, its output on the screen and in the log, its status in STATUS.
declare -A STATUS
perform() {
  local piece=$1 begin=$SECONDS code
  shift
  echo "== $piece, $(date -u +%FT%TZ)" | tee -a "$OUT/gpu.log"
  timeout -k 10 "$LIMIT" bash "$SELF" --inside "$piece" "$@" 2>&1 | tee -a "$OUT/gpu.log"
  code=${PIPESTATUS[0]}
  case $code in
    0) STATUS[$piece]="passed" ;;
    124 | 137) STATUS[$piece]="FAILED: ended after $LIMIT s" ;;
    *) STATUS[$piece]="FAILED: exit status $code" ;;
  esac
  STATUS[$piece]+=" in $((SECONDS - begin)) s"
  return "$code"
}

usage() {
  sed -n 's/^# \{0,1\}//; 5,14p' "$SELF" >&2
  exit 2
}

[ $# -gt 0 ] || usage
if [ "$1" = --inside ]; then
  shift
  "$@"
  exit
fi
piece=$1
shift
case $piece in
  setup | all) chosen=() ;;&
  all) chosen=("${PIECES[@]}") ;;
  setup) ;;
  tests | kernels | pipelines | training | profile) chosen=("$piece") ;;
  *) usage ;;
esac
failed=0
perform setup || failed=1
for each in "${chosen[@]}"; do
  perform "$each" "$@" || failed=1
done
for each in setup "${chosen[@]}"; do
  echo "$each: ${STATUS[$each]}"
done | tee -a "$OUT/gpu.log"
exit "$failed"
