"""Public training scripts, unmodified, with drawn data: as alone, and every number as it was.

They are not in this repository: MFDEBUG_TORCH_SCRIPTS is a folder with clones of pytorch/examples,
karpathy/nanoGPT and karpathy/makemore, as CONTRIBUTING.md says.
"""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("torch")

from tests.program.compare import opened, states
from tests.torch.compare import differences, kept
from tests.torch.running import HERE, Script, alone, kept_by_others, of_the_program, recorded

FOLDER = Path(os.environ.get("MFDEBUG_TORCH_SCRIPTS", ""))
pytestmark = pytest.mark.skipif(
    "MFDEBUG_TORCH_SCRIPTS" not in os.environ, reason="needs clones of public scripts"
)
MAKEMORE = (
    "--max-steps=4",
    "--device=cpu",
    "-b=4",
    "--n-embd=8",
    "--n-embd2=8",
    "--n-layer=2",
    "-n=0",
)
WORDS = ("--epochs=1", "--emsize=8", "--nhid=8", "--batch_size=4", "--bptt=6", "--data=words")
GPT = (
    *("config/train_shakespeare_char.py", "--device=cpu", "--compile=False", "--max_iters=4"),
    *("--eval_iters=1", "--eval_interval=2", "--block_size=16", "--batch_size=4", "--n_layer=2"),
    *("--n_head=2", "--n_embd=16", "--dropout=0.1", "--log_interval=1"),
)
WORDS_OF_TEXT = ("a", "few", "words", "of", "no", "text")
SCRIPTS = {
    "mnist": ("examples/mnist/main.py", ("--epochs=1", "--batch-size=24", "--no-accel"), ()),
    "vae": ("examples/vae/main.py", ("--epochs=1", "--batch-size=24", "--no-accel"), ()),
    "mnist_rnn": ("examples/mnist_rnn/main.py", ("--epochs=1", "--batch-size=24"), ()),
    "mnist_forward_forward": (
        "examples/mnist_forward_forward/main.py",
        ("--epochs=3", "--train_size=40", "--test_size=20", "--no_accel"),
        (),
    ),
    "dcgan": (
        "examples/dcgan/main.py",
        *(
            (
                "--dataset=fake",
                "--niter=1",
                "--batchSize=16",
                "--ngf=4",
                "--ndf=4",
                "--manualSeed=1",
            ),
            (),
        ),
    ),
    "word_language_model_lstm": (
        "examples/word_language_model/main.py",
        *((*WORDS, "--model=LSTM"), ("model.py", "data.py", "words")),
    ),
    "word_language_model_transformer": (
        "examples/word_language_model/main.py",
        *((*WORDS, "--model=Transformer", "--nhead=2"), ("model.py", "data.py", "words")),
    ),
    "makemore_transformer": (
        "makemore/makemore.py",
        *((*MAKEMORE, "--n-head=2"), ("names.txt",)),
    ),
    "makemore_gru": ("makemore/makemore.py", (*MAKEMORE, "--type=gru"), ("names.txt",)),
    "nanoGPT": ("nanoGPT/train.py", GPT, ("model.py", "configurator.py", "config", "data")),
}
# Times, which differ each time.
TIMES = re.compile(rb"[\d.]+ ?ms|ms/batch +[\d.]+|time: +[\d.]+s|mfu -?[\d.]+%")
HASHED = re.compile(rb"^.*\b[0-9a-f]{64}\b.*$", re.MULTILINE)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_ends_as_alone_and_every_number_is_right(name: str, tmp_path: Path) -> None:
    file, arguments, beside = SCRIPTS[name]
    _make_data()
    script = Script(FOLDER / file, arguments, beside)
    folder, stubs = tmp_path / "here", str(HERE / "stubs")
    expected = alone(folder, script, path=stubs)
    assert expected.status == 0, expected.stderr.decode()
    run_file, kept_file = tmp_path / "run.mfrun", tmp_path / "kept"
    ended = recorded(folder, script, run_file, path=stubs)
    assert TIMES.sub(b"", ended.stdout) == TIMES.sub(b"", expected.stdout)
    assert of_the_program(ended) == expected.stderr
    assert ended.status == 0
    assert ended.files.keys() == expected.files.keys()
    for written, data in expected.files.items():
        if written == "final-state.txt":
            # The programs also hold times.
            assert HASHED.findall(ended.files[written]) == HASHED.findall(data)
        else:
            assert ended.files[written] == data, written
    kept_by_others(folder, script, kept_file, path=stubs)
    found, compared = differences(kept(kept_file), list(states(opened(run_file))))
    assert found == []
    assert compared > 100


def _make_data() -> None:
    """Write the data that the scripts would download."""
    random = Random(1)
    words = FOLDER / "examples/word_language_model/words"
    words.mkdir(exist_ok=True)
    for part in ("train", "valid", "test"):
        lines = (" ".join(random.choices(WORDS_OF_TEXT, k=9)) for _ in range(12))
        (words / f"{part}.txt").write_text("\n".join(lines) + "\n")
    characters = FOLDER / "nanoGPT/data/shakespeare_char"
    (characters / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": 65}))
    for part in ("train", "val"):
        numbers = bytes(byte for _ in range(400) for byte in (random.randrange(65), 0))
        (characters / f"{part}.bin").write_bytes(numbers)
