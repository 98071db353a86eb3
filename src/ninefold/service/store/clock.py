"""The database's clock, by which alone silence and age are measured: machines' clocks differ."""

from typing import Any

from sqlalchemy import ColumnElement, func


def ago(seconds: float | ColumnElement[float]) -> ColumnElement[Any]:
    """Return the time so many seconds before the transaction's beginning."""
    moment: ColumnElement[Any] = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    return moment
