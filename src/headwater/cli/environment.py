"""Options of a command that can also be given in the environment."""

import copy
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

from typer.models import OptionInfo


def with_environment_names(verb: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator by which every option of a command gets an environment name, ``HEADWATER_<VERB>_<OPTION>``.

    Options that have a name already keep it. The name is that of the option as it is typed, not of the parameter.
    """

    def named(command: Callable[..., None]) -> Callable[..., None]:
        for name, parameter in inspect.signature(command).parameters.items():
            annotation = parameter.annotation
            if get_origin(annotation) is Annotated:
                kind, *notes = get_args(annotation)
                notes = [_named(note, verb, name) if isinstance(note, OptionInfo) else note for note in notes]
                command.__annotations__[name] = Annotated[(kind, *notes)]
        return command

    return named


def _named(option: OptionInfo, verb: str, parameter: str) -> OptionInfo:
    if option.envvar is not None:
        return option
    names = (option.default, *(option.param_decls or ()))  # the first name stands where a default would
    typed = next((one for one in names if isinstance(one, str) and one.startswith("--")), parameter)
    mine: Any = copy.copy(option)  # several commands share it
    mine.envvar = f"HEADWATER_{verb}_{typed.strip('-').replace('-', '_')}".upper()
    return mine
