"""Every parser of fastssl, as targets of the fuzzers.

Covers: one module per kind of input, imported where one of its targets is fuzzed. Does not cover: fuzzing them.
"""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

MODULES = {
    "arrays": ("npz", "npz-arrays"),
    "images": ("image", "png-chunks", "labels"),
    "dicom": ("dicom",),
    "folders": ("layout", "folder", "pack"),
    "tables": ("splits", "pairs", "labels-table"),
    "models": ("encoder", "encoder-header", "encoder-spec", "weights"),
    "runs": ("checkpoint", "resume", "run-settings", "metrics"),
    "results": ("features", "finetune-trials", "segment-trials"),
    "settings": ("settings", "config-option"),
    "lines": ("command-line",),
}
"""Module -> the names of its targets."""

NAMES = tuple(name for names in MODULES.values() for name in names)


def load_target(name: str) -> Target:
    """Return a target by its name."""
    module = next(module for module, names in MODULES.items() if name in names)
    targets: tuple[Target, ...] = import_module(f"{__name__}.{module}").TARGETS
    return next(target for target in targets if target.name == name)
