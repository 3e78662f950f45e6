"""The format onnx: the encoder as a graph that other runtimes run.

Covers: any number of images at once, normalisation inside or outside, facts in the file, comparing by onnxruntime. Does
not cover: quantisation, other types than float32.
"""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastssl.errors import ConfigError
from fastssl.files import write_synced

from .comparison import compare_program
from .needed import needed
from .record import Exported
from .subject import ExportSubject, listed
from .with_normalization import program_of

OPSET = 18
"""Of ONNX, from 2022; what torch writes without converting."""
INPUT, OUTPUT = "image", "features"
LARGEST = 2_000_000_000
"""Bytes of a protobuf message, about."""


def to_onnx(subject: ExportSubject, path: Path, final: Path, normalization: bool) -> Exported:
    """Write a graph, and compare what onnxruntime computes by it, of one image and of several.

    Args:
        subject: the encoder.
        path: of the file to write.
        final: where it will be, for the lines that load it.
        normalization: it takes images from 0 to 1; else normalised ones.

    Returns:
        What was written.

    Raises:
        ConfigError: a package is not installed, the encoder cannot be written as a graph, or it computes others.
        OSError: the file cannot be written.
    """
    for module in ("onnx", "onnxscript"):
        needed(module, "onnx")
    runtime = needed("onnxruntime", "onnx")
    content = _graph(subject, normalization)
    write_synced(path, content)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> np.ndarray:
        (features,) = session.run([OUTPUT], {INPUT: images.numpy()})
        return np.asarray(features)

    return Exported(
        input=f"{subject.input_text(normalised=not normalization)}; named {INPUT}, opset {OPSET}",
        difference=compare_program(subject, run, "onnxruntime", normalization=normalization),
        checked_by=(f"onnxruntime {runtime.__version__}",),
        load=(
            "import onnxruntime",
            f"session = onnxruntime.InferenceSession({str(final)!r})",
            f"features = session.run([{OUTPUT!r}], {{{INPUT!r}: images}})[0]",
        ),
    )


def _graph(subject: ExportSubject, normalization: bool) -> bytes:
    batch = torch.export.Dim("batch")
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                program_of(subject, normalization=normalization),
                (subject.images(2),),
                None,
                dynamo=True,
                external_data=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: batch},),
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:  # each architecture has its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError([f"format: {subject.spec.name} cannot be written as ONNX ({reason}); use timm"]) from error
    if program is None:
        raise ConfigError([f"format: {subject.spec.name} cannot be written as ONNX; use timm"])
    proto = program.model_proto
    _forget_places(proto)
    if proto.ByteSize() > LARGEST:
        raise ConfigError([f"format: {subject.spec.name} has more than 2 GB, which an ONNX file cannot hold; use timm"])
    for name, text in _about(subject, normalization).items():
        proto.metadata_props.add(key=f"fastssl.{name}", value=text)
    content: bytes = proto.SerializeToString()
    return content


def _forget_places(proto: Any) -> None:
    """Leave out where the code of each node lay on this machine."""
    del proto.metadata_props[:]
    for graph in (proto.graph, *proto.functions):
        for part in (*graph.node, *graph.value_info, *(graph.input if graph is proto.graph else ())):
            del part.metadata_props[:]
            part.doc_string = ""
        del graph.metadata_props[:]


def _about(subject: ExportSubject, normalization: bool) -> dict[str, str]:
    spec = subject.spec
    return {
        "encoder": spec.name,
        "input": subject.input_text(normalised=not normalization),
        "mean": listed(spec.channel_mean),
        "std": listed(spec.channel_std),
        "normalization": "inside" if normalization else "outside",
        "value_range": spec.value_range or "0,255",
    }
