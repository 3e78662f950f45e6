"""What a trained encoder is worth: frozen features, probes, metrics."""
