"""Embeddings of images, and what can be said of them without training anything.

Covers: running a frozen encoder (`extract.py`), nearest neighbours (`knn.py`) and their scores (`scores.py`), effective
rank (`rank.py`), alignment and uniformity (`hypersphere.py`), collapse (`collapse.py`). Does not cover: classifiers
that are solved on them, caches, reports (`fastssl.evaluation`).
"""
