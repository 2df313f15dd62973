"""The configuration: one TOML file, overridden by the environment, as frozen values."""

from daemon.config.files import SYSTEM_FILE, find_file
from daemon.config.keys import FILE_VARIABLE
from daemon.config.loading import load
from daemon.config.rendering import render
from daemon.config.settings import Settings

__all__ = ["FILE_VARIABLE", "SYSTEM_FILE", "Settings", "find_file", "load", "render"]
