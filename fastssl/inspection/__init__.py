"""What is in a data set, before anything is trained on it: the command `fastssl inspect`.

Covers: counts (`counts.py`), files (`files.py`), pixels (`pixels.py`, `exposure.py`, `polarity.py`), images that are
there twice (`duplicates.py`), what to do about it (`warnings.py`), contact sheets (`sheets.py`). Does not cover:
opening data (`fastssl.data`), what to train on them (`fastssl.advice`).
"""
