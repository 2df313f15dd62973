"""The command ``demo``."""

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import click

from daemon import config
from daemon.cli.context import Context
from daemon.cli.output import say
from daemon.demo import DemoProduct, build
from daemon.demo.exchange import Exchange
from daemon.demo.process import Process
from daemon.demo.sight import Sight, looking
from daemon.demo.story import DemoFailedError, Story
from daemon.errors import UsageError

_CONFIGURATION = """\
# The demonstration's configuration; every key that is not here has its default.
[exchange]
dir = "exchange"

[media]
dir = "media"
min_free = "1 MiB"

[database]
url = "sqlite:///shop.db"

# A real exchange takes its time; here nobody wants to wait, and nothing is sent from another host.
[watch]
backend = "inotify"
settle = 0.3
retry_unmatched = 1

[log]
format = "console"
"""

#: Commands, and what each of them shows.
_STEPS = (
    (("catalog",), "The catalogue makes the products, and says in which order their pictures come:"),
    (("import",), "The first import copies every picture and puts it on its product's row:"),
    (("session", "2"), "It is on record:"),
    (("import",), "The second one finds everything in place and skips it:"),
)

#: What the commands are given instead of our environment, which may be about a real shop: they speak for themselves.
_ENVIRON = {"ONEC_IMAGES_LOG__LEVEL": "warning"}


class Terminal:
    """Where the demonstration is seen."""

    def __init__(self, file: Path) -> None:
        """Given the configuration."""
        self.file = file

    def say(self, text: str) -> None:
        """Given a text, print it."""
        say(text)

    def log(self, line: str) -> None:
        """Given a line of the service's log, print it so that it can be told from what we say."""
        say(click.style(f"  | {line}", dim=True))

    def suggest(self, *command: str) -> None:
        """Given a command, print it as an operator would type it."""
        say(f"  $ {self.typed(*command)}")

    def type(self, *command: str) -> None:
        """Given a command, print it as an operator would type it, and run it. Raises OnecImagesError."""
        self.suggest(*command)
        if status := self._run(*command):
            raise DemoFailedError(f"`{self.typed(*command)}` ended with status {status}")

    def typed(self, *command: str) -> str:
        """Given a command, return it as an operator would type it."""
        return shlex.join(["onec-images", "--config", str(self.file), *command])

    def _run(self, name: str, *arguments: str) -> int:
        from daemon.cli.main import program  # it imports this module

        context = Context(self.file, _ENVIRON, self.file.parent)
        command = cast("click.Command", program.get_command(click.Context(program), name))
        status = command.main(list(arguments), f"onec-images {name}", standalone_mode=False, obj=context)
        return status if isinstance(status, int) else 0


def demo_command(context: Context, directory: Path | None) -> int:
    """Build a small 1C exchange with real pictures in DIR, import it, and see the service at work on it."""
    place = (
        _empty(context.directory / directory)
        if directory
        else Path(tempfile.mkdtemp(prefix="onec-images-demo-"))
    )
    file = place / "config.toml"
    file.write_text(_CONFIGURATION)
    terminal, settings = Terminal(file), config.load(file, {})
    exchange = _built(place)
    _import(terminal)
    with looking(settings, {}) as sight:
        _show_row(sight, exchange.products[0])
        with _service(terminal, context.environ) as process:
            Story(exchange, settings.trigger.file, sight, process, terminal).tell()
    say("\nAll of it is on record:")
    terminal.type("sessions")
    _show_where_to_look(place, terminal)
    return 0


def _empty(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        occupied = any(directory.iterdir())
    except OSError as error:
        raise UsageError(f"{directory}: the demonstration cannot be built there: {error.strerror}") from error
    if occupied:
        raise UsageError(f"{directory} is not empty; name a new directory for the demonstration, or none")
    return directory


def _built(place: Path) -> Exchange:
    say(f"A 1C exchange of a small sports shop is built in {place}")
    exchange = build(place / "exchange")
    pictures = sum(len(product.pictures) for product in exchange.products)
    say(f"{len(exchange.products)} products with {pictures} pictures are waiting in {exchange.image_root}")
    return exchange


def _import(terminal: Terminal) -> None:
    for command, purpose in _STEPS:
        say(f"\n{purpose}")
        terminal.type(*command)


def _show_row(sight: Sight, product: DemoProduct) -> None:
    if images := sight.images(product):
        say(f"\nThe row of one product, {product.name}:")
        say(f"  main_image      {images.main}")
        for number, path in enumerate(images.gallery):
            say(f"  {'' if number else 'gallery_images':15} {path}")


def _service(terminal: Terminal, environ: Mapping[str, str]) -> Process:
    say("\nThe service does all this by itself. It is started, and its log is shown as it works:")
    terminal.suggest("run")
    return Process(terminal.file, terminal.file.with_name("daemon.log"), environ)


def _show_where_to_look(place: Path, terminal: Terminal) -> None:
    say("\nLook at")
    say(f"  {place / 'media' / 'products'}  the pictures as the shop serves them")
    say(f"  {place / 'shop.db'}  the tables products and import_sessions")
    say(f"  {place / 'daemon.log'}  what the service said")
    say(f"  {terminal.typed('run')}  the service once more, until Ctrl-C")
    say(f"  {terminal.typed('check')}  what a doctor says of the installation")
