"""Look for bytes over which a parser stumbles, guided by what they make it do.

By hand, since it takes as long as one likes, and `pip install atheris`:

    python tests/fuzz trigger|catalogue|configuration|state|column [DIRECTORY OF EXAMPLES] -max_total_time=600

What it finds becomes a case of tests/reliability/test_parsers.py.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest and mypy see it: fuzz and support side by side

with atheris.instrument_imports(include=["daemon", "tomllib"]):
    from support.parsing import PROPERTIES


def main() -> None:
    """Try one of the properties until something is found, or the time is over."""
    atheris.Setup([sys.argv[0], *sys.argv[2:]], PROPERTIES[sys.argv[1]])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
