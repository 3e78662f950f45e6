"""The line of Python that builds an exported encoder by timm alone.

Covers: what most transformers (`img_size`) and small images need besides the name. Does not cover: loading the weights,
which timm's own `load_state_dict` does; rebuilding it with fastssl (`encoder_file.py`).
"""

from __future__ import annotations

from .encoder import EncoderSpec
from .timm_fit import fit_to_size


def is_plain(spec: EncoderSpec) -> bool:
    """Tell whether timm builds an encoder by its name and channels alone.

    Args:
        spec: how it was built.

    Returns:
        Whether `timm_call` has nothing else in it.
    """
    fit = fit_to_size(spec.name, spec.size)
    return not fit.options and not fit.changes and spec.stem != "small"


def timm_call(spec: EncoderSpec) -> str:
    """Write the line of Python that builds an encoder by timm alone, for the weights of its file.

    Args:
        spec: how it was built.

    Returns:
        Statements on one line, which need `timm` (and `torch` with a small stem) and set `encoder`.
    """
    fit = fit_to_size(spec.name, spec.size)
    options = {"in_chans": spec.in_channels, "num_classes": 0, **fit.options}
    given = "".join(f", {option}={value!r}" for option, value in options.items())
    lines = [f"encoder = timm.create_model({spec.name!r}{given})"]
    lines += [f"encoder.get_submodule({c.part!r}).{c.attribute} = {c.value!r}" for c in fit.changes]
    if spec.stem == "small":
        kernel = "encoder.conv1.out_channels, 3, padding=1, bias=False"
        lines.append(f"encoder.conv1 = torch.nn.Conv2d({spec.in_channels}, {kernel})")
        lines.append("encoder.maxpool = torch.nn.Identity()")
    return "; ".join(lines)
