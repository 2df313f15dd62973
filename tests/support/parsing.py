"""What must hold of whatever reads bytes from outside, whichever bytes they are: they are read, or refused in words."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from daemon import catalogue
from daemon.config.loading import load
from daemon.errors import CatalogueError, ConfigurationError
from daemon.json_column import Unreadable, json_text, json_value
from daemon.naming import is_text
from daemon.state import State
from daemon.triggers import order


def assert_is_one_line(text: str) -> None:
    """See that a message can be shown."""
    assert text
    assert text.isprintable()


def trigger(content: bytes) -> None:
    """See that a trigger is understood, and the same when it is written again, or refused."""
    try:
        understood = order.read(content)
    except order.OrderError as error:
        assert_is_one_line(str(error))
    else:
        assert order.read(understood.content()) == understood


class InPieces(io.BytesIO):
    """A file that is read a few bytes at a time."""

    def read(self, _size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        return super().read(3)


def goods(content: bytes) -> None:
    """See that a catalogue is read however it is cut, up to where it breaks, and names nothing elsewhere."""
    whole = list(_products(io.BytesIO(content)))
    assert list(_products(InPieces(content))) == whole
    for product in whole:
        if isinstance(product, catalogue.CatalogueProduct):
            assert product.onec_id
            assert not any("/" in name or name in {"", ".", ".."} for name in product.pictures)


def _products(file: io.BytesIO) -> Iterator[object]:
    """Yield the products of a catalogue, and last how it ends."""
    try:
        yield from catalogue.read(file)
    except CatalogueError as error:
        assert_is_one_line(str(error))
        yield "broken"


def configuration(content: bytes) -> None:
    """See that a configuration is read, or refused in lines that can be shown."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "config.toml"
        file.write_bytes(content)
        try:
            load(file, {})
        except ConfigurationError as error:
            for line in str(error).splitlines():
                assert_is_one_line(line)


def state(content: bytes) -> None:
    """See that what a service has told of itself is understood, and the same when it is told again, or refused."""
    try:
        understood = State.from_json(json.loads(content))
    except (ValueError, RecursionError):
        return
    assert State.from_json(understood.as_json()) == understood


def column(content: bytes) -> None:
    """See that what stands in a column of JSON is a value that can be stored, or Unreadable."""
    text = content.decode(errors="surrogateescape")
    value = json_value(text)
    if not isinstance(value, Unreadable):
        assert is_text(json_text(value))


#: By what the bytes are given for.
PROPERTIES: Mapping[str, Callable[[bytes], None]] = {
    "trigger": trigger,
    "catalogue": goods,
    "configuration": configuration,
    "state": state,
    "column": column,
}
