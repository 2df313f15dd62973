"""The hook of the operator, told of a session in the foreground."""

from daemon.cli.context import Context
from daemon.hooks import LONGEST
from daemon.importer.session import Session
from daemon.service.notices import Notices


def notify(context: Context, session: Session) -> None:
    """Given a session that has ended, have its hook told, and wait until it has been; Ctrl-C ends that."""
    notices = Notices(context.environ)
    notices.follow(context.settings)
    try:
        notices.session_ended(session.record)
        notices.close(LONGEST)
    except KeyboardInterrupt:
        notices.close(0)
