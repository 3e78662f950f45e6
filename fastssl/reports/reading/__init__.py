"""What is on disk of runs and their evaluations, read for a report.

Covers: run folders (`run_record.py`), logs (`run_logs.py`), the files of evaluations (`evaluation_files.py`). Damaged
files and those of older versions leave gaps, never errors. Does not cover: what is shown of them
(`fastssl.reports.sections`).
"""
