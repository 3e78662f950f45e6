"""One run of lightly's MoCo v2, as a plain script: nothing is set before torch is loaded.

Covers: `run_lightly.py JSON`, the fields of `starting.Order`; prints one line of JSON. Does not cover: the training
(`lightly_moco.py`).
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
from lightly_moco import Training, timed


def main() -> None:
    order = json.loads(sys.argv[1])
    with np.load(order["data"]) as file:
        images = file["train_images"]
    bf16 = order["amp"] is True
    training = Training(
        images,
        batch_size=order["batch_size"],
        queue_size=order["queue_size"],
        strength=order["strength"],
        bf16=bf16,
    )
    rate = timed(training.step, batch_size=order["batch_size"], steps=order["steps"], seconds=order["seconds"])
    loss = float(training.total_loss)
    print(json.dumps({**rate._asdict(), "loss": loss, "bf16": bf16, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
