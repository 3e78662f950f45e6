"""A synthetic hospital: what a division by file makes of patients with several images.

Covers: its images (`images.py`), scores by both divisions and on patients nobody has seen (`scores.py`), the command
(`run.py`). Does not cover: real patients; how much a division by file flatters depends on the data.
"""
