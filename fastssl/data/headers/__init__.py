"""What the files of a folder say before anything is decoded, read once and kept.

Covers: reading the headers of many files, keeping them in the cache by what each file is. Does not cover: one file's
header (`fastssl.data.reading`), which files there are (`fastssl.data.layout`), pixels (`fastssl.data.packing`).
"""

from .keys import file_key, name_in_cache
from .read import FileHeaders, read_headers

__all__ = ["FileHeaders", "file_key", "name_in_cache", "read_headers"]
