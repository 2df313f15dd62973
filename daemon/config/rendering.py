"""The merged configuration as TOML, with the origin of what is not a default."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.config import files, keys
from daemon.config.settings import Settings
from daemon.config.values import escaped

if TYPE_CHECKING:
    from tomlkit.items import Table


def render(settings: Settings, file: Path, environ: Mapping[str, str]) -> str:
    """Return loaded settings as TOML that loads to the same settings, but for the secrets, which are masked.

    Given the file and the environment that they were loaded from, a comment behind each value that is not a
    default says where it comes from. Raises ConfigurationError if the file can no longer be read.
    """
    import tomlkit  # noqa: PLC0415 - this command alone writes TOML

    document = tomlkit.document()
    origins = _origins(settings, file, environ)
    for name, section in _dumped(settings).items():
        document.append(name, _table(section, (name,), origins))
    return tomlkit.dumps(document)


def _dumped(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(by_alias=True)


def _origins(settings: Settings, file: Path, environ: Mapping[str, str]) -> dict[keys.Place, str]:
    """Return where each value comes from that is not a default; an override is named even if it is one."""
    given, values = files.read_values(file), _dumped(settings)
    defaults = _dumped(Settings().anchored(file.absolute().parent))
    from_file = {place: escaped(file.name) for place in keys.places() if _value(given, place) is not None}
    changed = {
        place: name for place, name in from_file.items() if _value(values, place) != _value(defaults, place)
    }
    return changed | {place: name for name, place in keys.variables().items() if name in environ}


def _value(values: keys.Values, place: keys.Place) -> object:
    """Return the value of a key, None where there is none."""
    *section, name = place
    for outer in section:
        values = values.get(outer, {})
    return values.get(name)


def _table(values: keys.Values, place: keys.Place, origins: Mapping[keys.Place, str]) -> "Table":
    import tomlkit  # noqa: PLC0415 - as above

    table = tomlkit.table()
    for name, value in values.items():
        inner = (*place, name)
        item = _table(value, inner, origins) if isinstance(value, dict) else tomlkit.item(value)
        if inner in origins:
            item.comment(f"from {origins[inner]}")
        table.append(name, item)
    return table
