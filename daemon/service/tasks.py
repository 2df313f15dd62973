"""The rows of those who asked for an import under a task_id: one row for each, however often it is tried."""

from collections.abc import Callable
from dataclasses import replace

from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger, begun, ended
from daemon.importer.figures import Figures
from daemon.importer.session import words
from daemon.log import logger
from daemon.service.keeper import Keeper
from daemon.shop import Shop


class Tasks:
    """Finds the rows of tasks, makes those that are not there, and ends those whose import never began."""

    def __init__(self, shop: Shop, keeper: Keeper, ended: Callable[[SessionRecord], None]) -> None:
        """Given the shop, who waits for its database, and who is told each row that is ended here."""
        self._shop = shop
        self._sessions = shop.sessions
        self._keeper = keeper
        self._ended = ended

    def taken(self, task_id: str, import_type: ImportType, *, is_first: bool) -> SessionRecord:
        """Given a task_id and what its row is to record, return the row, which is made if there is none.

        One that is completed stays as it is. Where the row's import is not the first one of the task, the row
        says from now on that it is under way. Raises SchemaError where the table does not take the row.
        """
        return self._keeper.patiently(lambda: self._taken(task_id, import_type, is_first=is_first))

    def _taken(self, task_id: str, import_type: ImportType, *, is_first: bool) -> SessionRecord:
        with self._shop.database.writing() as connection:
            found = self._sessions.with_task(connection, task_id)
            if found and (is_first or found.status == Status.COMPLETED):
                return found
            earlier = self.attempts_of(found) if found else 0
            record = begun(import_type, Trigger.TRIGGER, self._details(earlier), task_id)
            if found:
                ours = replace(record, id=found.id, status=Status.IN_PROGRESS.value)
                return self._sessions.take_over(connection, ours) or found
            made = self._sessions.add(connection, record)
        logger().warning(
            "task_unknown", message=f"No session has the task_id {task_id}; one is made", task=task_id
        )
        return made

    def attempts_of(self, task: SessionRecord) -> int:
        """Given the row of a task, return how often we have tried it."""
        details = task.report_details
        attempt = details.get("attempt") if details.get("daemon") == self._sessions.daemon else 0
        return attempt if isinstance(attempt, int) else 0

    def failed(self, task: SessionRecord, error: Exception) -> SessionRecord:
        """Given the row of a task whose own import did not begin, and the error, end the row and return it."""
        record = self._keeper.patiently(lambda: self._failed(task, error))
        self._ended(record)
        return record

    def _failed(self, task: SessionRecord, error: Exception) -> SessionRecord:
        with self._shop.database.writing() as connection:
            row = self._sessions.with_task(connection, task.task_id or "") or task
            details = {
                **self._details(0),
                **row.report_details,
                "daemon": self._sessions.daemon,
            }
            record = replace(ended(row, Status.FAILED, details, words(error)), id=task.id)
            return self._sessions.take_over(connection, record) or record

    def _details(self, attempt: int) -> dict[str, object]:
        figures = Figures()
        figures.attempt = attempt
        return {**figures.as_details(), "daemon": self._sessions.daemon}
