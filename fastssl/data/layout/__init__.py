"""What a folder of images means: which files are images, of which split, of which class.

Covers: everything that names and places say. Does not cover: opening any image.
"""

from .read import UNLABELLED, FolderLayout, read_layout

__all__ = ["UNLABELLED", "FolderLayout", "read_layout"]
