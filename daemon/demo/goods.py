"""The goods of the demonstration shop: names, identifiers as 1C makes them, names of pictures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count, repeat
from random import Random
from typing import Final
from uuid import UUID

ASSORTMENT: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "Игровые виды спорта": (
        ("FB-1051", "Мяч футбольный СТАРТ Classic, размер 5, белый"),
        ("FB-1042", "Мяч футбольный СТАРТ Junior, размер 4, синий"),
        ("VB-2207", "Мяч волейбольный VOLNA Beach, мягкая камера"),
        ("BB-3170", "Мяч баскетбольный СТАРТ Street, размер 7"),
        ("RB-4011", "Ракетка для бадминтона VOLNA Aero 70, чехол в комплекте"),
        ("RT-4120", "Ракетка для большого тенниса СТАРТ Court, 27 дюймов"),
        ("RT-4125", 'Ракетка теннисная детская СТАРТ "Юниор", 23 дюйма'),
        ("CN-5032", "Конус тренировочный 32 см, оранжевый"),
        ("CN-5018", "Конус тренировочный 18 см, набор 10 шт."),
        ("CN-5040", "Конус разметочный с отверстиями 40 см"),
    ),
    "Йога и фитнес": (
        ("YM-6103", "Коврик для йоги LOTOS PVC 173*61*0.3 см, фиолетовый"),
        ("YM-6106", "Коврик для йоги LOTOS TPE 183*61*0.6 см, двухцветный"),
        ("YM-6110", "Коврик для фитнеса LOTOS NBR 173*61*1.0 см, серый"),
        ("HP-6290", "Обруч гимнастический алюминиевый, диаметр 90 см"),
        ("HP-6275", "Обруч гимнастический стальной, диаметр 75 см"),
        ("HP-6311", "Обруч массажный разборный LOTOS Wave, 1.1 кг"),
        ("JR-6401", "Скакалка скоростная с подшипниками, трос 3 м"),
        ("JR-6402", "Скакалка гимнастическая цветная, 2.8 м"),
        ("JR-6405", "Скакалка со счётчиком прыжков СТАРТ Count"),
        ("FB-1065", "Мяч гимнастический LOTOS Fit, диаметр 65 см & насос"),
    ),
    "Силовые тренировки": (
        ("DB-7010", "Гантель виниловая 1 кг, розовая"),
        ("DB-7030", "Гантель виниловая 3 кг, голубая"),
        ("DB-7100", "Гантель гексагональная обрезиненная 10 кг"),
        ("KB-7208", "Гиря чугунная 8 кг, порошковая окраска"),
        ("KB-7216", "Гиря соревновательная стальная 16 кг"),
        ("KB-7224", "Гиря обрезиненная 24 кг"),
    ),
    "Награды и сувениры": (
        ("MA-01-gd", "Медаль для награждения, диаметр 5.2 см, 1-е место, цвет золото"),
        ("MA-02-sr", "Медаль для награждения, диаметр 5.2 см, 2-е место, цвет серебро"),
        ("MA-03-br", "Медаль для награждения, диаметр 5.2 см, 3-е место, цвет бронза"),
        ("CP-8121", "Кубок наградной 21 см, чаша металл, основание пластик"),
        ("CP-8134", "Кубок наградной с крышкой 34 см"),
    ),
    "Экипировка": (
        ("BT-9050", "Бутылка для воды спортивная 0.5 л, прозрачная"),
        ("BT-9075", "Бутылка для воды спортивная 0.75 л, с клапаном"),
        ("BG-9124", "Сумка спортивная СТАРТ Team, 24 л, чёрная"),
        ("BG-9138", "Сумка спортивная СТАРТ Team, 38 л, отделение для обуви"),
        ("BG-9105", "Сумка-мешок для сменной обуви, 5 л"),
    ),
}
"""Groups of goods, each with the article numbers and the names of its goods."""

NEWCOMER: Final = ("Награды и сувениры", "CP-8155", "Кубок наградной для командного зачёта 55 см")
"""The group, the article number and the name of what the shop takes up later."""

PICTURES_PER_PRODUCT: Final[Mapping[int, int]] = {1: 5, 2: 15, 3: 3, 4: 11, 5: 2}
"""How many products have one picture, two pictures and so on: the distribution of a real shop."""

PNG_SERIALS: Final = range(9, 98, 19)
JPEG_SERIALS: Final = range(23, 98, 47)
"""Which of the 98 pictures are not jpg: about as many as in a real shop."""

SUCCESSOR_SHARE: Final = 0.4
NODES: Final = (0x00155D3CAE02, 0x00155D87F90D, 0x04421A23D8E8, 0xFA163E775E1F, 0xFA163EA88911)
TIMES_HIGH: Final = (0x11E9, 0x11EA, 0x11EB, 0x11EC, 0x11ED, 0x11EE, 0x11EF, 0x11F0)
ONE_TICK: Final = 1 << 96


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """A product of the demonstration shop; ``pictures`` are file names in catalogue order."""

    onec_id: str
    name: str
    pictures: tuple[str, ...]
    article: str
    group: str

    @property
    def shard(self) -> str:
        """The name of the directory below the image root in which the pictures lie."""
        return self.onec_id[:2]


def stock(seed: int) -> tuple[DemoProduct, ...]:
    """Return the goods with identifiers and names of pictures; the same for the same seed."""
    source = Random(seed)
    goods = [(group, *row) for group, rows in ASSORTMENT.items() for row in rows]
    onec_ids = list(_identifiers(source, len(goods)))
    pictures = _pictures(source, onec_ids)
    return tuple(
        DemoProduct(onec_id, f"{title} {article}", names, article, group)
        for (group, article, title), onec_id, names in zip(goods, onec_ids, pictures, strict=True)
    )


def newcomer(seed: int) -> DemoProduct:
    """Return a product that is not in the stock, with one picture; the same for the same seed."""
    group, article, title = NEWCOMER
    onec_id = identifier(Random(f"{article} {seed}"))
    return DemoProduct(onec_id, f"{title} {article}", (added_picture(onec_id, 1),), article, group)


def added_picture(onec_id: str, number: int) -> str:
    """Return the file name of a picture that the product ``onec_id`` gets later, told apart by ``number``."""
    return picture_name(onec_id, identifier(Random(f"{onec_id} {number}")), "jpg")


def identifier(source: Random) -> str:
    """Return a new lower-case UUID that looks like those of 1C: version 1, of one of a few servers."""
    low, middle, high = source.getrandbits(32), source.getrandbits(16), source.choice(TIMES_HIGH)
    clock_high, clock_low = 0x80 | source.getrandbits(6), source.getrandbits(8)
    return str(UUID(fields=(low, middle, high, clock_high, clock_low, source.choice(NODES))))


def picture_name(onec_id: str, image: str, extension: str) -> str:
    """Return the file name that 1C gives to the picture ``image`` of the product ``onec_id``."""
    return f"{onec_id}_{image}.{extension}"


def _identifiers(source: Random, amount: int) -> Iterator[str]:
    # 1C numbers what is entered in one go one after the other: many real identifiers differ in one digit.
    latest = identifier(source)
    for _ in range(amount):
        yield latest
        latest = _successor(latest) if source.random() < SUCCESSOR_SHARE else identifier(source)


def _successor(latest: str) -> str:
    return str(UUID(int=(UUID(latest).int + ONE_TICK) % (1 << 128)))


def _pictures(source: Random, onec_ids: list[str]) -> Iterator[tuple[str, ...]]:
    amounts = list(chain.from_iterable(repeat(*item) for item in PICTURES_PER_PRODUCT.items()))
    source.shuffle(amounts)
    serial = count()
    for onec_id, amount in zip(onec_ids, amounts, strict=True):
        images = list(_identifiers(source, amount))
        source.shuffle(images)
        yield tuple(picture_name(onec_id, image, _extension(next(serial))) for image in images)


def _extension(serial: int) -> str:
    if serial in PNG_SERIALS:
        return "png"
    return "jpeg" if serial in JPEG_SERIALS else "jpg"
