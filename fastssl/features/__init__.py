"""Features of a data set by a trained encoder, for use elsewhere: as a file, and searched for neighbours.

Covers: `fastssl embed` (`embed.py`) and `fastssl neighbours` (`neighbours.py`). Does not cover: running an encoder
(`fastssl.embeddings`), what features are worth (`fastssl.evaluation`).
"""
