"""The two ways to render a view: torch and DALI. Same parameters in, same images out."""
