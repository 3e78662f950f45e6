"""The sections of a report, one module each.

Covers: from records, images and features to blocks. Does not cover: reading files (`fastssl.reports.reading`), how
blocks look (`fastssl/reports/templates`).
"""
