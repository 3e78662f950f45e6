"""Two augmented crops of every image, from memory to normalised batches: ours, kornia's and torchvision's.

Covers: torch and DALI executors on the loader's own threads; kornia's batched augmentations; torchvision v2 per sample
in a DataLoader with two workers. All do MoCo v2's crop, flip, jitter, greyscale and blur (brightness, contrast, flip
and blur on grey images); on a GPU, where it pays to know what blur costs, once without it too. Does not cover: training
beside it (`bench/end_to_end`).

A call makes as many batches as it states, from start to end, nothing prefetched before. Goals, on a CPU: 4 times kornia
at 28 and 64 px and 11 times at 224; 15 times torchvision at 28 px RGB, 6 at 64 and 4 at 224.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from bench.harness import Amount, Comparison, NotInstalled, best_device, peer
from fastssl.pipelines import Loader, TwoCrops
from fastssl.pipelines.executors.executor import dali_installed

ON_GPU = best_device() == "cuda"
BATCHES = 16 if ON_GPU else 2
FULL = pytest.mark.full
# Side, channels, batch, probability of blur.
CPU_PROBLEMS = [
    (28, 1, 256, 0.5),
    pytest.param((28, 3, 256, 0.5), marks=FULL),
    pytest.param((64, 3, 256, 0.5), marks=FULL),
    pytest.param((224, 3, 256, 0.5), marks=[FULL, pytest.mark.benchmark(min_rounds=3, max_time=1)]),
    pytest.param((224, 3, 16, 0.5), marks=pytest.mark.benchmark(min_rounds=3)),
]
GPU_PROBLEMS = [
    (28, 1, 256, 0.5),
    (28, 3, 256, 0.5),
    (64, 3, 256, 0.5),
    (28, 1, 256, 0.0),
    (224, 3, 256, 0.0),
    (224, 3, 256, 0.5),
]
KORNIA_GOALS = {28: 4.0, 64: 4.0, 224: 11.0}
TORCHVISION_GOALS = {(28, 3): 15.0, (64, 3): 6.0, (224, 3): 4.0}
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
        next(iter(loader))  # makes its threads
        making = loader._batches
        # Not by iterating: the first batches of the next call would be made while a peer is timed.
        return lambda: list(making._pool.map(lambda step: making._producer.produce(0, step), range(BATCHES)))

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


def test_two_crops(worked: _Worked, compare: Comparison, device: str) -> None:
    variants: dict[str, Callable[[], object] | NotInstalled] = {"fastssl, torch": worked.ours("torch")}
    if dali_installed():
        variants["fastssl, dali"] = worked.ours("dali")
    variants["kornia"] = peer("kornia", worked.kornia)
    goals = {"kornia": KORNIA_GOALS[worked.size]}
    if not ON_GPU:
        variants["torchvision v2, 2 workers"] = peer("torchvision", worked.torchvision)
        if goal := TORCHVISION_GOALS.get((worked.size, worked.channels)):
            goals["torchvision v2, 2 workers"] = goal
    blurred = "blur" if worked.blur else "no blur"
    problem = f"two crops {worked.size}x{worked.size}x{worked.channels}, {blurred}, {BATCHES} x {worked.batch} images"
    amount = Amount(BATCHES * worked.batch, "images")
    compare(problem, variants, amount=amount, goals={} if ON_GPU else goals, warm_up=0, wall=True, device=device)
