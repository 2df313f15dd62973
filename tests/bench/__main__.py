"""Measure the daemon against its peers: ``python tests/bench COMMAND``, from wherever it is called."""

import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).parents[1])
)  # as pytest and mypy see it: bench and support side by side

from bench.command import main

if __name__ == "__main__":
    main()
