"""Work that takes longer than a page may: one piece at a time, in a thread of its own, with its step to be told."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.errors import VeilsightError
from appliance.language import marked

FAILED = marked("It did not work, and that is not your fault. `veilsight doctor` says what may be the matter.")

logger = logging.getLogger(__name__)


@dataclass
class Job:
    """`step` is what is being done, then `outcome` what came of it; `failed` says whether it is bad news."""

    user: str
    step: str
    outcome: str = ""
    failed: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """The job at work, and those that are done and whose user has not been told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: Job | None = None
        self._untold: list[Job] = []

    @property
    def present(self) -> Job | None:
        """The job at work."""
        return self._present

    def start(self, user: str, step: str, work: Callable[[Job], str]) -> Job | None:
        """Begin, unless another job is at work (None). `work` sets the job's steps and returns its outcome."""
        with self._lock:
            if self._present is not None:
                return None
            job = self._present = Job(user, step)
        threading.Thread(target=self._run, args=(job, work), name="job", daemon=True).start()
        return job

    def take_done(self, user: str) -> list[Job]:
        """The user's jobs that are done, each told once."""
        with self._lock:
            found = [job for job in self._untold if job.user == user]
            self._untold = [job for job in self._untold if job.user != user]
        return found

    def _run(self, job: Job, work: Callable[[Job], str]) -> None:
        try:
            job.outcome = work(job)
        except VeilsightError as error:
            job.outcome, job.failed = str(error), True
        except Exception:
            # The thread's end would leave the page waiting for ever.
            logger.exception("A job of the page failed.")
            job.outcome, job.failed = FAILED, True
        with self._lock:
            self._present = None
            self._untold = [*self._untold[-20:], job]
        job.done.set()
