"""Training: a run built, stepped, measured and kept."""
