"""Why the service is not as it should be."""

from daemon.log import logger


class Troubles:
    """The reasons by what they are about; each is logged when it comes and when it goes."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    @property
    def reasons(self) -> tuple[str, ...]:
        """All reasons."""
        return tuple(self._reasons.values())

    def about(self, subject: str) -> str:
        """Given a subject, return what is wrong with it, "" if nothing is."""
        return self._reasons.get(subject, "")

    def set(self, subject: str, reason: str) -> None:
        """Given a subject and what is wrong with it, "" if nothing is, note that."""
        former = self._reasons.get(subject, "")
        if reason == former:
            return
        if reason:
            self._reasons[subject] = reason
            logger().error("degraded", message=f"The service is degraded: {reason}", subject=subject)
        else:
            del self._reasons[subject]
            logger().info("degraded_over", message=f"No longer: {former}", subject=subject)
