"""What an import finds on its way, for those who want whole lists rather than figures."""

from typing import Any

from daemon.importer.rows import Change


class Findings:
    """Told of each finding as it is made; this one lets them pass."""

    def without_key(self, row: Any, onec_id: str | None) -> None:  # noqa: ANN401  an id of any type
        """Given the id of an active product and its onec_id, note that the latter can have no pictures."""

    def without_picture(self, row: Any, onec_id: str) -> None:  # noqa: ANN401
        """Given the id of an active product and its onec_id, note that there is no picture of it."""

    def unmatched(self, path: str) -> None:
        """Given the path of a picture, note that it belongs to no active product."""

    def left(self, path: str, rest: float) -> None:
        """Given the path of a picture that may still be growing, and for how many seconds, note that it was left."""

    def change(self, change: Change) -> None:
        """Given a change of a row, note that it would have been made."""

    def failed(self, path: str, reason: str) -> None:
        """Given the path of a file or the onec_id of a row, and why it could not be imported, note it."""
