"""The format torchscript: the encoder as a program that C++ and torch run without timm.

Covers: tracing, any number of images at once, normalisation inside or outside, comparing what was loaded. Does not
cover: images of other sizes than the encoder's.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import torch

from fastssl.errors import ConfigError

from .comparison import compare_program
from .record import Exported
from .subject import ExportSubject
from .with_normalization import program_of

DEPRECATED = "PyTorch calls TorchScript deprecated; for new work it advises torch.export, and onnx runs anywhere"


def to_torchscript(subject: ExportSubject, path: Path, final: Path, normalization: bool) -> Exported:
    """Write a traced program, and compare what torch computes by it, of one image and of several.

    Args:
        subject: the encoder.
        path: of the file to write.
        final: where it will be, for the lines that load it.
        normalization: it takes images from 0 to 1; else normalised ones.

    Returns:
        What was written.

    Raises:
        ConfigError: the encoder cannot be traced, or what was traced computes other features.
        OSError: the file cannot be written.
    """
    model = program_of(subject, normalization=normalization)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is deprecated is a note; branches on a shape are compared below
        try:
            with torch.no_grad():
                traced = torch.jit.trace(model, subject.images(2), check_trace=False)
        except Exception as error:  # each architecture has its own
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ConfigError([f"format: {subject.spec.name} cannot be traced ({reason}); use onnx"]) from error
        content = io.BytesIO()
        torch.jit.save(traced, content)
        _copy_without_places(content, path)
        loaded = torch.jit.load(str(path), map_location="cpu").eval()
        with torch.no_grad():
            difference = compare_program(subject, loaded, "the traced program", normalization=normalization)
    return Exported(
        input=subject.input_text(normalised=not normalization),
        difference=difference,
        checked_by=(f"torch {torch.__version__}",),
        load=("import torch", f"encoder = torch.jit.load({str(final)!r})"),
        notes=(DEPRECATED,),
    )


def _copy_without_places(program: io.BytesIO, path: Path) -> None:
    """Write a program without the records that say where its code lay on this machine; they serve error texts alone."""
    with zipfile.ZipFile(program) as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as kept:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                kept.writestr(zipfile.ZipInfo(entry.filename), whole.read(entry))
