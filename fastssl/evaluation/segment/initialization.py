"""What a network begins its training with: encoder and decoder each from a run, or random; or a pre-trained encoder.

Covers: the mixes of TOWER's Fig. 8(d), encoders of timm's weights, telling what a run has, building the U-Net. Does not
cover: training it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastssl.config import SegmentConfig
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.evaluation.shared.baselines import DEFAULT_ENCODER, RANDOM_RUN
from fastssl.evaluation.shared.pretrained import PretrainedModel, baselines_asked_for
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import read_spec, read_steps
from fastssl.models.tensor_file import read_header
from fastssl.models.unet import UNet, create_unet, names_unet_decoder
from fastssl.models.weight_file import read_weights
from fastssl.models.weight_match import load_weights
from fastssl.training.run_folder import ENCODER

DECODER = "decoder.safetensors"
PRETRAINED = "pretrained"


@dataclass(frozen=True, kw_only=True)
class Initialization:
    """The weights that a network begins with.

    Attributes:
        name: the run's, or "random" where neither part comes from a run.
        spec: of the encoder.
        encoder: the file of the encoder's weights, or None for random ones.
        decoder: likewise of the decoder's.
        pretrained: a model of timm whose weights the encoder begins with instead; its decoder is random.
    """

    name: str
    spec: EncoderSpec
    encoder: Path | None = None
    decoder: Path | None = None
    pretrained: PretrainedModel | None = None

    @property
    def encoder_init(self) -> str:
        """Return "run", "random" or "pretrained"."""
        if self.pretrained is not None:
            return PRETRAINED
        return RANDOM_RUN if self.encoder is None else "run"

    @property
    def decoder_init(self) -> str:
        """Return "run" or "random"."""
        return RANDOM_RUN if self.decoder is None else "run"

    @property
    def label(self) -> str:
        """Return a text that tells it from the others, also as a file name."""
        return RANDOM_RUN if self.name == RANDOM_RUN else f"{self.name}-{self.encoder_init}-{self.decoder_init}"


def read_specs(runs: Sequence[str | Path]) -> dict[str, EncoderSpec]:
    """Read what the encoders of runs were built as.

    Args:
        runs: run folders, encoder files, or the word "random", which has none.

    Returns:
        Run, as text -> its encoder's spec.

    Raises:
        ConfigError: there is no run.
        CheckpointError: one is not a run or an encoder file.
    """
    if not runs:
        raise ConfigError(["give at least one run folder, or the word random"])
    return {str(run): _read_spec(Path(run)) for run in runs if str(run) != RANDOM_RUN}


def find_initializations(
    runs: Sequence[str | Path],
    specs: Mapping[str, EncoderSpec],
    config: SegmentConfig,
    *,
    channels: int,
    size: int,
    notify: Callable[[str], None],
) -> list[Initialization]:
    """Return every initialization that is asked for, each once: run by run, encoders in the order asked for, baselines.

    Args:
        runs: run folders, encoder files, or the word "random".
        specs: as `read_specs` found them.
        config: says which parts come from a run, the encoder of "random", and the baselines.
        channels: of the images.
        size: longer side of the patches, in pixels.
        notify: is told of runs that have no decoder, and of what was matched of a file of weights.

    Raises:
        DataError: a run's encoder takes images of other channels.
        ConfigError: an encoder is named that no network would have, or the weights of a baseline cannot be had here.
        CheckpointError: a file of weights is of another model, or damaged.
    """
    _check_channels(specs, channels)
    if config.encoder != "auto" and RANDOM_RUN not in map(str, runs):
        raise ConfigError([f"encoder={config.encoder}: is for the run random, which is not among those given"])
    names = _short_names(specs)
    first = next(iter(specs.values()), None)
    found: list[Initialization] = []
    for run in map(str, runs):
        if run == RANDOM_RUN:
            found.append(Initialization(name=RANDOM_RUN, spec=_random_spec(config.encoder, first, channels, size)))
            continue
        found += _mixes(Path(run), names[run], specs[run], config, notify)
    for model in baselines_asked_for(config.baseline):
        encoder = model.load(channels, size)
        for note in encoder.notes:
            notify(note)
        found.append(Initialization(name=model.label, spec=encoder.spec, pretrained=model))
    return list(dict.fromkeys(found))


def build_network(initialization: Initialization, patch: int, seed: int) -> UNet:
    """Return a U-Net of one output with its initial weights.

    The head is always random: a run's own restores images.

    Args:
        initialization: which weights.
        patch: longer side of the patches, in pixels.
        seed: of what is random.

    Raises:
        CheckpointError: a file is damaged, or made for another network.
        ConfigError: there is no U-Net on this encoder.
    """
    spec = initialization.spec
    if initialization.pretrained is not None:
        encoder = initialization.pretrained.load(spec.in_channels, spec.size).encoder.train()
    else:
        encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=seed)
    if initialization.encoder is not None:
        load_weights(encoder, read_weights(initialization.encoder), str(initialization.encoder))
    network = create_unet(encoder, spec.in_channels, patch, 1, seed=seed)
    if initialization.decoder is not None:
        load_weights(network.decoder, read_weights(initialization.decoder), str(initialization.decoder))
    return network


def _mixes(
    run: Path, name: str, spec: EncoderSpec, config: SegmentConfig, notify: Callable[[str], None]
) -> list[Initialization]:
    """Every mix of a run's and of random parts that is asked for."""
    encoder = run / ENCODER if run.is_dir() else run
    steps = read_steps(encoder)
    if steps is not None and not steps.finished:
        notify(f"{name}: its training has not ended, {steps}")
    decoder: Path | None = run / DECODER
    problem = _no_decoder(run) if "run" in config.decoder_init else ""
    if problem:
        notify(f"{run}: {problem}; its decoder starts from random weights")
        decoder = None
    weights = [
        (encoder if e == "run" else None, decoder if d == "run" else None)
        for e in config.encoder_init
        for d in config.decoder_init
    ]
    return [Initialization(name=name if e or d else RANDOM_RUN, spec=spec, encoder=e, decoder=d) for e, d in weights]


def _no_decoder(run: Path) -> str:
    """Why a network cannot begin with a run's decoder; "" where it can."""
    if not (run.is_dir() and (run / DECODER).is_file()):
        return f"has no {DECODER}"
    return "" if names_unet_decoder(read_header(run / DECODER).shapes) else f"its {DECODER} is not a U-Net's"


def _read_spec(run: Path) -> EncoderSpec:
    """What the encoder of a run folder or file was built as."""
    if not run.exists():
        raise CheckpointError(f"{run}: no such run folder or encoder file (the word random starts from none)")
    spec = read_spec(run)
    if spec is None:
        raise CheckpointError(f"{run}: not an encoder of fastssl (an encoder.safetensors with its metadata)")
    return spec


def _random_spec(asked: str, first: EncoderSpec | None, channels: int, size: int) -> EncoderSpec:
    """The encoder of "random": as asked for, else as the first run's."""
    if asked == "auto" and first is not None:
        return first
    return EncoderSpec(name=DEFAULT_ENCODER if asked == "auto" else asked, in_channels=channels, size=size)


def _check_channels(specs: Mapping[str, EncoderSpec], channels: int) -> None:
    """Refuse runs whose encoders take images of other channels."""
    for run, spec in specs.items():
        if spec.in_channels != channels:
            advice = "rgb" if spec.in_channels == 3 else "grey, or green for fundus photographs"
            raise DataError(
                f"{run}: takes images of {spec.in_channels} channel(s), these have {channels}; give --channel {advice}"
            )


def _short_names(specs: Mapping[str, EncoderSpec]) -> dict[str, str]:
    """Run -> its name; its whole path where the names of two are alike."""
    short = {run: Path(run).resolve().name if Path(run).is_dir() else Path(run).stem for run in specs}
    alike = len(set(short.values())) < len(short)
    return {run: str(Path(run)).strip("/").replace("/", "-") if alike else name for run, name in short.items()}
