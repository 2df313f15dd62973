"""Pictures of the demonstration goods: small, quick to draw, each different from the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Final, Literal, TypeAlias, assert_never
from zlib import crc32

from PIL import Image, ImageColor, ImageDraw, ImageFont, ImageOps

SIZE: Final = (320, 240)
GOODS_SIDE: Final = 184
GOODS_TOP: Final = 8
CAPTION_HEIGHT: Final = 36
TURN_DEGREES: Final = 23
HUE_STEP: Final = 37
FORMATS: Final[Mapping[str, str]] = {"jpg": "JPEG", "jpeg": "JPEG", "png": "PNG"}

Kind: TypeAlias = Literal["oval", "ring", "block", "polygon", "line", "arc"]
Tone: TypeAlias = Literal["main", "light", "dark"]
Colour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a drawing on a board of 100 by 100; ``points`` are x, y, x, y and so on."""

    kind: Kind
    tone: Tone
    points: tuple[int, ...]
    width: int = 3
    span: tuple[int, int] = (0, 360)


STRINGS: Final = ((-14, 22), (-7, 26), (0, 27), (7, 26), (14, 22))
CROSS_STRINGS: Final = ((-18, 17), (-9, 21), (0, 23), (9, 21), (18, 17))
STAR: Final = (50, 52, 54, 62, 64, 63, 56, 69, 59, 79, 50, 73, 41, 79, 44, 69, 36, 63, 46, 62)

DRAWINGS: Final[Mapping[str, tuple[Part, ...]]] = {
    "Мяч": (
        Part("oval", "main", (12, 12, 88, 88)),
        Part("polygon", "dark", (50, 36, 64, 46, 59, 62, 41, 62, 36, 46)),
        Part("line", "dark", (50, 36, 50, 13)),
        Part("line", "dark", (64, 46, 86, 39)),
        Part("line", "dark", (59, 62, 72, 80)),
        Part("line", "dark", (41, 62, 28, 80)),
        Part("line", "dark", (36, 46, 14, 39)),
        Part("arc", "light", (20, 20, 80, 80), 3, (200, 250)),
    ),
    "Ракетка": (
        Part("oval", "light", (26, 6, 74, 62)),
        *(Part("line", "main", (50 + x, 34 - y, 50 + x, 34 + y), 1) for x, y in STRINGS),
        *(Part("line", "main", (50 - y, 34 + x, 50 + y, 34 + x), 1) for x, y in CROSS_STRINGS),
        Part("ring", "dark", (26, 6, 74, 62), 4),
        Part("line", "dark", (50, 61, 50, 72), 5),
        Part("block", "main", (45, 70, 55, 96)),
    ),
    "Конус": (
        Part("polygon", "main", (45, 10, 55, 10, 76, 80, 24, 80)),
        Part("polygon", "light", (39, 30, 61, 30, 67, 50, 33, 50)),
        Part("block", "dark", (12, 80, 88, 90)),
    ),
    "Коврик": (
        Part("polygon", "main", (30, 26, 92, 26, 80, 78, 18, 78)),
        *(Part("line", "light", (31 + x, 32, 21 + x, 74), 1) for x in (8, 20, 32, 44)),
        Part("block", "dark", (10, 70, 84, 86), 8),
        Part("oval", "light", (12, 72, 24, 84)),
        Part("ring", "dark", (15, 75, 21, 81), 2),
    ),
    "Обруч": (
        Part("ring", "main", (10, 10, 90, 90), 9),
        *(Part("arc", "light", (10, 10, 90, 90), 9, (at, at + 18)) for at in range(0, 360, 60)),
    ),
    "Скакалка": (
        Part("arc", "dark", (22, 12, 78, 92), 3, (0, 180)),
        Part("line", "dark", (23, 52, 23, 36), 3),
        Part("line", "dark", (77, 52, 77, 36), 3),
        Part("block", "main", (18, 10, 28, 44)),
        Part("block", "main", (72, 10, 82, 44)),
        Part("line", "light", (19, 18, 27, 18), 2),
        Part("line", "light", (73, 18, 81, 18), 2),
    ),
    "Гантель": (
        Part("block", "light", (20, 45, 80, 55)),
        Part("block", "main", (12, 26, 28, 74)),
        Part("block", "main", (72, 26, 88, 74)),
        Part("block", "dark", (5, 35, 14, 65)),
        Part("block", "dark", (86, 35, 95, 65)),
    ),
    "Гиря": (
        Part("ring", "dark", (28, 8, 72, 56), 9),
        Part("oval", "main", (16, 34, 84, 94)),
        Part("oval", "light", (36, 48, 64, 76)),
    ),
    "Медаль": (
        Part("polygon", "dark", (22, 4, 40, 4, 58, 42, 44, 48)),
        Part("polygon", "light", (78, 4, 60, 4, 42, 42, 56, 48)),
        Part("oval", "main", (24, 40, 76, 92)),
        Part("ring", "dark", (30, 46, 70, 86), 2),
        Part("polygon", "light", STAR),
    ),
    "Кубок": (
        Part("ring", "dark", (10, 14, 46, 50), 5),
        Part("ring", "dark", (54, 14, 90, 50), 5),
        Part("polygon", "main", (24, 8, 76, 8, 68, 48, 54, 60, 46, 60, 32, 48)),
        Part("polygon", "light", (32, 14, 38, 14, 42, 46, 38, 46)),
        Part("block", "main", (46, 58, 54, 78)),
        Part("block", "dark", (30, 76, 70, 94)),
    ),
    "Бутылка": (
        Part("block", "dark", (42, 4, 58, 16)),
        Part("polygon", "main", (42, 16, 58, 16, 70, 32, 30, 32)),
        Part("block", "main", (30, 28, 70, 96), 6),
        Part("block", "light", (30, 46, 70, 74), 0),
        Part("line", "dark", (36, 60, 64, 60), 2),
    ),
    "Сумка": (
        Part("arc", "dark", (30, 14, 70, 66), 4, (180, 360)),
        Part("block", "main", (8, 38, 92, 84), 8),
        Part("block", "light", (30, 56, 70, 76)),
        Part("line", "dark", (12, 48, 88, 48), 2),
    ),
}
"""How goods are drawn, by the first word of their names."""

PARCEL: Final = (
    Part("block", "main", (14, 22, 86, 88)),
    Part("block", "light", (42, 22, 58, 88), 0),
    Part("line", "dark", (14, 42, 86, 42), 2),
)
"""How goods are drawn that have no drawing of their own."""


def draw(name: str, number: int, *, image_format: str) -> bytes:
    """Return the picture ``number`` (from 1) of the product ``name`` as ``jpg``, ``jpeg`` or ``png``.

    Its last word, the article number, and ``number`` stand below the goods; the same arguments give
    the same picture. Raises ``ValueError`` for another format.
    """
    image = _backdrop(_colour(name, 86))
    goods = _goods(name).rotate(TURN_DEGREES * (1 - number), Image.Resampling.BILINEAR).reduce(2)
    image.paste(goods, ((SIZE[0] - goods.width) // 2, GOODS_TOP), goods)
    _write_caption(image, _caption(name, number), _colour(name, 25))
    return _encode(image, image_format)


def recolour(content: bytes, *, image_format: str) -> bytes:
    """Return the drawn picture ``content`` in other colours, as ``draw`` does; each time it differs."""
    with Image.open(BytesIO(content)) as image:
        hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(shade + HUE_STEP) % 256 for shade in range(256)])
    return _encode(Image.merge("HSV", (turned, saturation, value)).convert("RGB"), image_format)


def _encode(image: Image.Image, image_format: str) -> bytes:
    if image_format not in FORMATS:
        message = f"No picture can be drawn as {image_format!r}; choose one of {', '.join(FORMATS)}."
        raise ValueError(message)
    target = BytesIO()
    image.save(target, FORMATS[image_format], quality=88)
    return target.getvalue()


def _colour(name: str, lightness: int, *, turn: int = 0) -> Colour:
    hue = (crc32(name.encode()) + turn) % 360
    red, green, blue, *_ = ImageColor.getrgb(f"hsl({hue}, 48%, {lightness}%)")
    return red, green, blue


def _backdrop(colour: Colour) -> Image.Image:
    gradient = Image.linear_gradient("L").resize(SIZE)
    return ImageOps.colorize(gradient, black=(252, 252, 252), white=colour)


def _goods(name: str) -> Image.Image:
    # Pillow draws without smoothing: twice the size, reduced afterwards, gives clean edges.
    board = Image.new("RGBA", (2 * GOODS_SIDE, 2 * GOODS_SIDE))
    brush = ImageDraw.Draw(board)
    tones: dict[Tone, Colour] = {
        "main": _colour(name, 52, turn=150),
        "light": _colour(name, 82, turn=150),
        "dark": _colour(name, 28, turn=150),
    }
    for part in DRAWINGS.get(name.partition(" ")[0], PARCEL):
        _draw_part(brush, part, tones[part.tone])
    return board


def _draw_part(brush: ImageDraw.ImageDraw, part: Part, colour: Colour) -> None:
    scale = 2 * GOODS_SIDE / 100
    points = [scale * point for point in part.points]
    width = round(scale * part.width)
    match part.kind:
        case "oval":
            brush.ellipse(points, fill=colour)
        case "ring":
            brush.ellipse(points, outline=colour, width=width)
        case "block":
            brush.rounded_rectangle(points, radius=width, fill=colour)
        case "polygon":
            brush.polygon(points, fill=colour)
        case "line":
            brush.line(points, fill=colour, width=width)
        case "arc":
            brush.arc(points, *part.span, fill=colour, width=width)
        case _:
            assert_never(part.kind)


def _caption(name: str, number: int) -> str:
    # The font that comes with Pillow has no Cyrillic letters; article numbers do without them.
    article = "".join(letter for letter in name.rpartition(" ")[-1] if letter.isascii())
    return f"{article} · {number}".removeprefix(" · ")


def _write_caption(image: Image.Image, caption: str, colour: Colour) -> None:
    middle = (SIZE[0] / 2, SIZE[1] - CAPTION_HEIGHT / 2)
    ImageDraw.Draw(image).text(middle, caption, fill=colour, font=_font(), anchor="mm")


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(22)
