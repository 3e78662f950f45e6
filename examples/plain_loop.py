"""A stage in a plain PyTorch loop: one call, one step, with precision, compilation, moving average and queue inside.

Covers: `open_run` and `Step` with the run's loader and schedule, a state that goes on to the bit. Does not cover: parts
without a stage (`pytorch_loop_with_kernels.py`).

    python examples/plain_loop.py --steps 50
    python examples/plain_loop.py --steps 100 --resume state.pt
"""

from __future__ import annotations

import argparse
from itertools import chain, repeat

import torch

from fastssl import backend


def main() -> None:
    """Train on the demo images, printing the loss, and save the state."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=50, help="steps of training, those before included")
    parser.add_argument("--stage", default="moco", help="any stage of fastssl")
    parser.add_argument("--encoder", default="resnet18", help="any timm encoder")
    parser.add_argument("--resume", help="a state to go on from")
    arguments = parser.parse_args()
    run = backend.open_run("demo", stage=arguments.stage, encoder=arguments.encoder, batch_size=64, steps=1000)
    step = backend.Step(run.stage, run.optimizer, runtime=run.runtime, schedule=run.schedule.lr)
    with run.loader() as loader:
        if arguments.resume:
            state = torch.load(arguments.resume, weights_only=True)
            step.load_state_dict(state["step"])
            loader.load_state_dict(state["loader"])
        step.warm_up(loader)  # MoCo fills its queue, before the first step alone
        for batch in chain.from_iterable(repeat(loader)):  # epoch after epoch
            metrics = step(batch)
            print(f"step {step.count}: loss {metrics['loss'].item():.3f}")
            if step.count >= arguments.steps:
                break
        torch.save({"step": step.state_dict(), "loader": loader.state_dict()}, "state.pt")


if __name__ == "__main__":
    main()
