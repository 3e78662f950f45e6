"""The secret that pseudonyms are made with.

Covers: the user's own, random and kept in a private file; one that a team shares. Does not cover: making pseudonyms
(`pseudonyms.py`).

Who has the salt can find out the pseudonym of a name, by trying names. It is therefore kept apart from data and runs.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from fastssl.data.storage import cache_folder, locked, make_cache_folder, writing
from fastssl.errors import DataError
from fastssl.files import write_atomically

VARIABLE = "FASTSSL_SALT"
FOLDER, FILE = "patients", "salt"
_BYTES = 32
_REMEDY = f"set {VARIABLE} to a secret text, or keep patients' names with --no-pseudonymise"


def find_salt() -> bytes:
    """Return the salt of this user's pseudonyms; the first call makes it.

    The environment variable FASTSSL_SALT, any text, comes first: teams that set it alike get equal pseudonyms. Else a
    random one is kept in the cache folder, where no other user can read it. Without that file there will be new
    pseudonyms, and nothing else changes.

    Returns:
        32 bytes.

    Raises:
        DataError: FASTSSL_SALT is empty, or the file cannot be read or written, or is damaged.
    """
    shared = os.environ.get(VARIABLE)
    if shared is not None:
        if not shared.strip():
            raise DataError(f"{VARIABLE} is empty; give it a secret text, or unset it for a salt of your own")
        return hashlib.blake2b(shared.encode("utf-8", "surrogateescape"), digest_size=_BYTES).digest()
    folder = cache_folder() / FOLDER
    with writing(folder, _REMEDY):
        make_cache_folder(folder)
        with locked(folder / f".{FILE}.lock"):
            return _kept(folder / FILE)


def _kept(path: Path) -> bytes:
    if not path.exists():
        write_atomically(path, secrets.token_hex(_BYTES) + "\n")
        path.chmod(0o600)
    try:
        salt = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        salt = b""
    if len(salt) != _BYTES:
        raise DataError(f"{path} is damaged: it holds no salt; remove it, and patients get new pseudonyms")
    return salt
