"""What a trained network predicts for whole samples, and how well that agrees with the truth.

Covers: eval mode, normalisation, precision, going back to the size of the truth. Does not cover: windows
(`windows.py`), the metrics themselves (`metrics.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from fastssl.errors import DivergenceError
from fastssl.models.encoder import EncoderSpec
from fastssl.runtime import Runtime

from .data import Sample
from .metrics import ImageScore, score_image
from .objective import Segmentation
from .producer import by_channel, normalised
from .windows import predict_whole, predict_windows


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """Predicts the probabilities of whole samples.

    Attributes:
        stage: the network.
        spec: of its encoder, which says how images are normalised.
        white: the level that is 1 in the encoder's scale: 255 for uint8, 65535 for uint16.
        runtime: device and precision.
        window: (height, width) of overlapping windows in pixels, or None for the whole image at once.
        overlap: share of a window that the next one covers again, in [0, 1).
        batch_size: windows per forward pass.
    """

    stage: Segmentation
    spec: EncoderSpec
    white: float
    runtime: Runtime
    window: tuple[int, int] | None
    overlap: float
    batch_size: int

    @torch.no_grad()
    def __call__(self, sample: Sample) -> np.ndarray:
        """Return the probabilities of foreground: float32 `[H, W]`, as large as `sample.image`.

        Args:
            sample: the image.

        Raises:
            DivergenceError: a probability is not a finite number.
        """
        device = self.runtime.device
        levels = torch.from_numpy(sample.image.astype(np.float32)).to(device).permute(2, 0, 1)
        mean, std = (by_channel(values, device) for values in (self.spec.channel_mean, self.spec.channel_std))
        image = normalised(levels, self.white, mean, std)
        image = image.to(self.runtime.compute_dtype)
        training = self.stage.training
        self.stage.eval()
        with self.runtime.autocast():
            if self.window is None:
                found = predict_whole(self.stage.probabilities, image)
            else:
                found = predict_windows(self.stage.probabilities, image, self.window, self.overlap, self.batch_size)
        self.stage.train(training)
        if not bool(found.isfinite().all()):
            raise DivergenceError("the network's outputs are not finite; start again with a lower --lr or --no-amp")
        return found.cpu().numpy()

    def score(self, samples: Sequence[Sample]) -> tuple[ImageScore, ...]:
        """Compare every sample with its truth, at the size that the truth was drawn in.

        Args:
            samples: the images.

        Raises:
            DivergenceError: a probability is not a finite number.
        """
        return tuple(score_sample(sample, self(sample)) for sample in samples)


def score_sample(sample: Sample, probability: np.ndarray) -> ImageScore:
    """Compare a prediction with the truth, at the size that the truth was drawn in.

    Args:
        sample: the image.
        probability: float32 `[H, W]`, as large as `sample.image`.
    """
    return score_image(sample.name, resized(probability, sample.truth.shape), sample.truth, sample.truth_inside)


def resized(probability: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a map at another shape, by linear interpolation.

    Args:
        probability: float32 `[H, W]`.
        shape: (height, width) in pixels.
    """
    if probability.shape == shape:
        return probability
    whole = torch.from_numpy(probability)[None, None]
    return F.interpolate(whole, size=shape, mode="bilinear", align_corners=False)[0, 0].numpy()
