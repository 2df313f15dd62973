"""Commands of the operator that are told what has happened: bounded in time and in number, in nobody's way."""

from daemon.hooks.hook import LONGEST, Hook

__all__ = ["LONGEST", "Hook"]
