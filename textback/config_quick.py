"""The table [[quick_answer]]: texts that the people of the front desk send again and again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from textback import compose
from textback.config_values import Line, Table, key


class QuickAnswer(Table):
    """A text that is put into the answer at a click, to be changed before it is sent. Repeat the
    table for several; they stand in the inbox in this order. The variables are those of `message`;
    those of the call speak of the last one between the two."""

    name: Annotated[Line, Field(min_length=1, max_length=40)] = key(
        ..., "What stands on its button.", allowed="1 to 40 characters", sample="Call you back"
    )
    text: str = key(
        ...,
        "What it puts in.",
        sample="Hi {{contact.name}}, this is {{business.name}}. When is a good time to call you "
        "back?",
    )

    @field_validator("text")
    @classmethod
    def _text_can_be_made(cls, value: str) -> str:
        if not value:
            raise ValueError("is empty; write the text, or take the table out")
        compose.check(value)
        return value
