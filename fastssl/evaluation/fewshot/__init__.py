"""`fastssl fewshot`: a few labelled images per class."""
