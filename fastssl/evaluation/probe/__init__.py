"""`fastssl probe`: a linear classifier and kNN on frozen features."""
