"""Neural networks: encoders, the heads and decoders on top of them, and how their layers compute."""
