"""The stages: what is trained on what, one folder each.

Covers: the contract (`stage.py`, `stage_defaults.py`), the registry, and per stage its settings, its defaults and its
objective. Does not cover: the loop (`fastssl.training`), views (`fastssl.pipelines`), networks (`fastssl.models`).
"""
