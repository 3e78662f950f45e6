"""Reports for people: one HTML file of all that is known of some runs.

Covers: what was trained on what, how it went, what it is worth, what it looks like, and how to get each number again
(`report.py`). It reads what training and evaluations wrote (`reading/`), makes sections of it (`sections/`) with charts
(`charts/`) and small images, and fills the page (`page.py`, `templates/`). Does not cover: training or evaluating
anything.
"""
