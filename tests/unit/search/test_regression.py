import numpy as np
import pytest
from numpy.typing import NDArray

from penjing.search import regression
from penjing.search.regression import GrowingRegression, ScarceRegression
from penjing.space import Candidate, Choice, Condition, Encoding, SearchSpace

Array = NDArray[np.float64]

SPACE = SearchSpace(
    [
        Choice("operation", ("plain", "inverted", "separable"), ordered=False),
        Choice("width", (4, 8, 16, 32)),
        Choice("depth", (1, 2, 3)),
        Choice("expansion", (2, 3, 4), conditions=(Condition("operation", ("inverted",)),)),
        Choice("second.width", (4, 8, 16), conditions=(Condition("depth", (2, 3)),)),
    ]
)
ENCODING = Encoding(SPACE)


def log_error(candidate: Candidate) -> float:
    """Additive in the choices; those that are absent add nothing."""
    parts = {"plain": 0.0, "inverted": -0.3, "separable": 0.2}
    value = parts[str(candidate["operation"])] - 0.25 * np.log2(float(candidate["width"]))
    value -= 0.15 * float(candidate["depth"])
    value -= 0.1 * float(candidate.get("expansion", 0))
    return value - 0.02 * float(candidate.get("second.width", 0))


def capacity(candidates: list[Candidate]) -> Array:
    widths = [
        float(c["width"]) * (float(c["depth"]) + float(c.get("second.width", 0)) / 8) for c in candidates
    ]
    return np.log(widths)[:, None]


def drawn(n: int, seed: int) -> list[Candidate]:
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(n)]


def trained(candidates: list[Candidate], noise: float = 0.0) -> tuple[ScarceRegression, Array]:
    target = np.array([log_error(c) for c in candidates])
    target = target + np.random.default_rng(9).normal(0.0, noise, len(candidates))
    return ScarceRegression(ENCODING.one_hot(candidates), capacity(candidates), target), target


def predicted(model: ScarceRegression, candidates: list[Candidate]) -> tuple[Array, Array]:
    return model.predict(ENCODING.one_hot(candidates), capacity(candidates))


@pytest.mark.parametrize(("n", "noise", "least"), [(30, 0.0, 0.9), (80, 0.0, 0.99), (80, 0.1, 0.93)])
def test_an_additive_function_is_recovered(n: int, noise: float, least: float) -> None:
    model, _ = trained(drawn(n, seed=1), noise)
    fresh = drawn(300, seed=2)
    mean, _ = predicted(model, fresh)
    truth = np.array([log_error(c) for c in fresh])
    assert np.corrcoef(mean, truth)[0, 1] > least
    assert np.abs(mean - truth).mean() < 0.6 * np.abs(truth - truth.mean()).mean()


def test_mean_and_deviation_are_those_of_the_textbook() -> None:
    """Rasmussen and Williams, equations 2.23 and 2.24, written with an inverse."""
    known, fresh = drawn(25, seed=3), drawn(40, seed=4)
    model, target = trained(known, noise=0.05)
    fit = model.scales
    rows = ENCODING.one_hot([*known, *fresh])
    sizes = capacity([*known, *fresh])
    sizes = (sizes - capacity(known).mean(axis=0)) / (capacity(known).std(axis=0) + 1e-6)
    n_active = rows[:25].sum(axis=1).mean()
    pairs = (1 + rows @ rows.T / n_active) ** 2 / 4
    smooth = np.exp(-0.5 * (sizes - sizes.T) ** 2)
    kernel = fit.pairs * pairs + sizes @ sizes.T + fit.smooth * smooth + 1.0
    inverse = np.linalg.inv(kernel[:25, :25] + (fit.noise**2 + 1e-8) * np.eye(25))
    scale = target.std() + 1e-6
    mean, deviation = predicted(model, fresh)
    cross = kernel[25:, :25]
    np.testing.assert_allclose(
        mean, cross @ inverse @ (target - target.mean()) / scale * scale + target.mean()
    )
    variance = np.diag(kernel)[25:] - np.einsum("ij,jk,ik->i", cross, inverse, cross)
    np.testing.assert_allclose(deviation, np.sqrt(variance) * scale, rtol=1e-5)


def test_a_regression_that_grows_compares_kernels_now_and_then_and_forgets_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, fresh = drawn(159, seed=7), drawn(20, seed=8)
    rows, sizes = ENCODING.one_hot(known), capacity(known)
    target = trained(known, noise=0.1)[1]
    compared: list[int] = []

    def likeliest(terms: regression._Terms, standard: regression.Array) -> regression.Scales:
        compared.append(len(standard))
        return regression.Scales(0.2, 0.1, 0.01 * len(standard))

    monkeypatch.setattr(regression, "_likeliest", likeliest)
    growing = GrowingRegression()
    for n in range(128, 160):
        model = growing.fitted(rows[:n], sizes[:n], target[:n])
    assert compared == list(range(128, 160, 4))
    one_go = GrowingRegression().fitted(rows, sizes, target)
    expected = ScarceRegression(rows, sizes, target, regression.Scales(0.2, 0.1, 1.56))
    for other in (one_go, expected):
        for found, wanted in zip(predicted(model, fresh), predicted(other, fresh), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_what_is_far_from_the_data_is_less_certain() -> None:
    near = [c for c in drawn(300, seed=5) if c["operation"] == "plain" and float(c["width"]) <= 8][:30]
    far = [c for c in drawn(300, seed=6) if c["operation"] == "inverted" and c["width"] == 32]
    model, _ = trained(near)
    assert len(near) == 30
    assert len(far) >= 10
    assert predicted(model, far)[1].min() > 2 * predicted(model, near)[1].max()


def test_capacity_beyond_the_data_is_less_certain_the_farther_it_is() -> None:
    one_hot, sizes = np.zeros((12, 0)), np.linspace(0.0, 1.0, 12)[:, None]
    model = ScarceRegression(one_hot, sizes, np.sin(3 * sizes[:, 0]))
    _, deviation = model.predict(np.zeros((4, 0)), np.array([[0.5], [1.5], [2.5], [5.0]]))
    assert np.all(np.diff(deviation) > 0)


def test_absent_choices_are_zeros_and_predict_like_any_other() -> None:
    known = [c for c in drawn(200, seed=7) if "expansion" not in c and "second.width" not in c][:12]
    model, _ = trained(known)
    without = ENCODING.one_hot(known)
    columns = [i for i, name in enumerate(ENCODING.columns) if name.startswith(("expansion", "second"))]
    assert not without[:, columns].any()
    mean, deviation = predicted(model, drawn(50, seed=8))
    assert np.isfinite(mean).all()
    assert np.all(deviation > 0)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_few_and_equal_results_give_finite_numbers(n: int) -> None:
    known = drawn(1, seed=1) * n
    model = ScarceRegression(ENCODING.one_hot(known), capacity(known), np.full(n, -1.5))
    mean, deviation = predicted(model, drawn(20, seed=2))
    np.testing.assert_allclose(mean, -1.5, atol=1e-3)
    assert np.isfinite(deviation).all()


def test_units_of_the_target_do_not_matter() -> None:
    known, fresh = drawn(30, seed=1), drawn(30, seed=2)
    one_hot, sizes = ENCODING.one_hot(known), capacity(known)
    target = np.array([log_error(c) for c in known])
    mean, deviation = predicted(ScarceRegression(one_hot, sizes, target), fresh)
    other_mean, other_deviation = predicted(ScarceRegression(one_hot, sizes, 100 * target + 7), fresh)
    np.testing.assert_allclose(other_mean, 100 * mean + 7, rtol=1e-3)
    np.testing.assert_allclose(other_deviation, 100 * deviation, rtol=1e-3)


def test_of_what_does_not_last_only_capacity_is_left() -> None:
    known, fresh = drawn(60, seed=7), drawn(100, seed=8)
    model, _ = trained(known)
    rows, sizes = ENCODING.one_hot(fresh), capacity(fresh)
    mean, _ = model.predict(rows, sizes, 0.0)
    again, _ = model.predict(rows[::-1], sizes, 0.0)
    np.testing.assert_allclose(mean, again)
    each = model.predict(rows, sizes, np.where(np.arange(100) < 50, 0.0, 1.0))[0]
    np.testing.assert_allclose(each[:50], mean[:50])
    np.testing.assert_allclose(each[50:], predicted(model, fresh)[0][50:])


@pytest.mark.parametrize("lasting", [1.0, np.linspace(0.2, 1.0, 20)])
def test_the_mean_alone_is_that_of_the_whole_prediction(lasting: Array | float) -> None:
    known, asked = drawn(30, 1), drawn(20, 2)
    target = np.array([log_error(candidate) for candidate in known])
    model = ScarceRegression(ENCODING.one_hot(known), capacity(known), target)
    given = ENCODING.one_hot(asked), capacity(asked), lasting
    np.testing.assert_array_equal(model.mean(*given), model.predict(*given)[0])
