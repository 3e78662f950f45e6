#!/usr/bin/env bash
# What bench/gpu.sh needs on a machine that has torch, triton, timm and pytest but no network: DALI and a few wheels.
#
# usage: bench/gpu-carry.sh OUT_DIR [DALI_ARCHIVE]
#   OUT_DIR       filled with the wheels and the archive; take this folder along
#   DALI_ARCHIVE  a .tar.xz whose root is a site folder with nvidia/dali in it; without one, pipelines run on torch
#                 alone. It is packed again, which makes 54 MiB 48 in two minutes, unless OUT_DIR has one already
#   PYTHON_VERSION, PLATFORM_TAGS in the environment: of the machine there (default: 3.12, manylinux up to glibc 2.28)
#
# The machine is expected to have numpy, scipy, scikit-learn, matplotlib, pillow, pandas, rich, attrs, PyYAML,
# safetensors, typing-inspection and torchvision. Wheels come without their dependencies; `gpu.sh setup` says if one
# is missing.
set -euo pipefail
out=${1:?usage: bench/gpu-carry.sh OUT_DIR [DALI_ARCHIVE]}
archive=${2:-}
python=${PYTHON:-python3}
version=${PYTHON_VERSION:-3.12}
tags=${PLATFORM_TAGS:-manylinux_2_28_x86_64 manylinux_2_27_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64}
wheels=(cyclopts docstring-parser rich-rst pydantic annotated-types medmnist segmentation-models-pytorch)
wheels+=(tifffile hypothesis sortedcontainers) # imagecodecs, of 27 MiB, reads files that no GPU test reads
wheels+=(pytest-benchmark py-cpuinfo)
wheels+=(kornia kornia-rs liger-kernel) # to compare with

mkdir -p "$out"
rm -f "$out"/*.whl
platforms=()
for tag in $tags; do platforms+=(--platform "$tag"); done
download() {
  "$python" -m pip download --quiet --no-deps --only-binary=:all: --implementation cp --python-version "$version" \
    "${platforms[@]}" --dest "$out" "$@"
}
download "${wheels[@]}"
# pydantic pins its core to one version.
core=$("$python" - "$out"/pydantic-*.whl <<'P'
import re, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
print(re.search(r"^Requires-Dist: (pydantic-core==[\w.]+)", wheel.read(metadata).decode(), re.M)[1])
P
)
download "$core"
packed="$out/$(basename "${archive:-none}")"
if [ -n "$archive" ] && [ ! -e "$packed" ]; then
  xz -dc "$archive" | xz -T1 --x86 --lzma2=preset=9 >"$packed.partial"
  mv "$packed.partial" "$packed"
fi
ls -l "$out"
du -ch --apparent-size "$out"/* | tail -1
