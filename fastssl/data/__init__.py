"""Where images come from: the demo set, MedMNIST, `.npz` files and folders of images, all as plain arrays."""

from .open import open_source
from .source import Source, Split, Task

__all__ = ["Source", "Split", "Task", "open_source"]
