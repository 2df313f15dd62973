"""Tell the states that come on standard input, a JSON document in each line; a program apart, to be killed.

python state_publisher.py FILE

It answers each with a line, and ends in order when standard input does.
"""

import json
import sys
from pathlib import Path

from daemon.publication import Publisher
from daemon.state import State


def main(file: str) -> None:
    """Given where to tell the states, tell them."""
    with Publisher(Path(file)) as publisher:
        for line in sys.stdin:
            publisher.publish(State.from_json(json.loads(line)))
            print("told", flush=True)  # noqa: T201 - to who waits for it


if __name__ == "__main__":
    main(*sys.argv[1:])
