"""Solvers of convex problems: logistic regression and what it needs.

Covers: many problems solved together, on any device. Does not cover: where features and labels come from; nothing here
imports an evaluation.
"""
