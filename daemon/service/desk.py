"""Where triggers are taken in and answered: one at a time, each as soon as it is complete."""

from collections.abc import Callable
from math import inf
from typing import Any

from daemon.log import logger
from daemon.service.troubles import Troubles
from daemon.triggers import result
from daemon.triggers.order import Order
from daemon.triggers.spot import Claim, Signature, TriggerSpot, TriggerStuckError

_QUIET = 1.0  # seconds in which a trigger that no event told of must not have changed
_LONGEST_WRITE = 60.0  # seconds without a change after which nobody is believed to be writing still
_KEPT = 1.0  # seconds that a result lies there at least: who waits for it must see it before the next claim
_PAUSE = 1.0  # seconds between two attempts at what an operator has to mend

_SUBJECT = "trigger"

Clock = Callable[[], float]


class Desk:
    """Claims triggers and answers them. What cannot be done is told as trouble, and done when it has been mended."""

    def __init__(self, spot: TriggerSpot, troubles: Troubles, clock: Clock) -> None:
        """Given the place of the trigger file, who is told of trouble, and the clock."""
        self._spot = spot
        self._troubles = troubles
        self._clock = clock
        self._is_resumed = False
        self._is_heard = False
        self._seen: Signature | None = None
        self._since = -inf
        self._quiet_at = inf  # until somebody has looked
        self._free_at = -inf
        self._unanswered: dict[str, Any] | None = None

    @property
    def next_at(self) -> float:
        """When a look is worthwhile, besides the regular ones; infinity if it is not."""
        return min(self._free_at if self._is_heard else inf, self._quiet_at)

    def heard(self) -> None:
        """Take in that a trigger has been completed."""
        self._is_heard = True

    def look(self, now: float, *, is_open: bool) -> Order | None:
        """Given the time, and whether somebody is at the trigger still, claim one and return what it asks for.

        The first look takes up what a process that died had claimed. None is returned where there is none, where
        it is not complete, and where it was refused, which is answered at once.
        """
        try:
            return self._taken_in(self._claim(now, is_open=is_open))
        except TriggerStuckError as error:
            self._stuck(error)
            return None

    def _claim(self, now: float, *, is_open: bool) -> Claim | None:
        if self._unanswered is not None:
            self._put_in_place(self._unanswered)
        if not self._is_resumed:
            claim = self._spot.leftover()
            self._is_resumed = True
            self._troubles.set(_SUBJECT, "")
            return claim
        if not self._is_complete(now, is_open=is_open):
            return None
        claim = self._spot.claim()
        self._is_heard, self._seen, self._quiet_at = False, None, inf
        self._troubles.set(_SUBJECT, "")
        return claim

    def _is_complete(self, now: float, *, is_open: bool) -> bool:
        """Return whether a trigger is there that can be claimed now."""
        self._is_heard = self._is_heard and not is_open  # its end will be heard
        seen = self._spot.seen()
        if seen != self._seen:
            self._seen, self._since, self._quiet_at = seen, now, now + _QUIET
        elif now >= self._quiet_at:
            self._quiet_at = inf
        if seen is None:
            self._quiet_at = inf
            self._is_heard = False
            self._troubles.set(_SUBJECT, "")
            return False
        quiet = 0.0 if self._is_heard else _LONGEST_WRITE if is_open else _QUIET
        return now >= self._free_at and now - self._since >= quiet

    def _taken_in(self, claim: Claim | None) -> Order | None:
        if claim is None:
            return None
        if claim.order is None:
            logger().error("trigger_refused", message=f"The trigger is refused: {claim.error}")
            self.answer(result.failed(None, claim.error, []))
            return None
        logger().info("trigger_claimed", message="A trigger asks for an import", task=claim.order.task_id)
        return claim.order

    def answer(self, answer: dict[str, Any]) -> None:
        """Given the result of what was claimed last, put it in place, at a later look if that is not possible now."""
        self._unanswered = answer
        try:
            self._put_in_place(answer)
        except TriggerStuckError as error:
            self._stuck(error)

    def _put_in_place(self, answer: dict[str, Any]) -> None:
        self._spot.finish(answer)
        self._unanswered = None
        self._free_at = self._clock() + _KEPT
        self._troubles.set(_SUBJECT, "")

    def _stuck(self, error: TriggerStuckError) -> None:
        self._troubles.set(_SUBJECT, str(error))
        self._free_at = self._clock() + _PAUSE
