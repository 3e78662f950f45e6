"""The runtime: device, precision and compilation, what is on, and why.

Covers: the record that everything which computes is given (`runtime.py`), choosing it (`resolve.py`), how networks lie
in memory (`layout.py`), torch as a new process has it (`torch_state.py`). Does not cover: threads (`fastssl.threads`),
which are set before torch is loaded.
"""

from __future__ import annotations

from .layout import lay_out_on
from .resolve import resolve_runtime
from .runtime import ResolvedSetting, Runtime
from .torch_state import usual_torch_state

__all__ = ["ResolvedSetting", "Runtime", "lay_out_on", "resolve_runtime", "usual_torch_state"]
