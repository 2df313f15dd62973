"""How one import is done."""

from dataclasses import dataclass
from pathlib import Path

from daemon.composition import Rules
from daemon.importer.delivery import Terms
from daemon.storing import Validate


@dataclass(frozen=True, slots=True)
class Plan:
    """Plain values from the configuration and the command line."""

    exchange: Path
    image_roots: tuple[str, ...]
    terms: Terms
    rules: Rules
    chunk_size: int  #: products
    workers: int  #: processes that deliver where there are many pictures; 1: none but this
    time_limit: float  #: seconds
    validate: Validate | None = None
    from_media: bool = False
    directories: frozenset[str] | None = None  #: of the image roots, where pictures are looked for; None: all
    waits_for_roots: bool = False  #: image roots that are not there are nothing to speak of
    sweeps: bool = True  #: what importers that died left in the media is removed first, which lists all of it
