"""Loading: what a file and an environment together mean, and what is said of everything wrong in them."""

import re
import tomllib
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.config import Settings, keys, load
from daemon.config.settings import Import, Watch
from daemon.errors import ConfigurationError

Write = Callable[[str], Path]

EXAMPLE = Path(__file__).parents[2] / "config.toml"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        file = tmp_path / "config.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


def problems(file: Path, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(file, environ or {})
    return str(raised.value).removeprefix(f"{file}: ").replace(f"\n{file}: ", "\n").splitlines()


def problem(file: Path, environ: Mapping[str, str] | None = None) -> str:
    (line,) = problems(file, environ)
    return line


def test_an_empty_file_means_the_defaults(write: Write, tmp_path: Path) -> None:
    settings = load(write(""), {})
    assert settings == Settings().anchored(tmp_path)
    assert settings.exchange.image_roots == ("goods/import_files",)
    assert settings.exchange.extensions == ("jpg", "jpeg", "png")
    assert settings.media.min_free == 256 * 1024 * 1024
    assert (settings.media.file_mode, settings.media.dir_mode) == (0o644, 0o755)
    assert settings.import_.time_limit == 3600.0
    assert settings.database.sessions.task_id == "task_id"


def test_the_example_holds_the_defaults() -> None:
    assert load(EXAMPLE, {}) == Settings().anchored(EXAMPLE.parent)


def test_the_example_names_every_key() -> None:
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    named = {
        (*section, key) for section in keys.sections() if section for key in dict(_section(example, section))
    }
    assert set(keys.places()) <= named


def test_the_example_says_a_line_about_every_key() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    bare = [line for above, line in pairwise(lines) if re.match(r"[a-z_]+ = ", line) and above[:2] != "# "]
    assert bare == []


def _section(values: Mapping[str, object], place: keys.Place) -> Mapping[str, object]:
    for name in place:
        inner = values[name]
        assert isinstance(inner, dict)
        values = inner
    return values


def test_relative_paths_are_relative_to_the_file(write: Write, tmp_path: Path) -> None:
    settings = load(write('[exchange]\ndir = "in"\n[media]\ndir = "../out"\n'), {})
    assert settings.exchange.dir == tmp_path / "in"
    assert settings.media.dir == tmp_path / "../out"
    assert settings.trigger.file == tmp_path / "in/import_images.trigger"
    assert settings.database.url == f"sqlite:///{tmp_path}/onec-images.db"


def test_absolute_paths_stay(write: Write) -> None:
    text = '[exchange]\ndir = "/in"\n[media]\ndir = "/out"\n[trigger]\nfile = "/run/shop/trigger"\n'
    settings = load(write(text), {})
    assert (settings.exchange.dir, settings.media.dir) == (Path("/in"), Path("/out"))
    assert settings.trigger.file == Path("/run/shop/trigger")


def test_the_program_of_a_hook_is_relative_to_the_file_where_it_is_a_path(
    write: Write, tmp_path: Path
) -> None:
    hooks = load(
        write('[hooks]\non_session_end = ["bin/tell", "a/b"]\non_degraded = ["curl", "a/b"]\n'), {}
    ).hooks
    assert hooks.on_session_end == (f"{tmp_path}/bin/tell", "a/b")
    assert hooks.on_degraded == ("curl", "a/b")


def test_a_file_named_relatively_anchors_in_its_directory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("")
    monkeypatch.chdir(tmp_path)
    assert load(Path("config.toml"), {}).media.dir == tmp_path / "media"


def test_the_environment_overrides_the_file(write: Write) -> None:
    file = write("[import]\nchunk_size = 7\nmax_retries = 1\n")
    settings = load(file, {"ONEC_IMAGES_IMPORT__CHUNK_SIZE": "9"})
    assert (settings.import_.chunk_size, settings.import_.max_retries) == (9, 1)


def test_texts_of_the_environment_become_what_is_meant(write: Write) -> None:
    environ = {
        "ONEC_IMAGES_EXCHANGE__IMAGE_ROOTS": '["a", "b/c"]',
        "ONEC_IMAGES_MEDIA__DURABLE": "No",
        "ONEC_IMAGES_MEDIA__FILE_MODE": "0640",
        "ONEC_IMAGES_MEDIA__MIN_FREE": "1024",
        "ONEC_IMAGES_DATABASE__PRODUCTS__TABLE": "shop_product",
        "ONEC_IMAGES_DATABASE__SESSIONS__TASK_ID": "",
        "ONEC_IMAGES_WATCH__SETTLE": "0.5",
        "ONEC_IMAGES_LOG__LEVEL": "DEBUG",
        "ONEC_IMAGES_HOOKS__ON_DEGRADED": '["/bin/mail", "root"]',
        "ONEC_IMAGES_HOOKS__ON_SESSION_END": "",
    }
    settings = load(write(""), environ)
    assert settings.exchange.image_roots == ("a", "b/c")
    assert settings.media.durable is False
    assert (settings.media.file_mode, settings.media.min_free) == (0o640, 1024)
    assert settings.database.products.table == "shop_product"
    assert settings.database.sessions.task_id == ""
    assert (settings.watch.settle, settings.log.level) == (0.5, "debug")
    assert settings.hooks.on_degraded == ("/bin/mail", "root")
    assert settings.hooks.on_session_end == ()


def test_texts_of_the_environment_leave_no_trace_of_their_type(write: Write) -> None:
    settings = load(write(""), {"ONEC_IMAGES_MEDIA__PREFIX": "shop", "ONEC_IMAGES_IMPORT__PLACEHOLDER": ""})
    assert type(settings.media.prefix) is str
    assert type(settings.import_.placeholder) is str


@pytest.mark.parametrize("place", keys.places(), ids=keys.label)
def test_every_key_can_be_overridden(write: Write, place: keys.Place) -> None:
    name = keys.variable(place)
    assert problem(write(""), {name: "\0"}).startswith(f"{name}: {keys.label(place)}: must ")


def test_the_environment_of_the_process_does_not_count(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEC_IMAGES_WATCH__SETTLE", "1")
    settings = load(write(""), {"ONEC_IMAGES_WATCH__MAX_WAIT": "2"})
    assert (settings.watch.settle, settings.watch.max_wait) == (10, 2)


def test_the_variable_that_names_the_file_is_known(write: Write) -> None:
    file = write("")
    assert load(file, {"ONEC_IMAGES_CONFIG": str(file)}) == load(file, {})


def test_settings_are_frozen(write: Write) -> None:
    settings = load(write(""), {})
    with pytest.raises(ValidationError, match="frozen"):
        settings.watch.settle = 1  # type: ignore[misc]


def test_settings_can_be_made_of_plain_values() -> None:
    settings = Settings(import_=Import(chunk_size=2), watch=Watch(settle=0.1))
    assert (settings.import_.chunk_size, settings.watch.settle) == (2, 0.1)


def test_a_bad_configuration_exits_with_78(write: Write) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(write("[watch]\nsettle = -1\n"), {})
    assert raised.value.exit_status == 78


def test_an_unknown_key_names_the_nearest_known_one(write: Write) -> None:
    file = write("[watch]\nsetle = 3\n")
    with pytest.raises(ConfigurationError) as raised:
        load(file, {})
    assert str(raised.value) == f'{file}: [watch] setle: unknown key; did you mean "settle"?'


@pytest.mark.parametrize(
    "text, line",
    [
        ("[wach]\nsettle = 3", "[wach]: unknown section; did you mean [watch]?"),
        ("[Watch]\nsettle = 3", "[Watch]: unknown section; did you mean [watch]?"),
        ("[import_]\n", "[import_]: unknown section; did you mean [import]?"),
        ("[product]\n", "[product]: unknown section; did you mean [database.products]?"),
        ("[database.product]\n", "[database.product]: unknown section; did you mean [database.products]?"),
        ("[database.products]\nname = 'x'", "[database.products] name: unknown key; known are table, id, "),
        ("[database.products]\nids = 'x'", '[database.products] ids: unknown key; did you mean "id"?'),
        ("[http]\nport = 80", "[http] port: unknown key; known are listen"),
        ("[http]\nsettle = 1", "[http] settle: unknown key; did you mean [watch] settle?"),
        ("settle = 1", "settle: unknown key; did you mean [watch] settle?"),
        ("xyz = 1", "xyz: unknown key; every key stands in a section"),
        ("_env_file = '.env'", "_env_file: unknown key; every key stands in a section"),
        ("watch = 1", "[watch]: must be a section with keys of its own, not a value"),
        ("[[watch]]", "[watch]: must be a section with keys of its own, not a value"),
        ('["a\\nb"]', "[a\\nb]: unknown section; known are [exchange], "),
    ],
)
def test_an_unknown_name_tells_where_to_look(write: Write, text: str, line: str) -> None:
    assert problem(write(text)).startswith(line)


@pytest.mark.parametrize(
    "text, line",
    [
        ("[exchange]\ndir = ''", '[exchange] dir: must be a path, not ""'),
        ("[exchange]\nimage_roots = []", "[exchange] image_roots: must be a list such as "),
        ("[exchange]\nimage_roots = 'goods'", "[exchange] image_roots: must be a list such as "),
        (
            "[exchange]\nimage_roots = ['../x']",
            '[exchange] image_roots: must hold paths without "..", not "../x"',
        ),
        (
            "[exchange]\ncatalog = ['/x/*.xml']",
            "[exchange] catalog: must hold patterns of files relative to ",
        ),
        ("[exchange]\nextensions = ['tar.gz']", "[exchange] extensions: must hold extensions of file names "),
        ("[exchange]\nignore = [1]", "[exchange] ignore: must hold file names or patterns of them, not 1"),
        ("[media]\nprefix = '../x'", "[media] prefix: must be a relative path "),
        ("[media]\ndurable = 'yes'", '[media] durable: must be true or false, not "yes"'),
        ("[media]\ndurable = 1", "[media] durable: must be true or false, not 1"),
        ("[media]\nfile_mode = 644", "[media] file_mode: must be octal text in quotes "),
        (
            "[media]\nmin_free = '1 XB'",
            '[media] min_free: must be a number of bytes or a text such as "64 MiB"',
        ),
        ("[database]\nattach = 'true'", '[database] attach: must be true or false, not "true"'),
        ("[database.products]\nonec_id = ''", '[database.products] onec_id: must be a name, not ""'),
        ("[database.sessions]\nstatus = ''", '[database.sessions] status: must be a name, not ""'),
        (
            "[import]\nchunk_size = 'abc'",
            '[import] chunk_size: must be a whole number of at least 1, not "abc"',
        ),
        ("[import]\nchunk_size = '100'", "[import] chunk_size: must be a whole number of at least 1, "),
        ("[import]\nchunk_size = 1.0", "[import] chunk_size: must be a whole number of at least 1, not 1.0"),
        (
            "[import]\nchunk_size = true",
            "[import] chunk_size: must be a whole number of at least 1, not true",
        ),
        ("[import]\nworkers = 10_000", "[import] workers: must be a whole number of at most 1024, not 10000"),
        (
            "[import]\ncomposition = 'add'",
            '[import] composition: must be one of "append", "mirror", not "add"',
        ),
        ("[import]\nmax_file_size = 0", "[import] max_file_size: must be "),
        ("[import]\ntime_limit = 0", "[import] time_limit: must be a number of seconds above 0, not 0"),
        (
            "[watch]\nsettle = nan",
            "[watch] settle: must be a number of seconds from 0 to 31536000 (a year), not nan",
        ),
        ("[watch]\nsettle = 2024-01-01", "[watch] settle: must be a number of seconds from 0 to "),
        ("[watch.settle]\nx = 1", "[watch] settle: must be a number of seconds from 0 to "),
        ("[sessions]\nkeep_days = -1", "[sessions] keep_days: must be a whole number of at least 0, not -1"),
        ("[log]\nformat = 5", '[log] format: must be one of "auto", "console", "json", "journal", not 5'),
        (
            "[http]\nlisten = ':80'",
            '[http] listen: must be a host and a port such as "127.0.0.1:9464", or empty',
        ),
        ("[hooks]\non_degraded = 'mail root'", "[hooks] on_degraded: must be a list of words such as "),
    ],
)
def test_a_bad_value_tells_what_is_accepted_and_what_was_found(write: Write, text: str, line: str) -> None:
    assert problem(write(text)).startswith(line)


def test_zero_switches_off_what_can_be_off(write: Write) -> None:
    text = (
        "[sessions]\nkeep_days = 0\n[import]\nworkers = 0\nmax_retries = 0\n[watch]\nreconcile_interval = 0\n"
    )
    settings = load(write(text), {})
    assert (settings.sessions.keep_days, settings.watch.reconcile_interval) == (0, 0)


def test_optional_columns_may_be_without_a_name(write: Write) -> None:
    text = '[database.products]\nis_active = ""\nupdated_at = ""\n[database.sessions]\ntask_id = ""\n'
    database = load(write(text), {}).database
    assert (database.products.is_active, database.products.updated_at) == ("", "")
    assert (database.sessions.task_id, database.sessions.trigger) == ("", "trigger")


def test_two_columns_of_a_table_cannot_be_one(write: Write) -> None:
    line = problem(write('[database.products]\nid = "onec_id"\n'))
    assert line == '[database.products] onec_id: must be a column of its own, not "onec_id", which "id" is'


def test_two_tables_cannot_be_one(write: Write) -> None:
    line = problem(write('[database.products]\ntable = "import_sessions"\n'))
    assert line == (
        '[database.sessions]: must be a table of its own, not "import_sessions", that of the products'
    )


def test_a_column_may_be_named_like_its_table(write: Write) -> None:
    assert (
        load(write('[database.products]\nmain_image = "products"\n'), {}).database.products.table
        == "products"
    )


def test_everything_wrong_is_told_at_once(write: Write, tmp_path: Path) -> None:
    file = write("[watch]\nsetle = 3\nmax_wait = 'long'\n[wach]\n[import]\nworkers = -1\n")
    (tmp_path / "database-password").write_text("")
    environ = {
        "ONEC_IMAGES_MEDIA__DURABLE": "perhaps",
        "ONEC_IMAGES_WATCH__SETLE": "3",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    assert [line.split(": must ")[0] for line in problems(file, environ)] == [
        '[watch] setle: unknown key; did you mean "settle"?',
        "[wach]: unknown section; did you mean [watch]?",
        "ONEC_IMAGES_WATCH__SETLE: unknown variable; did you mean ONEC_IMAGES_WATCH__SETTLE?",
        "ONEC_IMAGES_MEDIA__DURABLE: [media] durable",
        "[import] workers",
        "[watch] max_wait",
        str(tmp_path / "database-password"),
    ]


@pytest.mark.parametrize(
    "name, hint",
    [
        ("ONEC_IMAGES_DATABASE_URL", "did you mean ONEC_IMAGES_DATABASE__URL?"),
        ("ONEC_IMAGES_import__workers", "did you mean ONEC_IMAGES_IMPORT__WORKERS?"),
        ("ONEC_IMAGES_CONFG", "did you mean ONEC_IMAGES_CONFIG?"),
        ("ONEC_IMAGES_QQQ", "a key is overridden by ONEC_IMAGES_SECTION__KEY"),
    ],
)
def test_an_unknown_variable_names_the_nearest_known_one(write: Write, name: str, hint: str) -> None:
    assert problem(write(""), {name: "5"}) == f"{name}: unknown variable; {hint}"


def test_variables_of_others_are_none_of_our_business(write: Write) -> None:
    load(write(""), {"PATH": "/bin", "ONEC": "1", "onec_images_watch__settle": "x", "XONEC_IMAGES_A": "b"})


def test_a_bad_value_of_the_environment_names_its_variable(write: Write) -> None:
    line = problem(write("[watch]\nsettle = 5\n"), {"ONEC_IMAGES_WATCH__SETTLE": "soon"})
    assert line == (
        "ONEC_IMAGES_WATCH__SETTLE: [watch] settle: "
        'must be a number of seconds from 0 to 31536000 (a year), not "soon"'
    )


def test_a_section_that_is_none_does_not_hinder_the_environment(write: Write) -> None:
    assert problem(write("watch = 1\n"), {"ONEC_IMAGES_WATCH__SETTLE": "5"}).startswith("[watch]: must be")


def test_a_list_of_the_environment_that_is_no_json_is_told(write: Write) -> None:
    line = problem(write(""), {"ONEC_IMAGES_EXCHANGE__EXTENSIONS": "jpg,png"})
    assert line.endswith('must be a list such as ["jpg", "png"], not "jpg,png"')


@pytest.mark.parametrize(
    "text",
    [
        '[database]\nurl = "mysql://shop:s3cret@localhost/shop"\n',
        '[database]\nurl = "shop:s3cret@localhost/shop"\n',
        '[database]\nurl = "postgresql://shop:s3cret@localhost:port/shop"\n',
        '[database]\nurl = "postgresql://shop:s3/cret@localhost/shop"\n',
        '[database]\nurl = ["postgresql://shop:s3cret@localhost/shop"]\n',
        '[database]\nurl = "postgresql://shop:s3cret\\u0000@localhost/shop"\n',
        '[data_base]\nurl = "postgresql://shop:s3cret@localhost/shop"\n',
        '[database]\nuri = "postgresql://shop:s3cret@localhost/shop"\n',
        'database = "postgresql://shop:s3cret@localhost/shop"\n',
        '[database]\nurl = "postgresql://shop:s3cret@localhost/shop\n',
    ],
)
def test_no_message_shows_a_password(write: Write, text: str) -> None:
    line = problem(write(text))
    assert "cret" not in line
    assert "s3" not in line


def test_no_error_carries_a_password_along(write: Write) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(write('[database]\nurl = "mysql://shop:s3cret@localhost/shop"\n'), {})
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_settings_do_not_show_the_password_by_accident(write: Write) -> None:
    settings = load(write('[database]\nurl = "postgresql://shop:s3cret@localhost/shop"\n'), {})
    assert "s3cret" in settings.database.url
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings.model_dump())


def test_the_credential_of_systemd_is_the_password(write: Write, tmp_path: Path) -> None:
    (tmp_path / "database-password").write_text("p@ss word\n")
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "ONEC_IMAGES_DATABASE__URL": "postgresql://shop@localhost/shop",
    }
    url = load(write(""), environ).database.url
    assert url == "postgresql+psycopg://shop:p%40ss%20word@localhost/shop"


def test_sqlite_needs_no_credential(write: Write, tmp_path: Path) -> None:
    (tmp_path / "database-password").write_text("secret\n")
    settings = load(write(""), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert settings.database.url == f"sqlite:///{tmp_path}/onec-images.db"


def test_a_directory_of_other_credentials_is_no_mistake(write: Write, tmp_path: Path) -> None:
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path),
        "ONEC_IMAGES_DATABASE__URL": "postgresql://shop@localhost/shop",
    }
    assert load(write(""), environ).database.url == "postgresql+psycopg://shop@localhost/shop"


def test_a_long_value_is_cut_and_a_control_character_escaped(write: Write) -> None:
    line = problem(write(f'[import]\ncomposition = "\\u001b[31m\\n{"x" * 500}"\n'))
    assert '"\\x1b[31m\\nxxx' in line
    assert line.endswith('x…"')
    assert len(line) < 200
