"""An object that takes long to make, made in a thread while keys are read."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Generic, TypeVar

from miniflow.structure import Structure

T = TypeVar("T")

# A graph of fewer nodes is compiled sooner than a key is noticed to be late.
FEW_NODES = 1000
# Seconds of a slice that waits.
WAIT = 0.01


class Prepared(Generic[T]):
    """The result of `make`, which reads only the graph: of a large one it is made in a thread."""

    def __init__(self, graph: Structure, make: Callable[[], T]) -> None:
        self._graph, self._make = graph, make
        self._future: Future[T] | None = None

    def slices(self, words: str) -> Generator[str, None, T]:
        """Yield words while the object is made, then return it, the same one each time."""
        if self._future is None:
            if len(self._graph.nodes) < FEW_NODES:
                self._future = Future()
                self._future.set_result(self._make())
                yield words
            else:
                executor = ThreadPoolExecutor(1, thread_name_prefix="compile")
                self._future = executor.submit(self._make)
                executor.shutdown(wait=False)
        while True:
            try:
                return self._future.result(WAIT)
            except NotYet:
                yield words
