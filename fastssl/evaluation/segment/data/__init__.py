"""Images with masks: from folders or built in, read by one rule for all, split, and told about.

Covers: which files belong together (`pairing`), reading them (`files.py`), black and white of all images (`levels.py`),
what is foreground in all masks (`masks`), splits (`splits.py`), what was read (`facts.py`), all of it put together
(`open.py`). Does not cover: patches and training.
"""

from .open import open_segmentation_data
from .sample import Channel, Sample
from .segmentation_data import SegmentationData

__all__ = ["Channel", "Sample", "SegmentationData", "open_segmentation_data"]
