"""Weights on the Hugging Face hub: which file a model's are, whether it is on this machine, whether the hub answers.

Covers: what timm's configuration of a model says. Does not cover: loading them (`imagenet.py`).
"""

from __future__ import annotations

import urllib.error
import urllib.request

from timm.models import PretrainedCfg

_FILE = "model.safetensors"
_CONNECT_SECONDS = 5


def published_config(name: str) -> PretrainedCfg:
    """Return what timm knows of a model's weights; a bare configuration where it knows none.

    Args:
        name: of the model, with or without the tag of its weights.
    """
    import timm

    return timm.get_pretrained_cfg(name) or PretrainedCfg()


def where_from(config: PretrainedCfg) -> str:
    """Return which file holds a model's weights, and where it lies; "" where that is not known.

    Args:
        config: what timm knows of the weights.
    """
    if config.hf_hub_id:
        return f"{config.hf_hub_filename or _FILE} of {config.hf_hub_id}"
    return str(config.url or "")


def is_cached(config: PretrainedCfg) -> bool:
    """Tell whether a model's weights are in the hub's cache on this machine.

    Args:
        config: what timm knows of the weights.
    """
    from huggingface_hub import try_to_load_from_cache

    file = config.hf_hub_filename or _FILE
    return config.hf_hub_id is not None and isinstance(try_to_load_from_cache(config.hf_hub_id, file), str)


def why_unreachable() -> str | None:
    """Find out by one quick request whether the hub answers, whose own requests go on for a minute with warnings.

    Returns:
        Why it does not, in a few words; None where it does.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_CONNECT_SECONDS).close()
    except urllib.error.HTTPError:
        return None  # it answered
    except OSError as error:
        return f"no connection to {constants.ENDPOINT}: {getattr(error, 'reason', error)}"
    return None
