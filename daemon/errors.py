"""What can go wrong for an operator: one tree, in which each class carries its exit status."""

from typing import ClassVar


class OnecImagesError(Exception):
    """The root of every error that is told in one line instead of a traceback.

    The text says what is wrong and, where there is one, the remedy.
    """

    exit_status: ClassVar[int] = 1


class UsageError(OnecImagesError):
    """The command line asks for something that cannot be."""

    exit_status = 2


class ConfigurationError(OnecImagesError):
    """The configuration, or what it points at, is wrong; trying again will not help."""

    exit_status = 78


class SchemaError(ConfigurationError):
    """A table or a column is not what the configuration says."""


class LockedError(OnecImagesError):
    """Another process already works on this exchange directory and database."""

    exit_status = 75


class DatabaseUnavailableError(OnecImagesError):
    """The database cannot be reached, or was lost on the way."""


class RowsHeldError(DatabaseUnavailableError):
    """Other transactions stand in the way of a statement: locks not given in time, a deadlock, a conflict."""


class DatabaseForbiddenError(DatabaseUnavailableError):
    """The database forbids our role what we ask for; the text says what is to be granted."""


class RefusedValueError(OnecImagesError):
    """The database does not take a value: a check or a trigger of the shop, or text that it cannot hold."""


class ImportFailedError(OnecImagesError):
    """The import could not go on; its session ends as failed."""


class RootsMissingError(ImportFailedError):
    """None of the image roots exists or can be read."""


class MediaError(ImportFailedError):
    """The media directory cannot take files: full, read-only, broken or not ours to write."""


class UnknownProductsError(ImportFailedError):
    """None of the products asked for exists, or none of them is active."""


class TimeLimitError(ImportFailedError):
    """The import ran longer than ``[import] time_limit``."""


class StoppedError(ImportFailedError):
    """The process was asked to stop."""


class OutputError(OnecImagesError):
    """What a command has to say cannot be written."""


class ReaderGoneError(OutputError):
    """Whoever read what a command has to say has seen enough, which is their right."""

    exit_status = 0


class CatalogueError(OnecImagesError):
    """A catalogue file cannot be read to its end."""
