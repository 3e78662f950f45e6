"""Which masks belong to which image, told from names and folders alone.

Covers: listing folders (`listing.py`), telling images from masks in one folder (`roles.py`), what names have in common
(`names.py`), the ways to pair them (`ways.py`), several masks of one image (`several.py`), all of it put together
(`find.py`). Does not cover: opening any file.
"""

from .find import find_pairs
from .records import Pair, Pairing

__all__ = ["Pair", "Pairing", "find_pairs"]
