"""NumPy archives as sets of images: `.npz` files with the arrays that MedMNIST's have.

Covers: opening one (`open.py`), whether the archive is whole and fits into memory (`archive.py`), what its arrays of
images are (`images.py`), arrays of other names (`names.py`). Does not cover: what labels mean (`fastssl.data.labels`).
"""
