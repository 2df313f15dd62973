"""Exchanges and rows made by chance, changed by chance, and imported again and again."""

import os
import random
from collections.abc import Callable

import pytest
from support.oracle import Terms, check, expected
from support.workshop import Workshop

_ROUNDS = 3
_SIGNS = "abcXYZ019-_.%~ #é[Яж"


class Chance:
    """What staff, 1C and rsync may do to a shop."""

    def __init__(self, workshop: Workshop, seed: int) -> None:
        self.random = random.Random(seed)
        self.workshop = workshop
        self.catalogue: dict[str, list[str]] = {}
        self.ids = sorted(self._keys(14))
        self.random.shuffle(self.ids)
        self.number = 0

    def _keys(self, amount: int) -> set[str]:
        """Make up onec_ids, many of which begin alike or share a key."""
        keys = {"12", "12_3", "123", "7", "Код-001", "12_3_4"}
        while len(keys) < amount:
            kind = self.random.randrange(3)
            known = self.random.choice(sorted(keys))
            if kind == 0:
                key = "".join(self.random.choices("0123456789abcdef", k=32))
                key = "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))
                key = self.random.choice((key, key.upper()))
            elif kind in {1, 2}:
                key = f"{known}#{self.random.randrange(9)}"
            elif kind == 3:
                key = f"{known.split('#')[0]}_{self.random.choice(_SIGNS[:9])}"
            else:
                key = "".join(self.random.choices(_SIGNS, k=self.random.randint(1, 5)))
            keys.add(key)
        return keys

    def insert(self) -> None:
        """Put most of the products into the database."""
        later = self.ids[-3:]
        for onec_id in self.ids:
            if onec_id not in later:
                self._insert_one(onec_id)
        self.workshop.product(None)
        self.ids_to_come = later

    def _insert_one(self, onec_id: str) -> None:
        chosen = self.random.random()
        main = self.random.choice(["", None, "products/placeholder.png", "uploads/main.jpg"])
        gallery = ["uploads/one.jpg"] if chosen < 0.3 else []
        self.workshop.product(onec_id, main, gallery, is_active=self.random.random() > 0.15)

    def name(self) -> str:
        """Make up a name that begins with a key, or with something alike."""
        key = self.random.choice(self.ids).split("#")[0].replace("/", "")
        if self.random.random() < 0.15:
            key = self.random.choice([key.swapcase(), key[:-1], f"{key}x", f"{key}_3"])
        tail = self.random.choice(["", "_a", "_b", "_1", "_Б", "_x_y", "_3_a", "_"])
        return f"{key}{tail}.{self.random.choice(['jpg', 'jpg', 'png', 'JPEG', 'gif', 'jpg.tmp'])}"

    def place(self, name: str) -> str:
        """Make up where a picture lies."""
        return self.random.choice([name, f"{name[:2]}/{name}", f"zz/{name}"])

    def content(self) -> bytes:
        """Make up content, often of a size that another has."""
        self.number += 1
        return f"{self.number:06}".encode() * self.random.choice([1, 1, 1, 5, 20_000])

    def mtime_ns(self) -> int:
        """Make up a time of change, often one that another file has."""
        return 10**18 + self.random.randrange(3)

    def change(self, amount: int) -> None:
        """Change the exchange, the rows, the media and the catalogue a number of times."""
        deeds: list[Callable[[], None]] = [self.send, self.send, self.send_many]
        deeds += [self.send_again, self.replace, self.move, self.remove, self.touch, self.refuse]
        deeds += [
            self.edit,
            self.take_off,
            self.clear,
            self.age_path,
            self.switch,
            self.add,
            self.spoil,
            self.lose,
        ]
        for _ in range(amount):
            self.random.choice(deeds)()

    def there(self) -> str | None:
        """Choose a regular file of the exchange."""
        root = self.workshop.root
        files = sorted(str(path.relative_to(root)) for path in root.rglob("*.*") if path.is_file())
        return self.random.choice(files) if files else None

    def send(self) -> None:
        path = self.workshop.root / self.place(self.name())
        if not path.is_dir():
            self.workshop.picture(
                str(path.relative_to(self.workshop.root)), self.content(), mtime_ns=self.mtime_ns()
            )

    def send_many(self) -> None:
        for _ in range(5):
            self.send()

    def send_again(self) -> None:
        """Send the same content once more, as rsync does."""
        if path := self.there():
            source = self.workshop.root / path
            content, mtime_ns = source.read_bytes(), source.stat().st_mtime_ns
            source.unlink()
            self.workshop.picture(path, content, mtime_ns=mtime_ns)

    def replace(self) -> None:
        """Send other content of the same size, perhaps with the same mtime."""
        if path := self.there():
            source = self.workshop.root / path
            mtime_ns = self.random.choice([source.stat().st_mtime_ns, self.mtime_ns()])
            self.workshop.picture(path, source.read_bytes()[::-1], mtime_ns=mtime_ns)

    def move(self) -> None:
        if path := self.there():
            target = self.workshop.root / self.place(os.path.basename(path))
            target.parent.mkdir(exist_ok=True)
            if not target.is_dir():
                (self.workshop.root / path).rename(target)

    def remove(self) -> None:
        if path := self.there():
            (self.workshop.root / path).unlink()

    def touch(self) -> None:
        if path := self.there():
            os.utime(self.workshop.root / path, ns=(10**18, self.mtime_ns()))

    def refuse(self) -> None:
        """Put something where a picture might be that is none."""
        path = self.workshop.root / self.place(self.name())
        path.parent.mkdir(exist_ok=True)
        if os.path.lexists(path):
            return
        kind = self.random.randrange(3)
        if kind == 0:
            path.touch()
        elif kind == 1:
            path.symlink_to("elsewhere")
        else:
            path.mkdir()

    def _any_row(self) -> tuple[str, str | None, list[str]]:
        row = self.random.choice([row for row in self.workshop.rows() if row.onec_id])
        return str(row.onec_id), row.main_image, list(row.gallery_images or [])

    def edit(self) -> None:
        """Let staff put a picture of their own somewhere."""
        onec_id, main, gallery = self._any_row()
        gallery.insert(self.random.randint(0, len(gallery)), f"uploads/{self.random.randrange(20)}.jpg")
        self.workshop.set_row(onec_id, main, gallery)

    def take_off(self) -> None:
        onec_id, main, gallery = self._any_row()
        if gallery:
            del gallery[self.random.randrange(len(gallery))]
            self.workshop.set_row(onec_id, main, gallery)

    def clear(self) -> None:
        """Let staff take the main image off."""
        onec_id, _, gallery = self._any_row()
        self.workshop.set_row(onec_id, self.random.choice([None, "", "products/placeholder.png"]), gallery)

    def age_path(self) -> None:
        """Let an entry have the form that paths once had."""
        onec_id, main, gallery = self._any_row()
        if gallery:
            at = self.random.randrange(len(gallery))
            if gallery[at].startswith("products/") and (self.workshop.root / gallery[at][9:]).is_file():
                gallery[at] = f"products/{os.path.basename(gallery[at])}"
                self.workshop.set_row(onec_id, main, gallery)

    def switch(self) -> None:
        onec_id, _, _ = self._any_row()
        self.workshop.database.execute(
            "UPDATE products SET is_active = NOT is_active WHERE onec_id = ?", onec_id
        )

    def add(self) -> None:
        if self.ids_to_come:
            self._insert_one(self.ids_to_come.pop())

    def spoil(self) -> None:
        """Change a copy."""
        if copies := sorted(self.workshop.stored()):
            copy = self.workshop.media / self.random.choice(copies)
            copy.write_bytes(b"spoilt" * self.random.choice([1, 5, 20_000]))

    def lose(self) -> None:
        """Lose a copy."""
        if copies := sorted(self.workshop.stored()):
            (self.workshop.media / self.random.choice(copies)).unlink()

    def load_catalogue(self) -> None:
        """Name the pictures of some products in some order."""
        rows = {str(row.onec_id) for row in self.workshop.rows() if row.onec_id and row.is_active}
        shuffled: dict[str, list[str]] = {}
        for onec_id in sorted(rows):
            if self.random.random() < 0.4 and onec_id == onec_id.strip():
                key = onec_id.split("#")[0]
                files = self.workshop.root.rglob("*.*")
                mine = sorted({path.name for path in files if path.name.startswith(f"{key}_")})
                self.random.shuffle(mine)
                shuffled[onec_id] = [*mine[: self.random.randint(0, 3)], f"{key}_to_come.jpg"]
        self.workshop.catalogue(
            {onec_id: [f"zz/{name}" for name in names] for onec_id, names in shuffled.items()}
        )
        result = self.workshop.run("catalog")
        assert result.status == 0, result.stderr
        self.catalogue |= shuffled


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("composition", ["append", "mirror"])
def test_whatever_happens_the_media_and_the_rows_are_what_they_must_be(
    workshop: Workshop, composition: str, seed: int
) -> None:
    chance = Chance(workshop, seed)
    workshop.configure("import", composition=composition, chunk_size=chance.random.choice([1, 3, 100]))
    workshop.configure("media", durable=chance.random.random() < 0.3)
    chance.insert()
    for number in range(_ROUNDS):
        chance.change(40 if number == 0 else 12)
        if chance.random.random() < 0.6:
            chance.load_catalogue()
        checksum = number == _ROUNDS - 1
        terms = Terms(mirror=composition == "mirror", checksum=checksum)
        before, foreseen = workshop.rows(), expected(workshop, chance.catalogue, terms)
        result = workshop.run("import", "--json", *(["--checksum"] if checksum else []))
        assert result.status == (3 if foreseen.refused else 0), result.stderr
        check(workshop, before, foreseen, result.figures)
