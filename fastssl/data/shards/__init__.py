"""Shards: a folder of plain `.npy` files for data larger than memory, and its writer.

Covers: the names that are used elsewhere, loaded on first use. Does not cover: which shards are read when
(`fastssl.pipelines`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

# Public name -> the module that defines it (PEP 562): `source.py` imports `images.py`, and the others `source.py`.
_EXPORTS = {
    "ShardedImages": "fastssl.data.shards.images",
    "open_shards": "fastssl.data.shards.open",
    "pack_source": "fastssl.data.shards.pack",
    "verify_shards": "fastssl.data.shards.verify",
    "write_shards": "fastssl.data.shards.write",
}

__all__ = ["ShardedImages", "open_shards", "pack_source", "verify_shards", "write_shards"]

if TYPE_CHECKING:
    from .images import ShardedImages
    from .open import open_shards
    from .pack import pack_source
    from .verify import verify_shards
    from .write import write_shards


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
