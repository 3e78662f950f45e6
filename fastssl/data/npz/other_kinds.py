"""What a file is that was taken for something else.

Covers: the first bytes of files that are often given, or downloaded, in the place of a `.npz` file. Does not cover:
image files (`reading`).
"""

from __future__ import annotations

AGAIN = "fetch or save it again"

_OTHER_KINDS = {
    b"\x93NUMPY": "a .npy file of one array; save it with numpy.savez(NAME, train_images=array)",
    b"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch that with git lfs pull",
    b"\x89HDF": "an HDF5 file; save its arrays with numpy.savez",
    b"MATLAB": "a MATLAB file; save its arrays with numpy.savez",
    b"\x1f\x8b": "a gzip file; unpack it",
    b"\x80": "a pickle, which is not loaded; save its arrays with numpy.savez",
}


def not_an_npz(start: bytes) -> str:
    """Say why a file is no `.npz` archive.

    Args:
        start: its first bytes.

    Returns:
        The end of a sentence that begins with the file's name.
    """
    if not start:
        return f"is not a whole .npz file: it is empty; {AGAIN}"
    if start.startswith(b"PK"):
        return f"is not a whole .npz file: it is cut short or damaged; {AGAIN}"
    known = next((text for magic, text in _OTHER_KINDS.items() if start.startswith(magic)), None)
    if known:
        return f"is of another kind: {known}"
    page = start.lstrip().lower().startswith((b"<!doctype", b"<html"))
    return f"is no .npz file but of another kind{' (a web page)' if page else ''}; {AGAIN}"
