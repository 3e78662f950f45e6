"""Advice on what to train: rules with their sources, applied to facts about data.

Covers: the facts, the table of rules, the method that follows, the commands that carry it out and what they will take.
Does not cover: training and evaluating, which those commands do.
"""
