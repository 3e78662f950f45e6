"""Embeddings of images, and what can be said of them without training anything.

Covers: running a frozen encoder (`extract.py`), nearest neighbours (`knn.py`). Does not cover: classifiers that are
solved on them, caches, reports (`fastssl.evaluation`).
"""
