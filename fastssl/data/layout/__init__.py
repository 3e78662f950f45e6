"""What a folder of images means: which files are images, of which split, of which class.

Covers: everything that names and places say. Does not cover: opening any image.
"""

from .division import divided
from .listing import UNLABELLED, FolderLayout
from .read import list_folder, read_layout

__all__ = ["UNLABELLED", "FolderLayout", "divided", "list_folder", "read_layout"]
