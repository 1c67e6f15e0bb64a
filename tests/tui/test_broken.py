"""Broken graphs, each found out with the app alone: by keys, and by what the screen shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mfdebug.opening.graphs import load_graph
from tests.support.app_driver import Driver, ask, opened, right, row_of
from tests.support.paths import ROOT
from tests.support.sizes import some

BROKEN = ROOT / "tests" / "broken"
NO_BARS = str.maketrans("", "", "▁▂▃▄▅▆▇█")
NAMES = sorted(path.stem for path in BROKEN.glob("*.json"))


@asynccontextmanager
async def case(name: str) -> AsyncIterator[Driver]:
    async with opened(str(BROKEN / f"{name}.json")) as driver:
        yield driver


async def choose(driver: Driver, name: str) -> None:
    """Put the cursor of the order tree on a node, as a person does: from the top downwards."""
    await driver.press("home")
    for _ in driver.debugger.graph.nodes:
        if panel(driver)[0].split()[0] == name:
            return
        await driver.press("down")
    pytest.fail(f"the cursor does not reach {name}:\n{driver.text}")


async def run(driver: Driver, steps: int) -> None:
    """Type 300t, and wait until the run is over."""
    await driver.press(*str(steps), "t")
    await driver.finished()


async def printed(driver: Driver, expression: str) -> str:
    """Type `:print …`, read the answer, and close it if it has a frame."""
    await ask(driver, f"print {expression}")
    if driver.text.count("╭") == 0:
        return told(driver)
    inside = [line.split("│") for line in driver.text.split("\n")]
    answer = " ".join(" ".join(parts[-2].split()) for parts in inside if len(parts) > 2)
    await driver.press("escape")
    return answer


def head(driver: Driver) -> str:
    """The strip at the top."""
    return driver.text.split("\n")[0]


def panel(driver: Driver) -> list[str]:
    """The lines of the node panel: their words, one blank between two, without bars."""
    lines = right(driver)[2:-2]
    end = next((i for i, line in enumerate(lines) if line.startswith("─")), None)
    return [" ".join(line.translate(NO_BARS).split()) for line in lines[:end]]


def told(driver: Driver) -> str:
    """What is said above the keys, even if it takes two lines."""
    lines = driver.text.split("\n")[-3:-1]
    begin = 0 if lines[0].startswith((" ●", " !")) else 1
    return " ".join(" ".join(lines[begin:]).split())


def left_of(driver: Driver, name: str) -> list[str]:
    """The words of a node's row in the order tree."""
    return row_of(driver, name)[3:].split()


async def cost(driver: Driver) -> float:
    return float((await printed(driver, "cost")).removeprefix("cost = "))


@pytest.mark.parametrize("name", some(NAMES, 4))
async def test_the_case_opens_with_the_complaint(name: str) -> None:
    async with case(name) as driver:
        complaint = load_graph(str(BROKEN / f"{name}.json")).description
        assert complaint
        shown = " ".join(" ".join(panel(driver)).split())
        assert shown.startswith(f"{name} {complaint}"), shown


@pytest.mark.slow
async def test_the_cost_is_nan_after_one_sgd_step() -> None:
    """The root of a distance that is 0 has an infinite slope, and inf · 0 is NaN: epsilon is 0."""
    async with case("nan-at-once") as driver:
        # The complaint: the cost is 5, and then everything is NaN.
        await driver.press("n", "n")
        assert "cost 5 " in head(driver)
        await driver.press("t", "t")
        assert "cost nan" in head(driver)
        assert left_of(driver, "well")[-2:] == ["!nan", "!nan"]
        # Forward was well in SGD step 0, so it begins on the way back.
        await ask(driver, "goto start")
        await ask(driver, "break nan")
        await driver.press("c")
        assert told(driver) == "● stop 1: nan: Pow square1 sends ∂cost/∂away1[0] = nan"
        assert "0 0 inf inf" in panel(driver)
        # The NaN was made of an infinity: where is that from?
        await ask(driver, "break inf")
        await driver.press("C")
        assert told(driver) == "● stop 2: inf: Sqrt way1 sends ∂cost/∂safe1 = inf"
        assert "backward" in head(driver)
        shown = panel(driver)
        assert "to safe1 ∂cost/∂way1 × 1/(2·way1) inf" in shown
        assert "= 1 × 1/(2 × 0)" in shown
        assert "value √0 = 0 set at moment 10" in shown
        # What should keep it from 0 is itself 0.
        await choose(driver, "safe1")
        assert any(line.startswith("value 0 + 0 = 0") for line in panel(driver))
        assert await printed(driver, "epsilon") == "epsilon = 0"
        # Mend it.
        await ask(driver, "goto start")
        await ask(driver, "set epsilon = 0.001")
        await run(driver, 20)
        assert "cost 5.0" in head(driver)
        assert " nan" not in row_of(driver, "well")


@pytest.mark.slow
async def test_the_cost_swings_higher_and_higher() -> None:
    """The learning rate is six times too large."""
    async with case("swings") as driver:
        # The complaint: the cost ends at infinity. The log scale shows a straight line upwards.
        await ask(driver, "break inf")
        await driver.press("c")
        await driver.finished()
        assert told(driver).startswith("● stop 1: inf: cost = inf, made by MSE of t")
        assert "line (shape 5x1, values 1.691e+153 … 2.098e+154" in told(driver)
        assert "finite to step 318" in driver.text
        # `line` was large before the cost was: w was thrown there by its last update...
        await ask(driver, "last w")
        assert "0.3 × (-2.13922e+154) = 4.82161e+153" in panel(driver)
        assert "update 1/2" in head(driver)
        # ...which has the other sign than the one before: it swings, by nine tenths and more.
        await ask(driver, "last w")
        assert told(driver).endswith("5.28334e+152 -> -1.59606e+153")
        # And so from the beginning: the update is 4 times as large as the weight, the cost rises.
        await ask(driver, "delete all")
        await ask(driver, "goto start")
        await ask(driver, "break update-ratio")
        await driver.press("c")
        assert "update-ratio: w: |update| / |weight| is 4.02, too large" in told(driver)
        assert told(driver).endswith("at 1.439e+20 in ten SGD steps, at 3.59e+10 in the ten before")
        assert "w[0,0] = 4.37199e+09 - 0.3 × 5.85984e+10 = -1.32075e+10" in " ".join(panel(driver))
        assert "ratio" in left_of(driver, "w")
        # The points are right: the gradient's sign turns with w, only the step is too long.
        await driver.press("c")
        shown = " ".join(panel(driver))
        assert "w[0,0] = (-1.32075e+10) - 0.3 × (-1.77022e+11) = 3.98991e+10" in shown
        # Mend it.
        await ask(driver, "delete all")
        await ask(driver, "goto start")
        await ask(driver, "set lr = 0.05")
        await run(driver, 300)
        assert await cost(driver) < 1e-8
        await choose(driver, "w")
        assert any(line.startswith(("▸ value 3.0000", "▸ value 2.9999")) for line in panel(driver))


@pytest.mark.slow
async def test_the_cost_stays_at_a_quarter() -> None:
    """All weights begin at 0, so that no gradient gets past W2 and no unit differs from another."""
    async with case("stays-at-a-quarter") as driver:
        # The complaint: a hundred SGD steps, and the cost is 0.25.
        await run(driver, 100)
        assert "cost 0.25 " in head(driver)
        # Nothing that is trained has a gradient at all, and to the first layer nothing comes back.
        await ask(driver, "break unchanged")
        await driver.press("c")
        assert told(driver) == (
            "● stop 1: unchanged: W1: it is trained, but every entry of its gradient is 0"
        )
        for weight in ("W1", "b1"):
            assert "unchanged" in row_of(driver, weight)
        for weight in ("W1", "b1", "W2", "b2"):
            assert (await printed(driver, f"max(abs({weight}.grad))")).endswith("= 0")
        # At the output there is something to learn, and it is not there before W2.
        answer = await printed(driver, "l2.grad")
        assert "[[ 0.0625] [-0.0625] [-0.0625] [ 0.0625]]" in answer
        await ask(driver, "delete all")
        await ask(driver, "until s1 backward")
        assert panel(driver).count("0.5000 0.5000 0 0") == 4
        assert "from l2 ∂cost/∂l2 · W2ᵀ 0" in panel(driver)
        # Of the two factors W2 is the 0, in every entry; so is W1, and both units are the same.
        for weight in ("W2", "W1"):
            await choose(driver, weight)
            assert any(line.startswith("0 0") for line in panel(driver))
            assert (await printed(driver, f"max(abs({weight}))")).endswith("= 0")
        assert "[true, true, true, true]" in await printed(driver, "s1[:,0] == s1[:,1]")
        # Mend it: two different units, and one way on from them.
        await ask(driver, "goto start")
        await ask(driver, "set W1[0,0] = 1")
        await ask(driver, "set W1[0,1] = -1")
        await ask(driver, "set W2[0,0] = 1")
        await run(driver, 2000)
        assert await cost(driver) < 0.01


@pytest.mark.slow
async def test_two_hidden_neurons_are_no_better_than_one() -> None:
    """All weights begin at 0.5: the hidden neurons are twins, with one gradient."""
    async with case("no-better-than-one") as driver:
        # The complaint: it learns, and stops at 0.17.
        await run(driver, 1500)
        assert 0.165 < await cost(driver) < 0.175
        # No rule but the one for the weights' size is broken, and the gradients are no NaN.
        await ask(driver, "break unchanged")
        await ask(driver, "break dead")
        await ask(driver, "break saturated")
        await run(driver, 1)
        assert told(driver).startswith("next:")
        # The panel says it: all four weights are one number, and so are their gradients.
        await choose(driver, "W1")
        shown = panel(driver)
        rows = [line.split() for line in shown if line.startswith("5.")]
        assert len(rows) == 2
        assert all(row[0] == row[1] and row[2] == row[3] == "-540.0" for row in rows), shown
        assert any("×10⁻⁶" in line for line in shown), shown
        assert "[true, true, true, true]" in await printed(driver, "s1[:,0] == s1[:,1]")
        # And it was so from the beginning.
        await ask(driver, "goto start")
        await driver.press("s")
        assert await printed(driver, "W1[0,0]") == "W1[0,0] = 0.5"
        assert "true" in await printed(driver, "all(W1[:,0] == W1[:,1])")
        # Mend it: one weight of one neuron, and they go different ways.
        await ask(driver, "delete all")
        await ask(driver, "goto start")
        await ask(driver, "set W2[0,0] = -0.5")
        await run(driver, 2000)
        assert await cost(driver) < 0.01
        assert "false" in await printed(driver, "all(W1[:,0] == W1[:,1])")


@pytest.mark.slow
async def test_all_flats_get_the_same_answer() -> None:
    """Sizes in square feet, not scaled: the sigmoids are saturated, and let no gradient through."""
    async with case("all-the-same-answer") as driver:
        # The complaint: four flats, one answer.
        await driver.press("n", "n")
        await choose(driver, "s2")
        assert panel(driver).count("0.6225") == 4
        # The first rule that is broken is at the hidden sigmoids, on the way forward.
        await ask(driver, "goto start")
        await ask(driver, "break health")
        await driver.press("c")
        assert told(driver).startswith("● stop 6: saturated: s1: 100 % of its entries")
        assert "saturated" in row_of(driver, "s1")
        assert "s1[0,0] = σ(247.7) = 1" in panel(driver)
        # 247.7 is 620 × 0.4 and a little: not the weight is large, the size is.
        await choose(driver, "l1")
        assert "l1[0,0] = 620 × 0.4 + (-0.3) = 247.7" in panel(driver), driver.text
        await choose(driver, "X")
        assert {"620", "2100"} <= set(panel(driver)), driver.text
        # On the way back what the sigmoids let through is nothing.
        await driver.press("c")
        assert told(driver).startswith("● stop 3: vanishing: l1: mean |gradient| is 4.4")
        # Mend it: thousands of square feet.
        await ask(driver, "delete all")
        await ask(driver, "goto start")
        await ask(driver, "set unit = 0.001")
        await ask(driver, "break saturated at s1")
        await run(driver, 400)
        assert told(driver).startswith("next:"), told(driver)
        assert await cost(driver) < 0.02
        low, high = [await printed(driver, f"s2[{row},0]") for row in (0, 3)]
        assert float(low.split()[-1]) < 0.1 < 0.9 < float(high.split()[-1])


@pytest.mark.slow
async def test_the_answer_is_only_the_mean() -> None:
    """The biases of both ReLUs begin at -10: both are dead in every row."""
    async with case("only-the-mean") as driver:
        # The complaint: the answer is the mean, 1.5.
        await run(driver, 100)
        assert "cost 0.25 " in head(driver)
        await choose(driver, "l2")
        assert sum(line.startswith("1.500 ") for line in panel(driver)) == 4, driver.text
        # So what stands before it says the same of all rows: r1 is 0.
        await ask(driver, "break health")
        await driver.press("c")
        assert told(driver) == "● stop 5: dead: r1: 100 % of its entries are 0"
        assert "dead" in left_of(driver, "r1")
        assert "r1[0,0] = max(-11.6, 0) = 0" in panel(driver)
        # l1 is negative everywhere, by about 10, and 10 is b1, which nothing has ever changed.
        await choose(driver, "l1")
        assert any(line.startswith("-11.6") for line in panel(driver)), driver.text
        await choose(driver, "b1")
        assert any(line.startswith("-10 -10") for line in panel(driver)), driver.text
        await ask(driver, "last b1")
        assert "changed b1[0] (it has its initial" in driver.text
        # Mend it, in the middle of the run.
        await ask(driver, "delete all")
        await ask(driver, "set b1[0] = 0")
        await ask(driver, "set b1[1] = 0")
        await ask(driver, "break dead")
        await run(driver, 400)
        assert told(driver).startswith("next:"), told(driver)
        assert await cost(driver) < 1e-6


@pytest.mark.slow
async def test_the_bias_never_moves() -> None:
    """The cost is taken of `slope`, before the bias was added: `answer` is wired past it."""
    async with case("never-moves") as driver:
        # The complaint: the cost is stuck, and b is 0.
        await run(driver, 100)
        assert "cost 17.5 " in head(driver)
        # It has no gradient, and no mark of one that is to come.
        assert left_of(driver, "b")[-2:] == ["1", "0"]
        # From the start: it is not that b has a small gradient, it has none.
        await ask(driver, "goto start")
        await ask(driver, "break health")
        await driver.press("c")
        assert told(driver) == (
            "● stop 8: unchanged: b: it is trained, but the cost does not depend on it"
        )
        assert any(line.startswith("gradient none: the cost does") for line in panel(driver))
        assert left_of(driver, "b")[-2:] == ["unchanged", "0"]
        # What b goes into has none either, and what goes into the cost is not that node.
        assert len(left_of(driver, "answer")) == len(left_of(driver, "slope")) - 1
        await choose(driver, "answer")
        assert panel(driver)[0].startswith("answer = slope + b")
        await choose(driver, "cost")
        assert panel(driver)[0].startswith("cost = Σ(t - slope)^2 / m")
        # It cannot be wired anew in here. But with the b that is right, `answer` is better at
        # once, and the cost does not hear of it.
        await ask(driver, "delete all")
        await ask(driver, "goto start")
        await ask(driver, "set w[0,0] = 3")
        await ask(driver, "set b[0] = 7")
        await driver.press("n", "n")
        assert await printed(driver, "max(abs(t - answer))") == "max(abs(t - answer)) = 0"
        assert await printed(driver, "cost") == "cost = 49"


async def test_points_on_a_line_do_not_fit_a_line() -> None:
    """The targets are a list of 4, the answers 4x1: their difference is a table of 4x4."""
    async with case("good-data-bad-cost") as driver:
        # The complaint: it ends at 5, and all answers are the same.
        await run(driver, 300)
        assert "cost 5 " in head(driver)
        assert left_of(driver, "w")[-2].endswith(("e-9", "e-8", "e-7"))
        # From here no gradient has more to say: it is the lowest cost, of a wrong cost.
        await ask(driver, "check w")
        assert "no gradient is wrong" in driver.text
        await driver.press("escape")
        # Four rows make a mean of sixteen.
        await ask(driver, "goto start")
        await driver.press("n", "n")
        assert any("m = 16" in line for line in panel(driver)), driver.text
        assert left_of(driver, "miss")[2] == "4x4"
        assert (left_of(driver, "line")[2], left_of(driver, "t")[2]) == ("4x1", "4")
        # Row 0 of `line` meets each of the four targets, not only its own.
        await choose(driver, "miss")
        assert panel(driver)[0] == "miss = line - t Sub 4x4"
        assert "miss[0,0] = 0 - (-1) = 1" in panel(driver)
        await driver.press("tab", "right")
        assert "miss[0,1] = 0 - 1 = -1" in panel(driver)
        await driver.press("tab")
        # It cannot be given another shape in here, and the screen says which it has.
        await ask(driver, "set t = [[-1],[1],[3],[5]]")
        assert told(driver) == "! set: t has shape 4, the value has shape 4x1"
        # But with the answer known, the fault can be proved: the line that is right costs more.
        await ask(driver, "set w[0,0] = 2")
        await ask(driver, "set b[0] = -1")
        assert await printed(driver, "max(abs(line[:,0] - t))") == "max(abs(line[:,0] - t)) = 0"
        assert "cost 10 " in head(driver)


@pytest.mark.slow
async def test_it_learns_nothing() -> None:
    """The learning rate is a million times too small."""
    async with case("learns-nothing") as driver:
        # The complaint: a thousand SGD steps, and the cost is what it was.
        await driver.press("t")
        assert "cost 0.266282" in head(driver)
        await run(driver, 1000)
        assert "cost 0.266266" in head(driver) or "cost 0.266264" in head(driver)
        # There is a gradient, of a good size, at both that are trained...
        await ask(driver, "break unchanged")
        await ask(driver, "break vanishing")
        await run(driver, 1)
        assert told(driver).startswith("next:"), told(driver)
        await choose(driver, "b")
        assert any("gradient ∂cost/∂b = 0.1268" in line for line in panel(driver)), driver.text
        # ...and what is made of it is nothing: 1e-06 stands before it.
        await ask(driver, "delete all")
        await ask(driver, "break update-ratio")
        await driver.press("c")
        assert "update-ratio: w: |update| / |weight| is 2.82e-08, too small" in told(driver)
        assert "w[0,0] = 0.299991 - 1e-06 ×" in " ".join(panel(driver))
        assert "lr 1e-06" in head(driver)
        # Mend it.
        await ask(driver, "delete all")
        await ask(driver, "set lr = 2")
        await run(driver, 500)
        assert await cost(driver) < 0.01
        assert "lr 2" in head(driver)
