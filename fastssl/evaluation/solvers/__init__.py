"""Solvers of convex problems: logistic regression and what it needs."""
