"""Views of images as a LightningDataModule: epochs of an exact number of batches, a place in Lightning's checkpoint.

Covers: the training loader of a run or of images at hand, rank and number of processes from the Trainer, going on at
any batch, also where an epoch is limited or has ended. Does not cover: validation, the module (`lightning.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from fastssl.backend.run import Images, source_of
from fastssl.errors import ConfigError
from fastssl.pipelines import Loader, View
from fastssl.runtime import Runtime
from fastssl.training.build import TrainingRun, check_shares

try:
    import lightning
except ImportError:
    raise ImportError("Lightning is not installed; pip install 'fastssl-engine[adapters]'") from None

_PRECISIONS = {"bf16-mixed": "bf16", "16-mixed": "fp16"}
"""Lightning's precision -> ours, where images of a batch are not fp32."""


class TrainerLoader:
    """A `Loader` for Lightning's Trainer, which names the epoch before it begins.

    A loader by itself goes on where iterating it stopped: with `limit_train_batches` the next epoch would be cut.

    Args:
        loader: of the training images.
    """

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.sampler = loader
        """Where Lightning looks for `set_epoch`."""

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield what is left of the epoch."""
        return iter(self.loader)

    def state_dict(self) -> dict[str, Any]:
        """Return the loader's position, as Lightning asks for it.

        Returns:
            What `Loader.state_dict` returns.
        """
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved position.

        Args:
            state: what `state_dict` returned.
        """
        self.loader.load_state_dict(state)


class ViewsDataModule(lightning.LightningDataModule):
    """The training batches of a run, or of images and a view.

    Every process of a Trainer gets its part of each batch. The position, to the batch, goes into Lightning's
    checkpoints, and is the same for another number of processes.

    Args:
        images: a run of `open_run` or `StageModule.run`, which has all that follows; or images, as `open_run` takes
            them.
        view: what each image becomes; of images alone.
        batch_size: images per step and accumulated batch of all processes together; of images alone.
        seed: of all random numbers.
        shuffle: whether each epoch has a new order.
        drop_last: whether a last, smaller batch is left out.
        executor: "torch", "dali", or "auto".
        prefetch: batches made ahead; None: none on a CPU, three on a GPU.

    Raises:
        ConfigError: what does not go with a run, or is missing for images.
        DataError: images that cannot be used.
    """

    def __init__(
        self,
        images: TrainingRun | Images,
        view: View | None = None,
        *,
        batch_size: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = True,
        executor: Any = "auto",
        prefetch: int | None = None,
    ) -> None:
        super().__init__()
        options = {"seed": seed, "shuffle": shuffle, "drop_last": drop_last, "executor": executor}
        if isinstance(images, TrainingRun):
            if view is not None or batch_size is not None:
                raise ConfigError(["ViewsDataModule: a run has a view and a batch size of its own; give neither"])
            settings, self.view = images.settings, images.view
            self.source, self.batch_size = images.source, settings.batch_size
            options |= {"seed": settings.seed, "executor": settings.pipeline}
        elif view is None or batch_size is None:
            raise ConfigError(["ViewsDataModule: give a run, or images with view= and batch_size="])
        else:
            self.view, self.source, self.batch_size = view, source_of(images), batch_size
        self._options, self._prefetch = options, prefetch
        self._place: dict[str, Any] = {}
        self._loader: Loader | None = None

    def train_dataloader(self) -> TrainerLoader:
        """Open the loader of a fit, at its beginning or at the position of the checkpoint.

        Returns:
            Epochs of batches on the Trainer's device.

        Raises:
            ConfigError: the processes cannot share a batch evenly.
            ValueError: the checkpoint is of another data set or batch size.
        """
        trainer, device = self.trainer, torch.device("cpu")
        rank, processes, precision = 0, 1, "32-true"
        if trainer is not None:
            rank, processes, precision = trainer.global_rank, trainer.world_size, str(trainer.precision)
            device = trainer.strategy.root_device
        check_shares(self.batch_size, processes)
        runtime = Runtime(device=device, precision=_PRECISIONS.get(precision, "fp32"), compile=False)
        self._close()
        self._loader = Loader(
            self.source.splits["train"].images,
            self.view,
            batch_size=self.batch_size // processes,
            device=device,
            rank=rank,
            world_size=processes,
            dtype=runtime.compute_dtype,
            prefetch=runtime.prefetch if self._prefetch is None else self._prefetch,
            **self._options,
        )
        if self._place:
            self._loader.load_state_dict(self._place)
            self._place = {}
        return TrainerLoader(self._loader)

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the loader, for Lightning's checkpoint.

        Returns:
            What `Loader.state_dict` returns; nothing before a fit.
        """
        return self._place if self._loader is None else dict(self._loader.state_dict())

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the position that the next fit begins at.

        Args:
            state_dict: what `state_dict` returned.
        """
        self._place = dict(state_dict)

    def teardown(self, stage: str) -> None:
        """Stop the loader's threads.

        Args:
            stage: of the Trainer, as "fit".
        """
        self._close()

    def _close(self) -> None:
        if self._loader is not None:
            self._loader.close()
