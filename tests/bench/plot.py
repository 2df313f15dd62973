"""A plot of how the time of an import grows with the number of products."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_SIZE = (960, 640)
_LEFT, _TOP, _RIGHT, _BOTTOM = 90, 50, 915, 570
_COLOURS = ("#1f6fb2", "#c8502a", "#3b8f4a", "#8a4fa3")
_GRID = "#dddddd"
_INK = "#222222"
_DOT = 4

_Font = ImageFont.ImageFont | ImageFont.FreeTypeFont

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    """A logarithmic scale of whole decades, from one pixel to another."""

    low: int
    high: int
    begin: int
    end: int

    @classmethod
    def over(cls, values: Sequence[float], begin: int, end: int) -> "_Axis":
        low = math.floor(math.log10(min(values)))
        return cls(low, max(math.ceil(math.log10(max(values))), low + 1), begin, end)

    def place(self, value: float) -> float:
        part = (math.log10(value) - self.low) / (self.high - self.low)
        return self.begin + part * (self.end - self.begin)

    def decades(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def plot(file: Path, title: str, lines: Mapping[str, Points]) -> None:
    """Given lines of (products, seconds), write a PNG in which a straight line of slope 1 is linear growth."""
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(16)
    points = [point for line in lines.values() for point in line]
    across = _Axis.over([x for x, _ in points], _LEFT, _RIGHT)
    up = _Axis.over([y for _, y in points], _BOTTOM, _TOP)
    draw.text((_LEFT, 15), title, _INK, font)
    _draw_grid(draw, font, across, up)
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(across.place(x), up.place(y)) for x, y in line]
        draw.line(places, colour, 2)
        for x, y in places:
            draw.ellipse((x - _DOT, y - _DOT, x + _DOT, y + _DOT), colour)
        draw.text((_LEFT + 15, _TOP + 10 + 22 * number), name, colour, font)
    image.save(file)


def _draw_grid(draw: ImageDraw.ImageDraw, font: _Font, across: _Axis, up: _Axis) -> None:
    for value in across.decades():
        x = across.place(value)
        draw.line((x, _TOP, x, _BOTTOM), _GRID)
        draw.text((x, _BOTTOM + 8), f"{value:,.0f}", _INK, font, anchor="ma")
    for value in up.decades():
        y = up.place(value)
        draw.line((_LEFT, y, _RIGHT, y), _GRID)
        draw.text((_LEFT - 8, y), f"{value:g} s", _INK, font, anchor="rm")
    draw.text(((_LEFT + _RIGHT) / 2, _BOTTOM + 35), "products", _INK, font, anchor="ma")
