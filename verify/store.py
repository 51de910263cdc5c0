"""A file of simulated values: SQLite, one row per quantity, size and trial, keyed by what the value depends on.

A campaign that is interrupted resumes where it stopped, a longer one reuses the trials of a shorter one, and several
processes may share the file. Every batch is one transaction: a row is there whole or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from derive.errors import ParameterError

__all__ = ["Store"]

_SCHEMA = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS results (
    key TEXT NOT NULL,
    trial INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (key, trial)
) WITHOUT ROWID
"""


# the first value of a trial stays; any other conflict is an error and undoes its batch
_INSERT = "INSERT INTO results VALUES (?, ?, ?) ON CONFLICT (key, trial) DO NOTHING"


class Store:
    """Simulated values on disk.

    Parameters
    ----------
    path : str or Path
        Created when it does not exist; ``":memory:"`` keeps everything in memory.

    Raises
    ------
    derive.errors.ParameterError
        The file is something else, or of another version, or its folder does not exist.

    Examples
    --------
    >>> from verify import Store
    >>> with Store(":memory:") as store:
    ...     store.save("key", {0: 1.5, 1: 2 - 1j})
    ...     store.load("key", range(3))
    {0: 1.5, 1: (2-1j)}
    """

    def __init__(self, path: str | Path):
        self.path = str(path)
        try:
            self._connection = sqlite3.connect(self.path, timeout=60)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            tables = {row[0] for row in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and (version != _SCHEMA or "results" not in tables):
                self._connection.close()
                raise ParameterError(f"{self.path} is an SQLite file, not a store of this version; name another file")
            with self._connection:
                self._connection.execute(_TABLE)
                self._connection.execute(f"PRAGMA user_version = {_SCHEMA}")
        except sqlite3.DatabaseError as error:
            raise ParameterError(f"{self.path} cannot be used as a store: {error}") from None

    def load(self, key: str, trials: Iterable[int]) -> dict[int, float | complex]:
        """The stored values of those trials that are there."""
        wanted = set(trials)
        rows = self._connection.execute("SELECT trial, value FROM results WHERE key = ? ORDER BY trial", (key,))
        return {trial: _read(value) for trial, value in rows if trial in wanted}

    def save(self, key: str, values: Mapping[int, float | complex]) -> None:
        """Store values by trial; those already there stay."""
        self.save_all({key: values})

    def save_all(self, values: Mapping[str, Mapping[int, float | complex]]) -> None:
        """Store several keys in one transaction."""
        rows = [(key, trial, _write(v)) for key, column in values.items() for trial, v in column.items()]
        with self._connection:
            self._connection.executemany(_INSERT, rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM results").fetchone()[0])

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _write(value: float | complex) -> str:
    # json writes the shortest text that reads back as the same double
    number = complex(value)
    return json.dumps([number.real, number.imag] if isinstance(value, complex) else number.real)


def _read(text: str) -> float | complex:
    value = json.loads(text)
    return complex(*value) if isinstance(value, list) else value
