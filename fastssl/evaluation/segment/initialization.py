"""Where a network starts: encoder and decoder each from a run, or random.

Covers: the mixes of TOWER's Fig. 8(d), telling what a run has, building the U-Net. Does not cover: training it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastssl.config import SegmentConfig
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.models.encoder import EncoderSpec, create_encoder, load_weights, read_spec, read_weights
from fastssl.models.unet import UNet, create_unet
from fastssl.training.run_folder import ENCODER

DECODER = "decoder.safetensors"
RANDOM = "random"
"""The word that stands for a run where none is to be used."""
DEFAULT_ENCODER = "resnet18"


@dataclass(frozen=True)
class Start:
    """One way to begin. encoder, decoder: files to load, or None for random weights.

    name: the run's, or "random" where neither comes from a run.
    """

    name: str
    spec: EncoderSpec
    encoder: Path | None = None
    decoder: Path | None = None

    @property
    def encoder_init(self) -> str:
        """ "run" or "random"."""
        return RANDOM if self.encoder is None else "run"

    @property
    def decoder_init(self) -> str:
        """ "run" or "random"."""
        return RANDOM if self.decoder is None else "run"

    @property
    def label(self) -> str:
        """Names the start among others, also as a file name."""
        return RANDOM if self.name == RANDOM else f"{self.name}-{self.encoder_init}-{self.decoder_init}"


def read_specs(runs: Sequence[str | Path]) -> dict[str, EncoderSpec]:
    """What the encoders of `runs` were built as; the word "random" has none.

    Raises:
        ConfigError: no run. CheckpointError: not a run.
    """
    if not runs:
        raise ConfigError(["give at least one run folder, or the word random"])
    return {str(run): _spec(Path(run)) for run in runs if str(run) != RANDOM}


def find_starts(
    runs: Sequence[str | Path],
    specs: Mapping[str, EncoderSpec],
    config: SegmentConfig,
    channels: int,
    size: int,
    notify: Callable[[str], None],
) -> list[Start]:
    """Every start that `runs` and `config` ask for, each once: run by run, encoders in the order asked for.

    runs: run folders, encoder files, or the word "random". specs: as `read_specs` found them. channels, size: of the
    patches. notify: told of runs that have no decoder.

    Raises:
        DataError: a run's encoder takes other images. ConfigError: an encoder is named that no start would have.
    """
    _check_channels(specs, channels)
    if config.encoder != "auto" and RANDOM not in map(str, runs):
        raise ConfigError([f"encoder={config.encoder}: is for the run random, which is not among those given"])
    names = _names(specs)
    first = next(iter(specs.values()), None)
    found: list[Start] = []
    for run in map(str, runs):
        if run == RANDOM:
            found.append(Start(RANDOM, _random_spec(config.encoder, first, channels, size)))
            continue
        found += _mixes(Path(run), names[run], specs[run], config, notify)
    return list(dict.fromkeys(found))


def build_network(start: Start, patch: int, seed: int) -> UNet:
    """The U-Net of one output that `start` describes, what is random in it drawn from `seed`.

    The head is always random: a run's own restores images.

    Raises:
        CheckpointError: a file is damaged, or made for another network. ConfigError: no U-Net on this encoder.
    """
    spec = start.spec
    encoder = create_encoder(spec.name, spec.in_channels, spec.size, spec.stem, seed=seed)
    if start.encoder is not None:
        load_weights(encoder, read_weights(start.encoder), str(start.encoder))
    network = create_unet(encoder, spec.in_channels, patch, 1, seed=seed)
    if start.decoder is not None:
        load_weights(network.decoder, read_weights(start.decoder), str(start.decoder))
    return network


def _mixes(
    run: Path, name: str, spec: EncoderSpec, config: SegmentConfig, notify: Callable[[str], None]
) -> list[Start]:
    encoder = run / ENCODER if run.is_dir() else run
    decoder: Path | None = run / DECODER
    if "run" in config.decoder_init and not (run.is_dir() and (run / DECODER).is_file()):
        notify(f"{run}: has no {DECODER}; its decoder starts from random weights")
        decoder = None
    weights = [
        (encoder if e == "run" else None, decoder if d == "run" else None)
        for e in config.encoder_init
        for d in config.decoder_init
    ]
    return [Start(name if any(files) else RANDOM, spec, *files) for files in weights]


def _spec(run: Path) -> EncoderSpec:
    if not run.exists():
        raise CheckpointError(f"{run}: no such run folder or encoder file (the word random starts from none)")
    spec = read_spec(run)
    if spec is None:
        raise CheckpointError(f"{run}: not an encoder of fastssl (an encoder.safetensors with its metadata)")
    return spec


def _random_spec(asked: str, first: EncoderSpec | None, channels: int, size: int) -> EncoderSpec:
    if asked == "auto" and first is not None:
        return first
    return EncoderSpec(DEFAULT_ENCODER if asked == "auto" else asked, channels, size)


def _check_channels(specs: Mapping[str, EncoderSpec], channels: int) -> None:
    for run, spec in specs.items():
        if spec.in_channels != channels:
            advice = "rgb" if spec.in_channels == 3 else "grey, or green for fundus photographs"
            raise DataError(
                f"{run}: takes images of {spec.in_channels} channel(s), these have {channels}; give --channel {advice}"
            )


def _names(specs: Mapping[str, EncoderSpec]) -> dict[str, str]:
    """Short names of runs; their whole paths where the last parts are alike."""
    short = {run: Path(run).resolve().name if Path(run).is_dir() else Path(run).stem for run in specs}
    alike = len(set(short.values())) < len(short)
    return {run: str(Path(run)).strip("/").replace("/", "-") if alike else name for run, name in short.items()}
