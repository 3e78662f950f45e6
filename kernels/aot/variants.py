"""What is compiled ahead of time: each kernel as its launcher would compile it for a typical training step.

Covers: signatures, compile-time arguments (taken from the launch modules, so that the two cannot drift apart), target
and dtype. Does not cover: compiling (compile.py), or what is allowed (aot_budget.json).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import triton.language as tl
from triton.runtime.jit import JITFunction

from fastssl.kernels.ema_update import launch as ema_update
from fastssl.kernels.info_nce import launch as info_nce
from fastssl.kernels.info_nce.options import InfoNCEOptions
from fastssl.kernels.masked_mse import launch as masked_mse
from fastssl.kernels.masked_mse.options import MaskedMSEOptions
from fastssl.kernels.nt_xent import launch as nt_xent
from fastssl.kernels.precision import Precision
from fastssl.kernels.scheduling import Tile
from fastssl.kernels.transform_pixels import launch as transform_pixels

ARCHITECTURES = (80, 90, 100)
ROWS, KEYS, SLICES = 256, 65536, 64
PRECISIONS = {
    "bf16": Precision(tl.bfloat16, "tf32", 0),
    "fp16": Precision(tl.float16, "tf32", 14),
    "fp32": Precision(tl.float32, "tf32", 0),
    # fp32 at torch's default matmul precision, "highest": no tensor cores; a few bytes of spill outside the loop are
    # in its budget, because only impl="triton" asks for it.
    "ieee": Precision(tl.float32, "ieee", 0),
}


class Variant(NamedTuple):
    """One compilation. signature: run-time arguments in order. unaligned: those not known to be multiples of 16."""

    name: str
    architecture: int
    kernel: JITFunction
    signature: dict[str, str]
    constants: dict[str, Any]
    warps: int
    stages: int
    tensor_cores: bool = False
    resident: int = 1
    unaligned: tuple[str, ...] = ()


def every_variant() -> Iterator[Variant]:
    """All operations for all architectures; names are unique."""
    for architecture in ARCHITECTURES:
        for dtype in PRECISIONS:
            yield from contrastive_variants(architecture, dtype)
        for dtype in ("bf16", "fp16", "fp32"):
            yield from streaming_variants(architecture, dtype)
        yield from combine_variants(architecture)


def gate_variants() -> Iterator[Variant]:
    """The InfoNCE pass over the queue, with and without gradient, for every architecture and dtype.

    And once for each architecture as MoCo trains: in bf16, without own keys.
    """
    for architecture in ARCHITECTURES:
        yield info_nce_partial(architecture, "bf16", ROWS, 128, grad=True, rank=False, own=True)
        for dtype in ("bf16", "fp16", "fp32"):
            for grad in (True, False):
                yield info_nce_partial(architecture, dtype, ROWS, 128, grad=grad, rank=False)


def contrastive_variants(architecture: int, dtype: str) -> Iterator[Variant]:
    """Everything that multiplies tiles: both losses, both widths of tile, small batches, ranks, own keys."""
    for width in (128, 256):
        for grad, rank, own in (
            (True, False, False),
            (False, False, False),
            (True, True, False),
            (True, False, True),
            (True, True, True),
        ):
            yield info_nce_partial(architecture, dtype, ROWS, width, grad, rank, own)
        yield from _nt_xent(architecture, dtype, width)
    for rank, own in ((False, False), (False, True), (True, True)):
        yield info_nce_partial(architecture, dtype, 64, 128, grad=True, rank=rank, own=own)


def info_nce_partial(
    architecture: int, dtype: str, rows: int, width: int, grad: bool, rank: bool, own: bool = False
) -> Variant:
    """The pass over the queue."""
    precision = PRECISIONS[dtype]
    options = InfoNCEOptions(normalize=True, query_grad=grad, key_grad=False, rank=rank, mask_own=own)
    tile = info_nce.choose_tile((architecture // 10, 0), precision, rows, width, options)
    kind = ("grad" if grad else "no-grad") + (" rank" if rank else "") + (" own" if own else "")
    pointers = {name: f"*{_memory(dtype)}" for name in ("query", "key", "queue")}
    pointers |= dict.fromkeys(("query_ids", "queue_ids"), "*i64" if own else pointers["query"])
    outputs = {"peak": "*fp32", "total": "*fp32", "weighted": "*fp32", "rank": "*i32"}
    return _tiled(
        f"info_nce partial {dtype} B={rows} D={width} {kind}",
        architecture,
        info_nce.partial_kernel,
        {**pointers, **outputs, **_integers("n_rows n_keys width slice_keys stride_query stride_key stride_queue")},
        info_nce.partial_constants(precision, tile, KEYS, width, options),
        tile,
        dtype,
    )


def _nt_xent(architecture: int, dtype: str, width: int) -> Iterator[Variant]:
    precision = PRECISIONS[dtype]
    tile = nt_xent.choose_tile(precision, width)
    constants = nt_xent.constants(precision, tile, 2048, width)
    integers = _integers("first_row end_row n_rows width slice_rows stride")
    lse = {"unit": f"*{_memory(dtype)}", "peak": "*fp32", "total": "*fp32"}
    grad = {"unit": f"*{_memory(dtype)}", **dict.fromkeys(("lse", "grad_loss", "largest", "gathered"), "*fp32")}
    for name, kernel, pointers, extra in (
        ("lse", nt_xent.lse_partial_kernel, lse, {}),
        ("grad", nt_xent.grad_partial_kernel, grad, {"HEADROOM": precision.headroom}),
    ):
        label = f"nt_xent {name} {dtype} D={width}"
        yield _tiled(label, architecture, kernel, {**pointers, **integers}, {**constants, **extra}, tile, dtype)


def _tiled(
    name: str,
    architecture: int,
    kernel: JITFunction,
    signature: dict[str, str],
    constants: dict[str, Any],
    tile: Tile,
    dtype: str,
) -> Variant:
    signature = {**signature, "scale": "fp32"}
    tensor_cores = dtype != "ieee"
    return Variant(
        name, architecture, kernel, signature, constants, tile.warps, tile.stages, tensor_cores, tile.resident
    )


def streaming_variants(architecture: int, dtype: str) -> Iterator[Variant]:
    """Everything bound by memory: masked MSE, the moving average, pixel transforms."""
    half = dtype == "fp16"
    options = MaskedMSEOptions(mean=True, grad=True)
    image = (256, 3, 224, 224)
    for label, mask_shape in (("pixel mask", (256, 1, 224, 224)), ("patch mask", (256, 1, 14, 14))):
        for layout_name, layout in (
            ("", masked_mse.ImageLayout(planes=3, plane=224 * 224, interleaved=1)),
            (" channels-last", masked_mse.ImageLayout(planes=1, plane=150528, interleaved=3)),
        ):
            constants = masked_mse.error_constants(layout, torch.Size(mask_shape), (224, 224), half, 512, options)
            pointers = {"prediction": f"*{dtype}", "target": f"*{dtype}", "mask": "*i1", "counts": "*i32"}
            signature = {
                **pointers,
                "sums": "*fp32",
                "grad": f"*{dtype}",
                **_integers("planes plane n_counts per_entry mask_image mask_plane"),
            }
            name = f"masked_mse {dtype} {label}{layout_name}"
            yield Variant(
                name,
                architecture,
                masked_mse.error_kernel,
                signature,
                constants,
                masked_mse.WARPS,
                3,
                unaligned=("planes", "per_entry"),
            )
    scale = {"values": f"*{dtype}", "factor": "*fp32", "rest": "*fp32", **_integers("n_elements per_program")}
    yield Variant(
        f"masked_mse scale {dtype}",
        architecture,
        masked_mse.scale_kernel,
        scale,
        {"BLOCK": masked_mse.BLOCK},
        masked_mse.WARPS,
        3,
    )
    average = {"target": "*fp32", "source": f"*{dtype}", "momentum": "fp32", **_integers("n_elements")}
    constants = {"MOMENTUM_IN_MEMORY": False, "BLOCK": ema_update.BLOCK}
    yield Variant(f"ema {dtype}", architecture, ema_update.ema_kernel, average, constants, ema_update.WARPS, 3)
    stored = (image[0], 224, 224, 3)
    pointers = {"lut": "*fp32", "permutation": "*i64", "mask": "*i1", "output": f"*{dtype}"}
    for label, lut, cells, patches in (
        ("plain", False, None, None),
        ("lut mask", True, None, (256, 1, 14, 14)),
        ("lut jigsaw mask", True, 16, (256, 1, 14, 14)),
    ):
        for wide, pixel in ((False, "u8"), (True, "u16")):
            constants = transform_pixels.transform_constants(
                stored, wide, lut, cells, patches, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2)
            )
            signature = {"images": f"*{pixel}", **pointers}
            name = f"transform_pixels {pixel} {dtype} {label}"
            yield Variant(
                name, architecture, transform_pixels.transform_kernel, signature, constants, transform_pixels.WARPS, 3
            )


def combine_variants(architecture: int) -> Iterator[Variant]:
    """The folds over slices, and NT-Xent's rows."""
    combine = {
        **dict.fromkeys(("query", "key"), "*bf16"),
        **dict.fromkeys(("peak", "total", "weighted"), "*fp32"),
        "partial_rank": "*i32",
        **dict.fromkeys(("loss", "grad_query", "grad_key"), "*fp32"),
        "rank": "*i64",
        **_integers("n_slices width stride_query stride_key"),
        **dict.fromkeys(("scale", "inverse_temperature"), "fp32"),
    }
    options = InfoNCEOptions(normalize=True, query_grad=True, key_grad=True, rank=True, mask_own=True)
    constants = info_nce.combine_constants(SLICES, 128, options)
    yield Variant(
        "info_nce combine", architecture, info_nce.combine_kernel, combine, constants, info_nce.COMBINE_WARPS, 3
    )

    unit = {"raw": "*bf16", "unit": "*bf16", "norm": "*fp32", **_integers("width stride_raw")}
    yield Variant("nt_xent unit", architecture, nt_xent.unit_kernel, unit, {"BLOCK_WIDTH": 128}, nt_xent.ROW_WARPS, 3)
    grad = {
        "unit": "*bf16",
        **dict.fromkeys(("norm", "loss", "grad_loss", "largest", "gathered", "grad"), "*fp32"),
        **_integers("first_row n_rows n_slices width stride"),
        "inverse_temperature": "fp32",
    }
    constants = {"NORMALIZE": True, "HEADROOM": 0, "TILE_SLICES": nt_xent.COMBINE_TILE, "BLOCK_WIDTH": 128}
    yield Variant("nt_xent combine", architecture, nt_xent.grad_combine_kernel, grad, constants, nt_xent.ROW_WARPS, 3)


def _memory(dtype: str) -> str:
    return "fp32" if dtype == "ieee" else dtype


def _integers(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), "i32")
