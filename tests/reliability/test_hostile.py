"""Whoever writes to the exchange, drops triggers or fills rows does no harm beyond his own pictures."""

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from support import filesystems
from support.daemon_process import Daemon, daemon, eventually
from support.losses import Figures
from support.pictures import picture
from support.triggers import Content, Triggers
from support.upshot import Witness, assert_nothing_lost, whole
from support.workshop import Workshop, catalogue_text, paths

_SECRET = "hunter2"  # noqa: S105  nobody's
_SWAPPER = Path(__file__).parents[1] / "support" / "swapper.py"


def quick(workshop: Workshop) -> Workshop:
    """Return a shop in which pictures settle quickly, beside a secret."""
    workshop.configure("watch", settle=0.2, max_wait=3, retry_unmatched=0.5, reconcile_interval=0)
    outside = workshop.place / "outside"
    outside.mkdir(exist_ok=True)
    for name in ("7_secret.jpg", "7_a.jpg", "secret.jpg", "goods.xml"):
        (outside / name).write_text(_SECRET)
    return workshop


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    """Return such a shop, once with each kind of database."""
    return quick(workshop)


@pytest.fixture
def lite(lite: Workshop) -> Workshop:
    """Return such a shop on SQLite."""
    return quick(lite)


def assert_secret_is_kept(service: Daemon) -> None:
    """See that what lies outside is nowhere in the media, on the rows or in what the service says."""
    workshop = service.workshop
    assert all(_SECRET.encode() not in content for content in workshop.contents().values())
    assert _SECRET not in str(workshop.rows())
    assert _SECRET not in service.running.said_so_far()
    assert (workshop.place / "outside" / "secret.jpg").read_text() == _SECRET


def assert_alive(service: Daemon) -> None:
    """See that a service has not died, begun anew, or become degraded."""
    assert service.entries("work_failed") == []
    assert service.status["degraded"] is False


# The tree -------------------------------------------------------------------------------------------------


def _server(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        where = os.open(path.parent, os.O_PATH)
        server.bind(f"/proc/self/fd/{where}/{path.name}")
        os.close(where)


def _device(kind: int, major: int, minor: int) -> Callable[[Path], None]:
    return lambda path: os.mknod(path, kind | 0o666, os.makedev(major, minor))


def _full_directory(path: Path) -> None:
    path.mkdir()
    (path / "7_within.jpg").write_text(_SECRET)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


_OBJECTS: dict[str, Callable[[Path], object]] = {
    "a link to a secret": lambda path: path.symlink_to("../../../outside/secret.jpg"),
    "a link by its whole path": lambda path: path.symlink_to("/etc/passwd"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    "a fifo": os.mkfifo,
    "a socket": _server,
    "a character device": _device(stat.S_IFCHR, 1, 5),
    "a block device": _device(stat.S_IFBLK, 7, 0),
    "a directory": Path.mkdir,
    "a directory with a picture": _full_directory,
    "an empty file": Path.touch,
    "a file of a terabyte": _sparse,
}


@pytest.mark.fault("hostile files")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices")
def test_what_is_no_picture_is_never_followed_nor_waited_for(workshop: Workshop, figures: Figures) -> None:
    workshop.products("7", "8")
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        for number, (words, make) in enumerate(_OBJECTS.items()):
            for directory in ("", "7_"):
                (workshop.root / directory).mkdir(exist_ok=True)
                with figures.case():
                    make(workshop.root / directory / f"7_{number}{directory}.jpg")
                    assert (words, os.path.lexists(workshop.root / directory)) == (words, True)
            workshop.picture(f"8_{number}.jpg")
        assert_nothing_lost(service)
        assert workshop.named("7") == []
        assert len(workshop.named("8")) == len(_OBJECTS)
        assert_secret_is_kept(service)
        assert_alive(service)


_NAMES = [
    "7_" + "x" * (255 - 6) + ".jpg",
    "7_" + "é" * 124 + ".jpg",
    "7_\n\r\n{}.jpg",
    "7_\x1b[2J\x1b]0;owned\x07.jpg",
    "7_\u202egpj.exe.jpg",
    "7_%s%n%(id)s{0}.jpg",
    "7_'; DROP TABLE products; --.jpg",
    '7_"; DELETE FROM import_sessions; --.jpg',
    "7_\\..\\..\\secret.jpg",
    "7_..jpg",
    "7_ .jpg",
    "7_\x7f\x01.jpg",
    "7_$(reboot)`id`.jpg",
    "7_:param?.jpg",
    "7_<script>alert(1)<script>.jpg",
    os.fsdecode(b"7_\xff\xfe.jpg"),
    os.fsdecode(b"7_\xc0\xaf..\xc0\xafsecret.jpg"),
    os.fsdecode(b"\xed\xa0\x80_7.jpg"),
]


@pytest.mark.fault("hostile names")
def test_no_name_does_harm(workshop: Workshop, figures: Figures) -> None:
    workshop.products("7", "8")
    with daemon(workshop) as service:
        for name in _NAMES:
            with figures.case():
                workshop.picture(name, b"picture")
                workshop.picture(f"7_/{name}", b"picture")
        workshop.picture("8_a.jpg")
        assert_nothing_lost(service)
        assert workshop.named("8") == paths("8", "8_a.jpg")
        assert "\x1b" not in service.running.said_so_far()
        assert_alive(service)


@pytest.mark.fault("hostile links to directories")
@pytest.mark.parametrize("at", ["7_", "", "goods"])
def test_a_link_in_the_place_of_a_directory_leads_nowhere(lite: Workshop, figures: Figures, at: str) -> None:
    lite.products("7")
    place = {"7_": lite.root / "7_", "": lite.root, "goods": lite.exchange / "goods"}[at]
    (lite.place / "outside" / "import_files").mkdir()
    (lite.place / "outside" / "import_files" / "7_b.jpg").write_text(_SECRET)
    with daemon(lite) as service:
        service.wait_for_session(trigger="startup")
        for target in (lite.place / "outside", Path()):
            if place.is_dir():
                place.rename(lite.place / f"away{target.name}")
            place.symlink_to(target)
            time.sleep(1.5)
            with figures.case():
                assert_secret_is_kept(service)
                assert lite.named("7") == []
            place.unlink()
            lite.root.mkdir(parents=True, exist_ok=True)
        lite.picture("7_/7_whole.jpg")
        with figures.case():
            assert_nothing_lost(service)
        assert_secret_is_kept(service)


@pytest.mark.fault("a directory and a file that become links in the very moment")
def test_nothing_outside_is_ever_read_however_quickly_links_take_a_place(
    lite: Workshop, figures: Figures, is_long: bool
) -> None:
    """Another process exchanges a directory, and a file in another one, with links to a secret, all the time."""
    lite.products("7")
    lite.configure("import", chunk_size=1)
    kept, link = lite.picture("7_/7_a.jpg", whole(b"a")), lite.root / "lk"
    link.symlink_to(lite.place / "outside")
    own, other = lite.picture("zz/7_secret.jpg", whole(b"b")), lite.place / "link.jpg"
    other.symlink_to(lite.place / "outside" / "secret.jpg")
    swaps = [*(kept.parent, link), *(own, other)]
    with Witness(lite.media).watching(), daemon(lite) as service:
        with subprocess.Popen(
            [sys.executable, _SWAPPER, *swaps], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as swapper:
            until = time.monotonic() + (120 if is_long else 4)
            while time.monotonic() < until:
                lite.picture(f"yy/7_{figures.cases % 10}.jpg", whole(b"%d" % figures.cases))
                Triggers(lite).drop({"checksum": True})
                figures.tried()
                time.sleep(0.02)
            swapped, _ = swapper.communicate(b"\n")
        link.unlink()
        assert int(swapped) > 1000
        assert_nothing_lost(service)
        assert_secret_is_kept(service)
        figures.tried(int(swapped))


@pytest.mark.fault("times that no calendar has")
def test_files_of_impossible_times_are_files_like_others(workshop: Workshop, figures: Figures) -> None:
    workshop.products("7")
    with filesystems.small(workshop.exchange, "4m"), filesystems.small(workshop.media, "4m"):
        workshop.root.mkdir(parents=True)
        with daemon(workshop) as service:
            for number, seconds in enumerate([10**12, -(10**12), 2**40, -1, 0]):
                path = workshop.picture(f"7_{number}.jpg")
                undated = catalogue_text({"7": [], f"p{number}": []}, date="")
                (workshop.exchange / "goods" / f"goods{number}.xml").write_text(undated)
                for file in (path, workshop.exchange / "goods" / f"goods{number}.xml"):
                    os.utime(file, (seconds, seconds))
                figures.tried(2)
            assert_nothing_lost(service, {"7": []})
            eventually(lambda: len(workshop.rows()) == 6)
            assert_alive(service)
            service.stop()


# Pictures -------------------------------------------------------------------------------------------------


def _bomb() -> bytes:
    content = BytesIO()
    Image.new("1", (30_000, 30_000)).save(content, "PNG")
    return content.getvalue()


_PICTURES: dict[str, Callable[[], bytes]] = {
    "a bomb": _bomb,
    "half a picture": lambda: picture("JPEG")[:-300],
    "a page": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "an archive": lambda: b"PK\x03\x04" + bytes(1000),
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "zeros": lambda: bytes(10_000),
    "a beginning": lambda: b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "noise": lambda: os.urandom(10_000),
}


@pytest.mark.fault("hostile pictures")
def test_pictures_that_are_none_are_refused_where_they_are_validated(
    lite: Workshop, figures: Figures
) -> None:
    lite.configure("import", validate_images=True)
    lite.products("7", "8")
    with daemon(lite) as service:
        for number, make in enumerate(_PICTURES.values()):
            for extension in ("jpg", "png"):
                lite.picture(f"7_{number}.{extension}", make())
                figures.tried()
        lite.picture("8_a.jpg", picture("JPEG"))
        lite.picture("8_polyglot.jpg", picture("JPEG") + b"PK\x03\x04 and what not")
        eventually(lambda: len(lite.named("8")) == 2)
        service.wait_for_session(trigger="watch")
        eventually(lambda: service.status["pending"] == 0)
        assert lite.named("7") == []
        assert [path for path in lite.contents() if "/7_" in path] == []
        assert_alive(service)


# The catalogue --------------------------------------------------------------------------------------------


def _xml(body: str) -> bytes:
    return ('<?xml version="1.0" encoding="UTF-8"?>' + body).encode()


_LAUGHS = "".join(
    f'<!ENTITY l{n} "{"&l" + str(n - 1) + ";" if n else "ha"}{"&l" + str(n - 1) + ";" if n else ""}">'
    for n in range(40)
)
_GOOD = catalogue_text({"8": ["8_b.jpg", "8_a.jpg"]})

_CATALOGUES: dict[str, bytes] = {
    "a bomb of entities": _xml(
        f"<!DOCTYPE x [{_LAUGHS}]><КоммерческаяИнформация>&l39;</КоммерческаяИнформация>"
    ),
    "an outside entity": _xml(
        '<!DOCTYPE x [<!ENTITY e SYSTEM "../../outside/goods.xml">]><КоммерческаяИнформация><Каталог><Товары>'
        "<Товар><Ид>&e;</Ид></Товар></Товары></Каталог></КоммерческаяИнформация>"
    ),
    "an outside document type": _xml(
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><КоммерческаяИнформация/>'
    ),
    "depth": _xml("<КоммерческаяИнформация>" + "<a>" * 100_000),
    "an endless name": _xml("<КоммерческаяИнформация " + "a" * 3_000_000),
    "nothing": b"",
    "zeros": bytes(100_000),
    "noise": bytes(range(256)) * 1000,
    "the wrong encoding": _GOOD.replace("UTF-8", "UTF-16").encode(),
    "an unknown encoding": _GOOD.replace("UTF-8", "x-nobody").encode(),
    "a cut": _GOOD.encode()[:-60],
}


@pytest.mark.fault("hostile catalogues")
def test_no_catalogue_does_harm_and_the_good_one_beside_them_is_loaded(
    workshop: Workshop, figures: Figures
) -> None:
    goods = workshop.exchange / "goods"
    for number, content in enumerate(_CATALOGUES.values()):
        (goods / f"goods_{number}.xml").write_bytes(content)
    (goods / "goods_link.xml").symlink_to("../../outside/goods.xml")
    os.mkfifo(goods / "goods_fifo.xml")
    (goods / "goods_directory.xml").mkdir()
    with (goods / "goods_sparse.xml").open("wb") as file:
        file.truncate(1 << 40)
    (goods / "goods_good.xml").write_text(_GOOD)
    bad = len(_CATALOGUES) + 4
    workshop.pictures("8_a.jpg", "8_b.jpg")
    with daemon(workshop) as service:
        session = service.wait_for_session(import_type="catalog")
        assert session["report_details"]["errors"] == bad
        eventually(lambda: workshop.named("8") == paths("8", "8_b.jpg", "8_a.jpg"))
        assert {row.onec_id for row in workshop.rows()} == {"8"}
        assert_secret_is_kept(service)
        assert_alive(service)
        figures.tried(bad)


_TEXTS = [
    "'; DROP TABLE products; --",
    "%s %(x)s {0} :x ? $1",
    "\\'\"`",
    "../../../outside",
    "x" * 100,
    "\u202e\u200b",
    "😀",
]


@pytest.mark.fault("hostile texts")
def test_texts_of_the_catalogue_and_of_rows_are_texts_and_nothing_more(
    workshop: Workshop, figures: Figures
) -> None:
    with daemon(workshop) as service:
        for text in _TEXTS:
            if "/" not in text:
                workshop.picture(f"{text}_a.jpg")
            figures.tried()
        workshop.catalogue({text: [f"../../outside/{text}_a.jpg", "../secret.jpg"] for text in _TEXTS})
        eventually(lambda: len(workshop.rows()) == len(_TEXTS))
        assert_nothing_lost(
            service, {text: [f"{text}_a.jpg".rpartition("/")[2], "secret.jpg"] for text in _TEXTS}
        )
        assert sum(bool(row.pictures) for row in workshop.rows()) == len(_TEXTS) - 1
        assert_secret_is_kept(service)
        assert_alive(service)


# Rows -----------------------------------------------------------------------------------------------------

_ONEC_IDS = [
    "..",
    ".",
    "../outside/secret",
    "/etc/passwd",
    "7/../../outside",
    "",
    " ",
    "\n",
    "*",
    "[a-z]",
    "#",
    "#7",
    "7#/../..",
]
_MAINS = [
    "../outside/secret.jpg",
    "/etc/passwd",
    "products/../../outside/secret.jpg",
    "x" * 255,
    "http://x/../..",
    "products/",
    "a/" * 120,
]
_GALLERIES: list[object] = [
    ["../outside/secret.jpg", "products/../../outside/secret.jpg"],
    [None, 7, True, {"a": [1]}, ["products/00/x.jpg"]],
    ["products/12/12_a.jpg"] * 500,
    [["x"] * 50] * 50,
]


@pytest.mark.fault("hostile rows")
def test_no_row_leads_out_of_the_media_nor_holds_the_others_up(workshop: Workshop, figures: Figures) -> None:
    for onec_id in _ONEC_IDS:
        workshop.product(onec_id)
        figures.tried()
    for number, main in enumerate(_MAINS):
        workshop.product(f"m{number}", main)
        figures.tried()
    for number, gallery in enumerate(_GALLERIES):
        workshop.product(f"g{number}", "", gallery)
        figures.tried()
    workshop.products("8")
    with daemon(workshop) as service:
        service.wait_for_session(trigger="startup")
        before = {row.onec_id: row.pictures for row in workshop.rows()[: len(_ONEC_IDS)]}
        for number in range(len(_MAINS)):
            workshop.picture(f"m{number}_a.jpg")
        for number in range(len(_GALLERIES)):
            workshop.picture(f"g{number}_a.jpg")
        workshop.picture("8_a.jpg")
        eventually(lambda: workshop.named("8"))
        eventually(lambda: all(len(workshop.named(f"m{number}")) == 2 for number in range(len(_MAINS))))
        assert {row.onec_id: row.pictures for row in workshop.rows()[: len(_ONEC_IDS)]} == before
        assert [workshop.row(f"m{number}").main_image for number in range(len(_MAINS))] == _MAINS
        assert all(path.is_relative_to(workshop.media / "products") for path in workshop.media.rglob("*.*"))
        assert_secret_is_kept(service)
        assert_alive(service)


@pytest.mark.fault("hostile prefixes")
@pytest.mark.parametrize(
    "prefix", ["../outside", "/outside", "a/../..", ".", "", "a//b", "a\\..", "a\0b", "~"]
)
def test_no_prefix_leads_out_of_the_media(lite: Workshop, figures: Figures, prefix: str) -> None:
    lite.configure("media", prefix=prefix)
    lite.products("7")
    lite.picture("7_a.jpg")
    result = lite.run("import", "--json")
    with figures.case():
        assert result.status in {0, 78}
        assert not Path("/outside").exists()
        assert (lite.place / "outside" / "7_a.jpg").read_text() == _SECRET
        ours = {lite.exchange, lite.media, lite.place / "outside"}
        found = {path for path in lite.place.rglob("7_a.jpg") if not ours & set(path.parents)}
        assert found == set()


# Triggers -------------------------------------------------------------------------------------------------

_TRIGGERS: list[Content] = [
    "{",
    "[" * 60_000,
    '{"task_id": ' + "9" * 60_000 + "}",
    '{"task_id": "' + "\\u0000" + '"}',
    '{"task_id": "\\ud800"}',
    b"\xff\xfe",
    b"\0" * 70_000,
    {"onec_ids": ["'; DROP TABLE products; --"]},
    {"onec_ids": ["../../outside/secret"]},
    {"import_type": "../../outside"},
    {"task_id": "'); DELETE FROM products; --"},
    '{"checksum": NaN}',
    '{"checksum": true, "checksum": false}',
]


@pytest.mark.fault("hostile texts")
@pytest.mark.long
def test_no_trigger_does_harm(workshop: Workshop, figures: Figures) -> None:
    workshop.products("7")
    triggers = Triggers(workshop)
    with daemon(workshop) as service:
        for content in _TRIGGERS:
            with figures.case():
                assert triggers.asked(content)["status"] in {"failed", "completed"}
        workshop.picture("7_a.jpg")
        assert_nothing_lost(service)
        assert_secret_is_kept(service)
        assert_alive(service)
