"""The format hf: a folder that timm and transformers load, as the Hugging Face hub has it.

Covers: `config.json` and `model.safetensors` by timm's hub format, a model card, comparing both libraries. Does not
cover: uploading it (`fastssl.backend.push_encoder`, or `hf upload`).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import timm
import torch

from fastssl.backend.hub_model import write_model_folder
from fastssl.files import write_synced
from fastssl.models.encoder_file import LoadedEncoder

from .comparison import compare
from .model_card import model_card
from .record import Exported
from .subject import ExportSubject

CARD = "README.md"


def to_hf(subject: ExportSubject, path: Path, final: Path) -> Exported:
    """Write the folder, and compare the models that timm and transformers make of it.

    Args:
        subject: the encoder.
        path: of the folder to make.
        final: where it will be, for the lines that load it.

    Returns:
        What was written.

    Raises:
        ConfigError: timm's format cannot describe the encoder, or one of the two makes another model of it.
        OSError: the folder cannot be written.
    """
    differences = [write_model_folder(path, LoadedEncoder(subject.encoder, subject.spec))]
    programs = [f"timm {timm.__version__}"]
    notes = ["not compared in transformers, which is not installed"]
    if find_spec("transformers") is not None:
        difference, program = _by_transformers(subject, path)
        differences.append(difference)
        programs, notes = [*programs, program], []
    write_synced(path / CARD, model_card(subject))
    return Exported(
        input=subject.input_text(normalised=True),
        difference=max(differences),
        checked_by=tuple(programs),
        load=(
            f"import timm; encoder = timm.create_model({f'local-dir:{final.absolute()}'!r}, pretrained=True).eval()",
            f"import transformers; encoder = transformers.AutoModel.from_pretrained({str(final)!r})  # .pooler_output",
        ),
        notes=tuple(notes),
    )


def _by_transformers(subject: ExportSubject, path: Path) -> tuple[float, str]:
    import transformers
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = transformers.AutoModel.from_pretrained(str(path), local_files_only=True).eval()
    finally:
        if shown:
            logging.enable_progress_bar()
    images = subject.normalised(subject.images())
    with torch.no_grad():
        theirs = model(images).pooler_output
    program = f"transformers {transformers.__version__}"
    return compare(subject.features(images), theirs.flatten(1), program), program
