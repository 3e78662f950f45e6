"""Bytes and seconds as people read them.

Covers: these two. Does not cover: lines (`report.py`).
"""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB")


def size_text(count: float) -> str:
    """Write a number of bytes, in units of 1,000.

    Args:
        count: bytes.

    Returns:
        Such as "812 MB" or "1.4 GB": two or three digits.
    """
    value, place = float(count), 0
    while abs(value) >= 999.5 and place < len(UNITS) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.0f} {UNITS[place]}" if abs(value) >= 9.95 or place == 0 else f"{value:.1f} {UNITS[place]}"


def time_text(seconds: float) -> str:
    """Write a time as long as it matters.

    Args:
        seconds: at least 0.

    Returns:
        Such as "0.4 s", "12 s", "3 min 05 s", "2 h 07 min" or "3 d 04 h".
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02d} h"
