"""One objective, one file."""
