"""One run of stable-pretraining's SimCLR, as a plain script: nothing is set before torch is loaded.

Covers: `run_stable_pretraining.py JSON`, the fields of `starting.Order`; prints one line of JSON. Does not cover: the
training (`stable_pretraining_simclr.py`).
"""

from __future__ import annotations

from stable_pretraining_simclr import train
from timed_steps import print_line, read_order


def main() -> None:
    order, images = read_order()
    bf16 = order["amp"] is True
    settings = {name: order[name] for name in ("batch_size", "strength", "steps", "seconds")}
    rate, loss = train(images, **settings, bf16=bf16)
    print_line(rate, loss, bf16=bf16)


if __name__ == "__main__":
    main()
