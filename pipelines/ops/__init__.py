"""The operations that views are made of: parameters in NumPy, and their rendering in torch and in DALI."""
