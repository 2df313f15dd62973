"""The demonstration: a small sports shop whose 1C sends an exchange with real little pictures."""

from daemon.demo.exchange import Exchange, build, change, drop
from daemon.demo.goods import DemoProduct
from daemon.demo.pictures import draw

__all__ = ["DemoProduct", "Exchange", "build", "change", "draw", "drop"]
