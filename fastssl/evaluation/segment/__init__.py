"""Segmenting images with a pre-trained encoder and decoder: `fastssl segment`."""
