"""`python -m fastssl.cli`, which is `fastssl`.

Covers: the exit status. Does not cover: anything else.
"""

from __future__ import annotations

import sys

from fastssl.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
