"""How a pre-trained model is asked for, in what is said when it cannot be had.

Covers: --imagenet, --baseline and --init. Does not cover: loading the model (`imagenet.py`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PretrainedOption:
    """The option that a model is named by, in what is said when it cannot be had.

    Attributes:
        name: of the option.
        file: how a file of weights is given by it.
        size: how a size is given by it, without the number.
        word: what stands there in place of the model's name; "" where it is the name.
    """

    name: str
    file: str
    size: str
    word: str = ""

    def asked(self, model: str) -> str:
        """Return what was asked for, as an error begins with it.

        Args:
            model: name of the timm model.
        """
        return f"{self.name}={self.word!r} ({model})" if self.word else f"{self.name}={model!r}"


IMAGENET_OPTION = PretrainedOption(name="imagenet", file="--imagenet-weights FILE", size="--imagenet-size ")


def baseline_option(name: str) -> PretrainedOption:
    """Return how a model is given by --baseline.

    Args:
        name: of the timm model.
    """
    return PretrainedOption(name="baseline", file=f"--baseline timm:{name}=FILE", size=f"timm:{name}@")


def init_option(name: str, word: str = "") -> PretrainedOption:
    """Return how a model is given by --init.

    Args:
        name: of the timm model.
        word: that stands for it.
    """
    return PretrainedOption(name="init", file=f"--init timm:{name}=FILE", size="--size ", word=word)
