import re
from pathlib import Path
from typing import Any

import pytest

from penjing.errors import ConfigError, InvalidValueError, PenjingError, UnknownNameError
from penjing.study.config import checked, load_config


def refused(error: type[PenjingError], match: str, **said: Any) -> PenjingError:
    with pytest.raises(error, match=match) as caught:
        checked({"data": "digits", **said})
    assert "\n" not in caught.value.message
    return caught.value


def test_data_are_all_that_must_be_said() -> None:
    config = checked({"data": "digits"})
    assert (config.budget, config.seed, config.search.mode) == ("10 min", 0, "joint")


def test_a_configuration_survives_being_written_and_read() -> None:
    config = checked(
        {"data": {"train": "a.npz", "test": "b.npz"}, "hypervolume_box": {"accuracy": [0.5, 1.0]}}
    )
    assert checked(config.model_dump(mode="json")) == config


def test_missing_data_are_named() -> None:
    with pytest.raises(ConfigError, match=r"^The configuration must say 'data', which is missing\.$"):
        checked({"budget": "1 min"})


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (
            {"objective": []},
            r"has no key 'objective'\. Did you mean 'objectives'\? Known: budget, .*, workers\.",
        ),
        ({"zzz": 1}, r"has no key 'zzz'\. Known: budget"),
        (
            {"search": {"epoch": 3}},
            r"has no key 'epoch' in 'search'\. Did you mean 'epochs'\? Known: algorithm,",
        ),
        ({"space": {"precision": []}}, r"has no key 'precision' in 'space'\. Did you mean 'precisions'\?"),
        ({"training": {"batchsize": 8}}, r"'batchsize' in 'training'\. Did you mean 'batch_size'\?"),
        ({"finalists": {"counts": 8}}, r"'counts' in 'finalists'\. Did you mean 'count'\?"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(said: dict[str, Any], match: str) -> None:
    error = refused(ConfigError, match, **said)
    assert error.facts["problems"][0]["type"] == "extra_forbidden"


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"budget": 10}, r"^budget: must be a text, got 10\.$"),
        ({"data": 5}, r"^data: must be a name, a path, or one of these for each part, got 5\.$"),
        ({"seed": -1}, r"^seed: .*greater than or equal to 0, got -1\.$"),
        ({"seed": "one"}, r"^seed: .*integer.*, got 'one'\.$"),
        ({"workers": 0}, r"^workers: .*greater than or equal to 1, got 0\.$"),
        ({"objectives": []}, r"^objectives: .*at least 1 item.*, got \[\]\.$"),
        ({"objectives": 3}, r"^objectives: must be a list, got 3\.$"),
        ({"dta": "digits"}, r"has no key 'dta'\. Did you mean 'data'\?"),
        (
            {"search": {"mode": "both"}},
            r"^search\.mode: .*'joint', 'sequential', 'iterative' or 'adaptive', got 'both'\.$",
        ),
        ({"search": {"epochs": 0}}, r"^search\.epochs: .*greater than 0, got 0\.$"),
        ({"search": {"min_expected_gain": 0}}, r"^search\.min_expected_gain: .*greater than 0, got 0\.$"),
        ({"search": {"min_expected_gain": 1.5}}, r"^search\.min_expected_gain: .*less than 1, got 1\.5\.$"),
        (
            {"finalists": {"first_rung_fraction": 1.0}},
            r"^finalists\.first_rung_fraction: .*less than 1, got 1\.0",
        ),
        (
            {"training": {"learning_rates": ["fast"]}},
            r"^training\.learning_rates\.0: .*number.*, got 'fast'\.$",
        ),
        ({"target": "tpu"}, r"^target: input should be 'onnxruntime-cpu', got 'tpu'\.$"),
        ({"task": "speech"}, r"^task: .*'image-classification' or 'vector-classification', got 'speech'\.$"),
        ({"format_version": 2}, r"^format_version: input should be 1, got 2\.$"),
        ({"hypervolume_box": {"size_bytes": [1]}}, r"must say 'hypervolume_box\.size_bytes\.1', which"),
        ({"max_train": -3}, r"^max_train: .*greater than or equal to 1, got -3\.$"),
        ({"space": {"family": [3]}}, r"^space\.family: must hold keys and values, got \[3\]\.$"),
    ],
)
def test_a_value_of_the_wrong_kind_is_shown_with_its_place(said: dict[str, Any], match: str) -> None:
    refused(ConfigError, match, **said)


def test_rows_of_features_have_defaults_of_their_own_that_are_kept_with_a_run() -> None:
    config = checked({"task": "vector-classification", "data": "wine", "training": {"batch_size": 64}})
    assert (config.space.networks, config.training.optimisers) == ("chain", ["sgd", "adam"])
    assert (config.training.batch_size, config.training.mirror, config.training.shift_pixels) == (
        64,
        False,
        0,
    )
    assert checked(config.model_dump(mode="json")) == config
    assert checked({"data": "digits", "space": {"networks": "chain"}}).training.mirror


@pytest.mark.parametrize(
    ("said", "match"),
    [
        (
            {"space": {"networks": "nasnet"}},
            r"networks is 'nasnet', but these networks read images, .* rows of features\. Take 'chain', or",
        ),
        ({"image_size": 8}, r"^image_size is 8, but it is for images, .*Leave it out\.$"),
        ({"layout": "NHW"}, r"^layout is 'NHW', but it is for images"),
        ({"training": {"mirror": True}}, r"^training\.mirror is True, but it is for images"),
        ({"training": {"shift_pixels": 2}}, r"^training\.shift_pixels is 2, but it is for images"),
        ({"search": {"zero_cost": "zen"}}, r"zero_cost is 'zen', which looks at convolutions"),
        ({"search": {"train_on": "supernet"}}, r"networks of the kind 'chain' cannot share"),
    ],
)
def test_what_is_for_images_is_refused_for_rows_of_features(said: dict[str, Any], match: str) -> None:
    refused(ConfigError, match, **{"task": "vector-classification", "data": "wine", **said})


def test_data_that_a_task_brings_are_no_path(tmp_path: Path) -> None:
    for name in ("wine", "digits"):
        (tmp_path / name).mkdir()
    (tmp_path / "my.yaml").write_text("task: vector-classification\ndata: {train: wine, test: digits}\n")
    assert load_config(tmp_path / "my.yaml").data == {"train": "wine", "test": str(tmp_path / "digits")}


@pytest.mark.parametrize(
    ("error", "said", "match"),
    [
        (
            UnknownNameError,
            {"objectives": ["accuracy", "latency"]},
            r"'latency'.*Did you mean 'latency_ms'\?",
        ),
        (InvalidValueError, {"objectives": ["minimise accuracy"]}, r"'minimise accuracy' asks for the worst"),
        (UnknownNameError, {"constraints": ["size <= 5 kB"]}, r"No metric is named 'size'"),
        (
            InvalidValueError,
            {"constraints": ["size_bytes < 5 kB"]},
            r"'size_bytes < 5 kB' is not a constraint",
        ),
        (InvalidValueError, {"constraints": ["size_bytes <= 5 kg"]}, r"size_bytes cannot be given in 'kg'"),
        (InvalidValueError, {"constraints": ["size_bytes >= 5 kB"]}, r"limits the good side"),
        (InvalidValueError, {"search": {"stop_at": ["accuracy"]}}, r"'accuracy' is not a constraint"),
        (UnknownNameError, {"space": {"precisions": ["w8", "int8"]}}, r"No precision is named 'int8'"),
        (
            UnknownNameError,
            {"search": {"algorithm": "evolutoin"}},
            r"'evolutoin'\. Did you mean 'evolution'\?",
        ),
        (UnknownNameError, {"training": {"optimisers": ["adamax"]}}, r"No optimiser is named 'adamax'"),
        (ConfigError, {"budget": "ten minutes"}, r"^budget must be a time .* got 'ten minutes'\.$"),
        (
            ConfigError,
            {"constraints": ["peak_memory_bytes <= 1 MB"]},
            r"'peak_memory_bytes'.*: accuracy, latency",
        ),
        (ConfigError, {"objectives": ["accuracy", "throughput_per_s"]}, r"'throughput_per_s'.*size_bytes"),
        (ConfigError, {"objectives": ["size_bytes"]}, r"must have 'accuracy', got \['size_bytes'\]"),
        (
            ConfigError,
            {"search": {"stop_at": ["macs <= 0.5 * reference"]}},
            r"stop_at .*'macs <= 0\.5 \* ref",
        ),
        (UnknownNameError, {"hypervolume_box": {"macs": [1, 2]}}, r"hypervolume_box is named 'macs'"),
        (
            ConfigError,
            {"hypervolume_box": {"accuracy": [80, 94]}},
            r"^hypervolume_box\.accuracy must be .* at most 1, got \[80\.0, 94\.0\]\. .* 0\.8, not 80\.$",
        ),
        (
            ConfigError,
            {"hypervolume_box": {"accuracy": [0.9, 0.8]}},
            r"low < high, got \[0\.9, 0\.8\]",
        ),
        (
            ConfigError,
            {"search": {"mode": "sequential"}, "space": {"precisions": ["w8"]}},
            r"'w8a8'.*offer: w8\.",
        ),
        (UnknownNameError, {"search": {"sequential_as": "w8a9"}}, r"'w8a9'\. Did you mean 'w8a8'\?"),
        (
            ConfigError,
            {"search": {"phases": [{"name": "one", "shrink": True}]}},
            r"'one' has shrink, but is the first",
        ),
        (
            ConfigError,
            {"search": {"zero_cost": "zen"}, "space": {"networks": "chain"}},
            r"zero_cost is 'zen'.*Take 'synflow'",
        ),
        (
            ConfigError,
            {"search": {"subset": 0.1, "phases": [{"name": "a", "algorithm": "asha"}, {"name": "b"}]}},
            r"subset is 0\.1, but phase 'b' is searched by 'auto'.*that does: asha, multi-fidelity",
        ),
        (
            ConfigError,
            {"search": {"subset": 0.1, "algorithm": "asha", "train_on": "supernet"}},
            r"subset is 0\.1, which does nothing with search\.train_on: supernet\.",
        ),
        (
            ConfigError,
            {"search": {"algorithm": "local", "phases": [{"name": "a", "turns": True}]}},
            r"algorithm is 'local', but every phase",
        ),
        (
            ConfigError,
            {"search": {"phases": [{"name": "a", "turns": True, "algorithm": "local"}]}},
            r"'a' has turns, .* names one: 'local'\. Leave one of them out\.$",
        ),
        (
            ConfigError,
            {"search": {"mode": "adaptive", "algorithm": "local"}},
            r"algorithm is 'local', .*search\.mode: adaptive\. .*mode to 'joint' or",
        ),
        (
            ConfigError,
            {"search": {"carry": 4}},
            r"carry is 4, .*search\.mode: joint\. .*mode to 'sequential' or 'iterative'\.$",
        ),
        (ConfigError, {"search": {"sequential_as": "w8"}}, r"sequential_as is 'w8', .*search\.mode: joint\."),
        (
            ConfigError,
            {"search": {"phases": [{"name": "one", "carry": 3}]}},
            r"carries 3 winners, but no phase",
        ),
        (
            ConfigError,
            {"search": {"phases": [{"name": "one", "carry": 3}, {"name": "two", "precision": "w8"}]}},
            r"'two' has one precision",
        ),
        (
            ConfigError,
            {"search": {"phases": [{"name": "one"}, {"name": "one"}]}},
            r"named 'one'; every phase needs a name",
        ),
        (ConfigError, {"search": {"phases": [{"name": "finalists"}]}}, r"named 'finalists'"),
        (ConfigError, {"search": {"phases": [{"name": "a", "shares": 2}]}}, r"no key 'shares'.*mean 'share'"),
        (
            ConfigError,
            {"search": {"mode": "iterative", "phases": [{"name": "one"}]}},
            r"another list of phases",
        ),
        (
            ConfigError,
            {"search": {"algorithm": "ppo", "phases": [{"name": "one", "algorithm": "bayesian"}]}},
            r"'ppo', but every phase names an algorithm of its own",
        ),
        (
            UnknownNameError,
            {"search": {"phases": [{"name": "one", "algorithm": "bayes"}]}},
            r"named 'bayes'\. Did you mean 'bayesian'",
        ),
        (
            ConfigError,
            {"search": {"phases": [{"name": "one", "precision": "w4"}]}},
            r"precision 'w4', which space\.precisions does not",
        ),
        (
            ConfigError,
            {"search": {"algorithm": "evolution", "min_expected_gain": 0.002}},
            r"gain is 0\.002, but phase 'joint' is searched by 'evolution', .*: surrogate, bayesian, graph-p",
        ),
        (
            ConfigError,
            {
                "search": {
                    "phases": [{"name": "a"}, {"name": "b", "algorithm": "ppo"}],
                    "min_expected_gain": 0.1,
                }
            },
            r"gain is 0\.1, but phase 'b' is searched by 'ppo', which has no model .* Leave it out, or ",
        ),
        (
            ConfigError,
            {"search": {"mode": "iterative"}, "budget": "4 evaluations"},
            r"4 phases .* least 5 eval",
        ),
        (
            ConfigError,
            {"search": {"train_on": "supernet", "epochs": 2}},
            r"^search\.epochs is 2\.0, .*train_on: supernet, .*trains further: asha, multi-fidelity\.$",
        ),
        (
            ConfigError,
            {"search": {"train_on": "alone", "supernet_epochs": 3}},
            r"supernet_epochs is 3\.0, .*search\.train_on: alone\.",
        ),
        (
            UnknownNameError,
            {"space": {"networks": "nasbench"}},
            r"^No kind of networks is named 'nasbench'\. Did you mean 'nasbench201'\? Known: chain, conv",
        ),
        (
            UnknownNameError,
            {"space": {"networks": "nasbench201", "family": {"width": [4]}}},
            r"nasbench201 family is named 'width'\. Did you mean 'widths'\?",
        ),
        (
            ConfigError,
            {"space": {"networks": "nasbench201"}, "search": {"train_on": "supernet"}},
            r"^search\.train_on is 'supernet', .* 'nasbench201' cannot .* 'convolutional' can\. .*'alone' or",
        ),
        (
            ConfigError,
            {"space": {"networks": "nasbench201"}, "search": {"supernet_epochs": 3}},
            r"^search\.supernet_epochs is 3\.0, which does nothing with search\.train_on: auto",
        ),
        (
            ConfigError,
            {"budget": "9 evaluations", "finalists": {"count": 5}},
            r"^finalists\.count is 5, .* 9 evaluations .* at most 4, or",
        ),
        (
            ConfigError,
            {"budget": "2 evaluations", "finalists": {"count": 2}},
            r"count is 2, .* at most 1, or",
        ),
    ],
)
def test_what_no_run_could_use_is_refused_before_it_begins(
    error: type[PenjingError], said: dict[str, Any], match: str
) -> None:
    refused(error, match, **said)


@pytest.mark.parametrize(
    "said",
    [
        {"hypervolume_box": {"accuracy": [0.8, 1.0], "size_bytes": [80, 94]}},
        {"search": {"mode": "sequential", "carry": 4, "sequential_as": "w8"}},
        {"search": {"phases": [{"name": "one", "precision": "w8", "carry": 2}, {"name": "two"}]}},
        {"search": {"train_on": "supernet", "supernet_epochs": 3}},
        # As runs of earlier versions keep the default.
        {"search": {"train_on": "alone", "supernet_epochs": 12.0}},
        {"space": {"networks": "nasbench201"}, "search": {"supernet_epochs": 12.0}},
        {"search": {"algorithm": "surrogate", "mode": "adaptive"}},
        {"search": {"algorithm": "surrogate", "phases": [{"name": "one", "algorithm": "bayesian"}]}},
        {"search": {"mode": "joint"}, "space": {"precisions": ["fp32"]}},
        {"search": {"min_expected_gain": 1e-5}},
        {"search": {"algorithm": "auto", "min_expected_gain": 0.001}},
        {"space": {"networks": "nasbench201", "family": {"widths": [4, 8], "repeats": [1]}}},
        {"space": {"networks": "nasbench201"}, "search": {"train_on": "alone", "epochs": 2}},
        {"budget": "9 evaluations", "finalists": {"count": 4}},
        {"budget": "2 evaluations", "finalists": {"count": 1}},
        {"budget": "1 min", "finalists": {"count": 50}},
    ],
)
def test_what_applies_is_accepted_also_with_every_default_written_out(said: dict[str, Any]) -> None:
    """A run keeps its configuration in full, and a resume reads that."""
    config = checked({"data": "digits", **said})
    assert checked(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("family", "match"),
    [
        (
            {"kernels": ["a"]},
            r"^space\.family\.kernels must be .*odd whole .*1 or more, got \['a'\]\. .*\[3, 5\]\.$",
        ),
        ({"stage_widths": [8, 16]}, r"stage_widths must be one list per stage .*got \[8, 16\]\. .*\[\["),
    ],
)
def test_kinds_of_the_family_are_checked_before_the_images_are_known(
    family: dict[str, Any], match: str
) -> None:
    refused(ConfigError, match, space={"family": family})


def test_stages_are_not_counted_before_the_images_are_known() -> None:
    """Two stages are the default of the digits, and not of larger images."""
    family = {"stage_widths": [[4, 8], [8, 16]]}
    assert checked({"data": "digits", "space": {"family": family}}).space.family == family


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(ConfigError, match=rf"{re.escape(repr(str(path)))}\. Make .* init .* > mine\.yaml$"):
        load_config(path)


@pytest.mark.parametrize(
    "content", [b"data: [digits\nseed: {", b"\xff\xfe\x00\x81", b"a: b: c", b"data: \x01"]
)
def test_what_is_no_yaml_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"my\.yaml' is not valid YAML: ") as caught:
        load_config(path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(("content", "kind"), [("", "is empty"), ("- a", "got list"), ("digits", "got str")])
def test_a_file_without_keys_is_refused(tmp_path: Path, content: str, kind: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=rf"{kind}\.$"):
        load_config(path)


def test_relative_data_count_from_the_file_and_names_stay_names(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.npz").touch()
    path = folder / "my.yaml"
    path.write_text("data: {train: train.npz, test: elsewhere.npz}")
    assert load_config(path).data == {"train": str(folder / "train.npz"), "test": "elsewhere.npz"}
    path.write_text("data: digits")
    (folder / "digits").mkdir()  # such as the folder of an earlier run
    assert load_config(path).data == "digits"
