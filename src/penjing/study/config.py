"""What a user may say: the configuration file, checked before anything runs."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    ValidationError,
)

from penjing.blueprint import PRECISIONS
from penjing.errors import ConfigError, unknown_name
from penjing.objectives import METRICS, parse_constraint, parse_objective
from penjing.protocols import OPTIMISERS
from penjing.search import FORECASTERS, PROMOTERS, expects_gains, searcher_class, trains_further
from penjing.study.budget import parse_budget
from penjing.study.config_errors import explained
from penjing.study.kind_of_run import check_kind, named_data, with_defaults
from penjing.study.phases import phases_of

_Texts = Annotated[list[str], BeforeValidator(lambda said: [said] if isinstance(said, str) else said)]
SEARCHED_METRICS = ("accuracy", "latency_ms", "size_bytes", "parameters", "macs")
# Keys of ``search`` that act only where another key has one of some values.
_ACTS_ONLY_WITH = (
    ("algorithm", "mode", ("joint", "sequential", "iterative")),
    ("carry", "mode", ("sequential", "iterative")),
    ("sequential_as", "mode", ("sequential", "iterative")),
    ("inherit", "train_on", ("alone", "auto")),
    ("folds", "train_on", ("alone", "auto")),
    ("subset", "train_on", ("alone", "auto")),
    ("supernet_epochs", "train_on", ("supernet",)),
)
# Until 2026-11-23; runs keep every default written out.
_FORMER_DEFAULTS: dict[str, object] = {"supernet_epochs": 12.0, "algorithm": "surrogate"}
# Other stretches of a run go by these in the journal and the report.
_TAKEN_NAMES = {"data", "latency model", "shared training", "finalists", "measuring"}


# The names of :data:`penjing.training.zero_cost.SCORES`, which need torch.
ScoreName = Literal[
    "params", "macs", "grad_norm", "snip", "grasp", "fisher", "synflow", "jacov", "naswot", "zen"
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SpaceConfig(_Strict):
    """What may vary."""

    precisions: list[str] = Field(default=["fp32", "w8", "w8a8"], min_length=1)
    precision_per: Literal["block", "layer"] = "block"
    networks: str = "convolutional"
    family: dict[str, Any] = Field(default_factory=dict)


class PhaseConfig(_Strict):
    """One stretch of a search."""

    name: str = Field(pattern="^[a-z][a-z0-9 -]*$")
    share: float = Field(default=1.0, gt=0)
    algorithm: str | None = None
    turns: bool = False
    precision: str | None = None
    carry: int | None = Field(default=None, ge=1)
    only: dict[str, Annotated[list[str | int | float | bool], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    shrink: bool = False


class SearchConfig(_Strict):
    """How candidates are found."""

    algorithm: str = "auto"
    mode: Literal["joint", "sequential", "iterative", "adaptive"] = "joint"
    phases: list[PhaseConfig] = Field(default_factory=list)
    carry: int = Field(default=6, ge=1)
    sequential_as: str = "w8a8"
    stop_at: list[str] = Field(default_factory=list)
    patience: int | None = Field(default=None, ge=1)
    min_expected_gain: float | None = Field(default=None, gt=0, lt=1)
    train_on: Literal["auto", "alone", "supernet"] = "auto"
    epochs: float | None = Field(default=None, gt=0)
    validation_images: int = Field(default=2000, ge=100)
    supernet_epochs: float | None = Field(default=None, gt=0)
    inherit: bool = True
    zero_cost: ScoreName | None = None
    folds: int = Field(default=1, ge=1, le=20)
    subset: float | None = Field(default=None, gt=0, lt=1)

    def is_default(self, key: str) -> bool:
        """Whether a key has the value that it has where nothing is said, now or in an earlier version."""
        default = type(self).model_fields[key].default
        return getattr(self, key) in (default, _FORMER_DEFAULTS.get(key, default))


class FinalistsConfig(_Strict):
    """How the chosen few are trained to the end."""

    count: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0)
    first_rung_fraction: float = Field(default=0.4, gt=0, lt=1)
    tuning_fraction: float = Field(default=0.2, ge=0, lt=1)
    batch_size: int | None = Field(default=None, ge=8)
    distillation: bool = False
    chosen_by: Literal["auto", "surrogate", "told", "random"] = "auto"


class TrainingConfig(_Strict):
    """What training runs on and may vary, and the augmentation."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    batch_size: int = Field(default=128, ge=8)
    mirror: bool = True
    shift_pixels: int = Field(default=1, ge=0)
    learning_rates: list[PositiveFloat] = Field(default=[0.2, 0.4, 0.8], min_length=1)
    weight_decays: list[NonNegativeFloat] = Field(default=[1e-5, 1e-4, 5e-4], min_length=1)
    distillation_weights: list[Annotated[float, Field(ge=0, le=1)]] = Field(default=[0.0, 0.5], min_length=1)
    label_smoothings: list[Annotated[float, Field(ge=0, lt=1)]] = Field(default=[0.1, 0.0], min_length=1)
    optimisers: list[str] = Field(default=["sgd"], min_length=1)


class StudyConfig(_Strict):
    """One run, complete."""

    format_version: Literal[1] = 1
    task: Literal["image-classification", "vector-classification"] = "image-classification"
    data: str | dict[str, str]
    image_size: int | None = Field(default=None, ge=4)
    layout: Literal["NHW", "NHWC", "NCHW"] | None = None
    classes: list[str] | None = None
    image_column: str | None = None
    label_column: str | None = None
    validation_fraction: float | None = Field(default=None, gt=0, le=0.5)
    test_fraction: float | None = Field(default=None, gt=0, le=0.5)
    max_train: int | None = Field(default=None, ge=1)
    target: Literal["onnxruntime-cpu"] = "onnxruntime-cpu"
    objectives: _Texts = Field(default=["accuracy", "latency_ms", "size_bytes"], min_length=1)
    constraints: _Texts = Field(default_factory=list)
    budget: str = "10 min"
    seed: int = Field(default=0, ge=0)
    workers: int | None = Field(default=None, ge=1)
    hypervolume_box: dict[str, tuple[float, float]] = Field(default_factory=dict)
    space: SpaceConfig = SpaceConfig()
    search: SearchConfig = SearchConfig()
    finalists: FinalistsConfig = FinalistsConfig()
    training: TrainingConfig = TrainingConfig()


def checked(data: dict[str, Any]) -> StudyConfig:
    """Make the configuration from plain data.

    Raises:
        ConfigError: For a key that is not known, with the nearest one, or a value that is not allowed.
        PenjingError: For an objective, constraint, budget or precision that cannot be read.
    """
    try:
        config = StudyConfig.model_validate(with_defaults(data))
    except ValidationError as error:
        raise ConfigError(explained(error, StudyConfig), problems=error.errors(include_url=False)) from None
    _check_metrics(config)
    _check_box(config)
    _check_names(config)
    _check_search(config.search, config.space.precisions)
    check_kind(config)
    _check_finalists(config)
    return config


def _check_metrics(config: StudyConfig) -> None:
    metrics = [parse_objective(text).metric for text in config.objectives]
    constraints = [parse_constraint(text) for text in (*config.constraints, *config.search.stop_at)]
    limited = [constraint.metric for constraint in constraints]
    for metric in (*metrics, *limited):
        if metric not in SEARCHED_METRICS:
            raise ConfigError(
                f"{metric!r} is measured and shown, but a search cannot use it. "
                f"Objectives and constraints are on: {', '.join(SEARCHED_METRICS)}."
            )
    if "accuracy" not in metrics:
        raise ConfigError(f"objectives must have 'accuracy', got {config.objectives!r}. Add it.")
    for text in config.search.stop_at:
        if parse_constraint(text).needs_reference:
            raise ConfigError(f"search.stop_at needs a number, got {text!r}, which is relative.")


def _check_box(config: StudyConfig) -> None:
    metrics = [parse_objective(text).metric for text in config.objectives]
    for metric, (low, high) in config.hypervolume_box.items():
        if metric not in metrics:
            raise unknown_name("objective of this run for the hypervolume_box", metric, metrics)
        if not 0 < low < high:
            raise ConfigError(
                f"hypervolume_box.{metric} must be [low, high] with 0 < low < high, got {[low, high]!r}."
            )
        if METRICS[metric].is_fraction and high > 1:
            raise ConfigError(
                f"hypervolume_box.{metric} must be fractions, at most 1, got {[low, high]!r}. "
                "For 80 %, write 0.8, not 80."
            )


def _check_names(config: StudyConfig) -> None:
    for kind, names, known in (
        ("optimiser", config.training.optimisers, OPTIMISERS),
        ("precision", [*config.space.precisions, config.search.sequential_as], PRECISIONS),
        ("precision", [p.precision for p in config.search.phases if p.precision], PRECISIONS),
    ):
        for name in names:
            if name not in known:
                raise unknown_name(kind, name, known)
    for name in (config.search.algorithm, *(phase.algorithm for phase in phases_of(config.search))):
        searcher_class(name)


def _check_search(search: SearchConfig, precisions: Sequence[str]) -> None:
    for key, other, values in _ACTS_ONLY_WITH:
        found = getattr(search, other)
        # The default may stand there: a run keeps its configuration with every default written out.
        if found not in values and not search.is_default(key):
            raise ConfigError(
                f"search.{key} is {getattr(search, key)!r}, which does nothing with search.{other}: {found}. "
                f"Leave it out, or set search.{other} to {' or '.join(map(repr, values))}."
            )
    _check_phases(search, precisions)
    _check_forecasts(search)
    _check_fidelities(search)
    if search.mode in ("sequential", "iterative") and search.sequential_as not in precisions:
        raise ConfigError(
            f"search.sequential_as is {search.sequential_as!r}, which space.precisions does not "
            f"offer: {', '.join(precisions)}. Name one of them, or offer it."
        )


def _check_fidelities(search: SearchConfig) -> None:
    further = [phase for phase in phases_of(search) if trains_further(phase.algorithm)]
    others = [phase for phase in phases_of(search) if phase not in further]
    if search.train_on == "supernet" and search.epochs is not None and not further:
        raise ConfigError(
            f"search.epochs is {search.epochs!r}, which does nothing with search.train_on: supernet, where "
            f"no network is trained by itself. Leave it out, or take one that trains further: "
            f"{', '.join(PROMOTERS)}."
        )
    if search.subset is not None and others:
        raise ConfigError(
            f"search.subset is {search.subset!r}, but phase {others[0].name!r} is searched by "
            f"{others[0].algorithm!r}, which does not train those that stand out on more. Leave it out, or "
            f"take an algorithm that does: {', '.join(PROMOTERS)}."
        )


def _check_forecasts(search: SearchConfig) -> None:
    for phase in phases_of(search) if search.min_expected_gain is not None else ():
        if not expects_gains(phase.algorithm):
            raise ConfigError(
                f"search.min_expected_gain is {search.min_expected_gain!r}, but phase {phase.name!r} is "
                f"searched by {phase.algorithm!r}, which has no model that expects gains. Leave it out, or "
                f"take one that has: {', '.join(FORECASTERS)}."
            )


def _check_phases(search: SearchConfig, precisions: Sequence[str]) -> None:
    phases = search.phases
    names_all = phases and all(phase.algorithm or phase.turns for phase in phases)
    if names_all and not search.is_default("algorithm"):
        raise ConfigError(
            f"search.algorithm is {search.algorithm!r}, but every phase names an algorithm of its own. "
            "Leave it out, or leave out the algorithm of the phases that it is for."
        )
    if phases and search.mode != "joint":
        raise ConfigError(
            f"search.phases are given and search.mode is {search.mode!r}, which is another list of phases. "
            "Leave one of them out."
        )
    names = [phase.name for phase in phases]
    for at, phase in enumerate(phases):
        if names.count(phase.name) > 1 or phase.name in _TAKEN_NAMES:
            raise ConfigError(
                f"search.phases has a phase named {phase.name!r}; every phase needs a name of its own, and "
                f"not one of {', '.join(sorted(_TAKEN_NAMES))}."
            )
        if phase.precision and phase.precision not in precisions:
            raise ConfigError(
                f"Phase {phase.name!r} has precision {phase.precision!r}, which space.precisions does not "
                f"offer: {', '.join(precisions)}. Name one of them, or offer it."
            )
        if at and phases[at - 1].carry and (phase.only or phase.shrink):
            raise ConfigError(
                f"Phase {phase.name!r} has {'only' if phase.only else 'shrink'}, but its architectures are "
                f"those that {phases[at - 1].name!r} carries. Leave one of them out."
            )
        if phase.turns and phase.algorithm not in (None, "auto"):
            raise ConfigError(
                f"Phase {phase.name!r} has turns, which algorithms take by what they gain, and names one: "
                f"{phase.algorithm!r}. Leave one of them out."
            )
        if phase.shrink and not at:
            raise ConfigError(
                f"Phase {phase.name!r} has shrink, but is the first: nothing is known yet that could rule "
                "values out. Leave it out, or put a phase before it."
            )
        follower = phases[at + 1] if at + 1 < len(phases) else None
        if phase.carry and (follower is None or follower.precision):
            raise ConfigError(
                f"Phase {phase.name!r} carries {phase.carry} winners, but "
                + ("no phase follows it. " if follower is None else f"{follower.name!r} has one precision. ")
                + "Leave carry out, or let a phase without precision follow."
            )


def _check_finalists(config: StudyConfig) -> None:
    evaluations, count = parse_budget(config.budget).evaluations, config.finalists.count
    n_phases = len(phases_of(config.search))
    if evaluations is not None and n_phases > 1 and evaluations <= n_phases:
        raise ConfigError(
            f"budget is {config.budget!r}, but a search of {n_phases} phases needs one for each of them and "
            f"one that finishes a design. Give at least {n_phases + 1} evaluations."
        )
    if evaluations is not None and count is not None and count > max(1, evaluations // 2):
        raise ConfigError(
            f"finalists.count is {count}, but of {evaluations} evaluations at most half can finish a design. "
            f"Ask for at most {max(1, evaluations // 2)}, or give a larger budget."
        )


def load_config(path: str | Path, instead: Mapping[str, Any] = MappingProxyType({})) -> StudyConfig:
    """Read a configuration file; relative data paths count from the file's folder.

    Args:
        path: The file.
        instead: Keys that count instead of the file's.

    Raises:
        ConfigError: If the file is missing, is not YAML, or says something that is not allowed.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(
            f"There is no configuration file {str(path)!r}. Make one with: "
            f"penjing init image-classification > {path.name}"
        )
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{str(path)!r} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        found = "is empty" if data is None else f"must hold keys and values, got {type(data).__name__}"
        raise ConfigError(f"{str(path)!r} {found}.")
    if "data" in data:
        data["data"] = _from_folder(data["data"], path.parent, named_data(data.get("task")))
    return checked({**data, **instead})


def _from_folder(data: Any, folder: Path, named: Collection[str]) -> Any:
    if isinstance(data, dict):
        return {name: _from_folder(part, folder, named) for name, part in data.items()}
    if not isinstance(data, str) or data in named:
        return data
    if not Path(data).is_absolute() and (folder / data).exists():
        return str((folder / data).resolve())
    return data
