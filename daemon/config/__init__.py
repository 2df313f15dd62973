"""The configuration: one TOML file, overridden by the environment, as frozen values."""

from daemon.config.files import find_file
from daemon.config.loading import load
from daemon.config.rendering import render
from daemon.config.settings import Settings

__all__ = ["Settings", "find_file", "load", "render"]
