"""The one base class of every error that Daybeat raises on purpose.

:exc:`DaybeatError` carries three fields, and its text is made from them::

    DaybeatError
        InputError      something given from outside cannot be used
        UnavailableError     a server or resource that is needed is not there
        BusyError            a bounded resource is full; the same call may succeed later

Packages derive their own errors from these three.
"""


class DaybeatError(Exception):
    """Say what is wrong, where, and how to mend it."""

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(what, where, mend)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"; {self.mend}" if self.mend else ""
        return f"{place}{self.what}{remedy}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only fields do not survive the default pickling of exceptions.
        return (_restore_error, (type(self), self.what, self.where, self.mend))


class InputError(DaybeatError):
    """Something given from outside cannot be used as it is."""


class UnavailableError(DaybeatError):
    """A server or a resource that is needed cannot be reached."""


class BusyError(DaybeatError):
    """A bounded resource is full; nothing was taken, the same call may succeed later."""


def _restore_error(kind: type[DaybeatError], what: str, where: str, mend: str) -> DaybeatError:
    return kind(what, where=where, mend=mend)
