"""Labels of images: what saved values mean, over all splits.

Covers: reading them (`values.py`), classes, several labels and marks of unlabelled images (`meaning.py`), counting them
(`counts.py`), the classes of MedMNIST's sets (`medmnist_table.py`). Does not cover: classes that are folders
(`fastssl.data.layout`), masks.
"""
