import pytest

from daemon.db.inspection import hosts_of


@pytest.mark.parametrize(
    "url, hosts",
    [
        ("sqlite:////var/lib/onec-images/onec-images.db", ()),
        ("postgresql+psycopg://shop@/shop", ()),
        ("postgresql+psycopg://shop@/shop?host=/run/postgresql", ()),
        ("postgresql+psycopg://shop:secret@10.0.0.5:5433/shop", ("10.0.0.5",)),
        ("postgresql+psycopg://shop@[2001:db8::5]/shop", ("2001:db8::5",)),
        ("postgresql+psycopg://shop@/shop?host=a.example,b.example", ("a.example", "b.example")),
        ("postgresql+psycopg://shop@/shop?host=a.example&host=b.example:5433", ("a.example", "b.example")),
        ("postgresql+psycopg://shop@/shop?hostaddr=10.0.0.5&host=a.example", ("10.0.0.5",)),
    ],
)
def test_the_hosts_of_a_database_are_those_that_the_network_leads_to(
    url: str, hosts: tuple[str, ...]
) -> None:
    assert hosts_of(url) == hosts
