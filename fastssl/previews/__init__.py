"""Previews: one PNG with the views that a stage gets of images, or with what a trained run makes of them."""
