"""What systemd, the web server and an operator see of the service, on a real systemd."""

import json
import time

import pytest
from support.installed_shop import InstalledShop

A, B = "8204be24-15b9-11ed-860f-fa163edba792", "8204be25-15b9-11ed-860f-fa163edba792"

_TRIGGER = "/var/spool/onec-images/import_images.trigger"
_NO_STARTUP = "Environment=ONEC_IMAGES_IMPORT__ON_STARTUP=false"
_STARTED = "39f53479d3a045ac8e11786248231fbf"  # the MESSAGE_ID of systemd's "Started …"


def started(shop: InstalledShop, since: float) -> None:
    """Wait until systemd says that it has started the unit."""
    shop.box.entry(f"UNIT={shop.unit}", f"MESSAGE_ID={_STARTED}", since=since, within=20)


def imported(shop: InstalledShop, onec_id: str, since: float) -> str:
    """Wait until a batch says that it changed a product, and return its session."""
    entry = shop.box.entry(f"_SYSTEMD_UNIT={shop.unit}", f"ONEC_ID={onec_id}", since=since, within=20)
    return str(entry["ONEC_SESSION"])


def test_it_watches_as_soon_as_systemd_calls_it_started(shop: InstalledShop) -> None:
    shop.sell(A)
    shop.drop_in("startup", _NO_STARTUP)
    begun = shop.box.now()
    shop.start()
    shop.deliver(f"82/{A}_1.jpg")
    imported(shop, A, begun)
    assert shop.main_images() == {A: f"products/82/{A}_1.jpg"}


def test_systemctl_status_says_what_it_does(shop: InstalledShop) -> None:
    shop.start()
    shown = shop.show("ActiveState", "SubState", "StatusText", "Type", "NotifyAccess")
    assert shown.pop("StatusText")
    assert shown == {"ActiveState": "active", "SubState": "running", "Type": "notify", "NotifyAccess": "main"}


def test_pictures_that_lie_there_are_imported_at_start(shop: InstalledShop) -> None:
    shop.sell(A, B)
    shop.deliver(f"82/{A}_1.jpg")
    shop.deliver(f"82/{B}_1.jpg")
    begun = shop.box.now()
    shop.start()
    shop.box.entry("ONEC_TRIGGER=startup", "ONEC_EVENT=session_completed", since=begun, within=20)
    shop.deliver(f"82/{A}_2.jpg")  # both may still have been growing at the start
    imported(shop, A, begun)
    assert A in shop.main_images()


def test_many_pictures_are_brought_by_processes_within_the_sandbox(shop: InstalledShop) -> None:
    shop.sell(*(f"82{number}" for number in range(1000, 1900)))
    making = 'mkdir "$1/82" && for n in $(seq 1000 1899); do for i in a b c; do echo >"$1/82/82${n}_$i.jpg"; done; done'
    shop.box.run("sh", "-c", making, "-", shop.root, user="www-data")
    shop.drop_in("startup", _NO_STARTUP, "Environment=ONEC_IMAGES_IMPORT__WORKERS=3")
    shop.start()
    shop.box.run("touch", _TRIGGER, user="www-data")
    result = json.loads(shop.box.awaited(f"{_TRIGGER}.result", within=30))
    assert result["report_details"]["copied"] == 2700
    assert shop.box.run("sh", "-c", f"ls {shop.media}/products/82 | wc -l").stdout.strip() == "2700"


def test_a_reload_has_been_done_when_systemctl_returns(shop: InstalledShop) -> None:
    shop.sell(A)
    shop.start()
    process = shop.state("MainPID")
    other = f"{shop.exchange}/import_files"
    shop.box.run("install", "-d", "-o", "www-data", other)
    shop.configure("[media]", 'image_roots = ["import_files"]\n\n[media]')
    begun = shop.box.now()
    shop.box.systemctl("reload", shop.unit)
    assert shop.show("MainPID", "SubState") == {"MainPID": process, "SubState": "running"}
    shop.deliver(f"{A}_1.jpg", root=other)
    imported(shop, A, begun)


def test_many_reloads_in_a_row_are_each_waited_for(shop: InstalledShop) -> None:
    shop.start()
    for _ in range(3):
        shop.box.systemctl("reload", shop.unit)
        assert shop.state("SubState") == "running"


def test_a_bad_configuration_is_refused_by_a_reload_and_the_service_goes_on(shop: InstalledShop) -> None:
    shop.sell(A)
    shop.start()
    process = shop.state("MainPID")
    shop.configure("[trigger]", "[watched]")
    begun = shop.box.now()
    shop.box.systemctl("reload", shop.unit)
    assert shop.show("MainPID", "SubState") == {"MainPID": process, "SubState": "running"}
    shop.box.entry(f"_SYSTEMD_UNIT={shop.unit}", "ONEC_EVENT=reload_refused", since=begun, within=20)
    shop.deliver(f"82/{A}_1.jpg")
    imported(shop, A, begun)


def test_it_stops_in_order_within_ten_seconds(shop: InstalledShop) -> None:
    shop.start()
    begun = time.monotonic()
    shop.box.systemctl("stop", shop.unit)
    assert time.monotonic() - begun < 10
    shown = shop.show("ActiveState", "Result", "ExecMainStatus")
    assert shown == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}


def test_one_that_hangs_is_killed_and_started_again(shop: InstalledShop) -> None:
    shop.drop_in("watchdog", "WatchdogSec=2s", "RestartSec=100ms")
    shop.start()
    begun, process = shop.box.now(), shop.state("MainPID")
    shop.box.run("kill", "-STOP", process)
    started(shop, begun)
    assert shop.show("NRestarts", "ActiveState") == {"NRestarts": "1", "ActiveState": "active"}
    assert shop.state("MainPID") != process
    assert any("Watchdog timeout" in str(entry["MESSAGE"]) for entry in shop.box.journal(f"UNIT={shop.unit}"))


def test_one_that_is_idle_is_not_taken_for_hung(shop: InstalledShop) -> None:
    shop.drop_in("watchdog", "WatchdogSec=2s")
    shop.start()
    pinged = shop.state("WatchdogTimestampMonotonic")
    shop.box.run("sleep", "4")
    assert shop.show("NRestarts", "ActiveState") == {"NRestarts": "0", "ActiveState": "active"}
    assert shop.state("WatchdogTimestampMonotonic") != pinged


def test_one_that_is_killed_is_started_again(shop: InstalledShop) -> None:
    shop.drop_in("restart", "RestartSec=100ms")
    shop.start()
    begun = shop.box.now()
    shop.box.run("kill", "-KILL", shop.state("MainPID"))
    started(shop, begun)
    assert shop.show("NRestarts", "ActiveState") == {"NRestarts": "1", "ActiveState": "active"}


@pytest.mark.parametrize(
    "mistake", ["[watched]", 'dir = "/elsewhere"\n\n[trigger]'], ids=["unknown", "twice"]
)
def test_one_with_a_bad_configuration_is_not_started_again(shop: InstalledShop, mistake: str) -> None:
    shop.configure("[trigger]", mistake)
    done = shop.box.systemctl("start", shop.unit, check=False)
    assert done.returncode
    shown = shop.show("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    assert shown == {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78", "NRestarts": "0"}


def test_one_that_is_locked_out_tries_until_the_place_is_free(shop: InstalledShop) -> None:
    shop.start()
    twin = InstalledShop(shop.box, "onec-images@twin.service", "twin")
    twin.drop_in(
        "twin",
        "RestartSec=100ms",
        f"Environment=ONEC_IMAGES_CONFIG={shop.configuration}",
        f"ReadWritePaths={shop.media} /var/lib/onec-images",
    )
    try:
        begun = shop.box.now()
        assert shop.box.systemctl("start", twin.unit, check=False).returncode
        assert twin.state("ExecMainStatus") in {"75", "0"}  # 0 while it tries once more
        shop.box.systemctl("stop", shop.unit)
        started(twin, begun)
    finally:
        twin.remove()


def test_the_journal_is_searched_by_session_and_by_product(shop: InstalledShop) -> None:
    shop.sell(A, B)
    shop.start()
    begun = shop.box.now()
    shop.deliver(f"82/{A}_1.jpg")
    shop.deliver(f"82/{B}_1.jpg")
    session = imported(shop, A, begun)
    imported(shop, B, begun)
    told = ("-u", shop.unit, f"--since=@{begun:.6f}", f"ONEC_SESSION={session}")
    of_session = shop.box.journal(*told)
    assert {str(entry["ONEC_EVENT"]) for entry in of_session} >= {"session_started", "session_completed"}
    [of_product] = shop.box.journal(*told, f"ONEC_ID={A}")
    assert A in str(of_product["MESSAGE"])
    assert of_product["SYSLOG_IDENTIFIER"] == "onec-images"


def test_a_trigger_of_the_web_server_is_answered_where_it_can_read_it(shop: InstalledShop) -> None:
    shop.sell(A)
    shop.deliver(f"82/{A}_1.jpg")
    shop.drop_in("startup", _NO_STARTUP)
    shop.start()
    order = json.dumps({"import_type": "images", "task_id": "4711"})
    dropping = 'cat >"$1.new" && mv "$1.new" "$1"'
    shop.box.run("sh", "-c", dropping, "-", _TRIGGER, user="www-data", given=order)
    shop.box.awaited(f"{_TRIGGER}.result", within=20)
    result = json.loads(shop.box.run("cat", f"{_TRIGGER}.result", user="www-data").stdout)
    assert (result["status"], result["task_id"]) == ("completed", "4711")
    assert shop.main_images() == {A: f"products/82/{A}_1.jpg"}
    shop.box.run("rm", f"{_TRIGGER}.result", user="www-data")


def test_its_state_is_told_to_an_operator(shop: InstalledShop) -> None:
    shop.start()
    told = json.loads(shop.command("status", "--json").stdout)
    assert str(told["pid"]) == shop.state("MainPID")
