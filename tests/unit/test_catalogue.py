"""The goods file as the exchange sends it, as older and stranger programs write it, and as an enemy would."""

import html
import io
import re
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, count, islice, repeat
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon import catalogue
from daemon.catalogue import CatalogueProduct
from daemon.errors import CatalogueError

SAMPLE = (Path(__file__).parent.parent / "data" / "goods_sample.xml").read_bytes()
MEDAL = CatalogueProduct(
    onec_id="ff26507c-3024-11e9-819a-00155d87f90d",
    name="Медаль для награждения, диаметр 5.2 см, 2-е место, цвет серебро",
    is_active=True,
    pictures=(
        "ff26507c-3024-11e9-819a-00155d87f90d_59b1e654-b022-11ea-81c3-00155d3cae02.jpg",
        "ff26507c-3024-11e9-819a-00155d87f90d_2663bae4-b646-11ea-81c3-00155d3cae02.jpg",
    ),
)
MAT = CatalogueProduct(
    onec_id="8204be26-15b9-11ea-81b8-00155d3cae02",
    name="Коврик для йоги ESPADO PVC 173*61*0.3 см, фиолетовый ES2121 1/10",
    is_active=True,
    pictures=(
        "8204be26-15b9-11ea-81b8-00155d3cae02_6d10eb15-b940-11eb-81eb-00155d3cae02.jpg",
        "8204be26-15b9-11ea-81b8-00155d3cae02_6e5703e9-b023-11ea-81c3-00155d3cae02.jpg",
        "8204be26-15b9-11ea-81b8-00155d3cae02_bf7d42fa-b646-11ea-81c3-00155d3cae02.jpg",
        "8204be26-15b9-11ea-81b8-00155d3cae02_6d10eb14-b940-11eb-81eb-00155d3cae02.jpg",
    ),
)
BALL = CatalogueProduct("b1", "Мяч", None, ("b1_2.jpg", "b1_1.jpg"))
BALL_XML = (
    "<Товар><Ид>b1</Ид><Наименование>Мяч</Наименование>"
    "<Картинка>import_files/b1/b1_2.jpg</Картинка><Картинка>import_files/b1/b1_1.jpg</Картинка></Товар>"
)
OPENING = "<КоммерческаяИнформация><Каталог><Товары>"
CLOSING = "</Товары></Каталог></КоммерческаяИнформация>"

MEBIBYTE = 1024 * 1024
MUCH = 64 * MEBIBYTE  # so that a file that is not read in constant memory shows
PIECE = 64 * 1024


def goods(products: str, declaration: str = "", encoding: str = "utf-8") -> bytes:
    """Return a goods file with these products, written as XML."""
    return (declaration + OPENING + products + CLOSING).encode(encoding, "xmlcharrefreplace")


def declared(encoding: str) -> str:
    """Return an XML declaration of that encoding."""
    return f'<?xml version="1.0" encoding="{encoding}"?>\n'


def products_of(content: bytes) -> list[CatalogueProduct]:
    """Return what is read from a file with this content."""
    return list(catalogue.read(io.BytesIO(content)))


def product_of(fields: str, attributes: str = "") -> CatalogueProduct:
    """Return the product ``1`` that has these further fields, written as XML."""
    [product] = products_of(goods(f"<Товар{attributes}><Ид>1</Ид>{fields}</Товар>"))
    return product


def broken(file: BinaryIO) -> tuple[list[CatalogueProduct], str]:
    """Return what is read from a file before it breaks, and what is said about the break."""
    products: list[CatalogueProduct] = []
    with pytest.raises(CatalogueError) as caught:
        products.extend(catalogue.read(file))
    return products, str(caught.value)


def refusal(content: bytes) -> str:
    """Return what is said about a file in which nothing can be read."""
    products, message = broken(io.BytesIO(content))
    assert products == []
    return message


class Trickle(io.BytesIO):
    """A file that gives one piece at a time, however much is asked for."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        """Given the pieces, be a file of them."""
        super().__init__()
        self._pieces = iter(pieces)

    def read(self, _size: int | None = -1, /) -> bytes:
        """Return the next piece."""
        return next(self._pieces, b"")


def stream(head: str, pieces: Iterable[bytes]) -> Trickle:
    """Return a file that begins with the head."""
    return Trickle(chain([head.encode()], pieces))


def memory_for(read: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at once during a call; a CatalogueError ends it as well."""
    tracemalloc.start()
    try:
        with suppress(CatalogueError):
            read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# What a goods file says


def test_the_products_of_a_real_export_are_read_with_their_pictures_in_its_order() -> None:
    assert products_of(SAMPLE) == [MEDAL, MAT]


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
def test_it_does_not_matter_in_which_pieces_the_bytes_come(length: int) -> None:
    pieces = (SAMPLE[start : start + length] for start in range(0, len(SAMPLE), length))
    assert list(catalogue.read(Trickle(pieces))) == [MEDAL, MAT]


def test_a_product_is_given_before_the_rest_of_the_file_is_read() -> None:
    pieces = iter([SAMPLE[: SAMPLE.index("</Товар>".encode()) + len("</Товар>".encode())]])
    assert next(catalogue.read(Trickle(pieces))) == MEDAL


def test_the_order_of_pictures_is_kept() -> None:
    names = ("c.jpg", "a.jpg", "b.jpg")
    assert product_of("".join(f"<Картинка>{name}</Картинка>" for name in names)).pictures == names


def test_a_picture_named_twice_is_one_picture_in_its_first_place() -> None:
    pictures = "<Картинка>x/b.jpg</Картинка><Картинка>a.jpg</Картинка><Картинка>y/b.jpg</Картинка>"
    assert product_of(pictures).pictures == ("b.jpg", "a.jpg")


@pytest.mark.parametrize(
    "path", ["a.jpg", "import_files/00/a.jpg", "import_files\\00\\a.jpg", "C:\\x/a.jpg", "../a.jpg", "/a.jpg"]
)
def test_a_picture_is_the_last_part_of_its_path(path: str) -> None:
    assert product_of(f"<Картинка>{path}</Картинка>").pictures == ("a.jpg",)


@pytest.mark.parametrize("path", ["", " \n", ".", "..", "x/", "x\\", "x/.", "x\\..", "/"])
def test_a_picture_without_a_file_name_is_left_out(path: str) -> None:
    assert product_of(f"<Картинка>{path}</Картинка><Картинка/>").pictures == ()


@pytest.mark.parametrize(
    "mark, is_active",
    [
        ("<ПометкаУдаления>true</ПометкаУдаления>", False),
        ("<ПометкаУдаления> True\n</ПометкаУдаления>", False),
        ("<ПометкаУдаления>1</ПометкаУдаления>", False),
        ("<ПометкаУдаления>false</ПометкаУдаления>", True),
        ("<ПометкаУдаления>0</ПометкаУдаления>", True),
        ("<ПометкаУдаления>maybe</ПометкаУдаления>", None),
        ("<ПометкаУдаления/>", None),
        ("", None),
    ],
)
def test_the_deletion_mark_decides_both_ways_and_its_absence_says_nothing(
    mark: str, is_active: bool | None
) -> None:
    assert product_of(mark).is_active is is_active


@pytest.mark.parametrize("status, is_active", [("Удален", False), ("удален", False), ("Изменен", None)])
def test_the_status_of_older_exports_marks_a_deleted_product(status: str, is_active: bool | None) -> None:
    assert product_of("", f' Статус="{status}"').is_active is is_active


def test_a_readable_deletion_mark_outweighs_the_status() -> None:
    status = ' Статус="Удален"'
    assert product_of("<ПометкаУдаления>false</ПометкаУдаления>", status).is_active is True
    assert product_of("<ПометкаУдаления>?</ПометкаУдаления>", status).is_active is False


def test_what_one_product_says_is_not_taken_for_the_next() -> None:
    first = (
        '<Товар Статус="Удален"><Ид>1</Ид><Наименование>Мяч</Наименование><Картинка>a.jpg</Картинка></Товар>'
    )
    assert products_of(goods(first + "<Товар><Ид>2</Ид></Товар>"))[1] == CatalogueProduct("2", "", None, ())


@pytest.mark.parametrize("flag", ["true", "false"])
def test_a_file_of_changes_is_read_like_a_whole_one(flag: str) -> None:
    content = SAMPLE.replace(b'="true">', f'="{flag}">'.encode(), 1)
    assert products_of(content) == [MEDAL, MAT]


@pytest.mark.parametrize("nested", ["Изготовитель", "Группы", "ЗначениеРеквизита", "x"])
def test_the_fields_of_a_nested_element_are_not_the_products(nested: str) -> None:
    inner = (
        f"<{nested}><Ид>2</Ид><Наименование>чужое</Наименование><ПометкаУдаления>true</ПометкаУдаления>"
        f"<Картинка>чужая.jpg</Картинка></{nested}>"
    )
    own = "<Ид>1</Ид><Наименование>Мяч</Наименование>"
    for fields in (inner + own, own + inner):
        assert products_of(goods(f"<Товар>{fields}</Товар>")) == [CatalogueProduct("1", "Мяч", None, ())]


def test_a_product_inside_a_product_is_not_read() -> None:
    inner = "<Товар><Ид>2</Ид></Товар>"
    products = products_of(goods(f"<Товар><Ид>1</Ид>{inner}<Товары>{inner}</Товары></Товар>"))
    assert [product.onec_id for product in products] == ["1"]


@pytest.mark.parametrize("onec_id", ["", "<Ид/>", "<Ид></Ид>", "<Ид> \n\t</Ид>"])
def test_a_product_without_an_id_is_left_out(onec_id: str) -> None:
    assert products_of(goods(f"<Товар>{onec_id}<Наименование>Мяч</Наименование></Товар>{BALL_XML}")) == [BALL]


def test_whitespace_around_a_text_is_cut_off_and_kept_within() -> None:
    product = product_of("<Наименование>\n\tМяч  синий\n</Наименование><Картинка> a b.jpg\n</Картинка>")
    assert (product.name, product.pictures) == ("Мяч  синий", ("a b.jpg",))


@pytest.mark.parametrize("onec_id", ["001a16a4#24062354", "Код 17", "a_b", "Ёж"])
def test_an_id_is_any_text(onec_id: str) -> None:
    [product] = products_of(goods(f"<Товар><Ид>{onec_id}</Ид></Товар>"))
    assert product.onec_id == onec_id


def test_references_cdata_and_comments_within_a_text_are_understood() -> None:
    name = "A&amp;B &lt;<![CDATA[<b>&amp;]]>&#1040;&#x410;<!-- nothing --><?nothing?>&quot;"
    assert product_of(f"<Наименование>{name}</Наименование>").name == 'A&B <<b>&amp;АА"'


def test_a_catalogue_without_products_gives_nothing() -> None:
    assert products_of(goods("")) == []
    assert products_of("<КоммерческаяИнформация/>".encode()) == []


def test_the_products_of_every_catalogue_in_a_file_are_read() -> None:
    two = goods(BALL_XML).replace(
        "</Каталог>".encode(), f"</Каталог><Каталог><Товары>{BALL_XML}</Товары></Каталог>".encode()
    )
    assert products_of(two) == [BALL, BALL]


@pytest.mark.parametrize(
    "element", ["ПакетПредложений", "ИзмененияПакетаПредложений", "Классификатор", "Документ"]
)
def test_only_the_products_of_a_catalogue_are_read(element: str) -> None:
    assert products_of(goods(BALL_XML).replace("Каталог".encode(), element.encode())) == []


def test_the_offers_of_a_packet_give_nothing() -> None:
    offers = "<Предложения><Предложение><Ид>1#2</Ид></Предложение></Предложения>"
    packet = f"<ПакетПредложений>{offers}</ПакетПредложений>"
    assert products_of(f"<КоммерческаяИнформация>{packet}</КоммерческаяИнформация>".encode()) == []


# How it is written


def test_an_old_export_without_namespace_in_windows_1251_is_read() -> None:
    old = (
        declared("windows-1251")
        + '<КоммерческаяИнформация ВерсияСхемы="2.04" ДатаФормирования="2009-03-26">'
        + f'<Каталог СодержитТолькоИзменения="false"><Товары>{BALL_XML}'
        + '<Товар Статус="Удален"><Ид>b2</Ид></Товар>'
        + CLOSING
    )
    assert products_of(old.encode("windows-1251")) == [BALL, CatalogueProduct("b2", "", False, ())]


def test_a_prefix_does_not_matter() -> None:
    prefixed = re.sub(r"<(/?)(?=[А-Я])", r"<\1cml:", goods(BALL_XML).decode())
    root = prefixed.replace("Информация", 'Информация xmlns:cml="urn:1C.ru:commerceml_2"', 1)
    assert products_of(root.encode()) == [BALL]


@pytest.mark.parametrize(
    "encoding",
    ["windows-1251", "cp1251", "koi8-r", "KOI8-U", "cp866", "ISO-8859-5", "UTF-8", "UTF-16", "utf8"],
)
def test_the_declared_encoding_is_understood(encoding: str) -> None:
    assert products_of(goods(BALL_XML, declared(encoding), encoding)) == [BALL]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_what_is_not_declared_is_told_by_the_first_bytes(encoding: str) -> None:
    assert products_of(goods(BALL_XML, '<?xml version="1.0"?>', encoding)) == [BALL]


def test_a_byte_order_mark_may_stand_before_a_declaration() -> None:
    assert products_of(goods(BALL_XML, declared("UTF-8"), "utf-8-sig")) == [BALL]


@pytest.mark.parametrize(
    "encoding", ["gbk", "UTF-7", "unicode_escape", "rot13", "base64", "klingon", "UTF-16XX"]
)
def test_an_encoding_that_cannot_be_read_is_named(encoding: str) -> None:
    content = declared(encoding).encode() + goods(BALL_XML)
    assert refusal(content) == f"the encoding {encoding} cannot be read at line 1, column 1"


@pytest.mark.parametrize("encoding, words", [("cp037", "unknown encoding"), ("UTF-16", "incorrect")])
def test_an_encoding_that_cannot_be_true_is_refused(encoding: str, words: str) -> None:
    assert words in refusal(declared(encoding).encode() + goods(BALL_XML))


# When it was written


def generated(attributes: str) -> datetime | None:
    """Return when a goods file whose root has these attributes was generated."""
    return catalogue.generated_at(io.BytesIO(f"<КоммерческаяИнформация {attributes}/>".encode()))


@pytest.fixture
def moscow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let local time be three hours ahead of UTC."""
    monkeypatch.setenv("TZ", "MSK-3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("moscow")
@pytest.mark.parametrize(
    "text, moment",
    [
        ("2025-11-26T12:20:30", datetime(2025, 11, 26, 9, 20, 30, tzinfo=UTC)),
        ("2025-11-26 12:20:30", datetime(2025, 11, 26, 9, 20, 30, tzinfo=UTC)),
        ("2025-11-26", datetime(2025, 11, 25, 21, tzinfo=UTC)),
        (" 2025-11-26T12:20:30Z ", datetime(2025, 11, 26, 12, 20, 30, tzinfo=UTC)),
        ("2025-11-26T12:20:30+05:00", datetime(2025, 11, 26, 7, 20, 30, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_local_time(text: str, moment: datetime) -> None:
    assert generated(f'ДатаФормирования="{text}"') == moment


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        'ДатаФормирования=""',
        'ДатаФормирования="вчера"',
        'ДатаФормирования="2025-02-30"',
        'ДатаФормирования="0001-01-01T00:00:00+12:00"',
        'ДатаФормирования="9999-12-31T23:59:59-12:00"',
    ],
)
def test_a_time_that_is_absent_or_unreadable_is_none(attributes: str) -> None:
    assert generated(attributes) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x00\xff", b"<html/>", b"<!DOCTYPE html><html/>", "<КоммерческаяИнформация".encode()],
)
def test_a_file_that_is_no_catalogue_has_no_time(content: bytes) -> None:
    assert catalogue.generated_at(io.BytesIO(content)) is None


def test_the_file_is_rewound_after_its_time_was_read() -> None:
    file = io.BytesIO(SAMPLE)
    assert catalogue.generated_at(file) is not None
    assert list(catalogue.read(file)) == [MEDAL, MAT]


def test_only_the_start_of_a_file_is_read_for_its_time() -> None:
    class Counted(io.BytesIO):
        asked: list[int | None]

        def read(self, size: int | None = -1, /) -> bytes:
            self.asked.append(size)
            return super().read(size)

    file = Counted(SAMPLE + b" " * MEBIBYTE)
    file.asked = []
    assert catalogue.generated_at(file) is not None
    assert file.asked == [PIECE]


def test_the_time_is_known_although_the_file_breaks_later() -> None:
    assert catalogue.generated_at(io.BytesIO(SAMPLE[:900] + b"<<<")) is not None


# What is no catalogue


def test_every_cut_gives_the_products_before_it_and_says_that_the_file_is_cut_off() -> None:
    first, second = (match.end() for match in re.finditer("</Товар>".encode(), SAMPLE))
    for length in range(len("<?xm"), len(SAMPLE.rstrip())):
        products, message = broken(io.BytesIO(SAMPLE[:length]))
        assert products == [MEDAL, MAT][: (length >= first) + (length >= second)]
        assert message.startswith("cut off at line ")


def test_the_place_of_a_break_is_told() -> None:
    content = SAMPLE.replace("</Артикул>".encode(), "</Артикль>".encode(), 1)
    assert refusal(content) == "mismatched tag at line 13, column 24"


def test_a_broken_product_does_not_take_those_before_it_along() -> None:
    products, message = broken(io.BytesIO(goods(BALL_XML + "<Товар><Ид>2</Товар>")))
    assert products == [BALL]
    assert message.startswith("mismatched tag at line 1, column ")


def test_a_file_received_twice_is_read_once_and_told() -> None:
    products, message = broken(io.BytesIO(SAMPLE + SAMPLE))
    assert products == [MEDAL, MAT]
    assert message.startswith("something follows the end of the document")


def test_an_empty_file_is_told() -> None:
    assert refusal(b"").startswith("the file is empty")


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"{}",
        b"\x89PNG\r\n\x1a\n\x00",
        b"PK\x03\x04\x14\x00",
        b"\x00" * 100,
        b"\xff\xd8\xff\xe0",
        b"<1>",
    ],
)
def test_what_is_not_xml_is_told(content: bytes) -> None:
    assert refusal(content).startswith("not XML: ")


@pytest.mark.parametrize("content", [b"<html><body>404</body></html>", b"<a/>", "<Каталог/>".encode()])
def test_what_is_not_commerceml_is_told(content: bytes) -> None:
    assert refusal(content).startswith("not a CommerceML file: it begins with the element ")


def test_a_message_stays_short_whatever_the_file_calls_its_elements() -> None:
    assert len(refusal(b"<" + b"x" * 500_000 + b"/>")) < 200
    assert len(refusal(b"<!DOCTYPE " + b"x" * 500_000 + b"><a/>")) < 200
    assert len(refusal(declared("x" * 500_000).encode() + b"<a/>")) < 200


@pytest.mark.parametrize("character", ["\x01", "\x00", "\x1b", "\ufffe", "&#0;", "&#1;", "&#xD800;"])
def test_characters_that_xml_forbids_are_refused(character: str) -> None:
    products, _ = broken(io.BytesIO(goods(f"{BALL_XML}<Товар><Ид>1{character}</Ид></Товар>")))
    assert products == [BALL]


def test_an_error_of_reading_is_not_taken_for_one_of_the_file() -> None:
    class Failing(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        next(catalogue.read(Failing()))


# What an enemy writes


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
BLOWN_UP = "x" * 40_000


@pytest.mark.parametrize(
    "subset, text",
    [
        (f'[<!ENTITY l0 "ха">{LAUGHS}]', "&l29;"),
        (f'[<!ENTITY b "{BLOWN_UP}">]', "&b;" * 50_000),
        ('[<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]', ""),
        ("[<!ATTLIST Товар Статус CDATA 'Удален'>]", ""),
        ('SYSTEM "http://localhost/goods.dtd"', ""),
        ("", ""),
    ],
    ids=["billion laughs", "quadratic blow-up", "parameter entity", "attributes", "external subset", "bare"],
)
def test_a_document_type_is_refused_at_once(subset: str, text: str) -> None:
    content = goods(f"<Товар><Ид>1{text}</Ид></Товар>", f"<!DOCTYPE goods {subset}>")
    started = time.monotonic()
    assert "DOCTYPE goods" in refusal(content)
    assert time.monotonic() - started < 1


def test_no_other_file_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    entity = f'<!DOCTYPE goods [<!ENTITY secret SYSTEM "{secret.as_uri()}">]>'
    assert "s3cret" not in refusal(goods("<Товар><Ид>&secret;</Ид></Товар>", entity))


def test_an_entity_that_nobody_declared_is_an_error() -> None:
    assert refusal(goods("<Товар><Ид>&secret;</Ид></Товар>")).startswith("undefined entity at line 1, ")


def test_an_id_is_cut_where_no_onec_id_can_reach() -> None:
    [product] = products_of(
        goods(f"<Товар><Ид>{'1' * 5000}</Ид><Наименование>{'я' * 5000}</Наименование></Товар>")
    )
    assert (product.onec_id, product.name) == ("1" * catalogue.MAX_FIELD, "я" * catalogue.MAX_FIELD)


def test_a_picture_with_an_endless_path_is_left_out() -> None:
    pictures = f"<Картинка>{'x' * catalogue.MAX_FIELD}/a.jpg</Картинка><Картинка>b.jpg</Картинка>"
    assert product_of(pictures).pictures == ("b.jpg",)


def test_pictures_beyond_the_bound_are_ignored() -> None:
    names = [f"{number}.jpg" for number in range(catalogue.MAX_PICTURES + 5)]
    product = product_of("".join(f"<Картинка>{name}</Картинка>" for name in names))
    assert product.pictures == tuple(names[: catalogue.MAX_PICTURES])


def test_a_picture_named_again_and_again_is_no_reason_to_ignore_the_next() -> None:
    pictures = "<Картинка>a.jpg</Картинка>" * (catalogue.MAX_PICTURES + 5) + "<Картинка>b.jpg</Картинка>"
    assert product_of(pictures).pictures == ("a.jpg", "b.jpg")


@pytest.mark.parametrize("depth", [90, 100_000])
def test_deep_nesting_is_refused_at_a_bound(depth: int) -> None:
    content = io.BytesIO(goods(BALL_XML + "<x>" * depth + "</x>" * depth + BALL_XML))
    if depth == 90:
        assert list(catalogue.read(content)) == [BALL, BALL]
    else:
        products, message = broken(content)
        assert products == [BALL]
        assert message.startswith("elements nested more than 100 deep at line 1, ")


def test_a_long_comment_is_no_reason_to_refuse_a_file() -> None:
    assert products_of(goods(f"<!--{'x' * 400_000}-->{BALL_XML}")) == [BALL]


@pytest.mark.parametrize(
    "start, words",
    [
        ("<Товар><Ид", "too long"),
        ('<Товар Статус="', "too long"),
        ("<!--", "too long"),
        ("<?x ", "too long"),
        ("<Товар><Ид>", "cut off"),
        ("<Товар><Ид><![CDATA[", "cut off"),
        ("<Товар><Описание>", "cut off"),
    ],
)
def test_nothing_endless_is_gathered_in_memory(start: str, words: str) -> None:
    messages = []
    memory = memory_for(
        lambda: messages.append(broken(stream(OPENING + start, repeat(b"x" * PIECE, MUCH // PIECE)))[1])
    )
    assert words in messages[0]
    assert memory < 8 * MEBIBYTE


@pytest.mark.parametrize("form", ["<x{}/>", '<x y{}=""/>', '<x xmlns:y{}="u"/>', "<x{}:y/>"])
def test_names_without_end_are_refused(form: str) -> None:
    messages = []
    names = ("".join(map(form.format, range(start, start + 1000))).encode() for start in count(0, 1000))
    memory = memory_for(lambda: messages.append(broken(stream(OPENING, names))[1]))
    assert messages[0].startswith("too many different, or too long, names")
    assert memory < 8 * MEBIBYTE


def test_a_product_with_pictures_without_end_is_not_gathered_in_memory() -> None:
    pictures = (f"<Картинка>{number}.jpg</Картинка>".encode() for number in range(50_000))
    assert memory_for(lambda: list(catalogue.read(stream(f"{OPENING}<Товар>", pictures)))) < MEBIBYTE


def test_a_large_file_is_read_in_constant_memory() -> None:
    product = SAMPLE[SAMPLE.index("<Товар>".encode()) : SAMPLE.index("</Товары>".encode())]
    numbered = (
        product.replace(b"ff26507c", b"%08x" % number) for number in range(20 * MEBIBYTE // len(product))
    )
    file = stream(OPENING, chain(numbered, [CLOSING.encode()]))
    numbers: list[int] = []
    memory = memory_for(lambda: numbers.append(sum(1 for _ in catalogue.read(file))))
    assert numbers[0] > 9000
    assert memory < 2 * MEBIBYTE


# Whatever it is


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\t\n\r<&>'\"]"),
    max_size=30,
).map(str.strip)
file_names = texts.filter(lambda name: name not in ("", ".", "..") and not re.search(r"[/\\]", name))
catalogue_products = st.builds(
    CatalogueProduct,
    onec_id=texts.filter(bool),
    name=texts,
    is_active=st.sampled_from([True, False, None]),
    pictures=st.lists(file_names, unique=True, max_size=4).map(tuple),
)


def escaped(text: str) -> str:
    """Return the text as it stands in XML."""
    return html.escape(text).replace("\r", "&#13;")


def xml_of(product: CatalogueProduct) -> str:
    """Return the product as 1C would write it."""
    mark = {True: "false", False: "true", None: ""}[product.is_active]
    pictures = "".join(f"<Картинка>import_files/00/{escaped(name)}</Картинка>\n" for name in product.pictures)
    return (
        f"<Товар>\n<Ид>{escaped(product.onec_id)}</Ид>\n<ПометкаУдаления>{mark}</ПометкаУдаления>\n"
        f"<Наименование> {escaped(product.name)}\n</Наименование>\n{pictures}</Товар>\n"
    )


@settings(deadline=None)
@given(st.lists(catalogue_products, max_size=5), st.sampled_from(["UTF-8", "UTF-16", "windows-1251"]))
def test_what_is_written_is_what_is_read(products: list[CatalogueProduct], encoding: str) -> None:
    assert products_of(goods("".join(map(xml_of, products)), declared(encoding), encoding)) == products


MARKUP = (
    rb"<!-- <![CDATA[ ]]> <!DOCTYPE x [ <!ENTITY a 'b'> &a; &#0; <?xml version='1.0' encoding=' idna ' ?> < >"
)
pieces = st.binary(max_size=20) | st.sampled_from(MARKUP.split() + re.findall(rb"<[^>]*>", SAMPLE)[:12])


@settings(deadline=None, max_examples=300)
@given(st.lists(pieces, max_size=12).map(b"".join), st.integers(0, len(SAMPLE)), st.integers(0, 50))
@example(b"", 0, 0)
def test_whatever_the_bytes_they_are_read_or_told_to_be_broken(junk: bytes, place: int, lost: int) -> None:
    for content in (junk, SAMPLE[:place] + junk + SAMPLE[place + lost :]):
        file = io.BytesIO(content)
        moment = catalogue.generated_at(file)
        assert moment is None or moment.tzinfo is not None
        with suppress(CatalogueError):
            for product in islice(catalogue.read(file), 10):
                assert product.onec_id
