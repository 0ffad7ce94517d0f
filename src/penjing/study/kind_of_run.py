"""What task and kind of networks mean for the rest of a configuration: defaults, and what does not fit."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from penjing.errors import ConfigError
from penjing.families import FAMILIES, family_kind
from penjing.tasks import TASKS

if TYPE_CHECKING:
    from penjing.study.config import StudyConfig

IMAGE_TASK = "image-classification"
# Where they are a choice of the search.
_SEARCHED_OPTIMISERS = ("sgd", "adam")
# Of images, and the values that mean nothing.
_AUGMENTATION = {"mirror": False, "shift_pixels": 0}
# Scores that look at convolutions and ReLUs.
_OF_CONVOLUTIONS = ("fisher", "naswot", "zen")


def named_data(task: object) -> Collection[str]:
    """Data that a configuration names and that are no path, whatever lies beside it."""
    found = TASKS.get(str(task or IMAGE_TASK))
    return found.named if found else ()


def with_defaults(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, and the defaults of its task and kind of networks where nothing was.

    What cannot be read is left for the configuration to refuse.

    Example:
        >>> with_defaults({"task": "vector-classification"})["space"]
        {'networks': 'chain'}
    """
    task = TASKS.get(str(said.get("task", IMAGE_TASK)))
    made = _completed(said, task.defaults if task else {})
    space = made.get("space")
    kind = FAMILIES.get(str(space.get("networks"))) if isinstance(space, Mapping) else None
    if kind and kind.searches_optimiser:
        made = _completed(made, {"training": {"optimisers": list(_SEARCHED_OPTIMISERS)}})
    return made


def _completed(said: Mapping[str, Any], defaults: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    made = dict(said)
    for section, values in defaults.items():
        given = made.get(section, {})
        if isinstance(given, Mapping):
            made[section] = {**values, **given}
    return made


def check_kind(config: "StudyConfig") -> None:
    """Refuse networks that do not read the task's examples or do what is asked, and keys of other tasks.

    Raises:
        ConfigError: If there is any of these.
        UnknownNameError: If a kind of networks or one of its settings is not known.
    """
    kind = family_kind(config.space.networks)
    # Whether the values fit each other is known once the data are.
    kind.settings.check(config.space.family)
    _check_task(config)
    _check_shared_training(config)
    if config.space.networks == "chain" and config.search.zero_cost in _OF_CONVOLUTIONS:
        raise ConfigError(
            f"search.zero_cost is {config.search.zero_cost!r}, which looks at convolutions and ReLUs; "
            "space.networks: chain has none or few of these. Take 'synflow', 'snip' or 'grad_norm'."
        )


def _check_task(config: "StudyConfig") -> None:
    task = TASKS[config.task]
    if not task.reads_vectors:
        return
    networks = config.space.networks
    if not FAMILIES[networks].reads_vectors:
        able = ", ".join(repr(name) for name, kind in FAMILIES.items() if kind.reads_vectors)
        raise ConfigError(
            f"space.networks is {networks!r}, but these networks read images, and the examples of task "
            f"{config.task!r} are rows of features. Take {able}, or leave it out."
        )
    others = [key for key in TASKS[IMAGE_TASK].keys if key not in task.keys]
    for_images = {key: getattr(config, key) for key in others if getattr(config, key) is not None}
    for key, nothing in _AUGMENTATION.items():
        if getattr(config.training, key) != nothing:
            for_images[f"training.{key}"] = getattr(config.training, key)
    for key, value in for_images.items():
        raise ConfigError(
            f"{key} is {value!r}, but it is for images, and the examples of task {config.task!r} are rows of "
            "features. Leave it out."
        )


def _check_shared_training(config: "StudyConfig") -> None:
    networks, search = config.space.networks, config.search
    if FAMILIES[networks].is_elastic:
        return
    if search.train_on == "supernet":
        elastic = [name for name, other in FAMILIES.items() if other.is_elastic]
        raise ConfigError(
            f"search.train_on is 'supernet', but networks of the kind {networks!r} cannot share one "
            f"training; {', '.join(map(repr, elastic))} can. Set search.train_on to 'alone' or 'auto', or "
            "take other space.networks."
        )
    if not search.is_default("supernet_epochs"):
        raise ConfigError(
            f"search.supernet_epochs is {search.supernet_epochs!r}, which does nothing with space.networks: "
            f"{networks}, which train alone. Leave it out."
        )
