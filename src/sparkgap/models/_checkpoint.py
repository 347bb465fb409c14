"""What models in this process share: a request as tokens, and the fingerprint of a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparkgap.models import Refused
from sparkgap.types import Decoding, Message, Request

_DECISIVE = {".safetensors", ".bin", ".pt", ".json", ".model", ".jinja", ".txt"}  # what replies hang on


def fingerprint(folder: Path) -> str:
    """Return one sha256 over names and contents of the files in a model's folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix in _DECISIVE:
            with path.open("rb") as stream:
                whole.update(f"{path.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def own_seed(seed: int, tokens: Sequence[int]) -> int:
    """Return a seed for one prompt: the same for the same prompt, unlike that of any other."""
    digest = hashlib.sha256(repr((seed, tuple(tokens))).encode()).digest()
    return int.from_bytes(digest[:7], "big")


class Prompts:
    """Turns requests into tokens that fit a context of so many tokens (None: of any length)."""

    def __init__(self, tokenizer: Any, context: int | None, chat: bool = True) -> None:
        """Use a tokenizer of transformers; not `chat` leaves its chat template alone."""
        self.tokenizer, self.context = tokenizer, context
        self.chat = chat and bool(getattr(tokenizer, "chat_template", None))

    def tokens(self, request: Request) -> tuple[int, ...]:
        """Return the tokens of a request for text.

        Raises:
            Refused: it leaves no room for a reply, or is no prompt for this model.
        """
        tokens = self._encoded(*self._text(request))
        self._check(len(tokens) + 1)
        return tokens

    def fitting(self, decoding: Decoding, length: int) -> Decoding:
        """Return `decoding` with no more tokens than there is room for after a prompt of `length`."""
        if self.context is None or length + decoding.max_tokens <= self.context:
            return decoding
        return replace(decoding, max_tokens=self.context - length)

    def choices(self, request: Request) -> list[tuple[tuple[int, ...], int]]:
        """Return for each choice all tokens, and how many of them are not the choice's: those of the bare prompt.

        A token across the boundary is the choice's.

        Raises:
            Refused: a choice has no token, or nothing is before it, or it does not fit.
        """
        text, special = self._text(request)
        prompt = self._encoded(text, special)
        found = []
        for choice in request.choices:
            whole = self._encoded(text + choice, special)
            pairs = zip(prompt, whole, strict=False)
            shared = next((i for i, (one, other) in enumerate(pairs) if one != other), min(len(prompt), len(whole)))
            if not 0 < shared < len(whole):
                raise Refused(f"the choice {choice!r} has no tokens of its own after the prompt, or all of them")
            self._check(len(whole) - 1)
            found.append((whole, shared))
        return found

    def _text(self, request: Request) -> tuple[str, bool]:
        """Return the prompt as text, and whether the tokenizer's own special tokens go round it."""
        return (self._rendered(request.messages), False) if request.messages else (request.text, True)

    def _encoded(self, text: str, special: bool) -> tuple[int, ...]:
        tokenizer = self.tokenizer
        tokens: list[int] = tokenizer(text, add_special_tokens=special)["input_ids"]
        if special and len(tokens) > 1 and tokens[-1] == tokenizer.eos_token_id:
            tokens = tokens[:-1]  # put there by tokenizers that end a text: it would end the reply
        if not tokens:
            start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
            if start is None:
                raise Refused("an empty prompt, and the model has no token to begin with")
            tokens = [start]
        return tuple(tokens)

    def _rendered(self, messages: tuple[Message, ...]) -> str:
        """Return a chat in the model's own form; a system message that it does not take goes into the first turn."""
        from jinja2 import TemplateError

        if not self.chat:
            raise Refused("this model has no chat template")
        told = [{"role": message.role, "content": message.content} for message in messages]
        going_on = told[-1]["role"] == "assistant"
        ends = {"continue_final_message": True} if going_on else {"add_generation_prompt": True}
        try:
            text: str = self.tokenizer.apply_chat_template(told, tokenize=False, **ends)
        except TemplateError as error:
            if len(told) < 2 or [each["role"] for each in told[:2]] != ["system", "user"]:
                raise Refused(f"the model's chat template does not take this chat ({error})") from error
            first = Message("user", f"{told[0]['content']}\n\n{told[1]['content']}")
            return self._rendered((first, *messages[2:]))
        return text

    def _check(self, length: int) -> None:
        if self.context is not None and length > self.context:
            raise Refused(f"a prompt of {length - 1} tokens; the model's context is {self.context}")
