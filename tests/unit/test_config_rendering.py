"""The merged configuration as text: it loads again, tells origins, and keeps secrets."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import load, render

EVERYTHING = """
[exchange]
dir = "обмен"
image_roots = ["goods/import_files", "/srv/pictures"]
extensions = ["jpg", "webp"]
ignore = ['"quoted"', "back\\\\slash", "*_draft.jpg"]
[media]
durable = false
file_mode = "0640"
dir_mode = "2770"
min_free = 1000
[database.products]
is_active = ""
[import]
composition = "mirror"
max_file_size = "1.5 GiB"
time_limit = 0.5
[hooks]
on_degraded = ["/bin/mail", "-s", "it's \\"bad\\"\\u0007", "root"]
"""

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def rendered(file: Path, environ: dict[str, str]) -> list[str]:
    return render(load(file, environ), file, environ).splitlines()


def write(directory: Path, text: str) -> Path:
    file = directory / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_what_is_rendered_loads_to_the_same_settings(tmp_path: Path) -> None:
    file = write(tmp_path, EVERYTHING)
    environ = {"ONEC_IMAGES_WATCH__SETTLE": "0.25", "ONEC_IMAGES_HTTP__LISTEN": "[::1]:9180"}
    settings = load(file, environ)
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(render(settings, file, environ), encoding="utf-8")
    assert load(elsewhere, {}) == settings


@given(placeholder=texts, words=st.lists(texts, max_size=3), column=texts.filter(str.strip))
def test_any_text_survives_being_rendered(placeholder: str, words: list[str], column: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = write(Path(directory), "")
        settings = load(file, {})
        changed = settings.model_copy(
            update={
                "import_": settings.import_.model_copy(update={"placeholder": placeholder}),
                "hooks": settings.hooks.model_copy(update={"on_degraded": tuple(words)}),
                "database": settings.database.model_copy(
                    update={"products": settings.database.products.model_copy(update={"table": column})}
                ),
            }
        )
        write(Path(directory), render(changed, file, {}))
        assert load(file, {}) == changed.anchored(Path(directory))


def test_what_is_no_default_tells_where_it_comes_from(tmp_path: Path) -> None:
    file = write(tmp_path, '[import]\nchunk_size = 7\nworkers = 2\n[database.products]\ntable = "goods"\n')
    lines = rendered(file, {"ONEC_IMAGES_IMPORT__WORKERS": "4", "ONEC_IMAGES_MEDIA__DIR": "/srv/media"})
    assert "chunk_size = 7 # from config.toml" in lines
    assert "workers = 4 # from ONEC_IMAGES_IMPORT__WORKERS" in lines
    assert 'table = "goods" # from config.toml' in lines
    assert 'dir = "/srv/media" # from ONEC_IMAGES_MEDIA__DIR' in lines
    assert "max_retries = 3" in lines


def test_a_default_needs_no_origin(tmp_path: Path) -> None:
    file = write(tmp_path, '[import]\nchunk_size = 100\n[exchange]\ndir = "data/import_1c"\n')
    assert not any("#" in line for line in rendered(file, {}))


def test_a_variable_that_brings_a_default_back_is_named(tmp_path: Path) -> None:
    lines = rendered(write(tmp_path, "[import]\nchunk_size = 7\n"), {"ONEC_IMAGES_IMPORT__CHUNK_SIZE": "100"})
    assert "chunk_size = 100 # from ONEC_IMAGES_IMPORT__CHUNK_SIZE" in lines


def test_what_merely_follows_from_another_value_has_no_origin(tmp_path: Path) -> None:
    lines = rendered(write(tmp_path, '[exchange]\ndir = "/in"\n'), {})
    assert 'dir = "/in" # from config.toml' in lines
    assert 'file = "/in/import_images.trigger"' in lines


def test_sizes_modes_and_durations_are_written_readably(tmp_path: Path) -> None:
    lines = rendered(write(tmp_path, EVERYTHING), {})
    assert 'file_mode = "0640" # from config.toml' in lines
    assert 'dir_mode = "2770" # from config.toml' in lines
    assert "min_free = 1000 # from config.toml" in lines
    assert 'max_file_size = "1536 MiB" # from config.toml' in lines
    assert "time_limit = 0.5 # from config.toml" in lines
    assert "settle = 10" in lines


def test_a_name_of_a_file_cannot_break_out_of_its_comment(tmp_path: Path) -> None:
    file = tmp_path / "a\nb.toml"
    file.write_text("[import]\nchunk_size = 7\n")
    assert "chunk_size = 7 # from a\\nb.toml" in rendered(file, {})


def test_passwords_are_masked(tmp_path: Path) -> None:
    (tmp_path / "database-password").write_text("s3cret")
    file = write(tmp_path, '[database]\nurl = "postgres://shop@localhost/shop"\n')
    lines = rendered(file, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert 'url = "postgresql+psycopg://shop:***@localhost/shop" # from config.toml' in lines
    assert "s3cret" not in "\n".join(lines)


@pytest.mark.parametrize("module", ["sqlalchemy", "tomlkit", "pydantic_settings"])
def test_a_command_does_not_wait_for_what_it_does_not_need(tmp_path: Path, module: str) -> None:
    file = write(tmp_path, "")
    program = (
        "import sys; from pathlib import Path; from daemon.config import load; "
        f"load(Path({str(file)!r}), {{}}); sys.exit({module!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
