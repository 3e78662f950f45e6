"""The counted terms: against the real networks, closed forms, DDP's own buckets; traffic and memory from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

from bench.scaling.buckets import BUCKET, FIRST, gradient_buckets
from bench.scaling.cluster import Accelerator
from bench.scaling.measure import count, kept_bytes
from bench.scaling.memory import largest_batch, memory_bytes
from bench.scaling.terms import StepTerms, read_terms, to_json, write_figures
from bench.scaling.traffic import Plan, wire_bytes
from fastssl.models.encoder import EncoderSpec, encoder_shapes
from fastssl.stages.stage import Batch, Stage, StageOutput

EVERY = pytest.mark.parametrize("terms", read_terms(), ids=lambda terms: f"{terms.stage}-{terms.network}")
PLAN = Plan(gpus=8, batch=128)
TINY = "test_resnet"


@pytest.fixture(scope="module")
def tiny() -> StepTerms:
    return count("moco", TINY, 32, (4, 8))


@EVERY
def test_the_parameters_are_those_of_the_network_and_its_head(terms: StepTerms) -> None:
    shapes = encoder_shapes(EncoderSpec(name=terms.network, in_channels=3, size=terms.size))
    trained = {name: shape for name, shape in shapes.items() if not name.endswith(("_mean", "_var", "_tracked"))}
    features = {"resnet50": 2048, "vit_base_patch16_224": 768}[terms.network]
    head = features * features + features + features * 128 + 128
    assert terms.parameters == sum(torch.Size(shape).numel() for shape in trained.values()) + head
    channels = sum(shape[0] for name, shape in shapes.items() if name.endswith("running_mean"))
    assert sum(terms.batch_norm_channels) == channels
    assert terms.averaged_parameters == (terms.parameters if terms.stage == "moco" else 0)


def test_the_flops_of_a_vision_transformer_are_those_of_its_products() -> None:
    width, depth, tokens = 768, 12, 197
    per_block = 2 * tokens * 12 * width**2 + 4 * tokens**2 * width
    patches, head = 2 * 196 * width * width, 2 * (width * width + width * 128)
    for terms in read_terms():
        if terms.network.startswith("vit"):
            assert terms.forward_flops == depth * per_block + patches + head


def test_the_flops_of_a_resnet_50_are_the_published_ones() -> None:
    """3.8 billion multiply-adds in He et al. (2016), table 1, whose first 1x1 convolution has the stride; 4.1 here."""
    terms = next(terms for terms in read_terms() if terms.network == "resnet50")
    assert 2 * 3.8e9 < terms.forward_flops < 2 * 4.2e9
    assert terms.backward_flops == pytest.approx(2 * terms.forward_flops, rel=0.03)


class Squares(Stage):
    """Keeps its input, for the gradient of the weight, and its features, for that of the square."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3 * 8 * 8, 10)

    def loss(self, batch: Batch) -> StageOutput:
        return StageOutput(loss=self.encoder(batch["query"].flatten(1)).square().sum(), metrics={}, carry={})


def test_kept_memory_is_all_that_the_backward_pass_reads_but_weights() -> None:
    assert kept_bytes(Squares(), 8, 5, "fp32") == 5 * (3 * 8 * 8 + 10) * 4


def test_kept_memory_grows_with_the_pixels_and_is_about_half_in_bf16(tiny: StepTerms) -> None:
    large = count("moco", TINY, 64, (4, 8))
    assert large.activation_bytes["fp32"] == pytest.approx(4 * tiny.activation_bytes["fp32"], rel=0.1)
    assert 0.4 < tiny.activation_bytes["bf16"] / tiny.activation_bytes["fp32"] < 0.75
    assert tiny.fixed_bytes["bf16"] > tiny.fixed_bytes["fp32"]


def test_a_file_of_terms_comes_back_as_it_was(tiny: StepTerms, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "terms.json"
    write_figures({"records": [to_json(tiny)]}, path)
    assert read_terms(path) == [tiny]


@EVERY
def test_buckets_are_those_that_torch_makes(terms: StepTerms) -> None:
    """`DistributedDataParallel` counts tensors where we count layers: a layer's weight and bias lie together."""
    layers = list(reversed(terms.layers))
    tensors = [nn.Parameter(torch.empty(layer.parameters, device="meta")) for layer in layers]
    groups, _ = distributed._compute_bucket_assignment_by_size(tensors, [FIRST, BUCKET])
    sizes = [sum(layers[number].parameters for number in group) for group in groups]
    ours = gradient_buckets(terms)
    assert [bucket.parameters for bucket in ours] == sizes
    ready = [bucket.ready for bucket in ours]
    assert ready == sorted(ready)
    assert ready[-1] == 1


@EVERY
def test_gradients_cross_the_wire_once_per_update_and_half_as_bf16(terms: StepTerms) -> None:
    plain, passes = wire_bytes(terms, PLAN), wire_bytes(terms, replace(PLAN, accumulate=4))
    assert plain["gradients"] == 2 * 7 / 8 * 4 * terms.parameters
    assert passes["gradients"] == plain["gradients"]
    assert wire_bytes(terms, replace(PLAN, compress=True))["gradients"] == plain["gradients"] / 2
    for name in set(plain) - {"gradients"}:
        assert passes[name] == 4 * plain[name]
    assert set(wire_bytes(terms, replace(PLAN, gpus=1)).values()) == {0}


def test_each_stage_sends_what_its_method_shares() -> None:
    moco, simclr, vit, _ = read_terms()
    assert wire_bytes(moco, PLAN)["keys"] == 7 * 128 * (128 * 4 + 8)
    assert wire_bytes(moco, PLAN)["key images"] == 7 / 8 * 128 * 3 * 224 * 224 * 2
    assert "key images" not in wire_bytes(vit, PLAN)  # nothing leaks without batch norm
    assert "key images" not in wire_bytes(moco, replace(PLAN, norm_gpus=8))
    assert wire_bytes(simclr, PLAN)["embeddings"] == 7 * 2 * 128 * 128 * 2
    assert wire_bytes(simclr, PLAN)["losses"] == 7 * 2 * 128 * 2 * 4
    whole = wire_bytes(simclr, replace(PLAN, whole_loss=True))
    assert whole["embeddings' gradients"] == 2 * 7 / 8 * (8 * 2 * 128 * 128 * 2)
    assert "losses" not in whole
    statistics = wire_bytes(simclr, replace(PLAN, norm_gpus=512))["batch norm"]
    assert statistics == (7 + 2 * 7 / 8) * 2 * 4 * sum(simclr.batch_norm_channels)
    pairs = wire_bytes(moco, replace(PLAN, norm_gpus=2))
    assert pairs["batch norm"] == (1 + 1 + 1) * 2 * 4 * sum(moco.batch_norm_channels)
    assert pairs["key images"] == wire_bytes(moco, PLAN)["key images"]


@EVERY
def test_the_largest_batch_fits_and_one_image_more_does_not(terms: StepTerms) -> None:
    gpu = Accelerator()
    most = largest_batch(terms, PLAN, gpu)
    fits, not_any_more = (
        sum(memory_bytes(terms, replace(PLAN, batch=batch), gpu).values()) for batch in (most, most + 1)
    )
    assert fits <= gpu.memory < not_any_more
    assert largest_batch(terms, PLAN, Accelerator(memory=1e9)) == 0
