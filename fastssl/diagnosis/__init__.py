"""What this machine is, what is switched on here, and what is in the way.

Covers: the command (`doctor.py`); the facts (`facts.py`) about processor (`processor.py`), memory and folders
(`resources.py`), packages (`packages.py`), graphics (`graphics.py`), what is chosen automatically (`switches.py`) and
the environment (`variables.py`); findings (`checks.py`); lines (`report.py`), without names of people and machines
(`privacy.py`). Does not cover: mending anything.

Nothing here imports PyTorch before it is asked for: a machine on which that fails is one to be described.
"""

from __future__ import annotations
