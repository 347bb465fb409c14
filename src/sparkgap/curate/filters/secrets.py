"""Keys, tokens, passwords, private keys, e-mail and IP addresses: replaced by stand-ins, or the file is dropped.

Whatever is found is replaced, always, before anything is written to the disk; a rule's threshold says how many of a
kind a file may have had. Addresses get the names that RFC 2606 and RFC 5737 keep for documentation, so that code
still parses. In Python only strings and comments are looked at, since `a@b.size` is a product of matrices. Not
covered: secrets without a known form and without a telling name, and names of persons.
"""

from __future__ import annotations

import ipaddress
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sparkgap.curate.documents import Document, Values
from sparkgap.curate.rules import Rule, Step
from sparkgap.parsing import quoted_spans


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    kind: str
    stand_in: str


# A cheap text that must be there, a kind, and the form. Group 1, where there is one, is the secret itself.
_FORMS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("PRIVATE KEY", "private_keys",
     re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----.{40,}?(?:-----END|\Z)", re.DOTALL)),
    ("AKIA", "tokens", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("gh", "tokens", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b")),
    ("github_pat_", "tokens", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{60,}\b")),
    ("glpat-", "tokens", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}\b")),
    ("xox", "tokens", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b")),
    ("AIza", "tokens", re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b")),
    ("sk", "tokens", re.compile(r"\b(?:sk|rk)_live_[A-Za-z0-9]{20,}\b|\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32,}\b")),
    ("npm_", "tokens", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    ("pypi-", "tokens", re.compile(r"\bpypi-[A-Za-z0-9_-]{50,}\b")),
    ("hf_", "tokens", re.compile(r"\bhf_[A-Za-z]{34}\b")),
    ("eyJ", "tokens", re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}")),
    ("://", "passwords", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']{1,64}:([^\s/@\"'{}<>%$]{4,64})@")),
)  # fmt: skip
_NAMED = re.compile(  # a telling name, and a text assigned to it
    r"(?i)(?:passwd|password|pwd|secret|token|api_?key|access_?key|auth_?key)[\"']?\s*[:=]\s*[rbu]?[\"']([^\"'\s]{8,100})[\"']"
)
_TELLING = re.compile(r"(?i)pass|pwd|secret|token|key")
_EMAIL = re.compile(
    r"(?<![\w.+-/:])([A-Za-z0-9][\w.+-]{0,63})@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,18})(?![\w@])"
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]|-\w)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}(?![\w:.])|(?<![\w:.])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,5}::(?:[0-9A-Fa-f]{1,4}:){0,5}[0-9A-Fa-f]{1,4}(?![\w:.])"
)
_NOBODY = re.compile(
    r"(?i)(^|[.-])(example|test|invalid|localhost|domain|email|host|server|mail\.test)(\.(com|net|org|edu|local))?$"
)
_ROLES = {"noreply", "no-reply", "git", "user", "username", "you", "me", "name", "foo", "bar", "someone", "test"}
_STAND_INS = {"private_keys": "REDACTED PRIVATE KEY", "tokens": "REDACTED_TOKEN", "passwords": "REDACTED_PASSWORD"}
_ENTROPY = 3.2  # bits a character: below are words ("changeme", "my_token"), above is chance


class Secrets:
    """How many of each kind a file had; all are gone from its text."""

    name = "secrets"
    version = "1"
    step: Step = "secrets"
    order = 0
    attributes: Mapping[str, type] = {
        "private_keys": int,
        "tokens": int,
        "passwords": int,
        "emails": int,
        "addresses": int,
    }
    rules = (
        Rule("private_keys", "private_keys", "at most", 0, "private keys found, and replaced"),
        Rule("tokens", "tokens", "at most", math.inf, "keys and tokens of services found, and replaced"),
        Rule("passwords", "passwords", "at most", math.inf, "passwords found, and replaced"),
        Rule("emails", "emails", "at most", math.inf, "e-mail addresses found, and replaced"),
        Rule("addresses", "addresses", "at most", math.inf, "public IP addresses found, and replaced"),
    )

    def rewrite(self, document: Document) -> tuple[Document, Values]:
        """Replace what is found."""
        hits = _apart(_hits(document.text))
        if hits and document.language == "python" and (spans := quoted_spans(document.text)) is not None:
            starts = [start for start, _ in spans]
            hits = [hit for hit in hits if _within(hit, spans, starts)]
        counts = Counter(hit.kind for hit in hits)
        values = {kind: counts[kind] for kind in self.attributes}
        if not hits:
            return document, values
        parts, last = [], 0
        for hit in hits:
            parts += [document.text[last : hit.start], hit.stand_in]
            last = hit.end
        return replace(document, text="".join([*parts, document.text[last:]])), values

    def measure(self, document: Document) -> Values:
        """Return nothing more: `rewrite` has counted."""
        return {}


def _hits(text: str) -> Iterator[_Hit]:
    for needle, kind, form in _FORMS:
        if needle in text:
            for match in form.finditer(text):
                group = 1 if form.groups else 0
                if match[group] in _STAND_INS.values():
                    continue
                yield _Hit(match.start(group), match.end(group), kind, _STAND_INS[kind])
    for match in _NAMED.finditer(text) if _TELLING.search(text) else ():
        if _by_chance(match[1]):
            yield _Hit(match.start(1), match.end(1), "passwords", _STAND_INS["passwords"])
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if match[1].lower() not in _ROLES and not _NOBODY.search(match[2]):
                yield _Hit(match.start(), match.end(), "emails", "name@example.com")
    for form, stand_in in ((_IPV4, "192.0.2.1"), (_IPV6, "2001:db8::1")):
        for match in form.finditer(text):
            if _public(match[0]) and not re.search(
                r"(?i)v(er(sion)?)?\W{0,4}$", text[max(0, match.start() - 12) : match.start()]
            ):
                yield _Hit(match.start(), match.end(), "addresses", stand_in)


def _by_chance(text: str) -> bool:
    """Whether a text looks drawn by chance: digits and letters mixed, no template, no path, enough bits."""
    if not (re.search(r"\d", text) and re.search(r"[A-Za-z]", text)) or re.search(r"[{}<>$%()\[\]/\\]|\.\.", text):
        return False
    counts = Counter(text)
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
    return bits >= _ENTROPY


def _public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 4 and all(int(part) < 30 for part in text.split(".")):  # a version, more often than not
        return False
    return address.is_global and not address.is_multicast and text not in {"8.8.8.8", "8.8.4.4", "1.1.1.1"}


def _apart(hits: Iterator[_Hit]) -> list[_Hit]:
    """Return the hits in order of their place, without those that overlap an earlier one."""
    kept: list[_Hit] = []
    for hit in sorted(hits, key=lambda each: (each.start, -each.end)):
        if not kept or hit.start >= kept[-1].end:
            kept.append(hit)
    return kept


def _within(hit: _Hit, spans: list[tuple[int, int]], starts: list[int]) -> bool:
    place = bisect_right(starts, hit.start) - 1
    return place >= 0 and hit.start < spans[place][1]


FILTER = Secrets()
