"""Random programs: classes, graphs, loops, updates and ends of every kind, watched and alone.

A program is made of its seed alone. It must end as alone when it is recorded and when it is
stepped, and the record must have what an independent recorder has seen.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.program.compare import differences, independent_passes, opened, states
from tests.program.programs import Program
from tests.program.running import (
    RUNNING,
    Ended,
    Python,
    alone,
    batch,
    independent,
    of_the_program,
    printed,
    record,
    run,
)
from tests.program.walks import WAYS, differences_on

# What each printing calls the base class, a node's inputs and its consumers.
SPELLINGS = (
    ("Node", "inbound_nodes", "outbound_nodes"),
    ("Layer", "inbound_layers", "outbound_layers"),
    ("Neuron", "inbound_neurons", "outbound_neurons"),
    ("Unit", "inputs", "outputs"),
)
ENGINE = """\
class {base}:
    def __init__(self, inbound=()):
        self.{inbound} = list(inbound)
        self.{outbound} = []
        self.value = None
        self.gradients = {{}}
        for n in self.{inbound}:
            n.{outbound}.append(self)

class Input({base}):
    def forward(self{given}):
        {take}

    def backward(self):
        self.gradients = {{self: 0}}
        for n in self.{outbound}:
            if self in n.gradients:
                self.gradients[self] = self.gradients[self] + n.gradients[self]
"""
CLASS = """\
class {name}({base}):
    calls = 0
    def __init__(self, *inbound):
        {base}.__init__(self, list(inbound))
    def forward(self):
        {name}.calls += 1
        {before}
        values = [n.value for n in self.{inbound}]
        self.value = {forward}
        {after}
    def backward(self):
        received = {received}
        values = [n.value for n in self.{inbound}]
        sent = {backward}
        self.gradients = {{}}
        for n, g in zip(self.{inbound}, sent):
            self.gradients[n] = self.gradients[n] + g if n in self.gradients else g
"""
RECEIVED = (
    "sum((n.gradients[self] for n in self.{outbound} if self in n.gradients), 0 * self.value)"
)
# Each op: how many inputs, its value, and what it sends to each.
OPS = {
    "Times": (2, "values[0] * values[1]", "(received * values[1], received * values[0])"),
    "Plus": (2, "values[0] + values[1]", "(received * 1, received * 1)"),
    "Minus": (2, "values[0] - values[1]", "(received * 1, -received)"),
    "Sine": (1, "np.sin(values[0])", "(received * np.cos(values[0]),)"),
    "Halve": (1, "values[0] / 2", "(received / 2,)"),
    "Wrong": (1, "values[0] * values[0]", "(received * values[0],)"),
    "Noisy": (1, "values[0] + np.random.rand()", "(received * 1,)"),
}
# What a node may do besides, before or after it has its value.
HABITS_BEFORE = (
    "pass",
    "pass",
    "print('{name}', {name}.calls)",
    "open('calls.log', 'a').write('{name}\\n')",
    "self.memory = getattr(self, 'memory', 0) + 1",
    "if {name}.calls == {when}: raise ValueError('{name} fails')",
    "if {name}.calls == {when}: raise KeyError('{name}')",
)
HABITS_AFTER = (
    "pass",
    "pass",
    "self.value = self.value * 1.0 + getattr(self, 'memory', 0)",
    "n = self.{inbound}[0]; n.value = n.value * 0.5",
    "if isinstance(values[0], np.ndarray) and values[0].ndim: values[0][0] = 0",
    "self.extra = [self.value, 'kept']",
)
LOOPS = (
    ("def both(graph):", "both(graph)", True),
    ("def both(output, graph):", "both(graph[-1], graph)", True),
    ("def both(graph, verbose=False, *, times=1):", "both(graph, verbose=True)", True),
    ("def forward_and_backward(graph):", "forward_and_backward(graph)", True),
    ("def backward(graph):", "backward(graph)", True),
)
UPDATES = (
    "p.value = p.value - {rate} * p.gradients[p]",
    "p.value -= {rate} * p.gradients[p]",
    "v[i] = 0.9 * v[i] + p.gradients[p]; p.value = p.value - {rate} * v[i]",
    "p.value = 0.999 * (p.value - {rate} * p.gradients[p])",
    "p.value = p.value - {rate} / (1 + step) * p.gradients[p]",
)
BETWEEN = (
    "pass",
    "print('step', step)",
    "print('to stderr', step, file=sys.stderr)",
    "open('steps.log', 'a').write(str(step))",
    "x0.value = x0.value * 1.5",
    "for n in graph: n.forward()",
    "pid = os.fork()\n    if not pid:\n        for n in graph: n.forward()\n        os._exit(0)\n"
    "    os.waitpid(pid, 0)",
    "numbers = np.random.rand(3)",
)
ENDS = (
    "pass",
    "pass",
    "sys.exit(3)",
    "sys.exit('in words')",
    "sys.stdout.flush(); os._exit(4)",
    "raise RuntimeError('at the end')",
    "1 / 0",
    "os.kill(os.getpid(), 15)",
)
VALUES = (
    "{a}",
    "np.array({a})",
    "np.array([{a}, {b}, 0.25])",
    "np.array([[{a}, {b}], [0.5, -0.25]])",
    "np.array([[{a}], [{b}]], dtype=np.float32)",
)


@dataclass(frozen=True)
class Generated(Program):
    """A program of a random text, instead of a file."""

    text: str = ""

    def copy_to(self, folder: Path) -> Path:
        """Write it into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.main
        path.write_text(self.text)
        return path


def generate(seed: object) -> Generated:
    """Return the program of a seed."""
    random = Random(f"{seed}")
    base, inbound, outbound = random.choice(SPELLINGS)
    words = {"base": base, "inbound": inbound, "outbound": outbound}
    feeds_by_call = random.random() < 0.3
    given, take = (", value=None", "if value is not None: self.value = value")
    if not feeds_by_call:
        given, take = "", "pass"
    if random.random() < 0.3 and base != "Unit":
        # The engine of ours, with classes of the program's own.
        begin = "from miniflow import *\n"
    else:
        begin = ENGINE.format(**words, given=given, take=take)
    classes = [_class(random, name, words) for name in OPS]
    build = _build(random, random.randrange(1, 4), random.randrange(1, 9), random.choice(VALUES))
    lines = [begin, *classes, *build, *_training(random, build_again=random.random() < 0.3)]
    text = "import os, sys\nimport numpy as np\nnp.random.seed(1)\n" + "\n".join(lines) + "\n"
    return Generated(f"random-{seed}.py".replace("/", "-"), text=text)


def _class(random: Random, name: str, words: dict[str, str]) -> str:
    _, forward, backward = OPS[name]
    when = random.randrange(1, 12)
    before = random.choice(HABITS_BEFORE if random.random() < 0.4 else ("pass",))
    after = random.choice(HABITS_AFTER if random.random() < 0.4 else ("pass",))
    return CLASS.format(
        **words,
        name=name,
        forward=forward,
        backward=backward,
        received=RECEIVED.format(**words),
        before=before.format(name=name, when=when, **words),
        after=after.format(name=name, when=when, **words),
    )


def _build(random: Random, inputs: int, ops: int, value: str) -> list[str]:
    """Return a function `build(values)`, which returns a graph in order, and its inputs."""
    lines = ["def build(values):"]
    names = []
    for i in range(inputs):
        names.append(f"x{i}")
        lines.append(f"    x{i} = Input()\n    x{i}.value = values[{i}]")
    for i in range(ops):
        name, (count, _, _) = random.choice(list(OPS.items()))
        sources = ", ".join(random.choice(names[-4:]) for _ in range(count))
        names.append(f"n{i}")
        lines.append(f"    n{i} = {name}({sources})")
    # All that nothing else takes goes into the cost, so that the graph is one.
    used = "\n".join(lines)
    loose = [name for name in names if f"({name}" not in used and f", {name})" not in used]
    cost = loose[0]
    for at, other in enumerate(loose[1:]):
        lines.append(f"    c{at} = Plus({cost}, {other})")
        cost = f"c{at}"
        names.append(cost)
    lines.append(f"    cost = Times({cost}, {cost})")
    lines.append(f"    return [{', '.join([*names, 'cost'])}], [{', '.join(names[:inputs])}]")
    first = [
        value.format(a=f"{random.uniform(-1, 1):.3f}", b=f"{random.uniform(-1, 1):.3f}")
        for _ in range(inputs)
    ]
    return ["\n".join(lines), f"start = [{', '.join(first)}]"]


def _training(random: Random, *, build_again: bool) -> list[str]:
    signature, call, _ = random.choice(LOOPS)
    update = random.choice(UPDATES).format(rate=random.choice((0.1, 0.01, 0.05)))
    catches = random.random() < 0.5
    two = random.random() < 0.25
    # The cost's consumers are none: it begins with ones, as its sender does.
    lines = [
        "class Begin:\n    def __init__(self, cost): self.gradients = {cost: 1.0}",
        signature,
        "    for n in graph:\n        n.forward()",
        "    consumers = graph[-1].__dict__",
        "    key = [k for k in consumers if k.startswith('out')][0]",
        "    consumers[key] = [Begin(graph[-1])]",
        "    for n in graph[::-1]:\n        n.backward()",
        "    consumers[key] = []",
        "graph, inputs = build(start)\nx0 = inputs[0]",
        "graph2, inputs2 = build([1.0 * value for value in start])" if two else "",
        "v = [0.0] * len(inputs)",
        f"for step in range({random.randrange(1, 9)}):",
    ]
    indent = "        " if catches else "    "
    body = [f"{call}"]
    if two:
        body.append(call.replace("graph", "graph2"))
    body += [f"for i, p in enumerate(inputs[:{random.randrange(1, 4)}]):", f"    {update}"]
    body += ["print(step, repr(float(np.sum(graph[-1].value))))"]
    if build_again:
        body += ["graph, inputs = build([p.value for p in inputs])", "x0 = inputs[0]"]
    if catches:
        lines.append("    try:")
    lines += [indent + line for line in body]
    if catches:
        lines.append("    except Exception as error:\n        print('caught', error)")
    lines.append("    " + random.choice(BETWEEN))
    lines.append(random.choice(ENDS))
    return lines


# Judged -------------------------------------------------------------------------------------


def judge(program: Program, python: Python, folder: Path, random: Random) -> list[str]:
    """Return what is otherwise than alone, or otherwise than another recorder has seen."""
    here, file, seen_file = folder / "here", folder / "run.mfrun", folder / "seen.pickle"
    right = run(here, program, alone(python, program))
    found = []
    recorded = run(here, program, record(python, program, file))
    found += [f"recorded: {words}" for words in _other(recorded, right, python)]
    if recorded.stdout != right.stdout:
        found.append(f"recorded: printed {_last(recorded.stdout)}, alone {_last(right.stdout)}")
    if recorded.status != right.status:
        found.append(f"recorded: status {recorded.status}, alone {right.status}")
    steps = random.randrange(60)
    lines = [*["step"] * steps, random.choice(("back 3", "goto start", "sgd")), "continue"]
    stepped = run(here, program, batch(python, program, lines, "--json"))
    found += [f"stepped: {words}" for words in _other(stepped, right, python)]
    if printed(stepped.stdout).rstrip(b"\n") != right.stdout.rstrip(b"\n"):
        found.append(f"stepped: printed {_last(printed(stepped.stdout))}")
    run(here, program, independent(python, program, seen_file))
    if not seen_file.exists():
        # It was ended by a signal, before anything could be written.
        return found
    expected, recording = independent_passes(seen_file), opened(file)
    seen = list(states(recording))
    found += differences(expected, seen)
    if not found:
        way = random.choice(list(WAYS))
        found += [f"{way}: {x}" for x in differences_on(WAYS[way], recording, expected, seen)]
    return found


def _other(ended: Ended, right: Ended, python: Python) -> list[str]:
    found = []
    errors, alone_errors = (of_the_program(process.stderr, python) for process in (ended, right))
    if errors != alone_errors:
        found.append(f"standard error {_last(errors)}, alone {_last(alone_errors)}")
    if ended.files != right.files:
        other = [name for name in {**ended.files, **right.files}
                 if ended.files.get(name) != right.files.get(name)]  # fmt: skip
        found.append(f"other files: {', '.join(sorted(other))}")
    return found


def _last(text: bytes) -> str:
    return repr(text[-200:].decode("utf-8", "replace"))


def soak(programs: int, seed: int = 0, python: Python = RUNNING) -> list[str]:
    """Judge so many programs; return what to tell. A program that differs is an error."""
    begun = time.monotonic()
    for number in range(programs):
        program = generate(f"{seed}/{number}")
        with tempfile.TemporaryDirectory() as name:
            try:
                found = judge(program, python, Path(name), Random(f"{seed}/{number}/way"))
            except subprocess.TimeoutExpired as error:
                found = [f"it does not end: {error.cmd}"]
        assert not found, f"--seed {seed}, program {number}:\n" + "\n".join(found[:8])
    return [
        f"{programs:,} programs in {time.monotonic() - begun:.0f} s as alone, "
        f"and every number as another recorder has seen it"
    ]


if __name__ == "__main__":
    import sys

    # What a seed stands for: python -m tests.soak.programs SEED/NUMBER
    print(generate(sys.argv[1]).text)
