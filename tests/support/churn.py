"""A day of an exchange and its shop in which everything goes wrong, drawn from a seed."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from support import sql
from support.daemon_process import Daemon, daemon
from support.triggers import Content, Triggers
from support.upshot import whole
from support.watching import exchange
from support.workshop import Workshop

_IDS = [
    "7",
    "12",
    "12_3",
    "Код-001",
    "001a16a4-b810-11ed-860f-fa163edba792",
    "ff26507c-0000-11ed-860f-000000000001",
]
_SHARDS = ["00", "ff", "12", "zz", "aa", "Ко"]
_LATE = ["late1", "late2", "late3"]
_END = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE application_name LIKE 'onec-images%' AND datname = current_database()"
)

Deed = Callable[[], None]


class Churn:
    """Does things to a shop and to its service, each name of a picture being in one place at a time."""

    def __init__(self, workshop: Workshop, seed: int) -> None:
        """Given a shop without products, and the seed from which everything follows."""
        self.random = random.Random(seed)
        self.workshop = workshop
        self.stage = workshop.place / "stage"
        self.stage.mkdir()
        self.number = 0
        self.done: list[str] = []
        self.to_come = list(_LATE)
        self._opened = ExitStack()
        workshop.products(*_IDS)
        self.service = self._started()

    def _started(self) -> Daemon:
        return self._opened.enter_context(daemon(self.workshop))

    def close(self) -> None:
        """End the service."""
        self._opened.close()

    # what is there

    def name(self) -> str:
        """Make up a name that there was not before."""
        self.number += 1
        key = self.random.choice([*_IDS, *_LATE, "nobody"])
        return f"{key}_{self.number:05}.{self.random.choice(['jpg', 'png', 'JPEG'])}"

    def content(self) -> bytes:
        """Make up content, mostly of the same size."""
        self.number += 1
        return whole(b"%08d" % self.number * self.random.choice([1, 1, 1, 30_000]))

    def place(self) -> Path:
        """Choose a directory of the image root, which is made where it is missing."""
        chosen = self.random.choice([self.workshop.root, *(self.workshop.root / name for name in _SHARDS)])
        chosen.mkdir(parents=True, exist_ok=True)
        return chosen

    def there(self) -> Path | None:
        """Choose a picture that is there."""
        found = sorted(
            path for path in self.workshop.root.rglob("*_*.*") if path.is_file() and path.name[0] != "."
        )
        return self.random.choice(found) if found else None

    def away(self) -> Path:
        """Return a name beside the exchange."""
        self.number += 1
        return self.stage / f"away{self.number}"

    def write(self, path: Path) -> Path:
        """Write a picture."""
        path.write_bytes(self.content())
        return path

    # pictures

    def send(self) -> None:
        self.write(self.place() / self.name())

    def send_many(self) -> None:
        place = self.place()
        for _ in range(self.random.choice([5, 50])):
            self.write(place / self.name())

    def send_in_pieces(self) -> None:
        path, content = self.place() / self.name(), self.content()
        for at in range(0, len(content), len(content) // 4):
            with open(path, "ab") as file:
                file.write(content[at : at + len(content) // 4])

    def rename_in(self) -> None:
        self.write(self.away()).rename(self.place() / self.name())

    def rename_over(self) -> None:
        if former := self.there():
            old, other = former.stat(), self.write(self.away())
            os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
            other.rename(former)

    def rewrite(self) -> None:
        if former := self.there():
            self.write(former)

    def link(self) -> None:
        os.link(self.write(self.away()), self.place() / self.name())

    def move(self) -> None:
        if former := self.there():
            former.rename(self.place() / former.name)

    def remove(self) -> None:
        if former := self.there():
            former.unlink()

    def send_what_is_none(self) -> None:
        path, kind = self.place() / self.name(), self.random.randrange(5)
        if kind == 0:
            path.symlink_to("/etc/passwd")
        elif kind == 1:
            os.mkfifo(path)
        elif kind == 2:
            path.mkdir()
        elif kind == 3:
            path.touch()
        else:
            (path.parent / os.fsdecode(b"7_\xff%d.jpg" % self.number)).write_bytes(b"x")

    # directories

    def fill(self) -> None:
        place = self.away()
        place.mkdir()
        for _ in range(10):
            self.write(place / self.name())
        target = self.workshop.root / self.random.choice(_SHARDS)
        if self.workshop.root.is_dir() and not target.exists():
            place.rename(target)

    def empty(self) -> None:
        shutil.rmtree(self.place()) if self.random.random() < 0.8 else shutil.rmtree(
            self.workshop.exchange / "goods"
        )

    def rename(self) -> None:
        one, other = (self.workshop.root / name for name in self.random.sample(_SHARDS, 2))
        if one.is_dir() and not other.exists():
            one.rename(other)

    def exchange(self) -> None:
        one, other = (self.workshop.root / name for name in self.random.sample(_SHARDS, 2))
        if one.is_dir() and other.is_dir():
            exchange(one, other)

    def out_and_back(self) -> None:
        place, away = self.place(), self.away()
        place.rename(away)
        self.write(away / self.name())
        self.pause()
        if not place.exists() and place.parent.is_dir():
            away.rename(place)

    def out_and_again(self) -> None:
        place, away = self.place(), self.away()
        place.rename(away)
        place.mkdir()
        shutil.rmtree(place)
        shutil.rmtree(away)
        place.mkdir()
        self.write(place / self.name())

    def replace_root(self) -> None:
        root, other = self.workshop.root, self.away()
        root.mkdir(parents=True, exist_ok=True)
        (other / "00").mkdir(parents=True)
        self.write(other / "00" / self.name())
        root.rename(self.away())
        self.pause()
        other.rename(root)

    def exchange_goes_and_comes(self) -> None:
        away = self.away()
        self.workshop.exchange.rename(away)
        self.pause()
        away.rename(self.workshop.exchange)

    def mount(self) -> None:
        """Mount an empty file system over the root for a moment."""
        root = self.workshop.root
        root.mkdir(parents=True, exist_ok=True)
        if subprocess.run(
            ["mount", "-t", "tmpfs", "tmpfs", root], check=False, capture_output=True
        ).returncode:
            return
        self.write(root / self.name())
        self.pause()
        subprocess.run(["umount", "--lazy", root], check=True)
        self.write(root / self.name())

    # the shop

    def product_comes(self) -> None:
        if self.to_come:
            self.workshop.products(self.to_come.pop())

    def switch(self) -> None:
        key = self.random.choice(_IDS)
        self.workshop.database.execute("UPDATE products SET is_active = ? WHERE onec_id = ?", False, key)
        self.pause()
        self.workshop.database.execute("UPDATE products SET is_active = ? WHERE onec_id = ?", True, key)

    def edit(self) -> None:
        row = self.workshop.row(self.random.choice(_IDS))
        entries = [f"uploads/{self.number}.jpg", *(row.gallery_images or [])]
        self.workshop.set_row(str(row.onec_id), row.main_image, entries)

    def hold_rows(self) -> None:
        statements = [] if self.workshop.database.is_sqlite else ["SELECT * FROM products FOR UPDATE"]
        with sql.transaction(self.workshop.database.url, *statements):
            self.send_many()
            time.sleep(self.random.choice([0.2, 1.0]))

    def end_connections(self) -> None:
        if not self.workshop.database.is_sqlite:
            sql.execute(self.workshop.database.url, _END)

    # the service

    def halt(self) -> None:
        self.service.running.signal(signal.SIGSTOP)
        for _ in range(self.random.randint(1, 6)):
            self.random.choice(self._deeds_to_the_tree())()
        self.service.running.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.service.kill()
        self.random.choice(self._deeds_to_the_tree())()
        self.service = self._started()

    def stop(self) -> None:
        self.service.stop(within=15)
        self.random.choice(self._deeds_to_the_tree())()
        self.service = self._started()

    def reload(self) -> None:
        self.service.running.signal(signal.SIGHUP)

    def trigger(self) -> None:
        contents: list[Content] = [
            "",
            "images",
            "{",
            {"onec_ids": ["7"]},
            {"checksum": True},
            {"import_type": "catalog"},
            "[" * 9_000,
        ]
        self.workshop.exchange.mkdir(exist_ok=True)
        Triggers(self.workshop).drop(self.random.choice(contents))

    def pause(self) -> None:
        time.sleep(self.random.choice([0, 0.02, 0.3, 1.2]))

    # all together

    def _deeds_to_the_tree(self) -> list[Deed]:
        pictures = [
            self.send,
            self.send_many,
            self.send_in_pieces,
            self.rename_in,
            self.rename_over,
            self.rewrite,
        ]
        pictures += [self.link, self.move, self.remove, self.send_what_is_none]
        directories = [
            self.fill,
            self.empty,
            self.rename,
            self.exchange,
            self.out_and_back,
            self.out_and_again,
        ]
        return [*pictures, *pictures, *directories, self.replace_root, self.exchange_goes_and_comes]

    def deeds(self) -> list[Deed]:
        """Return all there are, the usual ones several times."""
        shop = [self.product_comes, self.switch, self.edit, self.hold_rows, self.end_connections, self.mount]
        service = [self.halt, self.kill, self.stop, self.reload, self.trigger]
        return [*self._deeds_to_the_tree(), *self._deeds_to_the_tree(), *shop, *service, self.pause]

    def go_on(self, seconds: float) -> None:
        """Do one thing after the other for so long, and end with an image root and every product."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            deed = self.random.choice(self.deeds())
            self.done.append(deed.__name__)
            with suppress(FileNotFoundError, NotADirectoryError):  # of what another deed has taken away
                deed()
        self.workshop.root.mkdir(parents=True, exist_ok=True)
        while self.to_come:
            self.product_comes()
        self.write(self.workshop.root / f"7_{self.number + 1:05}.jpg")
