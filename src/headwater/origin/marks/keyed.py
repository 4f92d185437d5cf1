"""What the settings of all keyed watermarks have in common."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Secret, model_validator

SecretInteger = Secret[Annotated[int, Field(strict=True, gt=0, lt=2**63)]]
"""Part of a key: shown as stars wherever it is printed. The generators keep keys in signed integers of 64 bits."""


class KeySettings(BaseModel):
    """What a key of any scheme says beside the scheme's own settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=100, description="name that findings show instead of the key")
    tokenizer: Path | None = Field(
        default=None, description="tokenizer.json of the generator; a relative path starts at the key file"
    )
    tokens: str | None = Field(
        default=None, description="column with the generator's token ids, where documents carry them"
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu",
        description="kind of device the text was marked on: PyTorch draws other random numbers on each",
    )

    @model_validator(mode="after")
    def _has_tokens(self) -> "KeySettings":
        if self.tokenizer is None and self.tokens is None:
            raise ValueError("tokenizer or tokens is needed: a watermark is in the generator's tokens, not in words")
        return self
