"""From a file and an environment to settings, or to one error that tells everything that is wrong."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.config import files, keys
from daemon.config.settings import Settings
from daemon.errors import ConfigurationError


def load(file: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file, overridden by ``ONEC_IMAGES_SECTION__KEY`` of the environment.

    Paths are absolute, and a PostgreSQL address has the password of the systemd credential, if there is one.
    Raises ConfigurationError with a line for each thing that is wrong, and no secret in any of them.
    """
    values = files.read_values(file)
    problems = [f"{files.shown_path(file)}: {complaint}" for complaint in keys.complaints(values)]
    problems += keys.unknown_variables(environ)
    settings, refusals = _validated(_merged(keys.known(values), _overrides(environ)), file, environ)
    password, complaint = _database_password(environ)
    problems += refusals + complaint
    if problems:
        raise ConfigurationError("\n".join(problems))
    settings = settings.anchored(file.absolute().parent)
    return settings if password is None else settings.with_database_password(password)


def _overrides(environ: Mapping[str, str]) -> dict[str, Any]:
    variables = {name: environ[name] for name in keys.variables() if name in environ}
    if not variables:
        return {}
    # A third of the start-up time of a command, for those alone who need it.
    from daemon.config.environment import overrides  # noqa: PLC0415

    return overrides(variables)


def _merged(lower: keys.Values, upper: keys.Values) -> dict[str, Any]:
    nested = {
        name: _merged(lower.get(name, {}), value) if isinstance(value, dict) else value
        for name, value in upper.items()
    }
    return {**lower, **nested}


def _validated(values: keys.Values, file: Path, environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """Return the settings and no refusals, or the default settings and a line per refused value."""
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        return Settings(), list(_refusals(error, file, environ))


def _refusals(error: ValidationError, file: Path, environ: Mapping[str, str]) -> Iterator[str]:
    for detail in error.errors(include_url=False, include_input=False):
        place = tuple(map(str, detail["loc"]))
        variable = keys.variable(place)
        origin = variable if variable in environ else files.shown_path(file)
        yield f"{origin}: {keys.label(place)}: {detail['ctx']['error']}"


def _database_password(environ: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """Return the password of the credential, if there is one, and what is wrong with it, if anything is."""
    try:
        return files.read_database_password(environ), []
    except ConfigurationError as error:
        return None, [str(error)]
