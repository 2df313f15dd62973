"""The parts of an installation, kept in order while they are at work."""

from pathlib import Path

from support.own_tables import make

from daemon import shop
from daemon.config import Settings
from daemon.config.settings import Database, Exchange
from daemon.db.sessions import ImportType, SessionRecord, Status, Trigger, begun


def test_sessions_under_way_are_left_alone_when_the_records_are_tidied(
    database_url: str, tmp_path: Path
) -> None:
    make(database_url)
    settings = Settings(database=Database(url=database_url), exchange=Exchange(dir=tmp_path))
    with shop.at_work(settings) as opened:
        details = {"daemon": opened.sessions.daemon}

        def add() -> SessionRecord:
            with opened.database.writing() as connection:
                record = begun(ImportType.IMAGES, Trigger.WATCH, details)
                return opened.sessions.add(connection, record)

        dead, running = add(), add()
        for _ in range(2):
            shop.tidy(settings, opened, {running.id})
            with opened.database.reading() as connection:
                assert [r.id for r in opened.sessions.newest(connection, 9, Status.FAILED)] == [dead.id]
                assert [r.id for r in opened.sessions.newest(connection, 9, Status.STARTED)] == [running.id]
