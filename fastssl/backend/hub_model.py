"""An encoder as a model of timm's hub format: `config.json` and `model.safetensors` in a folder or on the hub.

Covers: what `timm.create_model("local-dir:FOLDER", pretrained=True)` and `"hf-hub:REPO"` load, checked before anything
is kept. Does not cover: data sets (`huggingface.py`), encoders that timm builds only with changes after its
constructor (`fastssl.models.timm_call` writes those as a line of Python).
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fastssl.data.paths import expanded
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.files import write_json
from fastssl.models.encoder import EncoderSpec
from fastssl.models.encoder_file import LoadedEncoder, load_encoder
from fastssl.models.timm_call import timm_call
from fastssl.models.timm_fit import fit_to_size
from fastssl.outputs import made_beside

CONFIG = "config.json"
_OF_OTHER_WEIGHTS = ("license", "origin_url", "paper_ids", "paper_name", "notes")
"""What timm knows of the weights that it has itself for an architecture."""
_CLOSE = 1e-4
"""Largest difference between the features of the encoder and of the model that timm makes of the folder."""


def push_encoder(
    run: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    repo_id: str | None = None,
    private: bool = True,
    token: str | None = None,
) -> str:
    """Write a trained encoder as a model of timm's hub format, to a folder or to the hub.

    `timm.create_model(NAME, pretrained=True)` of what is returned then makes the encoder. Mean, standard deviation and
    size are in its `pretrained_cfg`, as `timm.data.resolve_model_data_config` reads them.

    Args:
        run: a run folder, or its `encoder.safetensors`.
        folder: to make; it must not exist. None: nothing is written here.
        repo_id: "user/name" on the Hugging Face hub, to which the same files are uploaded. None: nothing is sent.
        private: a repository that is made for it is private.
        token: of the hub; None: that of `huggingface_hub.login`.

    Returns:
        The name for `timm.create_model`: "local-dir:FOLDER" or "hf-hub:REPO".

    Raises:
        ConfigError: not exactly one of `folder` and `repo_id` is given, or timm's format cannot describe the encoder.
        CheckpointError: the encoder cannot be read, or the hub does not take it.
        DataError: the folder exists or cannot be written.
    """
    if (folder is None) == (repo_id is None):
        raise ConfigError(["folder, repo_id: give one of them, a folder to make or a repository of the hub"])
    encoder, spec = load_encoder(Path(run))
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="fastssl-") as temporary:
            write_model_folder(Path(temporary) / "model", LoadedEncoder(encoder, spec))
        _upload(str(repo_id), encoder, spec, private=private, token=token)
        return f"hf-hub:{repo_id}"
    path = expanded(os.fsdecode(folder), "folder").absolute()
    if path.exists() or path.is_symlink():
        raise DataError(f"{path} exists; remove it, or give another folder")
    with made_beside(path) as made:
        write_model_folder(made, LoadedEncoder(encoder, spec))
    return f"local-dir:{path}"


def _options(spec: EncoderSpec) -> dict[str, Any]:
    """The arguments of timm's constructor that make the encoder, without changes after it."""
    fit = fit_to_size(spec.name, spec.size)
    options: dict[str, Any] = dict(fit.options)
    changed = {change.attribute for change in fit.changes}
    if changed == {"strict_img_size", "dynamic_img_pad"}:
        options |= {"dynamic_img_size": True, "dynamic_img_pad": True}  # its patches pad the image, as ours do
    elif changed or spec.stem == "small":
        what = "a small stem" if spec.stem == "small" else "padded patches"
        remedy = "train it with --stem standard or" if spec.stem == "small" else "train it at another --size or"
        raise ConfigError([
            f"{spec.name} with {what} cannot be described in timm's hub format; {remedy} build it by: {timm_call(spec)}"
        ])  # fmt: skip
    return {"in_chans": spec.in_channels, **options}


def _model_config(spec: EncoderSpec) -> dict[str, Any]:
    """What `config.json` says beside the architecture; the input is (image in [0, 1] - mean) / std."""
    side = (spec.in_channels, spec.size, spec.size)
    data = {"mean": spec.channel_mean, "std": spec.channel_std, "input_size": side, "crop_pct": 1.0}
    pretrained = {**data, "interpolation": "bicubic", "tag": "", "label_names": None, "test_input_size": None}
    return {"pretrained_cfg": pretrained, "value_range": spec.value_range or "0,255"}


def write_model_folder(folder: Path, ours: LoadedEncoder) -> float:
    """Write `config.json` and `model.safetensors`, and check that timm makes the same encoder of them.

    Args:
        folder: to make.
        ours: the encoder.

    Returns:
        The largest absolute difference between its features and those of the model that timm makes.

    Raises:
        ConfigError: timm's format cannot describe the encoder, or timm makes another one of it.
        OSError: the folder cannot be written.
    """
    from timm.models import save_for_hf

    encoder, spec = ours
    options = _options(spec)
    save_for_hf(encoder, str(folder), _model_config(spec), model_args=options, safe_serialization=True)
    _tidy(folder / CONFIG)
    return _check(folder, ours)


def _tidy(path: Path) -> None:
    """Leave out what timm's configuration says of weights that are not these, and what transformers would see twice."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config.get("model_args", {}).pop("num_classes", None)  # it is in the configuration itself
    for name in _OF_OTHER_WEIGHTS:
        config["pretrained_cfg"].pop(name, None)
    write_json(path, config)


def _check(folder: Path, ours: LoadedEncoder) -> float:
    import timm

    encoder, spec = ours
    images = torch.randn(2, spec.in_channels, spec.size, spec.size, generator=torch.Generator().manual_seed(0))
    try:
        made = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
        with torch.no_grad():
            difference = float((made(images) - encoder(images)).abs().max())
    except Exception as error:  # every architecture has its own
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigError(
            [f"{spec.name}: timm does not make it again ({reason}); build it by: {timm_call(spec)}"]
        ) from error
    if not difference <= _CLOSE:
        raise ConfigError([
            f"{spec.name}: timm makes another encoder of it (features differ by {difference:.2g}); "
            f"build it by: {timm_call(spec)}"
        ])  # fmt: skip
    return difference


def _upload(repo_id: str, encoder: nn.Module, spec: EncoderSpec, *, private: bool, token: str | None) -> None:
    from timm.models import push_to_hf_hub

    try:
        push_to_hf_hub(
            encoder,
            repo_id,
            commit_message="Add an encoder trained by fastssl",
            token=token,
            private=private,
            model_config=_model_config(spec),
            model_args=_options(spec),
            task_name="image-feature-extraction",
            safe_serialization=True,
        )
    except Exception as error:  # of the network, of the hub, of a name
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{repo_id} was not written on the hub ({reason}); log in by hf auth login") from error
