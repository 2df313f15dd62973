"""The goods files of CommerceML 2 and 3, read as a stream: products and the pictures they name, in order.

Nothing that a file can contain makes the reader grow without bound, open anything else, or fail with another
error than CatalogueError.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO, NoReturn

# Not defusedxml's SAX reader: it is slower by a third, and bounds neither tokens nor names nor depth.
from xml.parsers import expat

from daemon.errors import CatalogueError
from daemon.naming import file_name, printable

#: A field is read up to this many characters, which is more than any onec_id or file name has.
MAX_FIELD = 1000
#: Pictures of one product beyond this number are ignored.
MAX_PICTURES = 1000

_CHUNK = 64 * 1024  # bytes
_MAX_TOKEN = 1024 * 1024  # bytes of one tag or comment, which expat must hold as a whole; texts are no token
_MAX_NAMES = 64 * 1024  # characters of all the different names of elements and attributes, which expat keeps
_MAX_DEPTH = 100  # elements, one in the other; expat keeps those that are open
_MAX_QUOTED = 100  # characters of a foreign name in a message

_ROOT = "КоммерческаяИнформация"
_CATALOGUE = "Каталог"
_PRODUCTS = "Товары"
_PRODUCT = "Товар"
_ID = "Ид"
_NAME = "Наименование"
_DELETION_MARK = "ПометкаУдаления"
_PICTURE = "Картинка"
_GENERATED_AT = "ДатаФормирования"
_STATUS = "Статус"
_DELETED = "удален"

_PATH = (_ROOT, _CATALOGUE, _PRODUCTS, _PRODUCT)
_PRODUCT_DEPTH = len(_PATH)
_FIELD_DEPTH = _PRODUCT_DEPTH + 1

_ACTIVE_BY_MARK = {"true": False, "1": False, "false": True, "0": True}
_NO_FILE_NAMES = ("", ".", "..")

_CODES = expat.errors.codes
_BAD_ENCODING = (
    _CODES[expat.errors.XML_ERROR_UNKNOWN_ENCODING],
    _CODES[expat.errors.XML_ERROR_INCORRECT_ENCODING],
)
_PLAIN_WORDS = {
    _CODES[expat.errors.XML_ERROR_NO_ELEMENTS]: "cut off",
    _CODES[expat.errors.XML_ERROR_UNCLOSED_TOKEN]: "cut off",
    _CODES[expat.errors.XML_ERROR_PARTIAL_CHAR]: "cut off",
    _CODES[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION]: "cut off",
    _CODES[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]: (
        "something follows the end of the document (was it received twice?)"
    ),
}

_UTF_16 = ("UTF-16", "UTF-16LE", "UTF-16BE")  # expat's own; its others pass for codecs of single bytes
_EVERY_BYTE = bytes(range(256))
# Neither expat nor a codec of single bytes answers to this name, which other readers of XML accept.
_UTF_8_MISSPELT = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*encoding\s*=\s*[\"']utf_?8[\"']", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CatalogueProduct:
    """One product as the catalogue has it.

    onec_id: its id in 1C, not empty, cut at MAX_FIELD characters: a cut one is longer than any that a
        products table can hold.
    name: its name, cut likewise; empty where there is none.
    is_active: False where it is marked as deleted, True where it is marked as not deleted, None where
        nothing is said.
    pictures: the file names of its pictures, each once, in the order of the catalogue. They are last parts
        of paths, never empty, ``.`` or ``..``; a path of more than MAX_FIELD characters is left out.
    """

    onec_id: str
    name: str
    is_active: bool | None
    pictures: tuple[str, ...]


def read(file: BinaryIO) -> Iterator[CatalogueProduct]:
    """Given a goods file at its start, yield its products that have an id, as they close, in constant memory.

    The products of a packet of offers are none. Raises CatalogueError, with line and column, where the
    file is not CommerceML, is broken or cut off, is in an unknown encoding, has a DOCTYPE (with it go all
    entities and outside files), or would take memory without bound; OSError where reading fails. What was
    yielded before the break was complete and counts: the caller keeps it.
    """
    chunk = file.read(_CHUNK)
    document = _Document(chunk)
    while True:
        try:
            document.feed(chunk)
        except CatalogueError:
            yield from document.closed_products()
            raise
        yield from document.closed_products()
        if not chunk:
            return
        chunk = file.read(_CHUNK)


def generated_at(file: BinaryIO) -> datetime | None:
    """Given a goods file at its start, return when it was generated, in UTC, and rewind it.

    A time without an offset is local time, a date alone its midnight. None where nothing readable is said
    within the first 64 KiB. Raises OSError where reading fails.
    """
    head = file.read(_CHUNK)
    file.seek(0)
    document = _Document(head)
    with suppress(CatalogueError):  # the root may have been read before; ``read`` tells what is wrong
        document.feed(head)
    return _moment((document.root or {}).get(_GENERATED_AT, ""))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter for the first and the last day there is
        return None


@dataclass(slots=True)
class _Draft:
    """The product whose element is open."""

    is_active: bool | None
    onec_id: str = ""
    name: str = ""
    pictures: dict[str, None] = field(default_factory=dict)  # in order, each once

    def take_id(self, text: str) -> None:
        self.onec_id = text[:MAX_FIELD]

    def take_name(self, text: str) -> None:
        self.name = text[:MAX_FIELD]

    def take_deletion_mark(self, text: str) -> None:
        self.is_active = _ACTIVE_BY_MARK.get(text.lower(), self.is_active)

    def take_picture(self, path: str) -> None:
        name = file_name(path.replace("\\", "/"))
        if name not in _NO_FILE_NAMES and len(path) <= MAX_FIELD and len(self.pictures) < MAX_PICTURES:
            self.pictures[name] = None

    def product(self) -> CatalogueProduct:
        return CatalogueProduct(self.onec_id, self.name, self.is_active, tuple(self.pictures))


_FIELDS: dict[str, Callable[[_Draft, str], None]] = {
    _ID: _Draft.take_id,
    _NAME: _Draft.take_name,
    _DELETION_MARK: _Draft.take_deletion_mark,
    _PICTURE: _Draft.take_picture,
}


class _Document:
    """One file on its way through expat. Its products gather until they are fetched.

    Namespaces are not resolved, prefixes are cut off: every exporter has its own, and expat would keep each.
    """

    def __init__(self, head: bytes) -> None:
        self.root: dict[str, str] | None = None  # the attributes of the root, once it is open
        self._products: list[CatalogueProduct] = []
        self._fed = 0  # bytes
        self._depth = 0  # elements that are open
        self._followed = 0  # how many of them, from the root, lie on the path to a field
        self._draft = _Draft(None)
        self._take = _FIELDS[_ID]
        self._text: list[str] = []
        self._room = 0  # characters that the open field may still take
        self._parser = expat.ParserCreate("UTF-8" if _UTF_8_MISSPELT.match(head) else None)
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._document_type
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def feed(self, chunk: bytes) -> None:
        """Given the next bytes, none at the end of the file, parse them. Raises CatalogueError."""
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            self._fail(self._in_plain_words(error.code))
        if self._fed - self._parser.CurrentByteIndex > _MAX_TOKEN:
            self._fail("a tag or comment that is too long")
        if sum(map(len, self._parser.intern)) > _MAX_NAMES:
            self._fail("too many different, or too long, names of elements and attributes")

    def closed_products(self) -> list[CatalogueProduct]:
        """Return the products that closed since the last call."""
        products, self._products = self._products, []
        return products

    def _in_plain_words(self, code: int) -> str:
        if not self._fed:
            return "the file is empty"
        words = _PLAIN_WORDS.get(code) or expat.ErrorString(code)
        if self.root is None and code not in _PLAIN_WORDS and code not in _BAD_ENCODING:
            return f"not XML: {words}"
        return words

    def _fail(self, what: str) -> NoReturn:
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        message = f"{what} at line {line}, column {column}"
        raise CatalogueError(message)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and not _is_readable(encoding):
            self._fail(f"the encoding {_quoted(encoding)} cannot be read")

    def _document_type(self, name: str, *_identifiers: object) -> None:
        self._fail(f"a document type (DOCTYPE {_quoted(name)}), which no CommerceML file has, is refused")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == self._followed + 1:
            self._follow(name.rpartition(":")[2], attributes)
        elif self._depth > _MAX_DEPTH:
            self._fail(f"elements nested more than {_MAX_DEPTH} deep")

    def _end(self, _name: str) -> None:
        if self._depth == self._followed:
            self._followed -= 1
            if self._depth == _FIELD_DEPTH:
                self._end_field()
            elif self._depth == _PRODUCT_DEPTH and self._draft.onec_id:
                self._products.append(self._draft.product())
        self._depth -= 1

    def _follow(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == _FIELD_DEPTH:
            if name in _FIELDS:
                self._start_field(name)
        elif self._depth <= _PRODUCT_DEPTH and name == _PATH[self._depth - 1]:
            self._followed += 1
            if name == _ROOT:
                self.root = attributes
            elif name == _PRODUCT:
                self._draft = _Draft(False if attributes.get(_STATUS, "").lower() == _DELETED else None)
        elif self._depth == 1:
            self._fail(f"not a CommerceML file: it begins with the element {_quoted(name)}")

    def _start_field(self, name: str) -> None:
        self._followed += 1
        self._take = _FIELDS[name]
        self._text = []
        self._room = MAX_FIELD + 1  # one more, which shows that there was more
        self._parser.CharacterDataHandler = self._collect

    def _collect(self, text: str) -> None:
        self._text.append(text)
        self._room -= len(text)
        if self._room <= 0:
            self._parser.CharacterDataHandler = None

    def _end_field(self) -> None:
        self._parser.CharacterDataHandler = None
        self._take(self._draft, "".join(self._text)[: MAX_FIELD + 1].strip())


def _quoted(name: str) -> str:
    return printable(name[:_MAX_QUOTED])


def _is_readable(encoding: str) -> bool:
    if encoding.upper() in _UTF_16:
        return True
    # Codecs of Python's own source warn of every backslash; Python keeps every name it has looked for.
    if "escape" in encoding.lower() or len(encoding) > _MAX_QUOTED:
        return False
    try:
        return len(_EVERY_BYTE.decode(encoding, "replace")) == len(_EVERY_BYTE)
    except (LookupError, ValueError):
        return False
