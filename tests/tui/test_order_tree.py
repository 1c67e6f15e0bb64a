"""The list of nodes on the screen: numbers, folds, the search, the mouse."""

from __future__ import annotations

import pytest

from mfdebug.config.ascii import in_ascii
from mfdebug.core.explain.list_marks import LEGEND, OVERRIDDEN_MARK
from mfdebug.core.timeline.state import State
from mfdebug.tui.export.frames import frame_of
from mfdebug.tui.widgets.legend import LEAST, Legend, legend_lines
from mfdebug.tui.widgets.order_tree import OrderTree
from mfdebug.tui.widgets.prompt import Prompt
from miniflow.graph import Graph
from miniflow.node import Input
from miniflow.ops import Add, Mul
from tests.support.app_driver import Driver, ask, left, left_width, opened, row_of
from tests.support.sizes import pick


def tree_of(driver: Driver) -> OrderTree:
    return driver.screen.query_one(OrderTree)


def rows(driver: Driver) -> list[str]:
    """The rows of the list, from the first visible one."""
    return left(driver)[2 : 2 + tree_of(driver).size.height]


def underlined(driver: Driver) -> list[str]:
    """What is marked as found, row by row."""
    tree = tree_of(driver)
    return [
        segment.text
        for y in range(tree.size.height)
        for segment in tree.render_line(y)
        if segment.style is not None and segment.style.underline
    ]


def bold(driver: Driver, y: int) -> list[str]:
    """What is bold in a row."""
    segments = tree_of(driver).render_line(y)
    texts = [s.text.strip() for s in segments if s.style is not None and s.style.bold]
    return [text for text in texts if text]


def chain(blocks: int, leaf: str = "w") -> Graph:
    x = Input("x", value=1.0)
    for i in range(blocks):
        w = Input(f"block{i}/{leaf}", value=1.0, trainable=True)
        x = Mul(x, w, name=f"block{i}/out")
    return Graph.of(Add(x, x, name="cost"))


def marked(driver: Driver, y: int) -> str:
    """What has another ground than the list in a row."""
    tree = tree_of(driver)
    ground = tree.visual_style.rich_style.bgcolor
    segments = tree.render_line(y)
    return "".join(s.text for s in segments if s.style is not None and s.style.bgcolor != ground)


@pytest.mark.slow
async def test_the_cursor_marks_the_start_of_its_row() -> None:
    async with opened("circuit-a") as driver:
        await driver.press("n", "n", "s")
        # A mark of the whole row would be sent with all its words, at each step.
        assert [marked(driver, y) for y in range(5)] == ["", "", "", "", " ▶ f   "]
    async with opened("batchnorm") as driver:
        await driver.press("n", "s", "s")
        assert [m for y in range(8) if (m := marked(driver, y).rstrip())] == [" ▶  ▸ layer1/ n"]


# Numbers ---------------------------------------------------------------------------------


async def test_every_row_has_the_value_and_the_gradient_of_its_node() -> None:
    async with opened("circuit-a") as driver:
        await driver.press("n", "n", "s", "s")
        assert [row.split() for row in rows(driver)[:5]] == [
            ["x", "Input", "()", "-2", "⊕-4"],
            ["y", "Input", "()", "5", "⊕-4"],
            ["z", "Input", "()", "-4", "⊕3"],
            ["▶", "q", "Add", "()", "3", "-4"],
            ["f", "Mul", "()", "-12", "1"],
        ]


async def test_a_tensor_has_its_mean_size_and_few_entries_are_numbers() -> None:
    async with opened() as driver:
        await driver.press("s", "s")
        debugger = driver.debugger
        l1 = debugger.state.value(debugger.graph.index_of("l1"))
        number = f"{abs(l1).mean():.4f}".removeprefix("0")
        assert row_of(driver, "l1").split()[-2:] == [number, "∙"]
        assert row_of(driver, "b1").split()[-3:] == ["0", "0", "∙"]


@pytest.mark.slow
async def test_what_is_stale_partial_or_absent_says_so() -> None:
    async with opened("diamond") as driver:
        assert row_of(driver, "y").split()[-2:] == ["∙", "∙"]
        await driver.press("n", "n", "s", "s")
        assert row_of(driver, "x").endswith("◐-25")
        await driver.press("s")
        assert row_of(driver, "x").endswith("⊕-75")
    async with opened(commands=["sgd", "step"]) as driver:
        assert "~" in row_of(driver, "l1")
        assert row_of(driver, "l1").count("~") == 2


async def test_an_edited_input_has_the_sign_of_what_is_set_by_you() -> None:
    async with opened("wx", commands=["set w = 4"]) as driver:
        assert row_of(driver, "w").split()[-2:] == ["≠4", "∙"]
        assert "≠" not in row_of(driver, "x")
        assert "≠ set by you" in driver.text
        await driver.press("z")
        assert "≠" not in row_of(driver, "w")
        await driver.press("Z")
        frame = frame_of(driver.app, ascii_only=True)
        lines = "\n".join("".join(c for run in row for c in run.cells) for row in frame.rows)
        sign = in_ascii(OVERRIDDEN_MARK)
        assert f" {sign}4 " in lines
        assert f"{sign} set by you" in lines


async def test_the_new_number_stands_out() -> None:
    async with opened() as driver:
        await driver.press("s", "s", "down")
        y = driver.debugger.graph.index_of("l1")
        assert bold(driver, y) == ["▶", "l1", ".4250"]
        assert bold(driver, y - 1) == bold(driver, y + 1) == []


@pytest.mark.slow
async def test_gradients_that_receive_a_contribution_are_bold() -> None:
    async with opened("circuit-a") as driver:
        await driver.press("n", "n", "s", "s")
        found = [bold(driver, y)[-1:] for y in range(5)]
        assert found == [["⊕-4"], ["⊕-4"], [], ["-4"], []]


@pytest.mark.slow
async def test_wide_lists_have_bars_updates_and_entries() -> None:
    async with opened(size=(200, 50), commands=["sgd 2"]) as driver:
        await driver.press("G", "G", "G")
        title = left(driver)[1]
        words = [word for word in title.split() if not word.startswith("━")]
        assert words == ["order", "value", "gradient", "update", "entries"]
        row = row_of(driver, "W2")
        debugger = driver.debugger
        node = debugger.graph.index_of("W2")
        assert row.count("━") >= 3
        ratio = debugger.state.learning_rate * debugger.state.gradient(node)
        value = debugger.state.value(node)
        expected = (ratio**2).sum() ** 0.5 / (value**2).sum() ** 0.5
        assert row.split()[-1] == f"{expected:.4f}"
        assert row.split()[3:5] == [f"{x:.4g}" for x in value.reshape(-1)]
        # Headings are over their columns.
        assert title.index("update") == row.index(f"{expected:.4f}")


SIZES = [(60, 20), (80, 24), (120, 40), (200, 50)]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
async def test_rows_fit_the_panel_at_every_size(size: tuple[int, int]) -> None:
    graphs = ["digits", "vanishing"]
    for graph in pick(graphs, [graphs[SIZES.index(size) % 2]]):
        async with opened(graph, size=size, commands=["sgd", "next 2"]) as driver:
            tree = tree_of(driver)
            for y in range(tree.size.height):
                assert tree.render_line(y).cell_length == tree.size.width
            width = left_width(driver)
            # A heading may end before the last cell.
            assert len(left(driver)[1]) >= min(width, size[0]) - 1


# Folds -----------------------------------------------------------------------------------


@pytest.mark.slow
async def test_stepping_into_a_folded_scope_highlights_its_row() -> None:
    async with opened("vanishing") as driver:
        await driver.press("s", "s")
        (row,) = [line for line in rows(driver) if "▶" in line]
        assert row.split()[:4] == ["▶", "▸", "layer1/", "z"]
        # Its numbers are those of the node that it names, not of its last one.
        assert row.split()[4:] == [".7500", "∙"]
        await driver.press("s")
        (row,) = [line for line in rows(driver) if "▶" in line]
        assert row.split()[:5] == ["▶", "▸", "layer1/", "a", ".6155"]
        assert tree_of(driver).selected == driver.debugger.where.node


@pytest.mark.slow
async def test_repeated_blocks_fold_to_one_row() -> None:
    async with opened("vanishing", commands=["sgd"]) as driver:
        await driver.press("home", "down", "down")
        assert rows(driver)[2].split() == ["▾", "layer1…12/", "×12"]
        await driver.press("enter")
        folded = rows(driver)[2].split()
        assert folded[1:4] == ["▸", "layer1…12/", "×12"] or folded[:3] == ["▸", "layer1…12/", "×12"]
        assert not any("layer2/" in line for line in rows(driver))
        # Updates come last in an SGD step: the present node is in there.
        await driver.press("S")
        (row,) = [line for line in rows(driver) if "▶" in line]
        assert "×12" in row
        await driver.press("enter")
        assert any("layer2/" in line for line in rows(driver))


@pytest.mark.slow
async def test_of_a_folded_scope_the_last_node_is_shown() -> None:
    async with opened("vanishing") as driver:
        await driver.press("home", *["down"] * 3)
        assert "layer1/a = σ(layer1/z)" in driver.text


async def test_a_long_name_keeps_what_tells_it_from_the_others() -> None:
    names = [f"weights_of_the_hidden_layer_{i}" for i in (0, 2, 4)]
    names += [f"{word}_scale_of_the_batch_norm" for word in ("first", "second")]
    x: Input | Add = Input("x", value=1.0)
    for name in names:
        x = Add(x, x, name=name)
    async with opened(Graph.of(x)) as driver:
        shown = [line[3:].split()[0] for line in rows(driver)[1:6]]
        assert len(set(shown)) == len(names)
        assert all("…" in name for name in shown)
        assert [name[-1] for name in shown[:3]] == ["0", "2", "4"]


async def test_edges_to_scoped_nodes_lose_the_outer_scopes_first() -> None:
    graph = chain(3, leaf="a_rather_long_name_of_a_weight")
    async with opened(graph) as driver:
        tree_of(driver).select(graph.index_of("block1/out"))
        tree_of(driver).show()
        await driver.press("enter")
        assert any("├ inbound …" in line for line in rows(driver))


# The search ------------------------------------------------------------------------------


@pytest.mark.slow
async def test_it_goes_to_the_first_match_while_one_types() -> None:
    async with opened(commands=["step 2"]) as driver:
        await driver.press("slash")
        shown = []
        for key in "sigm":
            await driver.press(key)
            shown.append(driver.screen.panels.node.node)
        names = driver.debugger.graph.names()
        assert [names[node] for node in shown if node is not None] == ["s1"] * 4
        assert "s1 = σ(l1)" in driver.text
        assert underlined(driver)[0] == "Sigm"
        await driver.press("enter")
        assert driver.message == "2 nodes: s1, s2   m next, M previous"
        assert names[driver.screen.panels.node.node or 0] == "s1"
        await driver.press("m")
        assert "s2 = σ(l2)" in driver.text
        await driver.press("m")
        assert "s1 = σ(l1)" in driver.text
        await driver.press("M")
        assert "s2 = σ(l2)" in driver.text
        await driver.press("escape")
        assert underlined(driver) == []


@pytest.mark.slow
async def test_escape_returns_to_where_one_was() -> None:
    async with opened("vanishing", size=(80, 20), commands=["sgd 1", "step 5"]) as driver:
        await driver.press("home", "down", "down", "down")
        before = driver.text
        await driver.press("slash")
        await driver.type("layer11/z")
        assert "layer11/z = " in driver.text
        assert "▾ layer11/" in driver.text
        await driver.press("escape")
        assert driver.text == before


@pytest.mark.slow
async def test_a_search_without_a_match_stays_and_says_so() -> None:
    async with opened() as driver:
        await driver.press("down", "down", "slash")
        await driver.type("zebra")
        assert tree_of(driver).selected == 2
        await driver.press("enter")
        assert "contains 'zebra'" in driver.message
        assert tree_of(driver).selected == 2
        await driver.press("m")
        assert "searched for yet" in driver.message


@pytest.mark.slow
async def test_a_search_for_nothing_repeats_the_last_one() -> None:
    async with opened() as driver:
        await ask(driver, "find sigmoid")
        await driver.press("slash", "enter")
        assert "s2 = σ(l2)" in driver.text


async def test_a_search_that_becomes_another_command_returns() -> None:
    async with opened() as driver:
        await driver.press("slash")
        await driver.type("s2")
        assert "s2 = σ(l2)" in driver.text
        driver.screen.query_one(Prompt).value = "step"
        await driver.pilot.pause()
        assert "s2 = σ(l2)" not in driver.text


# The mouse -------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_click_selects_and_on_the_sign_folds() -> None:
    async with opened("vanishing") as driver:
        await driver.pilot.click("#order", offset=(20, 4))
        assert tree_of(driver).selected == driver.debugger.graph.index_of("layer2/a")
        assert "▸ layer2/" in driver.text
        await driver.pilot.click("#order", offset=(4, 4))
        assert "▾ layer2/" in driver.text
        await driver.pilot.click("#order", offset=(4, 4))
        assert "▸ layer2/" in driver.text


@pytest.mark.slow
async def test_the_focus_is_never_lost_by_a_click() -> None:
    async with opened(commands=["watch cost", "break l1", "sgd"]) as driver:
        for x in (2, 50):
            for y in (0, 1, 5, 15, 16, 18, 20, 22, 23):
                await driver.pilot.click(offset=(x, y))
                # A click on a key of the bottom line may open the prompt or a dialog.
                await driver.press("escape")
                assert driver.app.focused in (tree_of(driver), driver.screen.panels.node), (x, y)


# Cost ------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_key_asks_about_visible_nodes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[int] = set()
    plain = State.value_freshness
    monkeypatch.setattr(
        State,
        "value_freshness",
        lambda self, node: (asked.add(node), plain(self, node))[1],
    )
    counts = []
    for blocks in (60, 600):
        x = Input("x", value=1.0)
        for i in range(blocks):
            x = Mul(x, Input(f"w{i}", value=1.0, trainable=True), name=f"y{i}")
        async with opened(Graph.of(x)) as driver:
            await driver.press("s", "s", "s")
            asked.clear()
            await driver.press("s")
            await driver.press("enter", "enter", "pagedown", "down")
            counts.append(len(asked))
    assert counts[0] == counts[1] < 100


# The legend ------------------------------------------------------------------------------


def test_the_legend_fits_its_lines() -> None:
    assert legend_lines(32) == ["tensor: mean |x| ∙ none yet", "~ stale ◐ part ⊕ all * trained"]
    for width in range(20, 120):
        for most in (2, 3, 9):
            lines = legend_lines(width, most)
            assert len(lines) <= most
            assert all(len(line) <= width for line in lines)
    assert "? unknown" in " ".join(legend_lines(110))
    whole = " ".join(legend_lines(32, 9))
    assert all(entry in whole for entry in LEGEND)
    assert "folded" not in " ".join(legend_lines(32, 9, absent="▸"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("graph", "size", "absent"),
    [
        ("xor", (80, 24), {"━ ×10 a cell", "▸ folded"}),
        ("xor", (200, 50), {"▸ folded"}),
        ("vanishing", (120, 40), {"━ ×10 a cell"}),
    ],
)
async def test_the_legend_has_all_signs_of_a_list_that_leaves_room(
    graph: str, size: tuple[int, int], absent: set[str]
) -> None:
    async with opened(graph, size) as driver:
        lines = str(driver.app.screen.query_one(Legend).content)
        told = lines.replace("\n", " ")
        assert {entry for entry in LEGEND if entry not in told} == absent
        for line in lines.split("\n"):
            assert f" {line}" in driver.text


@pytest.mark.slow
async def test_the_legend_gives_way_to_the_rows_of_a_scope_that_opens() -> None:
    async with opened("vanishing", (120, 40)) as driver:
        legend = driver.app.screen.query_one(Legend)
        assert legend.size.height > LEAST
        await driver.press("home", *["down"] * 3, "enter")
        await driver.press("end", "up", "up", "enter")
        await driver.press("up", "up", "enter", "up", "up", "enter", "up", "up", "enter")
        assert legend.size.height == LEAST
        assert driver.screen.panels.order.size.height + LEAST == 36


async def test_a_key_that_moves_the_cursor_reads_no_row_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(chain(30)) as driver:
        await driver.press("n", "down", "down")
        read: list[int] = []
        value_freshness = State.value_freshness
        monkeypatch.setattr(
            State,
            "value_freshness",
            lambda self, node: read.append(node) or value_freshness(self, node),
        )
        tree_of(driver).action_move(1)
        await driver.pilot.pause()
        # The node panel reads its node and those around it.
        assert len(set(read)) < tree_of(driver).size.height / 2
        assert driver.screen.panels.node.node == tree_of(driver).selected
