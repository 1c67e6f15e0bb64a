"""Make the README's picture: the app on a shipped graph, drawn by the app itself.

    python docs/picture.py

writes docs/picture.svg.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from mfdebug.opening import load_graph
from mfdebug.tui.app import DebuggerApp

SIZE = (110, 34)
KEYS = [*"300t", "n", "n", *"sss"]
COMMANDS = ["watch norm(W1.grad)", "watch cost - prev(cost)", "break nan", "break if cost > 0.3"]


async def draw() -> str:
    """Return the picture as SVG."""
    app = DebuggerApp(load_graph("xor"), history_memory=2**28, commands=COMMANDS)
    async with app.run_test(size=SIZE) as pilot:
        for key in KEYS:
            await pilot.press(key)
        await pilot.pause(0.5)
        return app.export_screenshot(title="mfdebug xor")


if __name__ == "__main__":
    target = Path(__file__).with_name("picture.svg")
    target.write_text(asyncio.run(draw()), encoding="utf-8")
    print(f"wrote {target}")
