"""Sets of images that are asked for by name: the demo set, which is drawn, and MedMNIST's, which are downloaded.

Covers: the demo's scenes (`scenes.py`, `capsules.py`), MedMNIST's files (`medmnist_sets.py`, `download.py`). Does not
cover: files and folders of the user's own (`fastssl.data.open`).
"""
