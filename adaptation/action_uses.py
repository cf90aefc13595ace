"""How a rule names its action: the name, and what it wants done otherwise than ``actions.toml`` says."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictInt, model_validator

from schemas.plan import Intensity, Model

MINUTES_PER_DAY = 1440


class ActionUse(Model):
    """An action and its parameters; a parameter that is None is as ``actions.toml`` has it."""

    name: str
    duration_factor: float | None = Field(default=None, gt=0, le=4)
    duration_min_minutes: int | None = Field(default=None, ge=1, le=MINUTES_PER_DAY, strict=True)
    duration_max_minutes: int | None = Field(default=None, ge=1, le=MINUTES_PER_DAY, strict=True)
    only_intensities: frozenset[Intensity] | None = Field(default=None, min_length=1)
    intensity_steps: int | None = Field(default=None, ge=0, le=2, strict=True)
    tasks: Literal["all", "first"] | Annotated[StrictInt, Field(ge=1)] | None = None
    """How many of the eligible tasks, those with the most effect first."""

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters that were given, by name."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name != "name" and getattr(self, name) is not None
        }

    @model_validator(mode="after")
    def _parameters_fit(self) -> Self:
        least, most = self.duration_min_minutes, self.duration_max_minutes
        if least is not None and most is not None and least > most:
            msg = f"duration_min_minutes = {least} is more than duration_max_minutes = {most}"
            raise ValueError(msg)
        return self
