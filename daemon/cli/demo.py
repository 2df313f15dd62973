"""The command ``demo``."""

import shlex
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import click

from daemon import config
from daemon import shop as shops
from daemon.cli.context import Context
from daemon.cli.output import say
from daemon.demo import DemoProduct, build
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

[log]
level = "warning"
"""


#: Commands, and what each of them shows.
_STEPS = (
    (("catalog",), "The catalogue makes the products, and says in which order their pictures come:"),
    (("import",), "The first import copies every picture and puts it on its product's row:"),
    (("session", "2"), "It is on record:"),
    (("import",), "The second one finds everything in place and skips it:"),
)


@click.command("demo")
@click.argument(
    "directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False)
)
@click.pass_obj
def demo_command(context: Context, directory: Path | None) -> int:
    """Build a small 1C exchange with real pictures in DIR and import it."""
    place = (
        _empty(context.directory / directory)
        if directory
        else Path(tempfile.mkdtemp(prefix="onec-images-demo-"))
    )
    file = place / "config.toml"
    file.write_text(_CONFIGURATION)
    say(f"A 1C exchange of a small sports shop is built in {place}")
    exchange = build(place / "exchange")
    pictures = sum(len(product.pictures) for product in exchange.products)
    say(f"{len(exchange.products)} products with {pictures} pictures are waiting in {exchange.image_root}")
    status = _run(file, _STEPS)
    _show_product(file, exchange.products[0])
    _show_where_to_look(place, file)
    return status


def _empty(directory: Path) -> Path:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        occupied = any(directory.iterdir())
    except OSError as error:
        raise UsageError(f"{directory}: the demonstration cannot be built there: {error.strerror}") from error
    if occupied:
        raise UsageError(f"{directory} is not empty; name a new directory for the demonstration, or none")
    return directory


def _run(file: Path, steps: Iterable[tuple[tuple[str, ...], str]]) -> int:
    """Run commands as an operator would type them, and return the first exit status that is not 0."""
    from daemon.cli.main import main  # it imports this module

    for command, purpose in steps:
        say(f"\n{purpose}\n  $ {_typed(file, *command)}")
        if status := main(["--config", str(file), *command]):
            return status
    return 0


def _show_product(file: Path, product: DemoProduct) -> None:
    with shops.looked_at(config.load(file, {})) as shop, shop.database.reading() as connection:
        [(row, _, _)] = chain.from_iterable(shop.products.around(connection, [product.onec_id]))
        images = shop.products.read(connection, [row])[row].images
    if images:
        say(f"\nThe row of one product, {product.name}:")
        say(f"  main_image      {images.main}")
        for number, path in enumerate(images.gallery):
            say(f"  {'' if number else 'gallery_images':15} {path}")


def _typed(file: Path, *command: str) -> str:
    return shlex.join(["onec-images", "--config", str(file), *command])


def _show_where_to_look(place: Path, file: Path) -> None:
    say("\nLook at")
    say(f"  {place / 'media' / 'products'}  the pictures as the shop serves them")
    say(f"  {place / 'shop.db'}  the tables products and import_sessions")
    say(f"  {_typed(file, 'sessions')}  the imports so far")
    say(f"  {_typed(file, 'check')}  what a doctor says of the installation")
