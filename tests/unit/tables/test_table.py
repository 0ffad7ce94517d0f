"""Tables of one's own: what is read, what is refused, what a search is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from penjing.errors import DataError, InvalidValueError, UnknownNameError
from penjing.tables import Judge, Search, Settings, compare, rows_of, table_of
from penjing.tables.table import CheapFidelity, ColumnLimit


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [
        f"{depth},{op},{depth + (op == 'conv') * 0.5:.1f},{depth * 10 + (op == 'conv')}"
        for depth in range(1, 9)
        for op in ("conv", "pool")
    ]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["depth,op,score,bytes", *rows]) + "\n")
    return file


def test_choices_are_numbers_where_they_can_be(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score")
    assert table.space["depth"].values == tuple(range(1, 9))
    assert table.space["depth"].ordered
    assert not table.space["op"].ordered
    assert table.space.cardinality == len(table.candidates) == 16
    assert not table.is_partial


def test_texts_that_are_one_number_stay_texts(tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text("code,score\n01,1\n1,2\n")
    assert table_of(file, ["code"], "score").space["code"].values == ("01", "1")


def test_a_search_is_told_costs_but_not_what_it_seeks(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score", ["bytes"], ["bytes <= 50"])
    problem = table.problem()
    candidate = table.candidates[0]
    assert problem.costs(candidate) == {"bytes": 11.0}
    assert problem.violation(candidate) == 0
    assert problem.violation(table.candidates[-1]) > 0
    # How good the best row is, nobody tells: these are not known to be shares, but below 100.
    assert problem.box["score"][0] == 100.0


def test_rows_that_are_missing_are_never_proposed(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[1::3]]) + "\n")
    table = table_of(path, ["depth", "op"], "score", ["bytes"])
    assert table.is_partial
    for algorithm in ("random", "evolution", "regularised-evolution", "local", "bayesian"):
        (search,) = compare(table, [algorithm], Settings(queries=20, seeds=1))
        assert sorted(search.rows) == list(range(len(table.candidates))), algorithm


@pytest.mark.parametrize("algorithm", ["random", "evolution", "regularised-evolution", "local", "bayesian"])
def test_no_search_looks_at_a_row_that_breaks_a_limit(path: Path, algorithm: str) -> None:
    table = table_of(path, ["depth", "op"], "score", ["bytes"], ["bytes <= 50"])
    searches = compare(table, [algorithm], Settings(queries=12, batch=3, seeds=2))
    for search in searches:
        assert len(set(search.rows)) == len(search.rows) > 0
        assert all(table.columns["bytes"][row] <= 50 for row in search.rows)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("depth,op,score\n1,a\n", "has 2 fields"),
        ("depth,op,score\n1,a,0.5\n1,a,0.7\n", "same choices"),
        ("depth,op,score\n1,a,high\n", "'high'"),
        ("depth,op,score\n1,a,nan\n2,a,1\n", "not finite"),
        ("depth,op,score\n1,a,1\n2,a,1\n", "everywhere"),
        ("depth,op,score\n", "no rows"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=said):
        table_of(file, ["depth", "op"], "score")


def test_a_column_that_is_not_there_is_named_with_the_nearest(path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'score'"):
        table_of(path, ["depth", "op"], "scores")


def test_a_column_is_one_thing(path: Path) -> None:
    with pytest.raises(InvalidValueError, match="named twice"):
        table_of(path, ["depth", "op"], "score", ["score"])


def test_what_is_sought_cannot_be_limited(path: Path) -> None:
    """A limit is known of every row before it is looked at: it would give the answers away."""
    with pytest.raises(InvalidValueError, match="'score' is what evaluations reveal"):
        table_of(path, ["depth", "op"], "score", [], ["score >= 3"])


def test_limits_that_no_row_keeps_are_refused_before_a_search(path: Path) -> None:
    with pytest.raises(InvalidValueError, match="No row of mine"):
        Judge(table_of(path, ["depth", "op"], "score", ["bytes"], ["bytes <= 1"]))


def test_a_table_with_few_of_many_rows_is_searched_to_its_end(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [",".join(map(str, rng.integers(10, size=6))) for _ in range(60)]
    file = tmp_path / "sparse.csv"
    lines = [f"{row},{at / 100},{at % 7}" for at, row in enumerate(rows)]
    file.write_text("\n".join(["a,b,c,d,e,f,score,bytes", *lines]))
    table = table_of(file, list("abcdef"), "score", ["bytes"])
    for algorithm in ("random", "local", "bayesian"):
        (search,) = compare(table, [algorithm], Settings(queries=80, batch=4, seeds=1))
        assert len(set(search.rows)) == 60, algorithm


def test_the_dearest_row_counts(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score", ["bytes"])
    assert table.is_allowed.all()


def test_a_table_that_was_changed_is_another(path: Path, tmp_path: Path) -> None:
    kept = tmp_path / "searches.jsonl"
    compare(table_of(path, ["depth", "op"], "score"), ["random"], Settings(queries=5, seeds=1), kept)
    path.write_text(path.read_text().replace("8.5", "8.6"))
    compare(table_of(path, ["depth", "op"], "score"), ["random"], Settings(queries=5, seeds=1), kept)
    assert len(kept.read_text().splitlines()) == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        table_of(tmp_path / "none.csv", ["a"], "b")


@pytest.mark.parametrize("text", ["bytes < 5", "<= 5", "bytes <= many"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="is no limit"):
        ColumnLimit.parse(text)


def test_regret_and_hits_are_counted(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score")
    best = int(np.argmax(table.sought))
    scores = Judge(table).scores(
        [Search("random", 0, (0, 3, best, 1), 0.1), Search("random", 1, (0, 3), 0.1)]
    )
    random = scores["random"]
    # The best row has 8.5; the first 1.5, the fourth 2.0.
    np.testing.assert_allclose(random.curves, [[7.0, 6.5, 0.0, 0.0], [7.0, 6.5, 6.5, 6.5]])
    assert random.hits.tolist() == [3.0, np.inf]
    assert random.found_within(4) == 0.5


@pytest.mark.parametrize("batch", [1, 3])
def test_a_search_for_the_best_row_ends_with_the_batch_that_has_it(path: Path, batch: int) -> None:
    table = table_of(path, ["depth", "op"], "score")
    (best,) = np.flatnonzero(table.is_best)
    for search in compare(table, ["random", "bayesian"], Settings(queries=16, batch=batch, seeds=3)):
        assert best in search.rows[-batch:]


def test_looking_at_everything_gives_the_whole_hypervolume(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score", ["bytes"])
    searches = compare(table, ["random"], Settings(queries=16, seeds=2))
    curves = Judge(table).scores(searches)["random"].curves
    np.testing.assert_allclose(curves[:, -1], 1.0)
    assert (np.diff(curves, axis=1) >= 0).all()


def test_what_is_kept_is_not_run_again_and_nothing_is_lost(path: Path, tmp_path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score", ["bytes"])
    kept = tmp_path / "searches.jsonl"
    settings = Settings(queries=5, seeds=3)
    first = compare(table, ["random", "local"], settings, kept)
    with kept.open("a") as file:
        file.write('{"algorithm": "random", "se')  # killed in the middle of a line
    assert compare(table, ["random", "local"], settings, kept) == first
    assert len(kept.read_text().splitlines()) == 7
    other = compare(table, ["random"], Settings(queries=6, seeds=3), kept)
    assert all(len(search.rows) == 6 for search in other)


def test_an_algorithm_whose_time_is_up_begins_no_other_search(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score")
    assert len(compare(table, ["random"], Settings(queries=5, seeds=3, max_seconds=0.0))) == 1


def test_rows_say_how_sure_it_is_that_an_algorithm_beats_random(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score")
    scores = Judge(table).scores(compare(table, ["random", "bayesian"], Settings(queries=14, seeds=8)))
    random, bayesian = rows_of(scores, True, [12])
    assert random["p_against_random"] is None
    assert 0.0 < bayesian["p_against_random"] <= 1.0  # type: ignore[operator]
    assert bayesian["regret_12"] <= random["regret_12"]  # type: ignore[operator]


def test_the_last_column_is_of_the_row_that_validation_chose(path: Path) -> None:
    table = table_of(path, ["depth", "op"], "score")
    test = np.random.default_rng(0).permutation(len(table.candidates)).astype(float)
    searches = [Search("random", 0, (3, 1, 2), 0.0), Search("random", 1, (0, 4), 0.0)]
    (row,) = rows_of(Judge(replace(table, test=test)).scores(searches), True, [2])
    chosen = [max(search.rows, key=lambda row: table.sought[row]) for search in searches]
    assert row["test_of_best"] == pytest.approx(test[chosen].mean())
    assert list(row)[-1] == "test_of_best"
    (row,) = rows_of(Judge(table).scores(searches), True, [2])
    assert "test_of_best" not in row


CHEAP = "depth,op,score,after_few\n" + "\n".join(
    f"{depth},{op},{depth + (op == 'conv') * 0.5},{0.5 * depth + (op == 'conv') * 0.3}"
    for depth in range(1, 31)
    for op in ("conv", "pool")
)


@pytest.fixture
def cheap_path(tmp_path: Path) -> Path:
    file = tmp_path / "cheap.csv"
    file.write_text(CHEAP + "\n")
    return file


@pytest.mark.parametrize("algorithm", ["asha", "multi-fidelity"])
def test_who_trains_further_looks_briefly_first_and_pays_a_share_for_it(
    cheap_path: Path, algorithm: str
) -> None:
    table = table_of(cheap_path, ["depth", "op"], "score", cheap="after_few=0.25")
    (search,) = compare(table, [algorithm], Settings(queries=20, batch=3, seeds=1))
    assert set(search.shares) == {0.25, 1.0}
    assert search.spent[-1] <= 20
    for at in np.flatnonzero(search.is_whole):
        assert search.rows[at] in search.rows[:at]


def test_where_brief_looks_are_offered_auto_is_who_makes_most_of_them(cheap_path: Path) -> None:
    table = table_of(cheap_path, ["depth", "op"], "score", cheap="after_few=0.25")
    settings = Settings(queries=20, batch=3, seeds=2)
    chosen, same = (compare(table, [name], settings) for name in ("auto", "multi-fidelity"))
    assert [search.rows for search in chosen] == [search.rows for search in same]
    assert {search.algorithm for search in chosen} == {"auto"}


def test_whoever_trains_nobody_further_has_no_brief_looks(cheap_path: Path) -> None:
    table = table_of(cheap_path, ["depth", "op"], "score", cheap="after_few=0.25")
    (search,) = compare(table, ["random"], Settings(queries=10, seeds=1))
    assert search.shares == ()
    plain = table_of(cheap_path, ["depth", "op"], "score")
    assert search.rows == compare(plain, ["random"], Settings(queries=10, seeds=1))[0].rows


def test_where_nothing_is_cheaper_two_fidelities_are_one(cheap_path: Path) -> None:
    table = table_of(cheap_path, ["depth", "op"], "score")
    (search,) = compare(table, ["multi-fidelity"], Settings(queries=60, seeds=1))
    assert search.shares == ()
    assert len(set(search.rows)) == len(search.rows)


def test_regret_counts_whole_looks_at_what_they_took(cheap_path: Path) -> None:
    table = table_of(cheap_path, ["depth", "op"], "score", cheap="after_few=0.25")
    at = {score: row for row, score in enumerate(table.sought)}
    best, second, worst = at[30.5], at[30.0], at[1.0]
    rows, shares = (best, worst, worst, best), (0.25, 0.25, 1.0, 1.0)
    score = Judge(table).scores([Search("asha", 0, rows, 1.0, shares)])["asha"]
    # After one query nothing is known for sure; after two the worst row; the best when it was trained.
    assert score.curves[0].tolist() == [29.5, 29.5, 0.0]
    assert score.hits[0] == 2.5
    whole = Judge(table).scores([Search("random", 0, (second, best), 1.0)])["random"]
    assert whole.curves[0].tolist() == [0.5, 0.0]
    assert whole.hits[0] == 2.0


def test_brief_looks_are_kept_and_read_again(cheap_path: Path, tmp_path: Path) -> None:
    table = table_of(cheap_path, ["depth", "op"], "score", cheap="after_few=0.25")
    kept, settings = tmp_path / "searches.jsonl", Settings(queries=8, seeds=1)
    first = compare(table, ["asha"], settings, kept)
    assert compare(table, ["asha"], settings, kept) == first
    # Of another share they are other searches.
    other = table_of(cheap_path, ["depth", "op"], "score", cheap="after_few=0.5")
    assert compare(other, ["asha"], settings, kept) != first


@pytest.mark.parametrize(
    "text",
    ["after_few", "after_few=1", "after_few=0", "=0.5", "after_few=a", "after_few=1/0", "after_few=100%"],
)
def test_what_is_no_cheap_fidelity_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="no cheap fidelity"):
        CheapFidelity.parse(text)


def test_what_is_sought_is_not_its_own_cheap_fidelity(cheap_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="named twice"):
        table_of(cheap_path, ["depth", "op"], "score", cheap="score=0.5")
    with pytest.raises(UnknownNameError, match="after_few"):
        table_of(cheap_path, ["depth", "op"], "score", cheap="after_fev=0.5")


@pytest.mark.parametrize("algorithm", ["asha", "multi-fidelity"])
def test_a_table_of_few_rows_is_looked_at_to_its_end(tmp_path: Path, algorithm: str) -> None:
    file = tmp_path / "few.csv"
    file.write_text("\n".join(CHEAP.splitlines()[:16]) + "\n")
    table = table_of(file, ["depth", "op"], "score", cheap="after_few=0.25")
    (search,) = compare(table, [algorithm], Settings(queries=30, seeds=1))
    assert search.spent[-1] < 30
    assert table.is_best[np.array(search.rows)[search.is_whole]].any()


def test_with_several_objectives_all_are_looked_at_in_the_end(cheap_path: Path) -> None:
    lines = cheap_path.read_text().splitlines()
    sized = [lines[0] + ",bytes", *(f"{line},{line.split(',')[0]}" for line in lines[1:41])]
    cheap_path.write_text("\n".join(sized) + "\n")
    table = table_of(cheap_path, ["depth", "op"], "score", ["bytes"], cheap="after_few=0.25")
    (search,) = compare(table, ["multi-fidelity"], Settings(queries=100, batch=4, seeds=1))
    assert len(set(np.array(search.rows)[search.is_whole])) == 40
    assert len(search.rows) == 80


def test_a_cheap_fidelity_is_not_known_beforehand(cheap_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="evaluations reveal"):
        table_of(cheap_path, ["depth", "op"], "score", (), ["after_few >= 1"], cheap="after_few=0.5")


def test_searches_with_a_cheap_fidelity_are_others_than_those_without(
    cheap_path: Path, tmp_path: Path
) -> None:
    kept, settings = tmp_path / "searches.jsonl", Settings(queries=8, seeds=1)
    cheap = table_of(cheap_path, ["depth", "op"], "score", cheap="after_few=0.25")
    plain = table_of(cheap_path, ["depth", "op"], "score", ["after_few"])
    plain = replace(plain, objectives=plain.objectives[:1])
    assert plain.digest == cheap.digest
    compare(cheap, ["asha"], settings, kept)
    (search,) = compare(plain, ["asha"], settings, kept)
    assert search.shares == ()


def test_what_counts_is_said_or_taken_from_the_table(path: Path) -> None:
    (taken,) = table_of(path, ["depth", "op"], "score").objectives
    assert taken.is_from_table
    table = table_of(path, ["depth", "op"], "score", counts=(2.0, 9.0))
    assert table.problem().box["score"] == (9.0, 2.0)
    assert not table.objectives[0].is_from_table


@pytest.mark.parametrize(
    "counts", [(9.0, 2.0), (1.0, 8.0), (8.5, 9.0), (2.0, float("inf")), (float("-inf"), 9.0)]
)
def test_a_range_that_does_not_hold_the_best_is_refused(path: Path, counts: tuple[float, float]) -> None:
    with pytest.raises(InvalidValueError, match=r"does not hold the best of 'score', 8\.5"):
        table_of(path, ["depth", "op"], "score", counts=counts)


def test_searches_that_were_kept_before_ranges_could_be_said_are_still_known(path: Path) -> None:
    """What a kept search must have been run with: another field would run all of them again."""
    (objective,) = table_of(path, ["depth", "op"], "score").objectives
    assert set(objective.as_kept()) == {"column", "maximise", "best", "worst", "ideal"}
