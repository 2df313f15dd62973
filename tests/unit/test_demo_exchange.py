"""The exchange of the demonstration: real pictures, named and catalogued as 1C does."""

import re
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from daemon.demo import DemoProduct, Exchange, add_catalogue, build, change, draw, drop, newcomer

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
CATALOGUE_PREFIX = "{urn:1C.ru:commerceml_3}"
IMAGE_FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """Return an exchange that no test changes."""
    return build(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def product(built: Exchange) -> DemoProduct:
    """Return a product with more than one picture."""
    return next(product for product in built.products if len(product.pictures) > 1)


def tree(directory: Path) -> dict[str, bytes]:
    """Return every file below ``directory`` with its content."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def picture_paths(exchange: Exchange) -> dict[str, list[str]]:
    """Return the paths of the pictures of each product, relative to the catalogue, in order."""
    root = exchange.image_root.relative_to(exchange.catalogue.parent)
    return {
        product.onec_id: [str(root / product.onec_id[:2] / name) for name in product.pictures]
        for product in exchange.products
    }


def read_catalogue(exchange: Exchange) -> ET.Element:
    """Return the root element of the catalogue."""
    return ET.parse(exchange.catalogue).getroot()  # noqa: S314 - the file was made by the test itself


def texts(element: ET.Element, *path: str) -> list[str | None]:
    """Return the texts of the elements at ``path``, whose tags are in the namespace of the catalogue."""
    return [found.text for found in element.findall("/".join(CATALOGUE_PREFIX + tag for tag in path))]


def listed(exchange: Exchange) -> list[ET.Element]:
    """Return the products of the catalogue."""
    path = "/".join(CATALOGUE_PREFIX + tag for tag in ("Каталог", "Товары", "Товар"))
    return read_catalogue(exchange).findall(path)


def assert_decodes(content: bytes, image_format: str) -> None:
    """Assert that ``content`` is a whole picture of the format."""
    with Image.open(BytesIO(content)) as image:
        assert image.format == image_format
        image.verify()
    with Image.open(BytesIO(content)) as image:
        image.load()


def test_every_picture_decodes_as_what_its_name_says_and_is_small(built: Exchange) -> None:
    """A demonstration with broken pictures would show refusals only."""
    for path in built.image_root.glob("*/*"):
        content = path.read_bytes()
        assert_decodes(content, IMAGE_FORMATS[path.suffix])
        assert len(content) < 65536


def test_every_picture_is_different(built: Exchange) -> None:
    """A shown picture tells which one it is."""
    contents = list(tree(built.image_root).values())
    assert len(set(contents)) == len(contents)


def test_pictures_are_named_as_1c_names_them_and_lie_in_their_shards(built: Exchange) -> None:
    """Product, picture and extension stand in the name, the product's first two characters above it."""
    for path in built.image_root.rglob("*.*"):
        assert re.fullmatch(rf"{UUID}_{UUID}\.(jpg|jpeg|png)", path.name)
        assert path.parent == built.image_root / path.name[:2]


def test_there_are_products_enough_with_one_to_five_pictures_mostly_two(built: Exchange) -> None:
    """The distribution is that of a real shop."""
    amounts = Counter(len(product.pictures) for product in built.products)
    assert amounts.total() >= 30
    assert set(amounts) == {1, 2, 3, 4, 5}
    assert max(amounts, key=amounts.__getitem__) == 2


def test_products_have_each_their_own_identifier_name_and_article(built: Exchange) -> None:
    """Nothing that should tell products apart is shared."""
    identities = [(product.onec_id, product.name, product.article) for product in built.products]
    assert all(len(set(column)) == len(identities) for column in zip(*identities, strict=True))


def test_some_identifiers_differ_in_their_last_digit_of_time_only(built: Exchange) -> None:
    """Neighbours like these show that whole keys are compared."""
    times = {(int(product.onec_id[:8], 16), product.onec_id[8:]) for product in built.products}
    assert any((time + 1, rest) in times for time, rest in times)


def test_most_pictures_are_jpg_and_some_are_png_and_jpeg(built: Exchange) -> None:
    """The shares are those of a real shop."""
    extensions = Counter(path.suffix for path in built.image_root.glob("*/*"))
    assert set(extensions) == set(IMAGE_FORMATS)
    assert 0.9 < extensions[".jpg"] / extensions.total() < 0.96


def test_the_catalogue_lies_beside_the_image_root(built: Exchange) -> None:
    """The places are those to which 1C sends."""
    assert built.catalogue.name == "goods.xml"
    assert built.image_root == built.catalogue.parent / "import_files"
    assert built.catalogue.parent.name == "goods"


def test_the_catalogue_names_the_products_as_returned(built: Exchange) -> None:
    """Identifier, article number and name are the same in both."""
    named = [
        (*texts(item, "Ид"), *texts(item, "Артикул"), *texts(item, "Наименование")) for item in listed(built)
    ]
    assert named == [(product.onec_id, product.article, product.name) for product in built.products]


def test_the_catalogue_names_exactly_the_pictures_that_exist_in_the_returned_order(built: Exchange) -> None:
    """Nothing is named that is not there, nothing is there that is not named."""
    named = {str(item.findtext(CATALOGUE_PREFIX + "Ид")): texts(item, "Картинка") for item in listed(built)}
    assert named == picture_paths(built)
    existing = {name for name in tree(built.catalogue.parent) if name != "goods.xml"}
    assert {name for names in named.values() for name in names} == existing


def test_the_catalogue_has_the_attributes_and_the_classifier_of_1c(built: Exchange) -> None:
    """A reader finds what the standard promises."""
    root = read_catalogue(built)
    catalogue = root.find(CATALOGUE_PREFIX + "Каталог")
    assert root.tag == CATALOGUE_PREFIX + "КоммерческаяИнформация"
    assert root.get("ВерсияСхемы") == "3.1"
    assert catalogue is not None
    assert catalogue.get("СодержитТолькоИзменения") == "true"
    assert texts(catalogue, "ИдКлассификатора") == texts(root, "Классификатор", "Ид")


def test_every_product_is_in_a_group_of_the_classifier(built: Exchange) -> None:
    """No group is referred to that is not described."""
    groups = texts(read_catalogue(built), "Классификатор", "Группы", "Группа", "Ид")
    assert all(set(texts(item, "Группы", "Ид")) <= set(groups) for item in listed(built))


def test_the_files_are_described_by_name_with_the_place_in_the_order(built: Exchange) -> None:
    """1C describes the files sorted by name, so only the number tells their order."""
    for item in listed(built):
        pictures = texts(item, "Картинка")
        values = texts(item, "ЗначенияРеквизитов", "ЗначениеРеквизита", "Значение")
        described = [str(value).split("#") for value in values if "#" in str(value)]
        assert [path for path, _ in described] == sorted(str(picture) for picture in pictures)
        places = [re.split(r"[_.]", description)[1] for _, description in described]
        assert [pictures[int(place) - 1] for place in places] == [path for path, _ in described]


def test_the_order_of_the_catalogue_is_not_the_order_of_the_names(built: Exchange) -> None:
    """Otherwise nobody could see that the catalogue decides."""
    unsorted = [product for product in built.products if list(product.pictures) != sorted(product.pictures)]
    assert len(unsorted) > 5


def test_the_same_seed_gives_the_same_tree_byte_for_byte(built: Exchange, tmp_path: Path) -> None:
    """A demonstration can be repeated."""
    again = build(tmp_path, seed=1)
    assert again.products == built.products
    assert tree(tmp_path) == tree(built.catalogue.parent.parent)


def test_another_seed_gives_other_identifiers(built: Exchange, tmp_path: Path) -> None:
    """Two demonstrations do not share products."""
    other = {product.onec_id for product in build(tmp_path, seed=2).products}
    assert other.isdisjoint(product.onec_id for product in built.products)


def test_no_temporary_file_is_left(built: Exchange) -> None:
    """What was written under another name got its own."""
    names = tree(built.catalogue.parent.parent)
    assert len(names) == sum(len(product.pictures) for product in built.products) + 1
    assert all(name.endswith((".xml", *IMAGE_FORMATS)) for name in names)


def test_building_replaces_its_files_and_leaves_others(tmp_path: Path) -> None:
    """The caller alone decides about what lies there already."""
    catalogue = tmp_path / "goods" / "goods.xml"
    catalogue.parent.mkdir()
    catalogue.write_text("old")
    (tmp_path / "note.txt").write_text("kept")
    built = build(tmp_path)
    assert len(listed(built)) == len(built.products)
    assert (tmp_path / "note.txt").read_text() == "kept"


def test_a_file_in_the_place_of_a_directory_is_refused_with_its_path(tmp_path: Path) -> None:
    """The sentence says what stands in the way."""
    (tmp_path / "goods").write_text("a file")
    with pytest.raises(FileExistsError, match=rf"{tmp_path}/goods/import_files/\w\w cannot be made"):
        build(tmp_path)


@pytest.mark.parametrize("name", ["Палатка двухместная TN-2", "Палатка", ""])
def test_goods_without_a_drawing_of_their_own_are_drawn_too(name: str) -> None:
    """A name may be anything, even empty."""
    assert_decodes(draw(name, 1, image_format="png"), "PNG")


def test_another_format_is_refused_with_the_choice() -> None:
    """The sentence says what can be drawn."""
    with pytest.raises(ValueError, match="'gif'; choose one of jpg, jpeg, png"):
        draw("Мяч", 1, image_format="gif")


def test_a_dropped_picture_is_one_more_of_the_product(product: DemoProduct, tmp_path: Path) -> None:
    """It lies in the product's shard, and no other file was touched."""
    shop = build(tmp_path)
    before = tree(tmp_path)
    path = drop(shop.image_root, product, 6)
    assert path.parent == shop.image_root / product.shard
    assert re.fullmatch(rf"{product.onec_id}_{UUID}\.jpg", path.name)
    assert_decodes(path.read_bytes(), "JPEG")
    assert tree(tmp_path) == before | {str(path.relative_to(tmp_path)): path.read_bytes()}


def test_a_dropped_picture_is_told_apart_by_its_number(product: DemoProduct, tmp_path: Path) -> None:
    """The same number again is the same picture sent again."""
    root = tmp_path / "import_files"
    first, second, again = (drop(root, product, number) for number in (6, 7, 6))
    assert first == again
    assert first.read_bytes() != second.read_bytes()


def test_a_dropped_picture_comes_by_rename_from_outside_the_image_root(
    product: DemoProduct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches the image root sees it complete or not at all."""
    renamed: list[tuple[Path, Path]] = []
    replace = Path.replace

    def recorded(source: Path, target: Path) -> Path:
        renamed.append((source, target))
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", recorded)
    path = drop(tmp_path / "import_files", product, 6)
    assert [(source.parent, target) for source, target in renamed] == [(tmp_path, path)]


def test_a_picture_can_be_dropped_after_the_exchange_was_emptied(
    product: DemoProduct, tmp_path: Path
) -> None:
    """Its directories are made anew."""
    assert drop(tmp_path / "goods" / "import_files", product, 6).is_file()


@pytest.mark.parametrize("image_format", ["jpg", "jpeg", "png"])
def test_a_changed_picture_has_other_content_under_its_name(image_format: str, tmp_path: Path) -> None:
    """The old content stays whole for whoever still reads it, here by a second link."""
    path = tmp_path / f"one.{image_format}"
    path.write_bytes(draw("Гиря KB-1", 1, image_format=image_format))
    old = tmp_path / "link"
    old.hardlink_to(path)
    change(path)
    assert_decodes(path.read_bytes(), IMAGE_FORMATS["." + image_format])
    assert path.read_bytes() != old.read_bytes()
    assert_decodes(old.read_bytes(), IMAGE_FORMATS["." + image_format])
    assert {found.name for found in tmp_path.iterdir()} == {path.name, "link"}


def test_a_picture_changes_each_time(tmp_path: Path) -> None:
    """No change leads back to an earlier content."""
    path = tmp_path / "one.png"
    contents = [draw("Гиря KB-1", 1, image_format="png")]
    path.write_bytes(contents[0])
    for _ in range(8):
        change(path)
        contents.append(path.read_bytes())
    assert len(set(contents)) == len(contents)


def test_a_picture_that_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    """Nothing is written either."""
    with pytest.raises(FileNotFoundError):
        change(tmp_path / "none.jpg")
    assert not list(tmp_path.iterdir())


def test_a_later_catalogue_tells_of_one_product_and_comes_after_the_first(tmp_path: Path) -> None:
    """Whoever reads several catalogues takes the oldest first."""
    shop = build(tmp_path)
    later = add_catalogue(shop, newcomer(1))
    assert later.parent == shop.catalogue.parent
    assert later.match("goods*.xml")
    first, second = read_catalogue(shop), read_catalogue(replace(shop, catalogue=later))
    assert str(first.get("ДатаФормирования")) < str(second.get("ДатаФормирования"))
    [item] = listed(replace(shop, catalogue=later))
    assert texts(item, "Ид") == [newcomer(1).onec_id]


def test_the_later_product_is_none_of_the_stock_and_has_the_picture_that_is_dropped(tmp_path: Path) -> None:
    """The catalogue names the picture that came before it."""
    shop, product = build(tmp_path), newcomer(1)
    assert product.onec_id not in {other.onec_id for other in shop.products}
    assert product.article not in {other.article for other in shop.products}
    assert product.pictures == (drop(shop.image_root, product, 1).name,)
