"""The demonstration: a small sports shop whose 1C sends an exchange with real little pictures."""

from daemon.demo.exchange import Exchange, add_catalogue, build, change, drop
from daemon.demo.goods import DemoProduct, newcomer
from daemon.demo.pictures import draw

__all__ = ["DemoProduct", "Exchange", "add_catalogue", "build", "change", "draw", "drop", "newcomer"]
