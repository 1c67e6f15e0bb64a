"""Text is broken into lines that fit, in every script, and nothing of it is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mfdebug.opening.graphs import load_graph
from mfdebug.tui.terminal.text_fitting import wrap, wrap_terms
from tests.support.app_driver import opened
from tests.support.sizes import some

CHINESE = "反向传播从损失开始，把梯度一层一层地传回去；每个节点只需要知道自己的局部导数。"
CHINESE += "“链式法则”（见第三章）。"
JAPANESE = "誤差逆伝播法は、出力から入力へ向かって勾配を計算します。"
JAPANESE += "ニューラルネットワークの学習に使われます。"
KOREAN = "역전파는 출력에서 입력으로 기울기를 계산합니다. 각 노드는 자신의 도함수만 알면 됩니다."
EMOJI = "👩🏽‍⚕️👨‍👩‍👧❤️‍🔥🧠🎉" * 6
THAI = "การแพร่กระจายย้อนกลับคำนวณเกรเดียนต์จากเอาต์พุตกลับไปยังอินพุตของโครงข่าย"
PERSIAN = "پس‌انتشار گرادیان را از خروجی به ورودی حساب می‌کند و هر گره فقط مشتق خود را می‌داند"
LATIN = "The gradient of a sum is the sum of the gradients, e.g. in https://example.org/a/very/long/path."
MIXED = "用 SGD 训练 xor 网络（learning rate 0.1），500 步之后 cost 是 0.0131。テスト test 数"
TEXTS = [CHINESE, JAPANESE, KOREAN, EMOJI, THAI, PERSIAN, LATIN, MIXED]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("width", [3, 10, 20, 46, 74, 92, 400])
def test_lines_fit_and_have_all_of_the_text(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(0 < cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", [CHINESE, JAPANESE, EMOJI])
@pytest.mark.parametrize("width", [20, 46, 74])
def test_scripts_without_spaces_fill_their_lines(text: str, width: int) -> None:
    # A mark that stays with what is before it may take a character or two with it.
    assert all(cell_len(line) >= width - 6 for line in wrap(text, width)[:-1])


@pytest.mark.parametrize("width", range(12, 60))
def test_marks_stay_where_they_belong(width: int) -> None:
    for text in (CHINESE, JAPANESE, MIXED):
        for line in wrap(text, width):
            assert line[0] not in "，；。”）、ー"
            assert line[-1] not in "“（"


def test_words_stay_whole_where_they_fit() -> None:
    assert wrap("the gradient of a sum", 9) == ["the", "gradient", "of a sum"]
    assert wrap("用 learning 训练", 9) == ["用", "learning", "训练"]
    assert wrap("learningrate", 5) == ["learn", "ingra", "te"]
    assert wrap("a  b", 9) == ["a  b"]
    assert wrap("", 9) == []
    assert wrap("数数", 1) == ["数", "数"]


def test_a_long_name_is_broken_after_one_of_its_parts() -> None:
    name = "∂cost/∂cross_entropy_loss.output.loss_sum"
    assert wrap(name, 40) == ["∂cost/∂cross_entropy_loss.output.loss_", "sum"]
    assert wrap(name, 33) == ["∂cost/∂cross_entropy_loss.output.", "loss_sum"]
    # Not long before the end of the line.
    assert wrap("a.entropyloss", 9) == ["a.entropy", "loss"]


@given(st.text("ab ._/[]×∂梯", max_size=60), st.integers(2, 30), st.integers(0, 8), st.booleans())
def test_lines_below_the_first_may_be_shorter(
    text: str, width: int, less: int, terms: bool
) -> None:
    later = max(2, width - less)
    first, *rest = (wrap_terms if terms else wrap)(text, width, later) or [""]
    assert cell_len(first) <= width
    assert all(cell_len(line) <= later for line in rest)
    # No blank is lost or added within a word.
    words = iter(text.split())
    for line in (first, *rest):
        assert "".join(line.split()) in text.replace(" ", "")
    assert "".join((first, *rest)).replace(" ", "") == text.replace(" ", "")
    parts = [part for line in (first, *rest) for part in line.split()]
    whole = next(words, "")
    for part in parts:
        assert whole.startswith(part)
        whole = whole[len(part) :] or next(words, "")


@pytest.mark.slow
@pytest.mark.parametrize("size", some([(60, 20), (80, 24), (120, 40), (200, 50)], 2))
async def test_a_description_is_seen_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "graph.json"
    node = {"name": "输入", "op": "Input", "value": 2, "trainable": True}
    cost = {"name": "代价", "op": "Pow", "inputs": ["输入"], "attrs": {"exponent": 2}}
    path.write_text(
        json.dumps({"miniflow": 1, "description": CHINESE, "nodes": [node, cost], "cost": "代价"})
    )
    async with opened(load_graph(str(path)), size=size) as driver:
        if size[0] < 80:
            await driver.press("tab")
        shown = "".join(driver.text.split()).replace("│", "")
        assert all(part in shown for part in CHINESE.split("；")[0].split("，"))
        await driver.screen.run_line(f"say {CHINESE}")
        await driver.press()
        assert CHINESE in "".join(driver.text.split())
