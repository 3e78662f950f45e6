"""Tables that say what images are: their labels, splits and patients.

Covers: reading a table, finding its columns, matching its rows with files. Does not cover: what becomes of labels in
`.npz` files (`fastssl.data.labels`), folders that are classes (`fastssl.data.layout`).
"""

from .apply import read_described_layout
from .match import LEFT_OUT, TableMatch, match_table
from .options import TableOptions
from .read import read_table
from .table import Table

__all__ = ["LEFT_OUT", "Table", "TableMatch", "TableOptions", "match_table", "read_described_layout", "read_table"]
