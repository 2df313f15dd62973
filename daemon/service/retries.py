"""Whether an import that failed is tried again. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

from daemon.errors import ConfigurationError, StoppedError, TimeLimitError, UnknownProductsError

#: Trying again would change nothing, or is not wanted.
_FINAL = (StoppedError, UnknownProductsError, ConfigurationError)


class Another(NamedTuple):
    """That there is another attempt: after so many seconds, and whether it counts."""

    delay: float
    costs_retry: bool


@dataclass(frozen=True, slots=True)
class Retries:
    """How often an import is tried again, and how many seconds after it failed."""

    most: int
    delay: float

    def after(self, error: BaseException, used: int, *, has_advanced: bool) -> Another | None:
        """Given what ended an attempt, how many retries were used and whether it got further, return what follows.

        None if nothing does. What ran out of time goes on at once, as long as it gets further each time.
        """
        if isinstance(error, _FINAL):
            return None
        if isinstance(error, TimeLimitError) and has_advanced:
            return Another(0.0, costs_retry=False)
        return Another(self.delay, costs_retry=True) if used < self.most else None
