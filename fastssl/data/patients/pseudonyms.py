"""Pseudonyms of patients: salted hashes of their names.

Covers: equal names, equal pseudonyms; no two patients with one. Does not cover: where the salt is kept (`salt.py`).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

DIGITS = 12
_MORE = 4
_BYTES = 32


def pseudonyms_of(names: Sequence[str], salt: bytes) -> tuple[str, ...]:
    """Replace names by the first hexadecimal digits of their keyed BLAKE2b hash (RFC 7693, section 2.9).

    12 digits tell 100,000 patients apart but once in 56,000 sets; where two patients would have one pseudonym, those of
    all get four digits more.

    Args:
        names: of patients, each once. Text in Unicode's composed form (NFC) and in another is one name.
        salt: 16 to 64 bytes, as `find_salt` returns them.

    Returns:
        The pseudonyms, in the order of the names.
    """
    digests = {name: _digest(name, salt) for name in names}
    wanted, digits = len(set(digests.values())), DIGITS
    while len({digest[:digits] for digest in digests.values()}) < wanted:
        digits += _MORE
    return tuple(digests[name][:digits] for name in names)


def _digest(name: str, salt: bytes) -> str:
    text = unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")
    return hashlib.blake2b(text, digest_size=_BYTES, key=salt).hexdigest()
