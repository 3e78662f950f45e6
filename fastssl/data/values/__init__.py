"""Values of images: which are black and white in a set.

Covers: what a file or array holds (`value_span.py`), the one range of a set and grey levels by it (`value_range.py`),
what is said of them (`range_words.py`). Does not cover: reading files (`fastssl.data.reading`).
"""
