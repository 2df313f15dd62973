"""The status page: one document, complete in itself, made of a snapshot. Whatever comes from outside is escaped."""

import base64
import hashlib
import time
from collections.abc import Mapping
from functools import partial
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from daemon.http import phrases
from daemon.http.chart import chart
from daemon.http.health import LONGEST_SILENCE
from daemon.http.snapshot import Snapshot
from daemon.http.words import WORDS, Words


class Page:
    """Writes the page."""

    def __init__(self, version: str) -> None:
        """Given the version of the program, read the template and what belongs to it."""
        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._template = environment.from_string(_file("page.html"))
        style, script = _file("page.css"), _file("page.js")
        self._constant = {"version": version, "style": Markup(style), "script": Markup(script)}  # noqa: S704  ours
        #: What the page may do in a browser: show itself, and ask its own server for the next one.
        self.policy = "; ".join(
            [
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            ]
        )

    def written(self, snapshot: Snapshot, language: str) -> str:
        """Given what is shown and in which language, return the document."""
        words = WORDS[language]
        return self._template.render(**self._constant, **_phrases(snapshot, words), **_shown(snapshot, words))


def _file(name: str) -> str:
    return resources.files("daemon.http").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _phrases(snapshot: Snapshot, words: Words) -> Mapping[str, Any]:
    return {
        "words": words,
        "number": phrases.number,
        "clock": phrases.clock,
        "duration": partial(phrases.duration, words=words),
        "exact": partial(phrases.exact, words=words),
        "moment": partial(phrases.moment, now=snapshot.moment),
    }


def _shown(snapshot: Snapshot, words: Words) -> Mapping[str, Any]:
    state = snapshot.state
    silence = time.monotonic() - snapshot.told_at
    return {
        "seen": snapshot,
        "state": state,
        "doing": words.states[state.state if state else "starting"],
        "current": state.current if state else None,
        "silence": silence if silence > LONGEST_SILENCE else None,
        "chart": chart(snapshot.day, snapshot.moment),
        "is_well": state is not None and not state.degraded and silence <= LONGEST_SILENCE,
    }
