"""The words of the status page, in the languages it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that the page says by itself; what comes from files, rows and the service stays as it is."""

    language: str
    states: Mapping[str, str]
    imports: Mapping[str, str]
    triggers: Mapping[str, str]
    statuses: Mapping[str, str]
    units: tuple[str, str, str, str]  #: second, minute, hour, day
    lost: str
    degraded: str
    silent: str
    now: str
    since: str
    attempt: str
    products: str
    of: str
    left: str
    next_reconcile: str
    nothing_now: str
    pending: str
    oldest: str
    unmatched: str
    last_full_import: str
    never: str
    database: str
    up: str
    down: str
    copied: str
    skipped: str
    errors: str
    copied_in_a_day: str
    errors_in_a_day: str
    throughput: str
    peak: str
    nothing_in_a_day: str
    sessions: str
    no_sessions: str
    session: str
    kind: str
    trigger: str
    began: str
    took: str
    result: str
    last_errors: str
    no_errors: str
    errors_hint: str
    unmatched_pictures: str
    no_unmatched: str
    unmatched_hint: str
    utc: str
    updated: str
    process: str
    metrics: str
    health: str


_EN: Final = Words(
    language="en",
    states=MappingProxyType(
        {
            "starting": "starting",
            "standby": "standing by for another process",
            "waiting": "waiting for the directory of pictures",
            "watching": "watching",
            "importing": "importing",
            "stopping": "stopping",
        }
    ),
    imports=MappingProxyType({"images": "pictures", "catalog": "catalogue"}),
    triggers=MappingProxyType(
        {
            "startup": "start of the service",
            "trigger": "trigger file",
            "watch": "change noticed",
            "reconcile": "regular check",
            "manual": "by hand",
        }
    ),
    statuses=MappingProxyType({"completed": "completed", "failed": "failed"}),
    units=("s", "min", "h", "d"),
    lost="The service does not answer. This is what it said last.",
    degraded="Something is wrong",
    silent="The service has told nothing for",
    now="Now",
    since="since",
    attempt="attempt",
    products="products",
    of="of",
    left="time left",
    next_reconcile="next regular check at",
    nothing_now="No import is under way",
    pending="Changed products waiting",
    oldest="the oldest for",
    unmatched="Products awaited",
    last_full_import="Last import of everything",
    never="not yet",
    database="Database",
    up="answers",
    down="does not answer",
    copied="copied",
    skipped="skipped",
    errors="errors",
    copied_in_a_day="Pictures in 24 hours",
    errors_in_a_day="Errors in 24 hours",
    throughput="Pictures copied in the last 24 hours",
    peak="the most in five minutes",
    nothing_in_a_day="No picture was copied in the last 24 hours.",
    sessions="Last imports",
    no_sessions="There were none yet.",
    session="No.",
    kind="What",
    trigger="Why",
    began="Began",
    took="Took",
    result="Result",
    last_errors="Last errors",
    no_errors="There were none.",
    errors_hint="All that would fail now:",
    unmatched_pictures="Pictures without a product",
    no_unmatched="There are none.",
    unmatched_hint="They are imported as soon as the product is there and active. The whole list:",
    utc="Times are UTC.",
    updated="As of",
    process="Process",
    metrics="Metrics",
    health="Health",
)

_RU: Final = Words(
    language="ru",
    states=MappingProxyType(
        {
            "starting": "запускается",
            "standby": "ждёт: работает другой процесс",
            "waiting": "ждёт папку с картинками",
            "watching": "следит за обменом",
            "importing": "идёт импорт",
            "stopping": "останавливается",
        }
    ),
    imports=MappingProxyType({"images": "картинки", "catalog": "каталог"}),
    triggers=MappingProxyType(
        {
            "startup": "запуск службы",
            "trigger": "файл-триггер",
            "watch": "замечено изменение",
            "reconcile": "плановая сверка",
            "manual": "вручную",
        }
    ),
    statuses=MappingProxyType({"completed": "завершён", "failed": "ошибка"}),
    units=("с", "мин", "ч", "д"),
    lost="Служба не отвечает. Ниже — её последние сведения.",
    degraded="Что-то не в порядке",
    silent="Служба молчит уже",
    now="Сейчас",
    since="с",
    attempt="попытка",
    products="товаров",
    of="из",
    left="осталось",
    next_reconcile="следующая сверка в",
    nothing_now="Импорт сейчас не идёт",
    pending="Изменённых товаров в очереди",
    oldest="дольше всех ждёт",
    unmatched="Ожидаемых товаров",
    last_full_import="Последний полный импорт",
    never="ещё не было",
    database="База данных",
    up="отвечает",
    down="не отвечает",
    copied="скопировано",
    skipped="пропущено",
    errors="ошибок",
    copied_in_a_day="Картинок за 24 часа",
    errors_in_a_day="Ошибок за 24 часа",
    throughput="Скопировано картинок за последние 24 часа",
    peak="максимум за пять минут",
    nothing_in_a_day="За последние 24 часа картинок не копировали.",
    sessions="Последние импорты",
    no_sessions="Импортов ещё не было.",
    session="№",
    kind="Что",
    trigger="Причина",
    began="Начало",
    took="Время",
    result="Итог",
    last_errors="Последние ошибки",
    no_errors="Ошибок не было.",
    errors_hint="Всё, что не импортировалось бы сейчас:",
    unmatched_pictures="Картинки без товара",
    no_unmatched="Таких нет.",
    unmatched_hint="Они будут импортированы, как только товар появится и станет активным. Полный список:",
    utc="Время — UTC.",
    updated="Данные на",
    process="Процесс",
    metrics="Метрики",
    health="Состояние",
)

#: By the code of the language; the first is for those who ask for none of them.
WORDS: Final[Mapping[str, Words]] = MappingProxyType({"en": _EN, "ru": _RU})
