"""The environment as a source of values; the only importer of pydantic-settings."""

from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from daemon.config.keys import VARIABLE_PREFIX
from daemon.config.settings import Settings
from daemon.config.values import EnvironmentText


class _Overrides(Settings, BaseSettings):
    """The shape of the settings as pydantic-settings wants it; there are no instances."""

    # The parsers of the values know what a text of the environment means; nothing is to be guessed here.
    model_config = SettingsConfigDict(
        env_nested_delimiter="__", enable_decoding=False, validate_by_name=False, validate_by_alias=True
    )


class _Environment(EnvSettingsSource):
    """The variables that are given, not those of the process."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(_Overrides)
        self.env_vars = {
            name.removeprefix(VARIABLE_PREFIX).lower(): EnvironmentText(value)
            for name, value in variables.items()
        }


def overrides(variables: Mapping[str, str]) -> dict[str, Any]:
    """Given variables that override a key each, return their texts, section by section."""
    return _Environment(variables)()
