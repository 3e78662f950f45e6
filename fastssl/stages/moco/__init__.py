"""MoCo."""
