"""A trained encoder written for other programs, each file loaded again as its user would and compared.

Covers: `fastssl export` (`export.py`), one module for each format. Does not cover: repositories on the Hugging Face hub
(`fastssl.backend.push_encoder`).
"""
