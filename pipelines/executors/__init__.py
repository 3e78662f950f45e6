"""The two ways to render a view: batched torch, and a DALI graph. Same parameters in, same pictures out."""
