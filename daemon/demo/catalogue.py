"""The catalogue of the demonstration shop: goods.xml in CommerceML 3.1, as 1C writes it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from random import Random
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from daemon.demo.goods import DemoProduct, identifier

NAMESPACE: Final = "urn:1C.ru:commerceml_3"
CATALOGUE_NAME: Final = "Товары 1С"


@dataclass(frozen=True, slots=True)
class Issue:
    """When 1C made a catalogue, and which code its first product has there."""

    made_at: str
    first_code: int


FIRST: Final = Issue("2025-11-26T12:20:30", 67_400)
LATER: Final = Issue("2025-11-26T14:05:10", 67_500)


def goods_xml(products: Sequence[DemoProduct], pictures: PurePath, *, issue: Issue = FIRST) -> bytes:
    """Return the catalogue of ``products``, whose shards lie in ``pictures``, relative to the catalogue."""
    root = Element(
        "КоммерческаяИнформация",
        {"xmlns": NAMESPACE, "ВерсияСхемы": "3.1", "ДатаФормирования": issue.made_at, "Ид": "Обмен с сайтом"},
    )
    _add_classifier(root, sorted({product.group for product in products}))
    goods = _add_catalogue(root)
    for code, product in enumerate(products, issue.first_code):
        _add_product(goods, product, pictures / product.shard, f"{code:011}")
    indent(root, "\t")
    content: bytes = tostring(root, "UTF-8", xml_declaration=True)
    return content


def _add_texts(parent: Element, *texts: tuple[str, str]) -> None:
    for tag, text in texts:
        SubElement(parent, tag).text = text


def _fixed_identifier(name: str) -> str:
    return identifier(Random(name))


def _add_classifier(root: Element, groups: Iterable[str]) -> None:
    classifier = SubElement(root, "Классификатор")
    _add_texts(classifier, ("Ид", _fixed_identifier(CATALOGUE_NAME)), ("Наименование", CATALOGUE_NAME))
    parent = SubElement(classifier, "Группы")
    for name in groups:
        _add_texts(SubElement(parent, "Группа"), ("Ид", _fixed_identifier(name)), ("Наименование", name))


def _add_catalogue(root: Element) -> Element:
    catalogue = SubElement(root, "Каталог", {"СодержитТолькоИзменения": "true"})
    _add_texts(
        catalogue,
        ("Ид", _fixed_identifier(CATALOGUE_NAME)),
        ("ИдКлассификатора", _fixed_identifier(CATALOGUE_NAME)),
        ("Наименование", CATALOGUE_NAME),
    )
    return SubElement(catalogue, "Товары")


def _add_product(goods: Element, product: DemoProduct, shard: PurePath, code: str) -> None:
    element = SubElement(goods, "Товар")
    _add_texts(
        element,
        ("Ид", product.onec_id),
        ("НомерВерсии", "AAAAAAAAAAE="),
        ("ПометкаУдаления", "false"),
        ("Штрихкод", ""),
        ("Артикул", product.article),
        ("Наименование", product.name),
        ("БазоваяЕдиница", "796 "),
    )
    _add_texts(SubElement(element, "Группы"), ("Ид", _fixed_identifier(product.group)))
    _add_texts(element, ("Описание", f"{product.name}.<br>Товар для спорта и отдыха."))
    _add_texts(element, *(("Картинка", str(shard / name)) for name in product.pictures))
    _add_texts(element, ("Страна", "РОССИЯ"))
    _add_requisites(SubElement(element, "ЗначенияРеквизитов"), product, shard, code)


def _add_requisites(parent: Element, product: DemoProduct, shard: PurePath, code: str) -> None:
    _add_requisite(parent, "ВидНоменклатуры", product.group)
    # 1C lists the descriptions of the files by name, whatever the order of the pictures.
    for name, number in sorted((name, number) for number, name in enumerate(product.pictures, 1)):
        extension = name.rpartition(".")[-1]
        _add_requisite(parent, "ОписаниеФайла", f"{shard / name}#{code}_{number}.{extension}")


def _add_requisite(parent: Element, name: str, value: str) -> None:
    _add_texts(SubElement(parent, "ЗначениеРеквизита"), ("Наименование", name), ("Значение", value))
