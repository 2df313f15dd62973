"""Whether the service is well."""

from daemon.http.snapshot import Snapshot

#: Seconds after which a service that tells nothing is taken for hung, as systemd does by ``WatchdogSec``.
LONGEST_SILENCE = 300.0


def ailments(snapshot: Snapshot, now: float) -> tuple[str, ...]:
    """Given what was told last and the monotonic time, return all that is wrong, nothing if the service is well.

    One that stands by for another, or waits for an image root, is well.
    """
    silence = now - snapshot.told_at
    hung = (f"the service has told nothing for {silence:.0f} s",) if silence > LONGEST_SILENCE else ()
    if snapshot.state is None:
        return (*hung, "the service is starting")
    if not snapshot.state.degraded:
        return hung
    return (*hung, *(snapshot.state.why or ("the service is degraded",)))
