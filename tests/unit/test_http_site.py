import pytest

from daemon.errors import ConfigurationError
from daemon.http.site import Site


class Servers:
    """Servers that only remember where they listen."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.opened = 0
        self.refused = ""

    def serve(self, listen: str) -> "Server":
        if listen == self.refused:
            raise ConfigurationError("address already in use")
        self.open.append(listen)
        self.opened += 1
        return Server(self, listen)


class Server:
    def __init__(self, servers: Servers, listen: str) -> None:
        self._servers = servers
        self._listen = listen

    def close(self) -> None:
        self._servers.open.remove(self._listen)


@pytest.fixture
def servers() -> Servers:
    return Servers()


def test_without_an_address_nothing_is_served(servers: Servers) -> None:
    assert not Site(servers.serve).open("")
    assert servers.opened == 0


def test_an_address_that_stays_is_not_opened_anew(servers: Servers) -> None:
    site = Site(servers.serve)
    assert site.open("a:1")
    assert site.open("a:1")
    assert servers.opened == 1


def test_another_address_takes_the_place_of_the_first(servers: Servers) -> None:
    site = Site(servers.serve)
    site.open("a:1")
    site.open("b:1")
    assert servers.open == ["b:1"]
    site.open("")
    assert servers.open == []


def test_after_an_address_that_cannot_be_had_the_former_can_be_opened_again(servers: Servers) -> None:
    site = Site(servers.serve)
    site.open("a:1")
    servers.refused = "b:1"
    with pytest.raises(ConfigurationError):
        site.open("b:1")
    assert site.open("a:1")
    assert servers.open == ["a:1"]


def test_a_site_that_is_closed_serves_nothing(servers: Servers) -> None:
    site = Site(servers.serve)
    site.open("a:1")
    site.close()
    site.close()
    assert servers.open == []
