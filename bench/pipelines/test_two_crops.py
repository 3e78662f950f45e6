"""Two augmented crops of every image, from memory to normalised batches: ours, kornia's and torchvision's.

Covers: torch and DALI executors on the loader's own threads; kornia's batched augmentations; torchvision v2 per sample
in a DataLoader with two workers. All do MoCo v2's crop, flip, jitter, greyscale and blur (brightness, contrast, flip
and blur on grey images); on a GPU, where it pays to know what blur costs, once without it too. Does not cover: training
beside it (`bench/test_step.py`, `bench/test_training.py`).

A call makes as many batches as it states, from start to end, nothing prefetched before. kornia is left out where it is
not installed, torchvision there and on a GPU. Targets, on a CPU: 4 times kornia at 28 and 64 px and 11 times at 224; 15
times torchvision at 28 px RGB, 6 at 64 and 4 at 224.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from bench.harness import QUICK, Report, Row, Timing, best_device, measure
from fastssl.pipelines import Loader, TwoCrops
from fastssl.pipelines.executors.executor import dali_installed

ON_GPU = best_device() == "cuda"
BATCHES = 16 if ON_GPU and not QUICK else 2
# Side, channels, batch, probability of blur.
CPU_PROBLEMS = [(28, 1, 256, 0.5), (28, 3, 256, 0.5), (64, 3, 256, 0.5), (224, 3, 256, 0.5)]
GPU_PROBLEMS = [*CPU_PROBLEMS[:3], (28, 1, 256, 0.0), (224, 3, 256, 0.0), (224, 3, 256, 0.5)]
KORNIA_TARGETS = {28: 4.0, 64: 4.0, 224: 11.0}
TORCHVISION_TARGETS = {(28, 3): 15.0, (64, 3): 6.0, (224, 3): 4.0}
SIGMA = (0.1, 2.0)
WINDOW = 13  # 2 * ceil(3 * 2.0) + 1


class _Worked:
    """Calls that make `BATCHES` batches of one problem, and what must be closed afterwards."""

    def __init__(self, size: int, channels: int, batch: int, blur: float, device: str) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.integers(0, 256, (BATCHES * batch, size, size, channels), dtype=np.uint8)
        self.size, self.channels, self.batch, self.blur, self.device = size, channels, batch, blur, device
        self.loaders: list[Loader] = []

    def ours(self, executor: str) -> Callable[[], object]:
        view = TwoCrops(self.size, self.channels, blur=self.blur, blur_sigma=SIGMA)
        loader = Loader(self.images, view, batch_size=self.batch, executor=executor, device=self.device)
        self.loaders.append(loader)
        return lambda: list(loader._pool.map(lambda step: loader._producer.produce(0, step), range(BATCHES)))

    def kornia(self) -> Callable[[], object]:
        from kornia import augmentation as ka

        colour = (0.4, 0.4, 0.4, 0.1) if self.channels == 3 else (0.4, 0.4, 0.0, 0.0)
        steps = [
            ka.RandomResizedCrop((self.size, self.size), scale=(0.2, 1.0)),
            ka.ColorJiggle(*colour, p=0.8),
            *([ka.RandomGrayscale(p=0.2)] if self.channels == 3 else []),
            *([ka.RandomGaussianBlur((WINDOW, WINDOW), SIGMA, p=self.blur)] if self.blur else []),
            ka.RandomHorizontalFlip(),
            ka.Normalize(0.5, 0.5),
        ]
        if self.channels == 1:  # its jitter wants RGB
            steps[1] = torch.nn.Sequential(ka.RandomBrightness((0.6, 1.4), p=0.8), ka.RandomContrast((0.6, 1.4), p=0.8))
        augment = torch.nn.Sequential(*steps).to(self.device)
        images = torch.from_numpy(self.images).to(self.device)

        def call() -> None:
            for part in images.split(self.batch):
                pixels = part.permute(0, 3, 1, 2).float().div(255)
                augment(pixels), augment(pixels)

        return call

    def torchvision(self) -> Callable[[], object]:
        from torchvision.transforms import v2

        colour = (0.4, 0.4, 0.4, 0.1) if self.channels == 3 else (0.4, 0.4)
        augment = v2.Compose(
            [
                v2.RandomResizedCrop(self.size, scale=(0.2, 1.0), antialias=True),
                v2.RandomApply([v2.ColorJitter(*colour)], p=0.8),
                *([v2.RandomGrayscale(p=0.2)] if self.channels == 3 else []),
                v2.RandomApply([v2.GaussianBlur(WINDOW, SIGMA)], p=self.blur),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.5] * self.channels, [0.5] * self.channels),
            ]
        )
        loader = torch.utils.data.DataLoader(
            _PerSample(self.images, augment),
            self.batch,
            shuffle=True,
            num_workers=2,
            persistent_workers=True,
            multiprocessing_context="forkserver",  # a worker forked from a process with OpenMP threads may crash
        )
        return lambda: [[view.to(self.device) for view in batch] for batch in loader]

    def close(self) -> None:
        for loader in self.loaders:
            loader.close()


class _PerSample(torch.utils.data.Dataset):
    """Two views of one image at a time, as torchvision is used."""

    def __init__(self, images: np.ndarray, augment: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.images, self.augment = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), augment

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.augment(self.images[index]), self.augment(self.images[index])


@pytest.fixture(params=GPU_PROBLEMS if ON_GPU else CPU_PROBLEMS, ids=lambda problem: "x".join(map(str, problem)))
def worked(request: pytest.FixtureRequest, device: str) -> Iterator[_Worked]:
    work = _Worked(*request.param, device)
    yield work
    work.close()


def test_two_crops(worked: _Worked, report: Report, device: str) -> None:
    variants = {"torch": worked.ours("torch")}
    if dali_installed():
        variants["dali"] = worked.ours("dali")
    if importlib.util.find_spec("kornia"):
        variants["kornia"] = worked.kornia()
    if not ON_GPU and importlib.util.find_spec("torchvision"):
        variants["torchvision"] = worked.torchvision()
    timings = measure(variants, rounds=7 if worked.size < 224 else 3, warmup=1, wall=True, device=device)
    images = BATCHES * worked.batch
    blurred = "blur" if worked.blur else "no blur"
    problem = f"two crops {worked.size}x{worked.size}x{worked.channels}, {blurred}, {BATCHES} x {worked.batch} images"
    for name, timing in timings.items():
        facts = {"images/s": images / timing.median, "ms a view of a batch": timing.median * 1e3 / BATCHES / 2}
        report.rows.append(Row(problem, name, timing, facts=facts))
    if not ON_GPU and not QUICK:
        ours = min(timings[name].median for name in ("torch", "dali") if name in timings)
        _assert_faster(timings, "kornia", ours, KORNIA_TARGETS.get(worked.size))
        _assert_faster(timings, "torchvision", ours, TORCHVISION_TARGETS.get((worked.size, worked.channels)))


def _assert_faster(timings: dict[str, Timing], peer: str, ours: float, target: float | None) -> None:
    if peer in timings and target is not None:
        assert timings[peer].median / ours >= target, f"{timings[peer].median / ours:.1f} times {peer}, not {target}"
