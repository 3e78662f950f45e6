"""Proxy and fine-tuning of `--recipe aligned`, kept for the documentation.

Covers: keeping what a comparison found (`record.py`), its table (`board.py`). Does not cover: the comparison itself
(`fastssl train --recipe aligned --finetune all`).
"""
