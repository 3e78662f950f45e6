"""The multi-pretext stage."""
