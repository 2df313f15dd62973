"""Why a server of PostgreSQL lets nobody in, and what lets us in. Pure: only its words are looked at.

A server that speaks another language is not understood; what may help in general is said then.
"""

import re
import shlex
from typing import Final

_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]*")

#: What is said -> the remedy, in which the names are those in it, as SQL takes them.
_REMEDIES: Final = (
    (
        r'permission denied for database "(?P<database>[^"]+)"',
        "GRANT CONNECT ON DATABASE {database} TO {user};",
    ),
    (r'database "(?P<database>[^"]+)" does not exist', "CREATE DATABASE {database} OWNER {user};"),
    (r'role "(?P<user>[^"]+)" does not exist', "CREATE ROLE {user} LOGIN;"),
    (r'role "(?P<user>[^"]+)" is not permitted to log in', "ALTER ROLE {user} LOGIN;"),
    (r'too many connections for role "(?P<user>[^"]+)"', "ALTER ROLE {user} CONNECTION LIMIT -1;"),
    (
        r'too many connections for database "(?P<database>[^"]+)"',
        "ALTER DATABASE {database} CONNECTION LIMIT -1;",
    ),
    (
        r"(too many clients|remaining connection slots)",
        "raise max_connections in postgresql.conf, and restart the server",
    ),
    (
        r'[Pp]eer authentication failed for user "(?P<user>[^"]+)"',
        "run as the system's user {user}, or name the host 127.0.0.1 and a role with a password in [database] url",
    ),
    (
        r'password authentication failed for user "(?P<user>[^"]+)"',
        "hand over the password: the credential database-password, or [database] url",
    ),
    (
        r"Connection refused|\.s\.PGSQL\.[0-9]+\" failed: No such file",
        "start the server: systemctl start postgresql",
    ),
    (
        r"failed to resolve host '(?P<host>[^']+)'",
        "correct the host in [database] url, or see why no name server knows it: getent hosts {host}",
    ),
    (r"no password supplied", "hand the password over: the credential database-password, or [database] url"),
    (
        r'no pg_hba\.conf entry for host "(?P<host>[^"]+)", user "(?P<user>[^"]+)", database "(?P<database>[^"]+)"',
        "add to pg_hba.conf: host {database} {user} {host}/32 scram-sha-256; then SELECT pg_reload_conf();",
    ),
)


def remedy(reason: str, user: str) -> str:
    """Given what was said when the user of the database was not let in, return the remedy, empty if none is known."""
    for pattern, text in _REMEDIES:
        if found := re.search(pattern, reason):
            names = {"user": user, **found.groupdict()}
            return text.format_map({name: _taken(name, value) for name, value in names.items()})
    return ""


def _taken(kind: str, name: str) -> str:
    """Return a name as SQL takes it, that of a host as a shell does."""
    if kind == "host":
        return shlex.quote(name)
    return name if _IDENTIFIER.fullmatch(name) else '"' + name.replace('"', '""') + '"'
