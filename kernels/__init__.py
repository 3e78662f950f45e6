"""Triton kernels for self-supervised losses and pixel transforms, and their plain-torch references."""
