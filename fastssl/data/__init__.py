"""Where images come from: the demo set, MedMNIST, `.npz` files, shards and folders of images, all as arrays."""

from .open import open_source
from .shards.images import ShardedImages
from .source import Source, Split, Task

__all__ = ["ShardedImages", "Source", "Split", "Task", "open_source"]
