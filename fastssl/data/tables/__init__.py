"""Tables that say what images are: their labels, splits and patients.

Covers: reading a table, finding its columns, matching its rows with files. Does not cover: what becomes of labels in
`.npz` files (`fastssl.data.labels`), folders that are classes (`fastssl.data.layout`).
"""

from .options import TableOptions

__all__ = ["TableOptions"]
