"""Work on many sessions at once: here, in processes of this computer, or on a cluster.

The same function and the same jobs each time. Results come as they are done.
"""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from recorder.errors import LabError, SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_Job = TypeVar("_Job")
_Done = TypeVar("_Done")


@dataclass(frozen=True, slots=True)
class Workers:
    """Where the work is done: ``jobs`` processes here, or the cluster at ``scheduler``."""

    jobs: int = 1
    scheduler: str = ""
    patience_s: int = 20  # for the cluster's first answer

    def run(
        self, function: Callable[[_Job], _Done], jobs: Sequence[_Job]
    ) -> Iterator[_Done]:
        """Yield what ``function`` makes of each job, in no certain order.

        Jobs and results must be picklable; on a cluster every path in them must be the
        same there. Raises LabError where the cluster can't be reached.
        """
        if self.scheduler:
            with _cluster(self.scheduler, self.patience_s) as (client, completed):
                yield from _on_cluster(client, completed, function, jobs)
        elif self.jobs == 1 or len(jobs) <= 1:
            yield from map(function, jobs)
        else:
            yield from _in_processes(min(self.jobs, len(jobs)), function, jobs)


def _in_processes(
    n: int, function: Callable[[_Job], _Done], jobs: Sequence[_Job]
) -> Iterator[_Done]:
    # A forked child would inherit our threads' locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n, mp_context=context, initializer=_leave_ctrl_c_to_us)
    with pool:
        waiting = [pool.submit(function, job) for job in jobs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _leave_ctrl_c_to_us() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _on_cluster(
    client: Any,  # noqa: ANN401 - distributed has no types
    completed: Any,  # noqa: ANN401 - see above
    function: Callable[[_Job], _Done],
    jobs: Sequence[_Job],
) -> Iterator[_Done]:
    waiting = [client.submit(function, job, pure=False) for job in jobs]
    try:
        for done in completed(waiting, loop=client.loop):
            yield done.result()
    except BaseException:
        client.cancel(waiting)
        raise


@contextmanager
def _cluster(address: str, patience_s: int) -> Iterator[tuple[Any, Any]]:
    try:
        import distributed  # noqa: PLC0415 - an extra of its own
    except ImportError as error:
        raise SetupError(
            "Dask is not installed", hint="install fieldrec with the extra [scale]"
        ) from error
    try:
        client: Any = distributed.Client(  # type: ignore[no-untyped-call]  # it has none
            address, timeout=patience_s, set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise LabError(
            f"no Dask scheduler answers at {address}: {error}",
            hint="name it as dask scheduler prints it, such as tcp://10.0.0.5:8786",
        ) from error
    with client:
        yield client, distributed.as_completed
