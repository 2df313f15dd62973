"""A small exchange as 1C fills it: the pictures in their shards and the catalogue, and what comes later."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from daemon.demo.catalogue import LATER, goods_xml
from daemon.demo.goods import DemoProduct, added_picture, stock
from daemon.demo.pictures import draw, recolour

GOODS: Final = PurePath("goods")
PICTURES: Final = PurePath("import_files")
CATALOGUE: Final = "goods.xml"
LATER_CATALOGUE: Final = "goods_2.xml"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was built: the products in catalogue order, the catalogue file and the image root."""

    products: tuple[DemoProduct, ...]
    catalogue: Path
    image_root: Path


def build(directory: Path, *, seed: int = 1) -> Exchange:
    """Fill ``directory``, made if need be, with pictures and a catalogue, and return what was made.

    The same seed gives the same files. Files of the same names are replaced, others stay. Raises
    ``FileExistsError`` where a file stands in the place of a directory.
    """
    goods = directory / GOODS
    made = Exchange(stock(seed), goods / CATALOGUE, goods / PICTURES)
    _write_pictures(made.image_root, made.products)
    # As 1C does: what the catalogue names is there before it.
    _place(made.catalogue, goods_xml(made.products, PICTURES), by_way_of=goods)
    return made


def drop(image_root: Path, product: DemoProduct, number: int) -> Path:
    """Add a picture to the shard of ``product``, as a receiver does, and return its path.

    It is written outside the image root, then renamed, so that it appears complete. ``number`` tells
    the added pictures of a product apart; the same one again sends the same picture again. Raises
    ``FileExistsError`` where a file stands in the place of a directory.
    """
    return _write_picture(image_root, product, number, added_picture(product.onec_id, number))


def add_catalogue(exchange: Exchange, product: DemoProduct) -> Path:
    """Add a second catalogue, which tells of ``product`` alone, as 1C sends changes, and return its path."""
    path = exchange.catalogue.with_name(LATER_CATALOGUE)
    content = goods_xml([product], PICTURES, issue=LATER)
    _place(path, content, by_way_of=path.parent)
    return path


def change(path: Path) -> None:
    """Give the drawn picture ``path`` other colours under the same name, by rename.

    Raises ``FileNotFoundError`` if there is none.
    """
    content = recolour(path.read_bytes(), image_format=_image_format(path.name))
    _place(path, content, by_way_of=path.parent)


def _write_pictures(image_root: Path, products: Iterable[DemoProduct]) -> None:
    for product in products:
        for number, name in enumerate(product.pictures, 1):
            _write_picture(image_root, product, number, name)


def _write_picture(image_root: Path, product: DemoProduct, number: int, name: str) -> Path:
    shard = image_root / product.shard
    _make_directory(shard)
    content = draw(product.name, number, image_format=_image_format(name))
    _place(shard / name, content, by_way_of=image_root.parent)
    return shard / name


def _image_format(name: str) -> str:
    return PurePath(name).suffix.removeprefix(".")


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        message = f"The directory {directory} cannot be made: a file stands in its place or above it."
        raise FileExistsError(message) from error


def _place(target: Path, content: bytes, *, by_way_of: Path) -> None:
    temporary = by_way_of / f".{target.name}.part"
    try:
        temporary.write_bytes(content)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
