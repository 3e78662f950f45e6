"""Pictures for a person: what a stage sees of images, and what a trained one makes of them."""
