"""TOWER."""
