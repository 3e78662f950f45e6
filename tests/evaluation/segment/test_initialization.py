"""What networks begin with: every mix of encoder and decoder holds the weights it says, and what is missing is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fastssl.config import SegmentConfig, build
from fastssl.errors import CheckpointError, ConfigError, DataError
from fastssl.evaluation.segment.initialization import Initialization, build_network, find_initializations, read_specs
from fastssl.models.encoder import EncoderSpec, create_encoder
from fastssl.models.encoder_file import load_encoder, save_encoder
from fastssl.models.spec_text import TrainedSteps
from fastssl.models.unet import create_unet
from fastssl.models.vae_decoder import ConvDecoder

BOTH = ("run", "random")


def found(
    runs: list[str | Path], notices: list[str] | None = None, channels: int = 1, **settings: object
) -> list[Initialization]:
    config = build(SegmentConfig, settings)
    notify = (notices if notices is not None else []).append
    return find_initializations(runs, read_specs(runs), config, channels=channels, size=32, notify=notify)


def holds(module: nn.Module, weights: dict[str, torch.Tensor]) -> bool:
    state = module.state_dict()
    assert state.keys() == weights.keys()
    return all(torch.equal(state[name], value) for name, value in weights.items())


def test_all_four_mixes_hold_the_weights_they_say(tower_run: Path) -> None:
    mixes = found([tower_run], encoder_init=BOTH, decoder_init=BOTH)
    assert [(mix.encoder_init, mix.decoder_init) for mix in mixes] == [
        (encoder, decoder) for encoder in BOTH for decoder in BOTH
    ]
    fresh = create_unet(create_encoder("test_resnet", 1, 32, seed=3), 1, 32, 1, seed=3)
    weights = {
        ("encoder", "run"): load_file(tower_run / "encoder.safetensors"),
        ("decoder", "run"): load_file(tower_run / "decoder.safetensors"),
        ("encoder", "random"): fresh.encoder.state_dict(),
        ("decoder", "random"): fresh.decoder.state_dict(),
    }
    for mix in mixes:
        network = build_network(mix, 32, seed=3)
        for part, init in (("encoder", mix.encoder_init), ("decoder", mix.decoder_init)):
            other = "random" if init == "run" else "run"
            assert holds(getattr(network, part), weights[part, init])
            assert not holds(getattr(network, part), weights[part, other])


def test_random_weights_differ_by_seed_and_a_runs_do_not(tower_run: Path) -> None:
    (trained,) = found([tower_run])
    one, two = (build_network(trained, 32, seed) for seed in (0, 1))
    assert holds(one.decoder, two.decoder.state_dict())
    assert not holds(one.head, two.head.state_dict())
    (random,) = found(["random"], encoder="test_resnet")
    one, two = (build_network(random, 32, seed) for seed in (0, 1))
    assert not holds(one.encoder, two.encoder.state_dict())


def test_a_run_without_a_decoder_says_so_and_starts_it_at_random(tower_run: Path) -> None:
    (tower_run / "decoder.safetensors").unlink()
    notices: list[str] = []
    (one,) = found([tower_run], notices, decoder_init=BOTH)
    assert (one.encoder_init, one.decoder_init) == ("run", "random")
    assert notices == [f"{tower_run}: has no decoder.safetensors; its decoder starts from random weights"]
    (one,) = found([tower_run / "encoder.safetensors"])
    assert (one.name, one.decoder_init) == ("encoder", "random")


def test_a_run_whose_training_has_not_ended_says_so(tower_run: Path) -> None:
    loaded = load_encoder(tower_run)
    save_encoder(tower_run / "encoder.safetensors", *loaded, TrainedSteps(step=27, total_steps=100))
    notices: list[str] = []
    found([tower_run], notices)
    assert notices == [f"{tower_run.name}: its training has not ended, step 27 of 100"]


def test_random_is_built_as_the_first_run_unless_told_otherwise(tower_run: Path) -> None:
    run, random = found([tower_run, "random"])
    assert random.spec == run.spec
    assert (random.name, random.label, run.label) == ("random", "random", "tower-run-run")
    assert found(["random"])[0].spec == EncoderSpec(name="resnet18", in_channels=1, size=32)
    assert found([tower_run, "random"], encoder="test_resnet.r160_in1k")[1].spec.name == "test_resnet.r160_in1k"


def test_an_encoder_that_no_network_would_have_is_refused(tower_run: Path) -> None:
    with pytest.raises(ConfigError, match="encoder=resnet34: is for the run random"):
        found([tower_run], encoder="resnet34")


def test_runs_of_one_name_are_told_apart(tower_run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "tower"
    other.parent.mkdir()
    other.symlink_to(tower_run)
    names = [one.name for one in found([tower_run, other])]
    assert len(set(names)) == 2
    assert not any("/" in name for name in names)


def test_the_same_initialization_is_trained_once(tower_run: Path) -> None:
    assert len(found([tower_run, tower_run, "random", "random"])) == 2
    mixes = found([tower_run, "random"], encoder_init=BOTH, decoder_init=BOTH)
    assert [mix.label for mix in mixes] == ["tower-run-run", "tower-run-random", "tower-random-run", "random"]


@pytest.mark.parametrize(
    ("run", "error", "expected"),
    [
        ("nowhere", CheckpointError, "nowhere: no such run folder or encoder file"),
        (None, ConfigError, "give at least one run folder, or the word random"),
    ],
)
def test_runs_that_are_none_are_refused(run: str | None, error: type[Exception], expected: str) -> None:
    with pytest.raises(error, match=expected):
        found([run] if run else [])


@pytest.mark.parametrize(("takes", "given", "advice"), [(1, 3, "grey, or green"), (3, 1, "rgb")])
def test_images_of_other_channels_are_refused_with_a_way_out(
    tmp_path: Path, takes: int, given: int, advice: str
) -> None:
    path = tmp_path / "encoder.safetensors"
    save_encoder(
        path, create_encoder("test_resnet", takes, 32), EncoderSpec(name="test_resnet", in_channels=takes, size=32)
    )
    with pytest.raises(DataError, match=f"takes images of {takes} channel.*have {given}; give --channel {advice}"):
        found([path], channels=given)


def test_a_decoder_that_is_no_unet_s_starts_at_random(tower_run: Path) -> None:
    """As that of a VAE, which decodes one vector."""
    save_file(ConvDecoder(4, 1, 32).state_dict(), tower_run / "decoder.safetensors")
    notices: list[str] = []
    (one,) = found([tower_run], notices, decoder_init=BOTH)
    assert (one.encoder_init, one.decoder_init) == ("run", "random")
    expected = f"{tower_run}: its decoder.safetensors is not a U-Net's; its decoder starts from random weights"
    assert notices == [expected]


def test_a_decoder_of_another_network_is_refused(tower_run: Path) -> None:
    other = create_unet(create_encoder("resnet18", 1, 32), 1, 32, 1).decoder
    save_file(other.state_dict(), tower_run / "decoder.safetensors")
    with pytest.raises(CheckpointError, match=r"decoder.safetensors: weights of another model"):
        build_network(found([tower_run])[0], 32, 0)
