"""Values in Redis back into models; what cannot be read is said without quoting it."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from schemas.errors import DaybeatError

_Model = TypeVar("_Model", bound=BaseModel)


class StoredValueError(DaybeatError):
    """A value in Redis is not what this release writes there, or somebody else has changed it."""


def parse_stored(model: type[_Model], text: bytes, *, where: str) -> _Model:
    """Return the model that ``text`` holds as JSON; ``where`` names the place for the error's text.

    Raises:
        StoredValueError: it cannot be read.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        # The cause is left out: its text holds the person's values.
        raise StoredValueError(
            f"a stored {model.__name__} cannot be read (at {place or 'its beginning'}: {first['type']})",
            where=where,
            mend="rebuild it with 'daybeat plan rebuild', or erase the person's key in Redis",
        ) from None
