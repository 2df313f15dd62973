"""What defines a database: all that could be made, altered or granted in it, but for the rows."""

from typing import Any

from support import sql

_SQLITE = (
    "SELECT tbl_name, name, type, sql FROM sqlite_master ORDER BY name",
    "PRAGMA journal_mode",
    "PRAGMA user_version",
    "PRAGMA application_id",
    "PRAGMA auto_vacuum",
    "PRAGMA encoding",
)

#: In each the first column says what the row is about.
_POSTGRESQL = (
    """
    SELECT c.relname, n.nspname, c.relkind::text, c.relowner, c.relacl::text, c.reloptions::text, c.relfilenode
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema' ORDER BY 2, 1
    """,
    """
    SELECT c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
      a.attacl::text, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema' ORDER BY 1, 3
    """,
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname <> 'pg_catalog' ORDER BY 2",
    """
    SELECT conname, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace
    WHERE n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema' ORDER BY 1
    """,
    "SELECT tgname, tgrelid FROM pg_trigger ORDER BY 1",
    "SELECT proname, pronamespace FROM pg_proc WHERE pronamespace <> 'pg_catalog'::regnamespace ORDER BY oid",
    "SELECT nspname, nspacl::text FROM pg_namespace ORDER BY 1",
    "SELECT extname FROM pg_extension ORDER BY 1",
    "SELECT setdatabase::text, setrole, setconfig::text FROM pg_db_role_setting ORDER BY 1, 2",
)


def definition(url: str, but: str) -> list[tuple[Any, ...]]:
    """Return what defines a database, leaving out what is called as this table, or begins so."""
    queries = _SQLITE if sql.is_sqlite(url) else _POSTGRESQL
    rows = [row for query in queries for row in sql.execute(url, query)]
    return [row for row in rows if not str(row[0]).startswith(but)]
