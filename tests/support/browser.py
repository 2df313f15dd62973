"""A real browser without a window, spoken to by the WebDriver protocol: a few requests, and no library to keep."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_DRIVER, _BROWSER = "chromedriver", "chromium"
_LONG_ENOUGH = 60.0  # seconds
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",  # a phone has none that take room
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def obstacle() -> str:
    """Return why there is no browser here, "" if there is one."""
    missing = [program for program in (_DRIVER, _BROWSER) if shutil.which(program) is None]
    return (
        f"there is no {' and no '.join(missing)}: apt-get install chromium chromium-driver" if missing else ""
    )


class Browser:
    """One window of a browser."""

    def __init__(self, session: str) -> None:
        self._session = session

    def _ask(self, what: str, **values: Any) -> Any:
        return _request(f"{self._session}/{what}", values)

    def open(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        self._ask("url", url=url)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a function in the page, and return what it returns."""
        return self._ask("execute/sync", script=script, args=list(arguments))

    def resize(self, width: int, height: int) -> None:
        """Have the window show so many pixels of a page, however narrow: a phone, for one."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=size)

    def prefer(self, scheme: str) -> None:
        """Have pages know that their reader prefers them ``light`` or ``dark``."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self._ask("goog/cdp/execute", cmd="Emulation.setEmulatedMedia", params={"features": [feature]})

    def switch_scripts(self, *, on: bool) -> None:
        """Have pages that are opened from now on run their scripts, or not."""
        self._ask("goog/cdp/execute", cmd="Emulation.setScriptExecutionDisabled", params={"value": not on})

    def source(self) -> str:
        """Return the page as it stands now, scripts or not."""
        node = self._ask("goog/cdp/execute", cmd="DOM.getDocument", params={})["root"]["nodeId"]
        html = self._ask("goog/cdp/execute", cmd="DOM.getOuterHTML", params={"nodeId": node})
        return str(html["outerHTML"])

    def screenshot(self, file: Path) -> None:
        """Keep a picture of the whole page."""
        shot = {"format": "png", "captureBeyondViewport": True}
        shown = self._ask("goog/cdp/execute", cmd="Page.captureScreenshot", params=shot)
        file.write_bytes(base64.b64decode(shown["data"]))

    def complaints(self) -> list[str]:
        """Return what the console of the browser has complained of since this was asked last."""
        return [entry["message"] for entry in self._ask("se/log", type="browser")]


def _request(url: str, values: Any = None, method: str = "POST") -> Any:
    data = None if values is None else json.dumps(values).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=_LONG_ENOUGH) as answer:  # noqa: S310  our own server
        return json.load(answer)["value"]


@contextmanager
def driver() -> Iterator[str]:
    """Yield the URL of a driver of browsers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [_DRIVER, f"--port={port}", "--log-level=OFF"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(url)
            yield url
        finally:
            process.terminate()


def _wait_until_ready(url: str) -> None:
    until = time.monotonic() + _LONG_ENOUGH
    while True:
        try:
            if _request(f"{url}/status", method="GET")["ready"]:
                return
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


@contextmanager
def browser(driver_url: str, language: str = "en", more: Sequence[str] = ()) -> Iterator[Browser]:
    """Yield a browser whose user reads a language."""
    with TemporaryDirectory(prefix="onec-images-browser-", ignore_cleanup_errors=True) as profile:
        options = {
            "args": [*_ARGUMENTS, f"--user-data-dir={profile}", f"--accept-lang={language}", *more],
            "prefs": {"intl.accept_languages": language},
        }
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = _request(f"{driver_url}/session", {"capabilities": {"alwaysMatch": capabilities}})
        session = f"{driver_url}/session/{made['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _request(session, method="DELETE")
