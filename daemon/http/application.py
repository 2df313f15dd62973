"""What is answered to a request: metrics, health, or the page. It only reads, and never waits for the service."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import daemon
from daemon.http.health import ailments
from daemon.http.language import preferred
from daemon.http.metrics import Metrics
from daemon.http.page import Page
from daemon.http.snapshot import Snapshot
from daemon.http.words import WORDS
from daemon.log import logger

_FRESH = 1.0  # seconds for which an answer is given again, unless the service has told something new
_TEXT = "text/plain; charset=utf-8"

#: On every answer: nobody keeps it, guesses its type, shows it in a frame of theirs or learns of it by a link.
_HEADERS: Final = (
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    body: bytes
    content_type: str = _TEXT
    status: str = "200 OK"
    policy: str = _NOTHING
    headers: tuple[tuple[str, str], ...] = ()


class Application:
    """Answers, by WSGI. To be called by any thread."""

    def __init__(self, snapshot: Callable[[], Snapshot], wait: Callable[[], None] = lambda: None) -> None:
        """Given where the last snapshot is, and what waits until another answer may be given."""
        self._snapshot = snapshot
        self._wait = wait
        self._metrics = Metrics(daemon.__version__, snapshot)
        self._page = Page(daemon.__version__)
        self._answers: dict[tuple[str, str], tuple[Snapshot, float, Answer]] = {}

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Given a request, answer it."""
        self._wait()
        answer = self._answer(environ)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Content-Security-Policy", answer.policy),
            *_HEADERS,
            *answer.headers,
        ]
        start_response(answer.status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return Answer(b"read only\n", status="405 Method Not Allowed", headers=(("Allow", "GET, HEAD"),))
        try:
            return self._found(environ)
        except Exception as error:  # noqa: BLE001  whatever it is, the service and the next request go on
            logger().error("http_failed", message=f"A request could not be answered: {error}", exc_info=error)
            return Answer(b"something went wrong\n", status="500 Internal Server Error")

    def _found(self, environ: Mapping[str, Any]) -> Answer:
        match environ.get("PATH_INFO", ""):
            case "/" | "":
                language = preferred(environ.get("HTTP_ACCEPT_LANGUAGE", ""), tuple(WORDS))
                return self._fresh("page", language, lambda: self._document(language))
            case "/metrics":
                content_type, encode = self._metrics.encoder(environ.get("HTTP_ACCEPT", ""))
                return self._fresh("metrics", content_type, lambda: Answer(encode(), content_type))
            case "/healthz":
                return self._health()
            case _:
                return Answer(b"there are /, /metrics and /healthz\n", status="404 Not Found")

    def _fresh(self, name: str, kind: str, make: Callable[[], Answer]) -> Answer:
        """Return an answer that was just made of the same snapshot, or make it; two threads may both do that."""
        snapshot, now = self._snapshot(), time.monotonic()
        known, made_at, answer = self._answers.get((name, kind), (None, 0.0, None))
        if answer is None or known is not snapshot or now - made_at >= _FRESH:
            answer = make()
            self._answers[name, kind] = snapshot, now, answer
        return answer

    def _document(self, language: str) -> Answer:
        document = self._page.written(self._snapshot(), language)
        headers = (("Content-Language", language), ("Vary", "Accept-Language"))
        return Answer(
            document.encode(errors="backslashreplace"),
            "text/html; charset=utf-8",
            policy=self._page.policy,
            headers=headers,
        )

    def _health(self) -> Answer:
        wrong = ailments(self._snapshot(), time.monotonic())
        if not wrong:
            return Answer(b"ok\n")
        text = "".join(f"{reason}\n" for reason in wrong)
        return Answer(text.encode(errors="backslashreplace"), status="503 Service Unavailable")
