"""One way of asking a server: the half of `bench/measure.py` that runs in a process of its own.

    python askers.py NAME TASK.json

`sdk`: the OpenAI SDK alone, all requests gathered, `concurrency` at a time; nothing is scored or written. `inspect`:
Inspect AI with the same messages, scored by running each program in its local sandbox (a process each, no walls), as
the HumanEval task of its collection of evaluations does in a container; it runs in an environment without Sparkgap.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LIMIT_S = 30  # of one program in Inspect's sandbox, as its HumanEval task has it


def sdk(task: dict[str, Any]) -> int:
    """Send every request, and return how many replies came."""
    openai = import_module("openai")

    async def ask() -> int:
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=None, max_keepalive_connections=None)
        http = openai.DefaultAsyncHttpxClient(limits=limits)
        client = openai.AsyncOpenAI(api_key="none", base_url=task["url"], max_retries=0, http_client=http)
        places = asyncio.Semaphore(task["concurrency"])

        async def one(messages: list[dict[str, str]]) -> bool:
            async with places:
                answer = await client.chat.completions.create(
                    model="bench", messages=messages, max_tokens=task["max_tokens"], temperature=task["temperature"]
                )
            return bool(answer.choices[0].message.content)

        prompts = [prompt["messages"] for prompt in task["prompts"] for _ in range(task["samples"])]
        return sum(await asyncio.gather(*map(one, prompts)))

    return asyncio.run(ask())


def inspect(task: dict[str, Any]) -> int:
    """Run an Inspect task, and return how many samples passed."""
    ai, data, models = (
        import_module("inspect_ai"),
        import_module("inspect_ai.dataset"),
        import_module("inspect_ai.model"),
    )
    scoring, util = import_module("inspect_ai.scorer"), import_module("inspect_ai.util")

    @scoring.scorer(metrics=[scoring.accuracy()])  # type: ignore[untyped-decorator]
    def verify() -> Any:
        async def score(state: Any, target: Any) -> Any:
            found = re.findall(r"```python\n(.*?)```", state.output.completion, re.DOTALL)
            program = f"{found[0] if found else ''}\n{target.text}"
            try:
                told = await util.sandbox().exec(["python", "-c", program], timeout=LIMIT_S)
            except TimeoutError:
                return scoring.Score(value=scoring.INCORRECT)
            return scoring.Score(value=scoring.CORRECT if told.success else scoring.INCORRECT)

        return score

    turns = {"user": models.ChatMessageUser, "system": models.ChatMessageSystem}
    samples = [
        data.Sample(
            id=prompt["id"],
            input=[turns[each["role"]](content=each["content"]) for each in prompt["messages"]],
            target=prompt["test"],
        )
        for prompt in task["prompts"]
    ]
    model = models.get_model("openai/bench", base_url=task["url"], api_key="none", responses_api=False)
    (log,) = ai.eval(
        ai.Task(dataset=data.MemoryDataset(samples), scorer=verify(), sandbox="local", epochs=task["samples"]),
        model=model, max_connections=task["concurrency"], max_tokens=task["max_tokens"],
        temperature=task["temperature"], log_dir=task["folder"], display="none",
    )  # fmt: skip
    if log.status != "success":
        raise RuntimeError(f"Inspect: {log.status} {log.error}")
    return sum(sample.scores["verify"].value == "C" for sample in log.samples)


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    print(json.dumps({"good": {"sdk": sdk, "inspect": inspect}[sys.argv[1]](asked)}))
