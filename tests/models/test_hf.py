"""Hugging Face models in batches, against transformers run plainly, one prompt at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from scipy import stats

import causal_models
from sparkgap import plugins
from sparkgap.asking import Asker
from sparkgap.models import Model, ModelError, Provider, Refused
from sparkgap.models._batches import OutOfMemory
from sparkgap.models.hf import HFModel
from sparkgap.types import Decoding, Message, Reply, Request

T = TypeVar("T")
torch.set_num_threads(1)  # these models are too small for more
KINDS = ["gpt2", "llama", "qwen2"]
PROMPTS = [
    "def add(a, b):\n", "for i in", "Question: naïve café — 中文?\nAnswer:", "x", "    return a +", "A B C",
    "class Point:\n    def __init__(self, x, y):\n        self.x = x\n       ", "The  quick   brown", "1\n2\n3\n", "é",
]  # fmt: skip


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a tiny model of each kind."""
    root = tmp_path_factory.mktemp("models")
    return {kind: causal_models.save(root / kind, kind) for kind in KINDS}


@pytest.fixture(scope="session")
def plain(folders: dict[str, Path]) -> dict[str, tuple[Any, Any]]:
    """The same models as transformers loads them."""
    return {
        kind: (
            transformers.AutoModelForCausalLM.from_pretrained(folder).eval(),
            transformers.AutoTokenizer.from_pretrained(folder),
        )
        for kind, folder in folders.items()
    }


def with_model(folder: Path, use: Callable[[HFModel], Awaitable[T]], **options: str) -> T:
    async def run() -> T:
        model = HFModel(str(folder), options)
        try:
            return await use(model)
        finally:
            await model.close()

    return asyncio.run(run())


def generate(folder: Path, requests: Sequence[Request], n: int = 1, **options: str) -> list[tuple[Reply, ...]]:
    """Return the replies to requests that are all made at once."""

    async def ask(model: HFModel) -> list[tuple[Reply, ...]]:
        return await asyncio.gather(*(model.generate(request, n) for request in requests))

    return with_model(folder, ask, **options)


def plainly(plain: tuple[Any, Any], prompt: str, most: int) -> str:
    model, tokenizer = plain
    given = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        told = model.generate(**given, do_sample=False, max_new_tokens=most, pad_token_id=0)
    before = tokenizer.decode(given["input_ids"][0], skip_special_tokens=True)
    return tokenizer.decode(told[0], skip_special_tokens=True).removeprefix(before)


def test_it_keeps_the_contracts(folders: dict[str, Path]) -> None:
    provider = plugins.find("models", "hf")
    assert isinstance(provider, Provider)
    model = provider.open(str(folders["qwen2"]), {"device": "cpu", "batch_size": "4"})
    assert isinstance(model, Model)
    assert model.features == {"chat", "completion", "logprobs"}
    assert model.concurrency == 16
    assert HFModel(str(folders["qwen2"]), {"chat": "off"}).features == {"completion", "logprobs"}
    assert HFModel(str(folders["gpt2"]), {}).features == {"completion", "logprobs"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["1", "3", "16"])
def test_batches_write_what_one_prompt_at_a_time_does(
    folders: dict[str, Path], plain: dict[str, tuple[Any, Any]], kind: str, size: str
) -> None:
    requests = [Request(text=prompt, decoding=Decoding(max_tokens=24)) for prompt in PROMPTS]
    replies = generate(folders[kind], requests, batch_size=size)
    assert [reply.text for (reply,) in replies] == [plainly(plain[kind], prompt, 24) for prompt in PROMPTS]
    tokenizer = plain[kind][1]
    assert [reply.prompt_tokens for (reply,) in replies] == [len(tokenizer(prompt).input_ids) for prompt in PROMPTS]
    assert {(reply.finish_reason, reply.completion_tokens) for (reply,) in replies} <= {("length", 24)} | {
        ("stop", i) for i in range(1, 25)
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_reply_ends_before_a_stop(folders: dict[str, Path], plain: dict[str, tuple[Any, Any]], kind: str) -> None:
    for prompt in PROMPTS[:5]:
        whole = plainly(plain[kind], prompt, 24)
        stop = whole[4:6]
        decoding = Decoding(max_tokens=24, stop=(stop, "never there"))
        ((reply,),) = generate(folders[kind], [Request(text=prompt, decoding=decoding)])
        assert reply.text == whole[: whole.index(stop)]
        assert reply.finish_reason == "stop"
        assert (reply.completion_tokens or 0) < 24


def test_a_reply_ends_at_any_of_the_models_ends(folders: dict[str, Path], tmp_path: Path) -> None:
    async def ask(model: HFModel) -> tuple[Reply, ...]:
        return await model.generate(Request(text="def add(", decoding=Decoding(max_tokens=12)))

    ((whole,),) = generate(folders["gpt2"], [Request(text="def add(", decoding=Decoding(max_tokens=12))])
    model, tokenizer = (
        HFModel(str(folders["gpt2"]), {})._engine.model,
        HFModel(str(folders["gpt2"]), {})._engine.tokenizer,
    )
    tokens = model.generate(tokenizer("def add(", return_tensors="pt").input_ids, max_new_tokens=12, do_sample=False)
    end = int(tokens[0][-8])
    for path in folders["gpt2"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps({**config, "eos_token_id": [0, end]}))
    (reply,) = with_model(tmp_path, ask)
    assert reply.finish_reason == "stop"
    assert len(reply.text) < len(whole.text)
    assert whole.text.startswith(reply.text)


# Log-probabilities


def scored_plainly(plain: tuple[Any, Any], text: str, choice: str) -> float:
    model, tokenizer = plain
    prompt, whole = tokenizer(text).input_ids, tokenizer(text + choice).input_ids
    shared = next((i for i, pair in enumerate(zip(prompt, whole, strict=False)) if pair[0] != pair[1]), len(prompt))
    with torch.inference_mode():
        values = torch.log_softmax(model(torch.tensor([whole])).logits[0], -1)
    return sum(float(values[i - 1, whole[i]]) for i in range(shared, len(whole)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["1", "5"])
def test_choices_are_scored_as_plain_passes_score_them(
    folders: dict[str, Path], plain: dict[str, tuple[Any, Any]], kind: str, size: str
) -> None:
    choices = (" A", " B", " the lazy dog", "\nAnswer: 4", "dd", " é")
    requests = [Request(text=prompt, choices=choices) for prompt in PROMPTS]
    replies = generate(folders[kind], requests, batch_size=size)
    for prompt, (reply,) in zip(PROMPTS, replies, strict=True):
        expected = [scored_plainly(plain[kind], prompt, choice) for choice in choices]
        assert reply.logprobs == pytest.approx(expected, abs=2e-4)


def test_choices_of_one_token_take_one_pass(folders: dict[str, Path]) -> None:
    async def ask(model: HFModel) -> int:
        passes = 0
        run = model._batcher._run

        def counting(rows: Sequence[Any]) -> Sequence[Any]:
            nonlocal passes
            passes += len(rows)
            return run(rows)

        model._batcher._run = counting
        await model.generate(Request(text="Answer:", choices=(" A", " B", " C", " D")))
        return passes

    assert with_model(folders["gpt2"], ask) == 1


def test_choices_after_a_chat_are_scored(folders: dict[str, Path], plain: dict[str, tuple[Any, Any]]) -> None:
    request = Request(messages=(Message("user", "which?"),), choices=("A", "B and C"))
    ((reply,),) = generate(folders["qwen2"], [request])
    text = "<|user|>which?<|end|><|assistant|>"
    expected = [scored_plainly(plain["qwen2"], text, choice) for choice in request.choices]
    assert reply.logprobs == pytest.approx(expected, abs=2e-4)


def test_a_choice_without_tokens_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(Refused, match="no tokens of its own"):
        generate(folders["gpt2"], [Request(text="Answer:", choices=(" A", ""))])


# Sampling


def sampled(folder: Path, prompt: str, seed: int | None, n: int, company: int = 0, **how: Any) -> list[str]:
    decoding = Decoding(**{"temperature": 1.0, "max_tokens": 12, "seed": seed, **how})
    others = [Request(text=PROMPTS[i], decoding=decoding) for i in range(company)]
    return [reply.text for reply in generate(folder, [Request(text=prompt, decoding=decoding), *others], n)[0]]


def test_a_seed_draws_the_same_in_any_company(folders: dict[str, Path]) -> None:
    alone = sampled(folders["qwen2"], "for i in", 5, 4)
    assert sampled(folders["qwen2"], "for i in", 5, 4, company=6) == alone
    assert len(set(alone)) == 4
    assert sampled(folders["qwen2"], "for i in", 6, 3) == alone[1:]  # reply i has the seed + i
    assert sampled(folders["qwen2"], "for i in", None, 4) != alone


def test_several_greedy_replies_are_one(folders: dict[str, Path]) -> None:
    assert len(set(sampled(folders["qwen2"], "for i in", 5, 3, temperature=0.0))) == 1


def test_what_is_drawn_has_the_models_distribution(folders: dict[str, Path]) -> None:
    draws, temperature = 600, 2.0

    async def ask(model: HFModel) -> tuple[list[Any], Any]:
        engine = model._engine
        tokens = engine.tokenizer("for i in").input_ids
        with torch.inference_mode():
            expected = torch.softmax(engine.model(torch.tensor([tokens])).logits[0, -1].double() / temperature, -1)
        engine.tokenizer.decode = lambda tokens, **_: ",".join(map(str, tokens)) + ","
        request = Request(text="for i in", decoding=Decoding(temperature=temperature, max_tokens=1, seed=0))
        return [int(reply.text.strip(",")) for reply in await model.generate(request, draws) if reply.text], expected

    found, expected = with_model(folders["gpt2"], ask, batch_size="100")
    ends = draws - len(found)  # the end of text is a token as well
    counts = torch.bincount(torch.tensor(found), minlength=len(expected)).double()
    counts[0] += ends
    common = expected * draws >= 5
    observed = [*counts[common].tolist(), float(counts[~common].sum())]
    wanted = [*(expected[common] * draws).tolist(), float(expected[~common].sum() * draws)]
    assert stats.chisquare(observed, wanted).pvalue > 0.001
    assert len(wanted) > 4


def test_top_p_leaves_out_the_tail(folders: dict[str, Path], plain: dict[str, tuple[Any, Any]]) -> None:
    (greedy,) = sampled(folders["gpt2"], "for i in", 0, 1, temperature=0.0)
    assert set(sampled(folders["gpt2"], "for i in", 0, 5, top_p=1e-6)) == {greedy}


# Chats


def chat(folder: Path, *messages: Message) -> Reply:
    request = Request(messages=messages, decoding=Decoding(max_tokens=16))
    ((reply,),) = generate(folder, [request])
    return reply


def test_a_chat_is_put_in_the_models_own_form(folders: dict[str, Path], plain: dict[str, tuple[Any, Any]]) -> None:
    reply = chat(folders["qwen2"], Message("system", "be brief"), Message("user", "hi"))
    text = "<|system|>be brief<|end|><|user|>hi<|end|><|assistant|>"
    assert reply.text == plainly(plain["qwen2"], text, 16)
    assert reply.prompt_tokens == len(plain["qwen2"][1](text).input_ids)


def test_a_reply_that_is_begun_is_gone_on_with(folders: dict[str, Path], plain: dict[str, tuple[Any, Any]]) -> None:
    reply = chat(folders["qwen2"], Message("user", "hi"), Message("assistant", "well,"))
    assert reply.text == plainly(plain["qwen2"], "<|user|>hi<|end|><|assistant|>well,", 16)


def test_a_template_without_system_gets_it_in_the_first_turn(folders: dict[str, Path], tmp_path: Path) -> None:
    for path in folders["qwen2"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    for path in tmp_path.glob("*.jinja"):
        path.write_text(causal_models.NO_SYSTEM)
    assert (tmp_path / "chat_template.jinja").exists()
    with_system = chat(tmp_path, Message("system", "be brief"), Message("user", "hi"))
    assert with_system == chat(tmp_path, Message("user", "be brief\n\nhi"))
    with pytest.raises(Refused, match="does not take this chat"):
        chat(tmp_path, Message("user", "hi"), Message("system", "be brief"), Message("user", "hi"))


def test_a_model_without_a_template_takes_no_chat(folders: dict[str, Path]) -> None:
    with pytest.raises(Refused, match="has no chat template"):
        chat(folders["gpt2"], Message("user", "hi"))


# Limits


def test_a_prompt_that_fills_the_context_is_refused_and_one_that_nearly_does_gets_less(
    folders: dict[str, Path],
) -> None:
    with pytest.raises(Refused, match=r"a prompt of 200 tokens; the model's context is 128"):
        generate(folders["gpt2"], [Request(text="x" * 200)])
    requests = [
        Request(text="x" * 120, decoding=Decoding(max_tokens=50)),
        Request(text="x", decoding=Decoding(max_tokens=50)),
    ]
    (near,), (short,) = generate(folders["gpt2"], requests)
    assert (near.completion_tokens, near.finish_reason) == (8, "length")
    assert short.completion_tokens == 50


def test_a_batch_that_does_not_fit_is_halved(folders: dict[str, Path]) -> None:
    async def ask(model: HFModel) -> list[tuple[Reply, ...]]:
        run = model._batcher._run

        def tight(rows: Sequence[Any]) -> Sequence[Any]:
            if len(rows) > 2:
                raise OutOfMemory("20 GiB wanted")
            return run(rows)

        model._batcher._run = tight
        asker = Asker(model)
        requests = (Request(text=prompt, decoding=Decoding(max_tokens=4)) for prompt in PROMPTS)
        return await asyncio.gather(*(asker.ask(request) for request in requests))

    requests = [Request(text=prompt, decoding=Decoding(max_tokens=4)) for prompt in PROMPTS]
    expected = [reply.text for (reply,) in generate(folders["gpt2"], requests)]
    assert [reply.text for (reply,) in with_model(folders["gpt2"], ask)] == expected


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: no")]
)
def test_a_request_that_does_not_fit_alone_is_refused(folders: dict[str, Path], error: Exception) -> None:
    async def ask(model: HFModel) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise error

        model._engine.model.generate = full
        await model.generate(Request(text="x"))

    with pytest.raises(Refused, match="memory does not hold this request"):
        with_model(folders["gpt2"], ask)


def test_a_bug_in_the_engine_crashes(folders: dict[str, Path]) -> None:
    async def ask(model: HFModel) -> None:
        model._engine.model.generate = None
        await model.generate(Request(text="x"))

    with pytest.raises(TypeError):
        with_model(folders["gpt2"], ask)


# What it is


def test_the_identity_changes_with_the_weights(folders: dict[str, Path], tmp_path: Path) -> None:
    before = HFModel(str(folders["gpt2"]), {}).identity()
    assert {name: before[name] for name in ("provider", "dtype", "device")} == {
        "provider": "hf", "dtype": "float32", "device": "cpu",
    }  # fmt: skip
    json.dumps(before)
    for path in folders["gpt2"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert HFModel(str(tmp_path), {}).identity()["sha256"] == before["sha256"]
    model = transformers.AutoModelForCausalLM.from_pretrained(folders["gpt2"])
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    model.save_pretrained(tmp_path)
    assert HFModel(str(tmp_path), {}).identity()["sha256"] != before["sha256"]
    assert HFModel(str(folders["gpt2"]), {"dtype": "bfloat16"}).identity()["dtype"] == "bfloat16"


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_an_adapter_is_laid_over_the_model(folders: dict[str, Path], tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    model = transformers.AutoModelForCausalLM.from_pretrained(folders["qwen2"])
    adapted = peft.get_peft_model(
        model, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders["qwen2"])
    request = Request(text="for i in", decoding=Decoding(max_tokens=12))
    ((reply,),) = generate(folders["qwen2"], [request], adapter=str(tmp_path))
    assert reply.text == plainly((adapted.eval(), tokenizer), "for i in", 12)
    assert reply.text != generate(folders["qwen2"], [request])[0][0].text
    assert HFModel(str(folders["qwen2"]), {"adapter": str(tmp_path)}).identity()["adapter_sha256"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "cuda:99"}, "there is no device 'cuda:99' here"),
        ({"dtype": "float8"}, "dtype='float8' must be one of"),
        ({"batch_size": "0"}, "batch_size='0' must be a number above 0"),
        ({"bathc_size": "2"}, "did you mean batch_size"),
        ({"adapter": "/no/such/folder"}, "cannot be loaded"),
    ],
)
def test_a_mistake_is_named(folders: dict[str, Path], options: dict[str, str], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        HFModel(str(folders["gpt2"]), options)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"hf//.*: cannot be loaded"):
        HFModel(str(tmp_path), {})
    with pytest.raises(ModelError, match=r"there is no folder '/.*nowhere'"):
        HFModel(str(tmp_path / "nowhere"), {})
