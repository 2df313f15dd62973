"""Catalogue files, loaded when they lie there at start and whenever they arrive or change."""

from collections.abc import Callable, Sequence

from daemon.db.sessions import ImportType, Trigger
from daemon.errors import DatabaseUnavailableError, ImportFailedError, LockedError, StoppedError
from daemon.importer.goods import GoodsFile
from daemon.importer.session import Occasion, Session
from daemon.service.goods_files import GoodsFiles
from daemon.service.jobs import Jobs

Clock = Callable[[], float]


class Catalogues:
    """Loads the catalogue files of the exchange directory."""

    def __init__(self, files: GoodsFiles, jobs: Jobs, clock: Clock) -> None:
        """Given where the files are, what does the work, and the clock."""
        self._files = files
        self._jobs = jobs
        self._clock = clock

    def load_all(self, *, names_due: bool) -> None:
        """Load what lies there now, and say whether the products in it are due then.

        What fails is on record, and loaded when it changes. Raises DatabaseUnavailableError, LockedError and
        StoppedError.
        """
        self._load_recorded(self._files.all(self._clock()), Trigger.STARTUP, names_due=names_due)

    def step(self, now: float) -> bool:
        """Given the time, load what has arrived or changed and has settled, and return whether anything has.

        Raises as ``load_all`` does.
        """
        files = self._files.due(now)
        self._load_recorded(files, Trigger.WATCH, names_due=True)
        return bool(files)

    def _load_recorded(self, files: Sequence[GoodsFile], trigger: Trigger, *, names_due: bool) -> None:
        if not files:
            return
        try:
            with self._jobs.session() as session:
                self._load(session, Occasion(ImportType.CATALOG, trigger), files, names_due=names_due)
        except StoppedError:
            raise
        except ImportFailedError:
            pass  # its session says so, and the same files would fail again

    def load_asked_for(self, session: Session, occasion: Occasion, *, names_due: bool) -> None:
        """Given a session that has not begun and its occasion, load what lies there.

        Raises ImportFailedError and DatabaseUnavailableError.
        """
        self._load(session, occasion, self._files.all(self._clock()), names_due=names_due)

    def _load(
        self, session: Session, occasion: Occasion, files: Sequence[GoodsFile], *, names_due: bool
    ) -> None:
        try:
            self._jobs.catalogue(session, occasion, files, names_due=names_due)
        except (DatabaseUnavailableError, LockedError, StoppedError):
            raise
        except Exception:
            # whatever it is, the same files would bring it about again, and keep the service from its work
            self._files.loaded(files)
            raise
        self._files.loaded(files)
