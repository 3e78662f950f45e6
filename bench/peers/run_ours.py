"""One run of `fastssl train` by the command line's own way in; prints one line of JSON.

Covers: `run_ours.py JSON`, the fields of `starting.Order`; whichever fastssl is found first on the path, back to
commit c023a42. Does not cover: any choice that the command line leaves to fastssl, such as threads or, where it is not
pinned, precision: those are what is measured.

The run is what `fastssl train` does from its first import on; only the result of `fastssl.train` is kept by the way.
The rate is that of `TrainResult`: every step but the first.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import fastssl
from fastssl import cli

POLL_SECONDS = 0.05


def command(order: dict[str, Any], out: Path) -> list[str]:
    """The command line; what it pins is what lightly's side has too."""
    precision = {None: [], True: ["--amp"], False: ["--no-amp"]}[order["amp"]]
    settings = {
        "data": order["data"],
        "encoder": "resnet18",
        "stem": "standard",
        "batch-size": order["batch_size"],
        "steps": order["steps"] + 1,
        "device": "cpu",
        "out": out,
    }
    if order["stage"] == "moco":
        settings |= {"queue-size": order["queue_size"], "queue-init": "random"}
    return ["train", "--stage", order["stage"], *(f"--{name}={value}" for name, value in settings.items()), *precision]


def end_after(seconds: float, metrics: Path) -> None:
    """Ask the run to end, by the signal that ends any run, so many seconds after the first step was logged."""
    while not (metrics.exists() and metrics.stat().st_size):
        time.sleep(POLL_SECONDS)
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGTERM)


def report(result: Any) -> None:
    import torch
    import yaml

    resolved = yaml.safe_load((result.folder / "config.yaml").read_text(encoding="utf-8"))
    line = {
        "images_per_second": result.images_per_second,
        "data_wait": result.data_wait,
        "steps": result.steps_run - 1,
        "loss": result.loss,
        "bf16": resolved["amp"],
        "threads": torch.get_num_threads(),
        "fastssl": fastssl.__file__,
    }
    print(json.dumps(line), file=sys.__stdout__, flush=True)


def main() -> None:
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: None)  # where it comes after the last step, there is nothing to end

    def train(*arguments: Any, **settings: Any) -> Any:
        del fastssl.train  # from here on the real one, which is now loaded, as the command line loads it
        result = fastssl.train(*arguments, **settings)
        report(result)
        return result

    fastssl.train = train
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123
        redirect_stdout(nowhere),
    ):
        out = Path(folder) / "run"
        threading.Thread(target=end_after, args=(order["seconds"], out / "metrics.jsonl"), daemon=True).start()
        cli.main(command(order, out))


if __name__ == "__main__":
    main()
