"""What a speed-run has to reach: a data set, a score on its test split, and a value.

Covers: the targets by name. Does not cover: who tries (`entrants.py`), the rules (`README.md`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A finishing line.

    Args:
        name: as on the command line.
        data: the file, in the folder of data.
        metric: "auc" of a linear probe on all labels, or "fewshot": accuracy of linear classifiers on `shots` images
            per class, the mean over ten draws.
        value: that the mean over seeds must exceed, with p < 0.01.
        shots: for "fewshot".
    """

    name: str
    data: str
    metric: str
    value: float
    shots: int = 0

    def __str__(self) -> str:
        score = "linear-probe AUC" if self.metric == "auc" else f"accuracy on {self.shots} images per class"
        return f"{self.data.partition('.')[0]}, {score} of {self.value:g}"


TARGETS = {
    target.name: target
    for target in (
        Target("pneumonia-0.93", "pneumoniamnist.npz", "auc", 0.93),
        Target("pneumonia-0.944", "pneumoniamnist.npz", "auc", 0.944),
        Target("breast-20-shot", "breastmnist.npz", "fewshot", 0.70, shots=20),
    )
}
"""The first is a little above raw pixels (0.927); the second is MedMNIST's supervised ResNet-18 at 28 px."""
