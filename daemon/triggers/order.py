"""What a trigger file asks for. Pure, no input or output."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from daemon.errors import OnecImagesError
from daemon.naming import is_text, printable

#: A trigger file is not larger.
MOST_BYTES: Final = 64 * 1024

#: The types of imports, in the order in which they are run.
TYPES: Final = ("catalog", "images")

_LONGEST_ID = 100  # characters, as in the products table
_LONGEST_TASK_ID = 255  # characters, as in the sessions table
_LONGEST_SHOWN = 100  # characters of a foreign text that an error repeats


class OrderError(OnecImagesError):
    """A trigger file does not say what is to be done; the text is one line for whoever wrote the file."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; by default a full import of pictures."""

    import_types: tuple[str, ...] = ("images",)  #: in the order in which they are run
    task_id: str | None = None
    onec_ids: frozenset[str] = frozenset()  #: none of them: all products; a catalogue is loaded as a whole
    validate_images: bool | None = None  #: None: as configured
    checksum: bool = False

    def content(self) -> bytes:
        """Return the content of a trigger file that asks for this."""
        asked = {
            "import_type": list(self.import_types),
            "task_id": self.task_id,
            "onec_ids": sorted(self.onec_ids),
            "validate_images": self.validate_images,
            "checksum": self.checksum or None,
        }
        said = {key: value for key, value in asked.items() if value is not None and value != []}
        return json.dumps(said, ensure_ascii=False).encode()


def read(content: bytes) -> Order:
    """Given the content of a trigger file, return what it asks for.

    Nothing or the word ``images`` is a full import, anything else a JSON object. Raises OrderError.
    """
    if len(content) > MOST_BYTES:
        raise OrderError(f"the trigger file is larger than {MOST_BYTES >> 10} KiB")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise OrderError(f"the trigger file is not UTF-8: byte {error.start}") from error
    return Order() if text in {"", "images"} else understood(_parsed(text))


def _parsed(text: str) -> Any:  # noqa: ANN401  whatever JSON can say
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise OrderError(
            f'the trigger file is neither empty, nor "images", nor JSON: {error.msg}, {where}'
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or nested without end
        raise OrderError("the trigger file is JSON that goes beyond all measure") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise OrderError(f'the trigger file has the key "{_shown(key)}" twice')
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise OrderError(f"the trigger file is not JSON: {name} is no value")


def understood(document: object) -> Order:
    """Given what the JSON of a trigger file says, return what it asks for. Raises OrderError."""
    if not isinstance(document, dict):
        raise OrderError("the JSON of a trigger file must be an object")
    if unknown := [key for key in document if key not in _KEYS]:
        names = ", ".join(map(_shown, unknown[:5]))
        raise OrderError(f"unknown key in the trigger file: {names}; accepted are {', '.join(_KEYS)}")
    given = {key: value for key, value in document.items() if value is not None or key not in _OPTIONAL}
    values = {_KEYS[key][0]: _KEYS[key][1](key, value) for key, value in given.items()}
    return Order(**values)


def _types(key: str, value: object) -> tuple[str, ...]:
    """Return the types asked for in the order in which they are run, each once."""
    asked = [value] if isinstance(value, str) else _list(key, value)
    unknown = [kind for kind in dict.fromkeys(asked) if kind not in TYPES]
    if unknown:
        raise OrderError(f"Неизвестный тип импорта: {', '.join(map(_shown, unknown))}")
    return tuple(kind for kind in TYPES if kind in asked)


def _ids(key: str, value: object) -> frozenset[str]:
    return frozenset(_text(f"each of {key}", onec_id, _LONGEST_ID) for onec_id in _list(key, value))


def _task_id(key: str, value: object) -> str:
    return _text(key, value, _LONGEST_TASK_ID)


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise OrderError(f"{key} must be true or false")
    return value


def _list(key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise OrderError(f"{key} must be a list of texts that is not empty")
    return value


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise OrderError(f"{name} must be a text of 1 to {longest} characters")
    if "\0" in value or not is_text(value):
        raise OrderError(f'{name} must be text, not "{_shown(value)}"')
    return value


def _shown(text: str) -> str:
    """Return a foreign text so that it fits into a line."""
    return printable(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")


#: Keys whose ``null`` is as good as none, as serializers write it.
_OPTIONAL = frozenset({"task_id", "validate_images"})

#: Key of the JSON -> the field of an order, and what makes a value of it or raises OrderError.
_KEYS: Mapping[str, tuple[str, Callable[[str, object], Any]]] = {
    "import_type": ("import_types", _types),
    "task_id": ("task_id", _task_id),
    "onec_ids": ("onec_ids", _ids),
    "validate_images": ("validate_images", _flag),
    "checksum": ("checksum", _flag),
}
