"""Every sign that the project writes has one in ASCII, of the same width."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unicodedata import name

import pytest
from rich.cells import cell_len

from mfdebug.config.ascii import RAMP, SIGNS, UNKNOWN, in_ascii, register, row_in_ascii
from mfdebug.core.explain.list_marks import MARKS, OVERRIDDEN_MARK
from tests.support.paths import ROOT


def signs() -> set[str]:
    """Return all signs beyond ASCII in what the project may show."""
    files = [
        *ROOT.glob("mfdebug/**/*.py"),
        *ROOT.glob("miniflow/**/*.py"),
        *ROOT.glob("graphs/**/*.json"),
        *ROOT.glob("graphs/**/*.demo"),
    ]
    return {
        sign
        for file in files
        for sign in file.read_text(encoding="utf-8")
        if not sign.isascii() and cell_len(sign) == 1
    }


def test_every_sign_of_the_project_has_one_in_ascii() -> None:
    found = signs()
    assert len(found) > 40
    assert [sign for sign in sorted(found) if in_ascii(sign) == UNKNOWN] == []
    for sign in found:
        assert re.fullmatch(r"[ -~]", in_ascii(sign)), sign


def test_a_letter_with_a_hat_is_not_the_letter_without() -> None:
    # Adam's corrected mean would be `m := m / (1 - b1^t)`.
    assert row_in_ascii(["m̂", " ", "v̂", "m", "é"], in_ascii) == ["M", " ", "V", "m", "e"]
    assert "m̂ / √v̂".encode("ascii", errors=register()) == b"m^ / Rv^"


def written(path: Path) -> Iterator[str]:
    """Yield the strings of a module, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and node.body]
    words = {id(node.value) for node in first if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in words:
            yield node.value


@pytest.mark.slow
def test_no_formula_has_a_sign_that_becomes_a_number() -> None:
    # `(y - a)²/m` would be `(y - a)2/m`: a square is written `^2`.
    digits = {sign for sign in map(chr, range(0x3000)) if "SUPERSCRIPT" in name(sign, "")}
    assert "²" in digits
    folders = ("miniflow/ops", "miniflow/training", "mfdebug/core/explain", "mfdebug/recording")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    # It reads formulas, also those of others.
    paths.remove(ROOT / "mfdebug/core/explain/arithmetic.py")
    texts = {text: path for path in paths for text in written(path)}
    assert len(texts) > 500
    superscript = {text: path for text, path in texts.items() if digits & set(text)}
    assert superscript == {}


def test_frames_and_curves_stay_frames_and_curves() -> None:
    for sign in (chr(code) for code in range(0x2500, 0x2580)):
        assert in_ascii(sign) in '-|+=`"', sign
    assert "".join(map(in_ascii, "─│┼┬╭ ━┃┏┫ ┿╂")) == '-||++ ="++ ="'
    for sign in (chr(code) for code in range(0x2801, 0x2900)):
        assert in_ascii(sign) in "'-.:|", sign
    assert in_ascii("⠀") == " "
    assert "".join(map(in_ascii, "▁▂▃▄▅▆▇█")) == RAMP
    # Shades differ, and none is the mark of a moment.
    assert "".join(map(in_ascii, " ░▒▓█◆")) == " :/%MX"


@pytest.mark.parametrize(
    ("sign", "told"), [("é", "e"), ("x̂", "x"), ("漢", "?"), ("ﬁ", "f"), ("א", "?"), ("a", "a")]
)
def test_letters_lose_their_accents_and_others_are_unknown(sign: str, told: str) -> None:
    assert in_ascii(sign) == told


@pytest.mark.parametrize(
    ("line", "cells", "text"),
    [
        ("  b ← b - lr × g ", "  b:= b - lr * g ", "  b := b - lr * g "),
        ("W[0,0] ← W[0,0]", "W[0,0]:= W[0,0]", "W[0,0] := W[0,0]"),
        # A long name breaks the line after the arrow.
        ("conv.W[0,0] ←", "conv.W[0,0]:=", "conv.W[0,0] :="),
        # Keys.
        (" ← → topic  ↑ ↓ scroll", " < > topic  ^ v scroll", " < > topic  ^ v scroll"),
        ("n phase ← → ↑ ↓ box", "n phase < > ^ v box", "n phase < > ^ v box"),
        ("↑↓ term ←→ factor", "^v term <> factor", "^v term <> factor"),
        ("  ←   the box before", "  <   the box before", "  <   the box before"),
        ("←", "<", "<"),
        # A change from one number to another.
        ("0.12 → 0.15", "0.12-> 0.15", "0.12 -> 0.15"),
        ("channel 0: nan → -1e-05 =", "channel 0: nan-> -1e-05 =", "channel 0: nan -> -1e-05 ="),
        ("X·W+b→σ", "X*W+b>s", "X*W+b>s"),
        ("→ X[:,0]  ↑ X[:,1]", "> X[:,0]  ^ X[:,1]", "> X[:,0]  ^ X[:,1]"),
        # A comparison that says less than it should, a number that is stale.
        ("0 ≤ x", "0<= x", "0 <= x"),
        ("  ≈ 0.5", " ~= 0.5", "  ~= 0.5"),
        ("y ± 0.5", "y+- 0.5", "y +- 0.5"),
    ],
)
def test_an_update_or_a_change_is_no_comparison(line: str, cells: str, text: str) -> None:
    assert "".join(row_in_ascii([*line], in_ascii)) == cells
    assert line.encode("ascii", errors=register()).decode() == text


@pytest.mark.parametrize(
    ("line", "cells", "text"),
    [
        ("X─4×2 ──", "X-4x2 --", "X-4x2 --"),
        ("2 × 3 = 6", "2 * 3 = 6", "2 * 3 = 6"),
        ("▸ layer1…12 ×12", "> layer1-12 x12", "> layer1-12 x12"),
        # Cut, which is not stale.
        ("Sigmo… ~0.5", "Sigmo$ ~0.5", "Sigmo$ ~0.5"),
        ("…/W_k |…|", "$/W_k |$|", "$/W_k |$|"),
        ("-0.5 … 0.7", "-0.5...0.7", "-0.5 ... 0.7"),
        ("  … rows 0-5", " ...rows 0-5", "  ... rows 0-5"),
        # The present moment, in a scope that is folded, and an arrowhead.
        (" ▶ ▸ h.0", "=> > h.0", " > > h.0"),
        ("x ━━▶┫", "x ==>+", "x ==>+"),
        ("∙ ▁▂∙ ∙ -1", ". _:. . -1", ". _:. . -1"),
        # Half a cell of a bar.
        ("━━╸ ━━━→", "==- ===>", "==- ===>"),
        ("m̂ / (√v̂ + 1e-08)", "M / (RV + 1e-08)", "m^ / (Rv^ + 1e-08)"),
    ],
)
def test_a_sign_has_one_meaning(line: str, cells: str, text: str) -> None:
    assert "".join(row_in_ascii(clusters(line), in_ascii)) == cells
    assert line.encode("ascii", errors=register()).decode() == text


def clusters(line: str) -> list[str]:
    """Return the characters of a line, each with the hat on it."""
    return re.findall(".\u0302?", line)


def test_the_docs_have_the_marks_in_ascii() -> None:
    text = (ROOT / "docs" / "terminals.md").read_text(encoding="utf-8")
    found = re.findall(r"\| `([^`]+)` [^|]+ \| `([^`]+)` (?=\|)", text)
    assert len(found) == 20
    for mark, shown in found:
        row = [*("x" if mark == "…" else " "), *mark, " "]
        assert "".join(row_in_ascii(row, in_ascii)).strip("x ") == shown.strip("x ")


def test_the_docs_list_all_that_is_replaced() -> None:
    text = (ROOT / "docs" / "terminals.md").read_text(encoding="utf-8")
    listed = {}
    row = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| [^|]+ \|$", re.MULTILINE)
    for shown, signs in row.findall(text):
        forms, replaced = shown.replace("\\|", "|").split(), signs.split()
        if len(forms) == 1:
            forms *= len(replaced)
        listed.update(zip(replaced, forms, strict=True))
    heavy = {line: in_ascii(line) for line in "━┃"}
    assert listed == {sign: form for sign, form in SIGNS.items() if sign != "\xa0"} | heavy


def test_what_the_user_has_set_looks_like_nothing_else_beside_it() -> None:
    # The signs of list, circuit and curve, which are on one screen, and all lines of the circuit.
    signs = "∙~…◐⊕▶▸●○▾✓×·→◆•▁▂▃▄▅▆▇█◀◂▴↑↓" + "".join(map(chr, range(0x2500, 0x2580)))
    for mark in OVERRIDDEN_MARK, "◆":
        assert in_ascii(mark) not in {in_ascii(sign) for sign in signs if sign != mark}


def test_no_two_marks_of_the_list_are_the_same() -> None:
    marks = [sign for words in MARKS for sign in words.split() if len(sign) == 1 and sign != "▶"]
    assert len({in_ascii(sign) for sign in marks}) == len(marks) > 10
    # Bars stand beside them, and a number's sign before the shade of a heatmap.
    assert not {in_ascii(sign) for sign in marks} & {*RAMP}
    assert not {*"+-!8"} & {*RAMP}


def test_an_output_that_cannot_encode_a_sign_asks_the_table() -> None:
    text = "∂cost/∂W1 = Σₙ X[n,1]·√v̂ \udc80 漢"
    assert text.encode("ascii", register()) == b"dcost/dW1 = Sn X[n,1]*Rv^ ? ?"
    assert "½ · ∂".encode("latin-1", register()) == b"\xbd \xb7 d"


def batch(*arguments: str, **env: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "mfdebug", "circuit-a", "--batch", *arguments],
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere", **env},
        check=True,
    )
    return done.stdout


@pytest.mark.slow
def test_batch_writes_ascii_where_it_is_wanted() -> None:
    plain = batch("-c", "until q backward", LANG="C")
    assert "∂f/∂f × z" in plain.decode("utf-8"), "a pipe is taken to be UTF-8"
    assert b"df/df * z" in batch("--ascii", "-c", "until q backward")
    json = batch("--ascii", "--json", "-c", "explain")
    assert io.BytesIO(json).read().decode("utf-8")
