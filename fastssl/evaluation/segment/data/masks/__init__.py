"""What a set of masks says: which values its files hold, and which of them are foreground.

Covers: keeping the labels of every file (`coded.py`), one scale for all (`scale.py`), edges of resized and compressed
masks (`edges.py`), the user's choice (`request.py`), the decision (`choice.py`), fields of view (`field.py`). Does not
cover: reading files.
"""

from .choice import Foreground, choose_foreground
from .coded import CodedMask, code_labels
from .field import field_tables

__all__ = ["CodedMask", "Foreground", "choose_foreground", "code_labels", "field_tables"]
