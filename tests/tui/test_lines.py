"""`LinesView`: what it shows, what it asks for, and what it leaves alone."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from rich.style import Style
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.geometry import Size
from textual.strip import Strip

from mfdebug.tui.terminal.cells import CellApp
from mfdebug.tui.widgets.lines import LinesView
from tests.support import quick_apps
from tests.support.screen_text import screen_text


@pytest.fixture(autouse=True)
def _every_frame_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Compositor, "render_update", quick_apps.render_update)


def strips(*texts: str) -> list[Strip]:
    return [Strip([Segment(text)]) for text in texts]


class Counting(LinesView):
    """Notes which lines are asked for and which rows are rendered."""

    extent = Size(20, 2_000_000)

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.rendered: list[int] = []
        self.special: dict[int, str] = {}

    def on_mount(self) -> None:
        self.reload(self.extent)

    def line(self, y: int) -> Strip:
        self.asked.append(y)
        return Strip([Segment(self.special.get(y, f"line {y}"))])

    def render_line(self, y: int) -> Strip:
        self.rendered.append(y)
        return super().render_line(y)


class ViewApp(CellApp[None]):
    CSS = "LinesView { height: 1fr; } #small { width: 10; height: 3; }"

    def __init__(self, view: LinesView) -> None:
        super().__init__()
        self.view = view
        self.layouts = 0

    def compose(self) -> ComposeResult:
        yield self.view

    def on_ready(self) -> None:
        self.screen.screen_layout_refresh_signal.subscribe(self, self.count_layout)

    def count_layout(self, _: object) -> None:
        self.layouts += 1


async def test_lines_are_shown_as_they_are_and_never_as_markup():
    view = LinesView(strips("[b]one[/b]", "[/nope]", "[@click=app.quit]two[/]"))
    async with ViewApp(view).run_test(size=(30, 4)) as pilot:
        assert screen_text(pilot.app) == "[b]one[/b]\n[/nope]\n[@click=app.quit]two[/]\n"


async def test_an_update_renders_only_the_lines_that_differ_and_lays_nothing_out():
    view = Counting()
    view.extent = Size(20, 6)
    app = ViewApp(view)
    async with app.run_test(size=(30, 8)) as pilot:
        await pilot.pause()
        # What the app's own start asks for comes later on a busy machine.
        while app.screen._layout_required or app._batch_count or not view.rendered:
            await pilot.pause()
        view.rendered.clear()
        layouts = app.layouts
        view.special = {2: "changed"}
        view.reload()
        await pilot.pause()
        assert view.rendered == [2]
        view.rendered.clear()
        view.reload(Size(15, 5))
        await pilot.pause()
        assert view.rendered == [5]
        assert app.layouts == layouts
        assert screen_text(app) == "line 0\nline 1\nchanged\nline 3\nline 4\n\n\n"


async def test_an_update_without_a_difference_renders_nothing():
    view = Counting()
    async with ViewApp(view).run_test(size=(30, 8)) as pilot:
        await pilot.pause()
        view.rendered.clear()
        view.reload(view.extent)
        await pilot.pause()
        assert view.rendered == []


async def test_of_two_million_lines_only_the_visible_ones_are_asked_for():
    view = Counting()
    async with ViewApp(view).run_test(size=(30, 8)) as pilot:
        await pilot.pause()
        view.scroll_end(animate=False)
        await pilot.pause()
        assert "line 1999999" in screen_text(pilot.app)
        view.asked.clear()
        view.reveal(1_000_000)
        await pilot.pause()
        assert set(view.asked) == set(range(999_996, 1_000_004))


async def test_reveal_recentres_only_when_the_line_is_out_of_view():
    view = Counting()
    async with ViewApp(view).run_test(size=(30, 8)) as pilot:
        view.reveal(7)
        assert view.scroll_offset.y == 0
        view.reveal(8)
        assert view.scroll_offset.y == 4
        view.reveal(4)
        assert view.scroll_offset.y == 4
        await pilot.pause()
        assert screen_text(pilot.app).splitlines()[0] == "line 4"


async def test_lines_that_a_reveal_scrolls_away_are_not_asked_for():
    view = Counting()
    async with ViewApp(view).run_test(size=(30, 5)) as pilot:
        await pilot.pause()
        view.asked.clear()
        view.reload(view.extent, reveal=1000)
        await pilot.pause()
        assert view.asked == [998, 999, 1000, 1001, 1002]
        assert "line 1000" in screen_text(pilot.app)


async def test_the_revealed_line_is_in_view_after_a_resize_and_from_the_start():
    view = Counting()
    view.reveal(30)
    async with ViewApp(view).run_test(size=(30, 20)) as pilot:
        await pilot.pause()
        assert "line 30" in screen_text(pilot.app)
        view.reveal(38)
        await pilot.resize_terminal(30, 6)
        await pilot.pause()
        assert "line 38" in screen_text(pilot.app)


async def test_content_that_shrinks_under_the_scroll_offset_is_still_shown():
    view = LinesView(strips(*(f"line {y}" for y in range(100))))
    async with ViewApp(view).run_test(size=(30, 5)) as pilot:
        view.scroll_end(animate=False)
        await pilot.pause()
        view.update_lines(strips("only"))
        await pilot.pause()
        assert screen_text(pilot.app) == "only\n\n\n\n"
        assert not view.show_vertical_scrollbar
        view.update_lines(strips(*(f"again {y}" for y in range(9))))
        await pilot.pause()
        assert view.show_vertical_scrollbar
        assert screen_text(pilot.app).startswith("again 0")


async def test_the_scrollbar_follows_the_extent():
    view = Counting()
    async with ViewApp(view).run_test(size=(30, 5)) as pilot:
        for count in (100, 200, 50):
            view.reload(Size(20, count))
            await pilot.pause()
            assert view.vertical_scrollbar.window_virtual_size == count
            view.scroll_end(animate=False)
            await pilot.pause()
            assert f"line {count - 1}" in screen_text(pilot.app)


@pytest.mark.parametrize("what", ["LinesView", "Vertical"])
async def test_what_changed_while_it_was_hidden_is_there_when_it_is_shown(what: str):
    view = LinesView(strips("before"))
    view.can_focus = False  # losing the focus would refresh it

    class Folding(ViewApp):
        def compose(self) -> ComposeResult:
            yield Vertical(self.view)

    async with Folding(view).run_test(size=(30, 3)) as pilot:
        assert screen_text(pilot.app) == "before\n\n"
        pilot.app.query_one(what).display = False
        await pilot.pause()
        view.update_lines(strips("behind"))
        await pilot.pause()
        pilot.app.query_one(what).display = True
        await pilot.pause()
        assert screen_text(pilot.app) == "behind\n\n"


async def test_a_wider_terminal_shows_more_of_each_line():
    view = LinesView(strips("a line that is longer than the screen"))
    view.styles.overflow_x = "hidden"
    async with ViewApp(view).run_test(size=(10, 3)) as pilot:
        assert screen_text(pilot.app).startswith("a line tha\n")
        await pilot.resize_terminal(40, 3)
        await pilot.pause()
        assert screen_text(pilot.app).startswith("a line that is longer than the screen\n")


async def test_a_refresh_asks_for_the_lines_again():
    view = Counting()
    async with ViewApp(view).run_test(size=(30, 5)) as pilot:
        view.special = {1: "other"}
        view.refresh()
        await pilot.pause()
        assert screen_text(pilot.app).splitlines()[1].rstrip() == "other"


async def test_it_scrolls_sideways_and_cuts_no_wide_character_in_half():
    view = LinesView(strips("ab数値cd", "数値数値数値"), id="small")
    async with ViewApp(view).run_test(size=(30, 3)) as pilot:
        assert screen_text(pilot.app).splitlines()[0] == "ab数値cd"
        view.scroll_to(x=1, animate=False)
        await pilot.pause()
        assert screen_text(pilot.app).splitlines()[:2] == ["b数値cd", " 値数値数"]


async def test_colours_that_a_line_leaves_open_are_the_widgets():
    class Coloured(ViewApp):
        CSS = "LinesView { color: #010203; background: #040506; }"

    view = LinesView([Strip([Segment("a"), Segment("b", Style.parse("#070809"))])])
    async with Coloured(view).run_test(size=(4, 1)):
        pairs = [
            (segment.text, segment.style) for segment in view.render_lines(view.size.region)[0]
        ]
        names = [(text, style.color.name, style.bgcolor.name) for text, style in pairs]
        assert names[:2] == [("a", "#010203", "#040506"), ("b", "#070809", "#040506")]
        view.styles.color = "#0a0b0c"
        assert view.render_lines(view.size.region)[0]._segments[0].style.color.name == "#0a0b0c"


async def test_text_can_be_selected_with_the_mouse():
    view = LinesView(strips("first line", "second 数値 line", "third line"))
    app = ViewApp(view)
    async with app.run_test(size=(30, 4)) as pilot:
        await pilot.mouse_down(view, offset=(6, 0))
        await pilot.hover(view, offset=(7, 1))
        await pilot.hover(view, offset=(11, 1))
        await pilot.mouse_up(view, offset=(11, 1))
        await pilot.pause()
        assert app.screen.get_selected_text() == "line\nsecond 数値"
        row = view.render_lines(view.size.region)[0]
        assert [segment.text for segment in row][:2] == ["first ", "line"]
        assert row._segments[0].style.bgcolor != row._segments[1].style.bgcolor
        assert screen_text(app).splitlines()[1] == "second 数値 line"


async def test_copying_everything_of_a_huge_view_is_bounded():
    view = Counting()
    async with ViewApp(view).run_test(size=(30, 4)) as pilot:
        view.text_select_all()
        await pilot.pause()
        text = pilot.app.screen.get_selected_text()
        assert text.splitlines()[0] == "line 0"
        assert len(text.splitlines()) == 10_000


@pytest.mark.parametrize("base", [App, CellApp])
async def test_it_works_in_any_app(base: type[App[None]]):
    class AnyApp(base):
        def compose(self) -> ComposeResult:
            yield LinesView(strips("x"))

    async with AnyApp().run_test(size=(5, 1)) as pilot:
        assert screen_text(pilot.app) == "x"
