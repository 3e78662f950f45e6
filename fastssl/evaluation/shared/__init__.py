"""What every evaluation shares.

Covers: candidates and baselines, inputs and their partition, features and their cache, trials and theirs, metrics and
statistics, reports and plots. Does not cover: any one evaluation; nothing here imports one.
"""
