"""The settings: one frozen model per section, with its keys, their defaults and what they accept."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from daemon.config import database_url, texts, values

#: More threads than this help nobody; it is a slip of the keyboard.
MOST_WORKERS: Final = 1024

#: Counting back further leaves the calendar: a century, in days.
MOST_DAYS: Final = 36_500

# What a key accepts, and, where it differs from the value, how the configuration writes it.
Flag = Annotated[bool, PlainValidator(values.flag)]
Count = Annotated[int, PlainValidator(values.whole_number(0))]
PositiveCount = Annotated[int, PlainValidator(values.whole_number(1))]
Workers = Annotated[int, PlainValidator(values.whole_number(0, MOST_WORKERS))]
Days = Annotated[int, PlainValidator(values.whole_number(0, MOST_DAYS))]

_WRITTEN_SECONDS = PlainSerializer(values.formatted_seconds)
Seconds = Annotated[float, PlainValidator(values.seconds), _WRITTEN_SECONDS]
PositiveSeconds = Annotated[float, PlainValidator(values.positive_seconds), _WRITTEN_SECONDS]

_WRITTEN_SIZE = PlainSerializer(values.formatted_size)
Size = Annotated[int, PlainValidator(values.size()), _WRITTEN_SIZE]
PositiveSize = Annotated[int, PlainValidator(values.size(1)), _WRITTEN_SIZE]

_WRITTEN_MODE = PlainSerializer(values.formatted_mode)
FileMode = Annotated[int, PlainValidator(values.file_mode), _WRITTEN_MODE]
DirectoryMode = Annotated[int, PlainValidator(values.directory_mode), _WRITTEN_MODE]

Text = Annotated[str, PlainValidator(texts.text)]
Name = Annotated[str, PlainValidator(texts.name)]
OptionalName = Annotated[str, PlainValidator(texts.optional_name)]
Location = Annotated[Path, PlainValidator(texts.path), PlainSerializer(str)]
Prefix = Annotated[str, PlainValidator(texts.prefix)]
Listen = Annotated[str, PlainValidator(texts.listen_address)]
Address = Annotated[str, PlainValidator(database_url.normalized), PlainSerializer(database_url.masked)]

_WRITTEN_LIST = PlainSerializer(list)
ImageRoots = Annotated[tuple[str, ...], PlainValidator(texts.image_roots), _WRITTEN_LIST]
Catalog = Annotated[tuple[str, ...], PlainValidator(texts.catalog), _WRITTEN_LIST]
Extensions = Annotated[tuple[str, ...], PlainValidator(texts.extensions), _WRITTEN_LIST]
Ignore = Annotated[tuple[str, ...], PlainValidator(texts.ignore), _WRITTEN_LIST]
Command = Annotated[tuple[str, ...], PlainValidator(texts.command), _WRITTEN_LIST]

Backend = Literal["auto", "inotify", "polling"]
Composition = Literal["append", "mirror"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json", "journal"]


class Section(BaseModel):
    """What all sections share: frozen, no unknown keys; a dump reads as in TOML, with secrets masked."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        # A section named like a word of Python carries an underscore there, and there alone.
        alias_generator=lambda field: field.removesuffix("_"),
        validate_by_name=True,
        validate_by_alias=True,
    )


class Exchange(Section):
    """What lies where in the exchange directory."""

    dir: Location = Path("data/import_1c")
    image_roots: ImageRoots = ("goods/import_files",)
    catalog: Catalog = ("goods/goods*.xml",)
    #: Lower case, without the dot.
    extensions: Extensions = ("jpg", "jpeg", "png")
    ignore: Ignore = ()


class Media(Section):
    """Where pictures are brought to, and how."""

    dir: Location = Path("media")
    prefix: Prefix = "products"
    durable: Flag = True
    file_mode: FileMode = 0o644
    dir_mode: DirectoryMode = 0o755
    min_free: Size = 256 * 2**20


class Table(Section):
    """A table and the names of its columns, no two of them alike."""

    # A column that is named like the default of another one is seen as well.
    model_config = ConfigDict(validate_default=True)

    @field_validator("*")
    @classmethod
    def _is_no_other_column(cls, column: str, info: ValidationInfo) -> str:
        others = {name: other for other, name in info.data.items() if other != "table"}
        if info.field_name != "table" and column and column in others:
            message = f'must be a column of its own, not {values.shown(column)}, which "{others[column]}" is'
            raise ValueError(message)
        return column


class ProductsTable(Table):
    """The products table; an empty name means "no such column"."""

    table: Name = "products"
    id: Name = "id"
    onec_id: Name = "onec_id"
    is_active: OptionalName = "is_active"
    main_image: Name = "main_image"
    gallery_images: Name = "gallery_images"
    updated_at: OptionalName = "updated_at"


class SessionsTable(Table):
    """The sessions table; an empty name means "no such column", which is then kept in the report."""

    table: Name = "import_sessions"
    id: Name = "id"
    import_type: Name = "import_type"
    status: Name = "status"
    task_id: OptionalName = "task_id"
    trigger: OptionalName = "trigger"
    started_at: OptionalName = "started_at"
    updated_at: OptionalName = "updated_at"
    finished_at: OptionalName = "finished_at"
    report_details: Name = "report_details"
    error_message: OptionalName = "error_message"


class Database(Section):
    """Which database, and what its tables are called."""

    # A table that is named like the default of the other one is seen as well.
    model_config = ConfigDict(validate_default=True)

    #: As SQLAlchemy takes it, secrets included: never shown; a dump masks them.
    url: Address = Field(default="sqlite:///onec-images.db", repr=False)
    attach: Flag = False
    products: ProductsTable = ProductsTable()
    sessions: SessionsTable = SessionsTable()

    @field_validator("sessions")
    @classmethod
    def _is_a_table_of_its_own(cls, sessions: SessionsTable, info: ValidationInfo) -> SessionsTable:
        products = info.data.get("products")
        if products is not None and products.table == sessions.table:
            message = f"must be a table of its own, not {values.shown(sessions.table)}, that of the products"
            raise ValueError(message)
        return sessions


class Import(Section):
    """How products are imported."""

    on_startup: Flag = True
    chunk_size: PositiveCount = 100
    progress_every: PositiveCount = 50
    validate_images: Flag = False
    composition: Annotated[Composition, PlainValidator(values.choice(*get_args(Composition)))] = "append"
    placeholder: Text = "products/placeholder.png"
    max_file_size: PositiveSize = 64 * 2**20
    #: 0: two, or one for one processor.
    workers: Workers = 0
    time_limit: PositiveSeconds = 3600.0
    max_retries: Count = 3
    retry_delay: Seconds = 60.0


class Watch(Section):
    """How the exchange directory is watched."""

    backend: Annotated[Backend, PlainValidator(values.choice(*get_args(Backend)))] = "auto"
    settle: Seconds = 10.0
    max_wait: Seconds = 60.0
    max_pending: PositiveCount = 50_000
    retry_unmatched: PositiveSeconds = 60.0
    #: 0: never.
    reconcile_interval: Seconds = 3600.0


class Trigger(Section):
    """The file by which an import is asked for."""

    file: Location = Path("import_images.trigger")


class Sessions(Section):
    """How long records of sessions are kept."""

    #: 0: for ever.
    keep_days: Days = 90


class Log(Section):
    """What is logged, and in which form."""

    level: Annotated[LogLevel, PlainValidator(values.choice(*get_args(LogLevel)))] = "info"
    format: Annotated[LogFormat, PlainValidator(values.choice(*get_args(LogFormat)))] = "auto"


class Http(Section):
    """Where the state is served over HTTP."""

    #: Host and port; empty: nowhere.
    listen: Listen = ""


class Hooks(Section):
    """Commands, as their words, that are run when something happened; empty: none."""

    on_session_end: Command = ()
    on_degraded: Command = ()

    def anchored(self, directory: Path) -> Self:
        """Return these commands with programs named by a relative path made absolute; a bare name is looked up."""
        return self.model_copy(
            update={
                name: _anchored(command, directory) for name, command in self if "/" in "".join(command[:1])
            }
        )


def _anchored(command: tuple[str, ...], directory: Path) -> tuple[str, ...]:
    program, *words = command
    return (str(directory / program), *words)


class Settings(Section):
    """The whole configuration. As loaded, its paths and a SQLite address are absolute."""

    exchange: Exchange = Exchange()
    media: Media = Media()
    database: Database = Database()
    import_: Import = Import()
    watch: Watch = Watch()
    trigger: Trigger = Trigger()
    sessions: Sessions = Sessions()
    log: Log = Log()
    http: Http = Http()
    hooks: Hooks = Hooks()

    def anchored(self, directory: Path) -> Self:
        """Return these settings with what is relative made absolute below ``directory``.

        The trigger file is relative to the exchange directory.
        """
        exchange = directory / self.exchange.dir
        url = database_url.anchored(self.database.url, directory)
        return self.model_copy(
            update={
                "exchange": self.exchange.model_copy(update={"dir": exchange}),
                "media": self.media.model_copy(update={"dir": directory / self.media.dir}),
                "database": self.database.model_copy(update={"url": url}),
                "trigger": self.trigger.model_copy(update={"file": exchange / self.trigger.file}),
                "hooks": self.hooks.anchored(directory),
            }
        )

    def with_database_password(self, password: str) -> Self:
        """Return these settings with this password in a PostgreSQL address."""
        if not database_url.is_postgresql(self.database.url):
            return self
        url = database_url.with_password(self.database.url, password)
        return self.model_copy(update={"database": self.database.model_copy(update={"url": url})})
