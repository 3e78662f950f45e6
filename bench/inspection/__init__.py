"""How well `fastssl inspect` finds what it looks for, on images that are changed on purpose."""
