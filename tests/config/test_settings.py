"""The settings: what is read, where it came from, and what is refused with its line."""

from __future__ import annotations

import string
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from textual.keys import _character_to_key

from mfdebug.config import settings as module
from mfdebug.config.bindings import BOUND, NEEDED, Keys
from mfdebug.config.key_names import KeyNameError, read_key, shown, written
from mfdebug.config.listing import key_lines, settings_lines
from mfdebug.config.settings import (
    DEFAULTS,
    Settings,
    SettingsError,
    memory_of_machine,
    read_settings,
    settings_path,
    usual_history,
)
from tests.support.paths import ROOT


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def read(config: Path, text: str, **environ: str) -> Settings:
    config.write_text(text, encoding="utf-8")
    return read_settings({"MFDEBUG_CONFIG": str(config), **environ})


def refused(config: Path, text: str, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read(config, text, **environ)
    return str(caught.value).replace(str(config), "FILE")


WITHOUT = "MFDEBUG_CONFIG= mfdebug ... runs without the file"


def test_without_a_file_all_is_as_it_ships() -> None:
    assert read_settings() == DEFAULTS
    assert read_settings({"MFDEBUG_CONFIG": ""}) == DEFAULTS
    assert DEFAULTS.origin("theme") == "default"
    assert 256 * 2**20 <= DEFAULTS.history_bytes <= 1024 * 2**20


def test_the_history_takes_a_sixteenth_of_the_memory_within_limits() -> None:
    sizes = (0, 2_000, 8_192, 16_384, 500_000)
    assert [usual_history(memory) for memory in sizes] == [256, 256, 512, 1024, 1024]
    assert DEFAULTS.history_memory == usual_history(memory_of_machine())


def test_the_file_is_where_the_platform_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = settings_path({})
    assert usual is not None
    assert usual.parts[-2:] == ("mfdebug", "config.toml")
    assert settings_path({"MFDEBUG_CONFIG": "other.toml"}) == Path("other.toml")


def test_every_setting_is_read_with_its_line(config: Path) -> None:
    settings = read(
        config,
        """\
# mine
theme = "light"
ascii = true
history_memory = 64

[keys]
step = ["j", "space"]
"back" = "J"
""",
    )
    assert (settings.theme, settings.ascii_only, settings.history_memory) == ("light", True, 64.0)
    assert settings.keys == {"step": ("j", "space"), "back": ("J",)}
    lines = {"theme": 2, "ascii": 3, "history_memory": 4, "keys": 6, "keys.step": 7, "keys.back": 8}
    assert settings.origins == {name: f"{config}:{line}" for name, line in lines.items()}
    assert settings.path == config


def test_the_line_is_found_however_toml_is_written(config: Path) -> None:
    assert read(config, '\nkeys.step = "j"\n').origin("keys.step") == f"{config}:2"
    assert read(config, '\nkeys = {step = "j"}\n').origin("keys.step") == f"{config}:2"
    assert read(config, '[ keys ]\n step="j"').origin("keys.step") == f"{config}:2"
    assert read(config, "\ufefftheme = 'dark'").theme == "dark"


def test_an_empty_file_is_a_file(config: Path) -> None:
    assert read(config, "") == Settings(path=config)
    assert read_settings({"MFDEBUG_CONFIG": "/dev/null"}).theme == "auto"


def test_later_overrules_earlier(config: Path) -> None:
    settings = read(
        config,
        'theme = "light"\nascii = false',
        MFDEBUG_THEME="dark",
        MFDEBUG_HISTORY_MEMORY="8",
        MFDEBUG_ASCII=" ",
    )
    assert settings.theme == "dark"
    assert settings.origin("theme") == "MFDEBUG_THEME"
    assert settings.origin("ascii") == f"{config}:2"
    assert settings.history_bytes == 8 * 2**20
    given = settings.overridden("--ascii", ascii_only=True)
    assert given.ascii_only
    assert given.origin("ascii") == "--ascii"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('thema = "dark"', "FILE:1: there is no setting 'thema', only theme, ascii, "),
        ('thema = "dark"', "did you mean 'theme'?"),
        ('step = "j"', "keys go below a line [keys]: step = ..."),
        (
            'theme = "drak"',
            'FILE:1: theme is \'drak\', but may be "auto", "dark", ',
        ),
        ('theme = "drak"', "did you mean 'dark'?"),
        ("theme = 3", "theme is 3, but"),
        ('ascii = "yes"', "ascii is 'yes', but may be \"auto\", true or false"),
        ("ascii = 1", "ascii is 1, but"),
        ("live = 1", "live is 1, but may be true or false"),
        ("history_memory = 0", "history_memory is 0, but may be a number of megabytes above 0"),
        ("history_memory = nan", "history_memory is nan, but"),
        ("history_memory = true", "history_memory is True, but"),
        (f"history_memory = 1{'0' * 400}", "but may be a number of megabytes"),
        ('\nkeys = "j"', "FILE:2: keys is 'j', but is a table"),
        ('[keys]\nstpe = "j"', "FILE:2: there is no binding 'stpe'"),
        ('[keys]\nstpe = "j"', "did you mean 'step'?"),
        ("[keys]\nstep = 3", "step is 3, but may be a key or a list of keys"),
        ("[keys]\nstep = [3]", "a list of keys in quotes"),
        ('[keys]\nstep = "jj"', "FILE:2: step: 'jj' is not a key"),
        ('[keys]\nstep = "question_marc"', "did you mean 'question_mark'?"),
        ('[keys]\nstep = "control+j"', "did you mean 'ctrl'?"),
        ('[keys]\nstep = "shift+j"', "write 'J'"),
        ('[keys]\nstep = "7"', "digits are counts"),
        ('[keys]\nstep = "escape"', "it always closes what is open"),
        ('[keys]\nstep = "ctrl+c"', "it always shows how to quit"),
        ('[keys]\nstep = "Enter"', "it always confirms"),
        ('[keys]\nstep = "ctrl+m"', "terminals send it for Enter"),
        ('[keys]\n\nstep = "x"', "FILE:3: 'x' is a key of both 'step' and 'explain'"),
        ('[keys]\nstep = "x"', "give 'explain' another one, too"),
        ('[keys]\nstep = "x"\nback = "x"', "'x' is a key of both"),
        ('[keys]\nstep = "up"', "'↑' is a key of both 'step' and 'order-up'"),
        ('[keys]\ntheme = "t"', "'t' is a key of both 'theme' and 'sgd'"),
        ('[keys]\nstep = "shift+tab"', "'shift+Tab' is a key of both 'step' and"),
        ('[keys]\nwhy-up = "j"', "'j' is a key of both 'why-up' and 'why-down'"),
        ('[keys]\nprompt-later = "j"', "'j' is typed at the prompt"),
        ('[keys]\nhelp-find = "j"', "'j' is a key of both 'help-find' and 'help-down'"),
        ("[keys]\nquit = []", "'quit' needs at least one key"),
        ("[keys]\nhelp = []", "'help' needs at least one key"),
        ("[keys]\nprompt = []", "'prompt' needs at least one key"),
        ("theme = dark", "FILE:1: not TOML: Invalid value in column 9"),
        ("theme = 'dark'\ntheme = 'dark'", "FILE:2: not TOML"),
        ("[keys", "FILE:1: not TOML"),
        (f"theme = {'[' * 5000}", "not TOML: too many brackets"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_the_way_on(
    config: Path, text: str, problem: str
) -> None:
    told = refused(config, text)
    assert problem in told
    assert WITHOUT in told
    assert "\n" not in told


def test_mistakes_of_the_environment_name_the_variable(config: Path) -> None:
    assert refused(config, "", MFDEBUG_THEME="drak").startswith("MFDEBUG_THEME: theme is 'drak'")
    assert "MFDEBUG_ASCII: ascii is 'perhaps'" in refused(config, "", MFDEBUG_ASCII="perhaps")
    assert "history_memory is '-1'" in refused(config, "", MFDEBUG_HISTORY_MEMORY="-1").replace(
        "-1.0", "'-1'"
    )


def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem(path: Path) -> str:
        with pytest.raises(SettingsError) as caught:
            read_settings({"MFDEBUG_CONFIG": str(path)})
        return str(caught.value)

    assert "MFDEBUG_CONFIG names a file that does not exist" in problem(tmp_path / "nowhere")
    assert "it is a folder, not a file" in problem(tmp_path)
    config.write_bytes(b"theme = '\xff'")
    assert "not UTF-8 text" in problem(config)
    monkeypatch.setattr(module, "MAX_BYTES", 3)
    assert "the file has 11 bytes (at most 3" in problem(config)


def test_control_characters_of_a_file_reach_no_terminal(config: Path) -> None:
    assert "\x1b" not in refused(config, '"\\u001b[31mred" = 1')


# Keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", [*string.punctuation, *"aZéß§∂あ"])
def test_characters_have_textuals_names(character: str) -> None:
    key = read_key(character)
    assert key == _character_to_key(character)
    assert shown(key) == character
    assert read_key(written(key)) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (" ", "space"),
        ("Space", "space"),
        ("F5", "f5"),
        ("Ctrl+J", "ctrl+j"),
        ("shift+ctrl+up", "ctrl+shift+up"),
        ("alt+J", "alt+shift+j"),
        ("question_mark", "question_mark"),
        ("section_sign", "section_sign"),
        ("ctrl+\\", "ctrl+backslash"),
    ],
)
def test_names_are_read_as_people_write_them(text: str, key: str) -> None:
    assert read_key(text) == key


@pytest.mark.parametrize("text", ["", "jj", "f25", "\t", "\x1b", "ctrl+", "++", "j, space", "up "])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(KeyNameError):
        read_key(text)


def test_every_key_that_ships_can_be_written_and_none_clashes() -> None:
    Keys().check()
    for binding in BOUND.values():
        for key in binding.keys:
            if key not in ("escape", "enter", "ctrl+c"):
                assert read_key(written(key)) == key


def test_keys_may_change_places(config: Path) -> None:
    keys = Keys(read(config, '[keys]\nstep = "x"\nexplain = "s"\nwatch = []').keys)
    assert keys.name("step") == "x"
    assert keys.name("explain") == "s"
    assert keys.name("watch") == ":watch"
    assert Keys(read(config, '[keys]\nprompt = ";"\nwatch = []').keys).name("watch") == ";watch"


def test_keys_that_cannot_be_bound_stay(config: Path) -> None:
    keys = Keys(read(config, '[keys]\nwhy-close = "x"').keys)
    assert keys.of("why-close") == ("x", "escape")


def test_the_list_of_keys_is_a_file_that_changes_nothing(config: Path) -> None:
    text = "\n".join(key_lines(DEFAULTS))
    assert set(NEEDED) < set(tomllib.loads(text)["keys"])
    keys = Keys(read(config, text).keys)
    assert not keys.keymap()
    for id in BOUND:  # noqa: A001
        assert id in text


def test_the_list_of_keys_marks_what_is_changed(config: Path) -> None:
    settings = read(config, '[keys]\nstep = ["j", "?"]\nhelp = "f1"')
    lines = list(key_lines(settings))
    (step,) = (line for line in lines if line.startswith("step ="))
    assert step.startswith('step = ["j", "?"] ')
    assert step.endswith('# one moment forward (changed; default ["s", "right", "space"])')
    assert sum("changed; default" in line for line in lines) == 2
    assert Keys(read(config, "\n".join(lines)).keys).keymap() == Keys(settings.keys).keymap()


def test_what_is_in_force_is_told_with_its_origin(config: Path) -> None:
    settings = read(config, '[keys]\nstep = "j"', MFDEBUG_ASCII="true")
    environ = {"MFDEBUG_CONFIG": str(config), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    lines = [" ".join(line.split()) for line in settings_lines(settings, environ)]
    assert lines[:6] == [
        "theme auto (dark here) default",
        "ascii true MFDEBUG_ASCII",
        f"history_memory {DEFAULTS.history_memory:g} default",
        "live false default",
        f"keys 1 changed {config}:1",
        f'step ["j"] {config}:2',
    ]
    assert lines[-2:] == ["terminal: 256 colours, theme mfdebug-dark", f"file: {config} (read)"]
    assert list(settings_lines(DEFAULTS, {"MFDEBUG_CONFIG": ""}))[-1] == (
        "file: none, as MFDEBUG_CONFIG is empty"
    )


@pytest.mark.slow
def test_reading_settings_does_not_load_the_app(config: Path) -> None:
    config.write_text('[keys]\nstep = "j"')
    code = """
import sys
from mfdebug.config.settings import read_settings
read_settings()
print("textual" in sys.modules)"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"MFDEBUG_CONFIG": str(config), "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "False\n", done.stderr


def test_the_page_of_settings_names_every_binding_and_its_example_is_right(config: Path) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    example = page.partition("```toml\n")[2].partition("```")[0]
    assert read(config, example).keys["step"] == ("j", "space")
    for binding in BOUND.values():
        keys = " ".join(f"`{written(key)}`" for key in binding.keys)
        assert f"| `{binding.id}` | {keys} | {binding.words} |\n" in page
