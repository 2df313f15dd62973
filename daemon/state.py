"""What the service does at the moment: values, and the documents that stand for them. Pure."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeVar

#: What a service can be doing. ``waiting`` is for an image root or for the database.
STATES: Final = ("starting", "standby", "waiting", "watching", "importing", "stopping")

_MOST = 2**63 - 1  # of any number in a document

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Current:
    """The import under way.

    total: None as long as nobody knows it.
    since: when it began.
    left_s: how many seconds it is going to take, None if nobody can tell.
    """

    what: str
    session_id: Any | None
    import_type: str
    trigger: str
    attempt: int
    processed: int
    total: int | None
    copied: int
    skipped: int
    errors: int
    since: datetime
    left_s: float | None

    @property
    def percent(self) -> int | None:
        """How much is done, None as long as nobody knows of how much."""
        return min(100, 100 * self.processed // self.total) if self.total else None

    def as_json(self) -> dict[str, Any]:
        """Return the import as values that JSON knows."""
        return _plain(self)

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Given what ``as_json`` returned, return the import. Raises ValueError for anything else."""
        given = _Fields(document)
        return cls(
            what=given.text("what"),
            session_id=given.session_id("session_id"),
            import_type=given.text("import_type"),
            trigger=given.text("trigger"),
            attempt=given.count("attempt"),
            processed=given.count("processed"),
            total=given.maybe("total", given.count),
            copied=given.count("copied"),
            skipped=given.count("skipped"),
            errors=given.count("errors"),
            since=given.moment("since"),
            left_s=given.maybe("left_s", given.seconds),
        )


@dataclass(frozen=True, slots=True)
class State:
    """What a service does, how it fares, and since when it runs.

    state: one of STATES.
    pending: how many products are due or will be; unmatched: how many pictures wait for their product.
    why: all that is wrong; whoever is degraded has a reason.
    """

    state: str
    pid: int
    since: datetime
    pending: int
    oldest_pending_s: float | None
    unmatched: int
    degraded: bool
    why: tuple[str, ...]
    backend: str
    current: Current | None
    next_reconcile: datetime | None
    written_at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the state as values that JSON knows."""
        return _plain(self)

    @classmethod
    def from_json(cls, document: object) -> Self:
        """Given what ``as_json`` returned, return the state. Raises ValueError for anything else."""
        given = _Fields(document)
        return cls(
            state=given.choice("state", STATES),
            pid=given.count("pid"),
            since=given.moment("since"),
            pending=given.count("pending"),
            oldest_pending_s=given.maybe("oldest_pending_s", given.seconds),
            unmatched=given.count("unmatched"),
            degraded=given.flag("degraded"),
            why=given.texts("why"),
            backend=given.text("backend"),
            current=given.maybe("current", lambda name: Current.from_json(given.value(name))),
            next_reconcile=given.maybe("next_reconcile", given.moment),
            written_at=given.moment("written_at"),
        )


def _plain(record: Current | State) -> dict[str, Any]:
    return {field.name: _plain_value(getattr(record, field.name)) for field in fields(record)}


def _plain_value(value: object) -> object:
    if isinstance(value, Current):
        return _plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


class _Fields:
    """The fields of a document from outside, each as what it has to be. All raise ValueError."""

    def __init__(self, document: object) -> None:
        self._document: Mapping[str, Any] = document if isinstance(document, dict) else {}

    def value(self, name: str) -> Any:  # noqa: ANN401  anything that JSON knows
        if name not in self._document:
            raise ValueError(f"{name} is missing")
        return self._document[name]

    def maybe(self, name: str, read: Callable[[str], Value]) -> Value | None:
        return None if self.value(name) is None else read(name)

    def _checked(self, name: str, *, is_right: bool) -> Any:  # noqa: ANN401  whatever was asked for
        if not is_right:
            raise ValueError(f"{name} is not what it has to be")
        return self._document[name]

    def text(self, name: str) -> str:
        checked: str = self._checked(name, is_right=isinstance(self.value(name), str))
        return checked

    def choice(self, name: str, choices: Iterable[str]) -> str:
        checked: str = self._checked(name, is_right=self.text(name) in choices)
        return checked

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        is_right = isinstance(value, list) and all(isinstance(each, str) for each in value)
        return tuple(self._checked(name, is_right=is_right))

    def flag(self, name: str) -> bool:
        checked: bool = self._checked(name, is_right=isinstance(self.value(name), bool))
        return checked

    def count(self, name: str) -> int:
        value = self.value(name)
        checked: int = self._checked(name, is_right=_is_whole(value) and 0 <= value <= _MOST)
        return checked

    def seconds(self, name: str) -> float:
        value = self.value(name)
        is_right = _is_whole(value) or (isinstance(value, float) and math.isfinite(value))
        return float(self._checked(name, is_right=is_right and abs(value) <= _MOST))

    def session_id(self, name: str) -> int | str | None:
        value = self.value(name)
        is_right = value is None or isinstance(value, str) or _is_whole(value)
        checked: int | str | None = self._checked(name, is_right=is_right)
        return checked

    def moment(self, name: str) -> datetime:
        text = self.text(name)
        try:
            moment = datetime.fromisoformat(text)
            at = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"{name} is no time") from None
        self._checked(name, is_right=moment.tzinfo is not None)
        return at


def _is_whole(value: Any) -> bool:  # noqa: ANN401  anything that JSON knows
    return isinstance(value, int) and not isinstance(value, bool)
