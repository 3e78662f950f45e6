"""`fastssl benchmark medmnist+`: encoders by the protocol of the MedMNIST+ benchmark, and its published results.

Covers: a vote of the nearest neighbours and a linear classifier on frozen features, on every MedMNIST set and size that
is on the disk. Does not cover: training encoders on labels (`fastssl.evaluation.finetune`), other data
(`fastssl.evaluation.probe`).

Doerrich, Di Salvo, Brockmann and Ledig, "Rethinking model prototyping through the MedMNIST+ dataset collection",
Scientific Reports 15, 7669 (2025), and the settings of their repository,
sdoerrich97/rethinking-model-prototyping-MedMNISTPlus.
"""
