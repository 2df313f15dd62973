"""What is shown of the service at work: what the exchange sends it, one thing after the other, and what it does."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from daemon.demo.exchange import Exchange, add_catalogue, change, drop
from daemon.demo.goods import DemoProduct, newcomer
from daemon.demo.process import Process
from daemon.demo.sight import Sight
from daemon.errors import OnecImagesError
from daemon.triggers.drop import Drop, Whereabouts
from daemon.triggers.order import Order
from daemon.triggers.result import COMPLETED

_POLL: Final = 0.05  # seconds
_NUMBER: Final = 6  # of the picture that is added: no product of the stock has as many
_TOLD: Final = ("status", "type", "message", "session_id")  # of a result

Answer = TypeVar("Answer")


class DemoFailedError(OnecImagesError):
    """Something that the demonstration has announced did not happen."""


class Stage(Protocol):
    """Where the story is told."""

    def say(self, text: str) -> None:
        """Given a text, show it."""

    def log(self, line: str) -> None:
        """Given a line of the service's log, show it."""

    def suggest(self, *command: str) -> None:
        """Given a command of ours, show how it is typed."""

    def type(self, *command: str) -> None:
        """Given a command of ours, show how it is typed and what it says. Raises OnecImagesError."""


@dataclass(frozen=True, slots=True)
class Story:
    """What happens to a shop whose pictures are imported, and whose service has just been started."""

    exchange: Exchange
    trigger: Path
    sight: Sight
    process: Process
    stage: Stage
    patience: float = 30.0  #: seconds in which even a busy machine does what takes one or two

    def tell(self) -> None:
        """Let one thing happen after the other. Raises DemoFailedError where the service does not do its part."""
        self._await("the service has started", self.sight.has_started)
        first, second, *_ = self.exchange.products
        self._add_picture(first)
        self._change_picture(second)
        self._send_picture_before_product(newcomer(1))
        self._ask_by_trigger()
        self._end()

    # What happens -----------------------------------------------------------------------------------------

    def _add_picture(self, product: DemoProduct) -> None:
        self.stage.say(f"\nA new picture of {product.name} arrives:")
        picture = drop(self.exchange.image_root, product, _NUMBER)
        self._name(picture)
        self._await_picture(product, picture)
        self.stage.say("It is in the media, and the last one in gallery_images of its product.")

    def _change_picture(self, product: DemoProduct) -> None:
        self.stage.say(f"\nA picture of {product.name} arrives again, in other colours:")
        picture = self.exchange.image_root / product.shard / product.pictures[0]
        change(picture)
        self._name(picture)
        self._await_picture(product, picture)
        self.stage.say("It has taken the place of the former one, under the same name.")

    def _send_picture_before_product(self, product: DemoProduct) -> None:
        self.stage.say("\nA picture arrives whose product the shop does not know:")
        picture = drop(self.exchange.image_root, product, 1)
        self._name(picture)
        self._await("the picture is noted as one that waits for its product", self._is_awaiting)
        self.stage.say("It is not lost, but waits for its product:")
        self.stage.type("status")
        self.stage.say(f"\nThen 1C sends a catalogue with the product, {product.name},")
        self.stage.say("which is loaded when it has rested for some seconds:")
        self._name(add_catalogue(self.exchange, product))
        self._await_picture(product, picture)
        self.stage.say("The product is there, and the picture that waited is its main_image.")

    def _ask_by_trigger(self) -> None:
        order = Order()
        self.stage.say("\nThe shop asks for an import by a trigger file, as an operator does by")
        self.stage.suggest("trigger", "--wait")
        with Drop(self.trigger, order) as drop_:
            self._name(self.trigger, order.content().decode())
            result = self._await("the trigger is answered", lambda: _answer(drop_))
        self._check(result)
        self.stage.say("The answer lies beside it:")
        told = {key: result.get(key) for key in _TOLD}
        self._name(
            self.trigger.with_name(f"{self.trigger.name}.result"), json.dumps(told, ensure_ascii=False)
        )

    def _end(self) -> None:
        self.stage.say(
            f"\nThe service is told to end, as systemd does it:\n  $ kill -TERM {self.process.pid}"
        )
        self.process.end()
        self._show_log()
        if self.process.status != 0:
            raise self._failure(f"the service ended with status {self.process.status}")
        self.stage.say("It has ended in order.")

    # What is waited for -----------------------------------------------------------------------------------

    def _is_awaiting(self) -> bool:
        state = self.sight.state()
        return state is not None and state.unmatched > 0

    def _await_picture(self, product: DemoProduct, picture: Path) -> None:
        self._await(
            f"{picture.name} is on its product",
            lambda: self.sight.shows(product, picture) and self.sight.is_calm(),
        )

    def _await(self, event: str, ask: Callable[[], Answer | None]) -> Answer:
        """Show the log until the answer is a true one, and return that."""
        until = time.monotonic() + self.patience
        while not (answer := ask()):
            self._show_log()
            if self.process.status is not None:
                raise self._failure(f"the service ended with status {self.process.status} before {event}")
            if time.monotonic() > until:
                raise self._failure(f"it is not so within {self.patience:g} s that {event}")
            time.sleep(_POLL)
        self._show_log()
        return answer

    def _check(self, result: Mapping[str, Any]) -> None:
        if result.get("status") != COMPLETED:
            raise self._failure(f"the trigger has failed: {result.get('error')}")

    def _failure(self, what: str) -> DemoFailedError:
        self._show_log()
        return DemoFailedError(
            f"the demonstration failed: {what}; all that the service said is in {self.process.log}"
        )

    # What is shown ----------------------------------------------------------------------------------------

    def _show_log(self) -> None:
        for line in self.process.news():
            self.stage.log(line)

    def _name(self, file: Path, content: str = "") -> None:
        self.stage.say("  ".join(filter(None, [f"  {file}", content])))


def _answer(drop_: Drop) -> dict[str, Any] | None:
    return None if drop_.whereabouts() is Whereabouts.UNCLAIMED else drop_.result()
