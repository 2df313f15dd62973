"""Each recipe of docs/recipes.md, followed to the letter."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import documents, sql
from support.commands import WarmStarter
from support.daemon_process import eventually
from support.operating import Operator, blocks_below, operator
from support.workshop import Database, Workshop, paths

from daemon import __version__

PRODUCT = "001a16a4-b810-11ed-860f-fa163edba792"
FIRST = f"{PRODUCT}_14062354-2f7b-11ee-998f-fa163e775e1f.jpg"
SECOND = f"{PRODUCT}_24062354-2f7b-11ee-998f-fa163e775e1f.jpg"
THIRD = f"{PRODUCT}_34062354-2f7b-11ee-998f-fa163e775e1f.jpg"


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for the commands that an operator calls."""
    return tmp_path_factory.mktemp("tools")


def quick(workshop: Workshop) -> Workshop:
    """Return a shop that sells the product of the page and imports what comes without delay."""
    workshop.configure("watch", settle=0.2, reconcile_interval=0)
    workshop.products(PRODUCT)
    return workshop


@pytest.fixture
def someone(workshop: Workshop, tools: Path) -> Iterator[Operator]:
    """An operator, once with each kind of database; the service is running."""
    with operator(quick(workshop), tools) as at_work:
        at_work.types("sudo systemctl start onec-images")
        yield at_work


@pytest.fixture
def someone_lite(lite: Workshop, tools: Path) -> Iterator[Operator]:
    """An operator where the database does not matter; the service is not running."""
    with operator(quick(lite), tools) as at_work:
        yield at_work


def deliver(workshop: Workshop, *names: str) -> None:
    """Put pictures into the exchange, and wait until the product has them."""
    workshop.pictures(*(f"00/{name}" for name in names))
    eventually(lambda: {*paths(PRODUCT, *names)} <= {*workshop.named(PRODUCT)})


def remove_from_exchange(workshop: Workshop) -> None:
    shutil.rmtree(workshop.root / "00")


# Pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_cleaned", [False, True], ids=["in the exchange", "cleaned away"])
def test_a_wrong_main_picture_is_replaced_by_the_first(someone: Operator, is_cleaned: bool) -> None:
    shop = someone.workshop
    deliver(shop, SECOND)
    deliver(shop, FIRST)
    assert shop.named(PRODUCT) == paths(PRODUCT, SECOND, FIRST)
    if is_cleaned:
        remove_from_exchange(shop)
    someone.follow(*blocks_below("Replace a wrong main picture"))
    assert shop.row(PRODUCT).main_image == paths(PRODUCT, FIRST)[0]
    assert shop.named(PRODUCT)[1:] == ([] if is_cleaned else paths(PRODUCT, SECOND))


@pytest.mark.parametrize("is_in_catalogue", [False, True], ids=["not in the catalogue", "in the catalogue"])
def test_a_picture_that_was_deleted_in_1c_is_taken_off_and_stays_away(
    someone: Operator, is_in_catalogue: bool
) -> None:
    shop = someone.workshop
    deliver(shop, FIRST)
    deliver(shop, SECOND, THIRD)
    if is_in_catalogue:
        shop.catalogue({PRODUCT: [f"00/{FIRST}", f"00/{SECOND}", f"00/{THIRD}"]})
        someone.types("onec-images trigger --type catalog --wait")
    ignoring, reloading, *taking_off = blocks_below("Take off a picture that was deleted in 1C")
    someone.follow(ignoring, reloading, taking_off[shop.database.is_sqlite])
    assert shop.named(PRODUCT) == paths(PRODUCT, FIRST, THIRD)
    someone.types("onec-images trigger --checksum --wait")
    assert shop.named(PRODUCT) == paths(PRODUCT, FIRST, THIRD)
    assert paths(PRODUCT, SECOND)[0] in shop.stored()


def test_one_product_is_imported_again_beside_the_service(someone_lite: Operator) -> None:
    shop = someone_lite.workshop
    someone_lite.types("sudo systemctl start onec-images")
    deliver(shop, FIRST)
    source, copy = shop.root / "00" / FIRST, shop.media / paths(PRODUCT, FIRST)[0]
    right = source.read_bytes()
    times = copy.stat()
    copy.write_bytes(b"?" * len(right))
    os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert shop.run("import", PRODUCT).status == 75
    said = someone_lite.follow(*blocks_below("Import one product again beside the running service"))
    assert "1 of 1 products" in said
    assert copy.read_bytes() == right


# The installation -----------------------------------------------------------------------------------------


def test_a_shop_is_attached_after_a_look_that_writes_nothing(someone_lite: Operator) -> None:
    shop = someone_lite.workshop
    shop.configure("database", attach=True)
    shop.products(*(f"1{number:02}" for number in range(20)))
    shop.pictures(f"00/{FIRST}", "unknown_a.jpg", *(f"1{number:02}_a.jpg" for number in range(20)))
    looking, starting = blocks_below("Attach to a shop, and write nothing at first")
    before = shop.rows()
    someone_lite.follow(looking)
    assert (shop.rows(), shop.sessions(), shop.media.exists()) == (before, [], False)
    foreseen = json.loads((shop.place / "foreseen.json").read_text())
    assert (len(foreseen["changes"]), foreseen["report_details"]["copied"]) == (21, 21)
    assert "unknown_a.jpg" in (shop.place / "unmatched.txt").read_text()
    trying, enabling = starting.code.splitlines()
    someone_lite.types(trying)
    assert len(shop.stored()) == 10
    someone_lite.types(enabling)
    eventually(lambda: len(shop.stored()) == 21)


def test_rows_older_than_the_media_get_back_what_was_imported_since(someone: Operator) -> None:
    shop = someone.workshop
    deliver(shop, FIRST)
    backup = shop.row(PRODUCT)
    deliver(shop, SECOND, THIRD)
    remove_from_exchange(shop)
    shop.set_row(PRODUCT, backup.main_image, backup.gallery_images)
    someone.follow(*blocks_below("After a database was restored"))
    assert shop.named(PRODUCT) == paths(PRODUCT, FIRST, SECOND, THIRD)


@pytest.fixture
def host(lite: Workshop) -> Workshop:
    """A shop whose configuration, state, exchange and media lie beside each other, as on a host."""
    shutil.move(sql.file_of(lite.database.url), made(lite.place / "state"))
    lite.database = Database(f"sqlite:///{lite.place}/state/onec-images.db")
    made(lite.place / "etc")
    lite.config_file.unlink()
    lite.config_file = lite.place / "etc" / "config.toml"
    lite.configure("exchange", dir="../exchange")
    lite.configure("media", dir="../media")
    lite.configure("database", url="sqlite:///../state/onec-images.db")
    return lite


@pytest.fixture
def new_host(tmp_path_factory: pytest.TempPathFactory, starter: WarmStarter) -> Iterator[Workshop]:
    """A place of the same kind, with nothing in it."""
    place = tmp_path_factory.mktemp("new")
    there = Workshop(place, f"sqlite:///{place}/state/onec-images.db", starter)
    there.root.rmdir()
    there.config_file.unlink()
    there.config_file = place / "etc" / "config.toml"
    yield there
    there.close()


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def places(shop: Workshop, before: str = "") -> dict[str, str]:
    """Return what is there instead of the paths on a host."""
    names = {"/etc/onec-images/": "etc", "/var/lib/onec-images/": "state"}
    names |= {"/srv/shop/data/import_1c/": "exchange", "/srv/shop/media/": "media"}
    return {f"{before}{path}": f"{shop.place}/{name}/" for path, name in names.items()}


@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync, as the recipe does")
def test_a_shop_that_has_moved_goes_on_and_copies_nothing(
    host: Workshop, new_host: Workshop, tools: Path
) -> None:
    moving, arriving = blocks_below("Move to another host")
    with operator(quick(host), tools) as here:
        here.places = places(new_host, "new:") | places(host)
        here.types("sudo systemctl start onec-images")
        deliver(host, FIRST, SECOND)
        here.follow(moving)
    with operator(new_host, tools) as there:
        figures = new_host.figures("--dry-run")
        assert (figures["copied"], figures["compared_files"], figures["skipped_files"]) == (0, 0, 2)
        there.follow(arriving)
        assert new_host.named(PRODUCT) == host.named(PRODUCT)
        deliver(new_host, THIRD)


def test_a_longer_wait_is_in_force_after_a_reload(someone_lite: Operator) -> None:
    """A picture that stalled for longer than before is not taken for complete."""
    shop = someone_lite.workshop
    someone_lite.types("sudo systemctl start onec-images")
    deliver(shop, FIRST)
    shown = someone_lite.follow(*blocks_below("Wait longer on a slow link"))
    assert re.search("^settle = 60 .*\nmax_wait = 600 ", shown, re.MULTILINE)
    with open(shop.root / "00" / SECOND, "wb") as arriving:
        arriving.write(b"half")
        arriving.flush()
        assert someone_lite.service
        service = someone_lite.service
        eventually(lambda: service.status["pending"] == 1)
        time.sleep(0.5)  # longer than it waited before
        assert service.status["pending"] == 1
    assert shop.named(PRODUCT) == paths(PRODUCT, FIRST)


# Installing -----------------------------------------------------------------------------------------------


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the repository."""
    copy = tmp_path / "clone"
    named = ("daemon", "systemd", "README.md", "LICENSE", "config.toml", "pyproject.toml")
    for path in (documents.PROJECT / name for name in named):
        (shutil.copytree if path.is_dir() else shutil.copy)(path, made_once(copy) / path.name)
    return copy


def made_once(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    return directory


def is_version(someone: Operator, version: str) -> bool:
    installed = someone.types("/opt/onec-images/bin/onec-images --version")
    return installed == f"onec-images, version {version}\n"


@pytest.mark.timeout(600)
def test_the_service_is_installed_without_internet_upgraded_and_put_back(
    someone_lite: Operator, clone: Path, tmp_path: Path
) -> None:
    """One test, since each installation takes its time."""
    fetching, installing = blocks_below("Install without internet")
    upgrading, going_back = blocks_below("Upgrade, and go back")
    operating = someone_lite
    operating.places = {"/opt/onec-images": f"{tmp_path}/opt/onec-images"}
    made(tmp_path / "opt")
    operating.uses(tmp_path / "opt" / "onec-images" / "bin" / "onec-images")

    operating.directory = clone
    operating.follow(fetching)
    operating.directory = made(tmp_path / "server")
    shutil.move(clone / "onec-images.tar.gz", operating.directory)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            patch.delenv(name)
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        operating.follow(installing)
    assert is_version(operating, __version__)

    operating.directory = clone
    package = clone / "daemon" / "__init__.py"
    package.write_text(package.read_text().replace(__version__, "99.0"))
    operating.follow(upgrading)
    assert is_version(operating, "99.0")
    operating.follow(going_back)
    assert is_version(operating, __version__)


def test_every_recipe_is_followed_by_a_test() -> None:
    told = re.findall(r"^## (.*)$", documents.page("docs/recipes.md"), re.MULTILINE)
    followed = re.findall(r'blocks_below\("(.*?)"\)', Path(__file__).read_text(encoding="utf-8"))
    assert sorted(set(followed)) == sorted(told)
