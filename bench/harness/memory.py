"""Peak memory of a call, by the allocators' own records.

Covers: CUDA, and what torch allocates on the CPU. Does not cover: memory of NumPy and of other libraries.
"""

from __future__ import annotations

import torch

from bench.harness.timing import Call


def peak_bytes(call: Call, device: str | torch.device) -> int:
    """The most that one call held above what was held before it."""
    return _cuda_peak(call) if torch.device(device).type == "cuda" else _cpu_peak(call)


def _cuda_peak(call: Call) -> int:
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _cpu_peak(call: Call) -> int:
    """Largest sum of what torch's CPU allocator handed out and not yet got back, from the profiler's records."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        call()
    held = peak = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak
