"""A recipe file of each family, to begin with."""

from headwater.errors import InputError, did_you_mean
from headwater.generate.templates import FAMILIES, STYLES, TEMPLATES

_HEAD = """\
# A recipe: who is asked, what is asked, and which answers become documents. Every key: docs/generate.md.
name = "{name}"
family = "{family}"

[generator]
kind = "endpoint"                          # or transformers, vllm, command, files
base_url = "http://localhost:8000/v1"      # any endpoint that speaks OpenAI's protocol
model = "my-model"
api_key_env = "OPENAI_API_KEY"             # the environment variable with the key

[decoding]
temperature = 0.8
max_tokens = {max_tokens}

[budget]                                   # over everything this recipe ever asks in the project
tokens = 5_000_000
# money = 10.0
# price_in = 0.15                          # of 1 million prompt tokens
# price_out = 0.60                         # of 1 million answer tokens

[limits]
concurrency = 64
# requests_per_minute = 5000
# tokens_per_minute = 2_000_000
"""
_MAX_TOKENS = {"continuation": 512, "fill": 768}


def example_recipe(family: str) -> str:
    """Return a commented recipe file of a family.

    Raises:
        InputError: there is no such family.
    """
    if family not in FAMILIES:
        raise InputError(f"{family!r} is no family. Known: {', '.join(FAMILIES)}.{did_you_mean(family, FAMILIES)}")
    parts = [_HEAD.format(name=f"my-{family}", family=family, max_tokens=_MAX_TOKENS.get(family, 1024))]
    if family == "rephrase":
        parts.append("[prompt.styles]                            # each style is a recipe of its own to the gate")
        parts += [f'{name} = """\n{text}\n"""' for name, text in STYLES.items()]
    else:
        parts.append(f'[prompt]\ntemplate = """\n{TEMPLATES[family]}\n"""')
    if family == "continuation":
        parts.append("opening_words = 64")
    if family == "fill":
        parts.append('[parents]                                  # seeds: rows with "slice" and "words"\nlimit = 1000')
    else:
        parts.append("[parents]\nleast_words = 50\nmost_words = 2000")
    if family != "fill":
        parts.append('[answer]\nlanguages = "same"                         # as the parent, or codes: ["en"]')
    return "\n\n".join(part.rstrip() for part in parts) + "\n"
