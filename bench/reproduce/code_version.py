"""Which version of fastssl's code made a result.

Covers: the last commit that changed the package, and what differs from it. Does not cover: commits that
change documentation or benchmarks alone, after which results stay valid; other packages' versions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("fastssl", "kernels", "pipelines")


def code_version() -> str:
    """Return a short commit, with "+" and a digest of the differences where files of the package differ from it.

    "" where nothing is known. New files that git does not know yet are not seen.

    FASTSSL_COMMIT in the environment names the commit where there is no git to ask.
    """
    commit = os.environ.get("FASTSSL_COMMIT") or _git("log", "-1", "--format=%h", "--", *CODE)
    changes = _git("diff", "HEAD", "--", *CODE)
    digest = hashlib.sha256(changes.encode()).hexdigest()[:6]
    return f"{commit}+{digest}" if commit and changes else commit


def _git(*arguments: str) -> str:
    if shutil.which("git") is None:
        return ""
    finished = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return finished.stdout.strip()
