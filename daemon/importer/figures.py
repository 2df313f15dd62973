"""The figures of one import, as the session's row and the log show them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.naming import printable
from daemon.storing import Outcome, Result

_SAMPLES = 20  # errors that a session's row quotes


@dataclass(slots=True)
class Figures:
    """Counted while the import runs. Products are rows; everything else are files, each counted once."""

    total_products: int = 0
    processed: int = 0
    copied: int = 0
    skipped_files: int = 0
    skipped_products: int = 0
    errors: int = 0
    compared_files: int = 0
    bytes_copied: int = 0
    unmatched: int = 0
    missing: int = 0
    attempt: int = 1
    error_samples: list[dict[str, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Given what became of one picture, count it. Errors are counted by ``add_error``, which wants a path."""
        if outcome.result in (Result.COPIED, Result.REPLACED):
            self.copied += 1
            self.bytes_copied += outcome.bytes_copied
        elif outcome.result is Result.SKIPPED:
            self.skipped_files += 1
        self.compared_files += outcome.compared

    def add_error(self, path: str, reason: str) -> None:
        """Given the path of what failed and why, count it, and keep it as a sample if there are few."""
        self.errors += 1
        if len(self.error_samples) < _SAMPLES:
            self.error_samples.append({"path": printable(path), "reason": printable(reason)})

    def as_details(self) -> Mapping[str, Any]:
        """Return what ``report_details`` says of these figures."""
        return {
            "total_products": self.total_products,
            "processed": self.processed,
            "copied": self.copied,
            "skipped": self.skipped_files + self.skipped_products,
            "errors": self.errors,
            "skipped_files": self.skipped_files,
            "skipped_products": self.skipped_products,
            "compared_files": self.compared_files,
            "bytes_copied": self.bytes_copied,
            "unmatched": self.unmatched,
            "missing": self.missing,
            "duration_s": round(time.monotonic() - self.began, 3),
            "attempt": self.attempt,
            "error_samples": list(self.error_samples),
        }
