"""Forged messages on every descriptor, in the judge's own framing and out of it, and hostile bytes for its reader."""

from __future__ import annotations

from enemies import ADD, CHECK, DOCS, INPUTS, STDIO, Attack, attack

# R and W are the line to the judge, wherever it is: one socket.
_SEND = """
import fcntl, os, socket, stat, struct
R = W = 0
for fd in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode): R = W = fd
    except OSError: pass
assert W
line = lambda: socket.socket(fileno=os.dup(W))
def send(*bodies):
    for body in bodies:
        os.write(W, struct.pack('=I', len(body)) + body)
"""
_ANY = "wrong raised forbidden timeout output memory"
_NAMES = """b's["loaded",{"d":["add","function"]}]'"""

# What is said on the way, and what the honest-looking rest of the program then does.
_SAID = {
    "the worker's verdict": """b'V{"d":["status","passed","stage","done","passed",2,"total",2,"id",0]}'""",
    "the examiner's report": """b'{"d":["status","passed","stage","done","passed",2,"total",2,"groups",{"d":[]}]}'""",
    "the zygote's ending": "b'X' + bytes(60)",
    "the zygote's readiness": "b'R'",
    "passed as a word": """b's["passed",null]'""",
    "finished as a word": """b's["finished",null]'""",
    "loaded twice": f"{_NAMES}, {_NAMES}",
    "compiled again, as not sensitive": """b's["compiled",false]'""",
    "a module for a name": """b's["loaded",{"d":["add","module:unittest.__main__"]}]'""",
    "names that are no text": """b's["loaded",{"d":[1,2,null,3]}]'""",
    "true": "b'vtrue'",
    "a handle": """b'v{"h":[0,"int"]}'""",
    "true, for every question to come": "*[b'vtrue'] * 500",
    "answers for every question to come": "*[b'v6', b'v5'] * 200",
    "an empty message": "b''",
    "no known kind": "b'p5'",
    "an answer by arguments changed": "b'i[1,2,3]'",
    "an exception that is no exception": """b'x{"d":["types",["AssertionError","int","type"],"text",5,"line",-1]}'""",
    "an exception of nothing": "b'xnull'",
    "that it printed": """b'o"passed"', b'v5'""",
}

_FLOODED = {
    "length 0xFFFFFFFF": "os.write(W, b'\\xff' * 4 + b'v5')",
    "length 64 MB and a byte": "os.write(W, struct.pack('=I', (64 << 20) + 1) + b'v5')",
    "64 MB of zeros": "os.write(W, struct.pack('=I', 64 << 20)); [os.write(W, bytes(1 << 16)) for _ in range(1024)]",
    "a message cut short": "os.write(W, struct.pack('=I', 100) + b'v5'); os._exit(0)",
    "half a length": "os.write(W, b'\\x02'); os._exit(0)",
    "a message one byte at a time": "[os.write(W, bytes([b])) for b in struct.pack('=I', 2000) + b'v' + b'[' * 1999]",
    "lists nested 100,000 deep": "send(b'v' + b'[' * 100000 + b']' * 100000)",
    "lists nested 900 deep": "send(b'v' + b'[' * 900 + b']' * 900)",
    "tuples nested 100,000 deep": """send(b'v' + b'{"t":[' * 100000 + b']}' * 100000)""",
    "objects nested 100,000 deep": """send(b'v' + b'{"a":' * 100000 + b'1' + b'}' * 100000)""",
    "a number of a million digits": "send(b'v' + b'9' * 1000000)",
    "a hexadecimal number of a million digits": """send(b'v{"i":"' + b'f' * 1000000 + b'"}')""",
    "text that is no ASCII": "send('v\"\u00e9\"'.encode())",
    "bytes that are no text": "send(b'v' + bytes(range(256)))",
    "lone surrogates": """send(b'v"\\\\ud800\\\\udfff"')""",
    "infinities": "send(b'vInfinity'), send(b'v1e999'), send(b'v-Infinity')",
    "a signalling NaN": """send(b'v{"D":"sNaN"}')""",
    "a number of 10^18 digits in short": """send(b'v{"D":"1E+999999999999999999"}')""",
    "no JSON": "send(b'v5 6')",
    "nothing of a value": "send(b'v')",
}

_TAGS = {
    "an unknown tag": '{"zz":[1]}',
    "two tags": '{"t":[1],"s":[2]}',
    "no tag": "{}",
    "the same tag twice": '{"t":[1],"t":[5]}',
    "a handle out of range": '{"h":[1000000000,"int"]}',
    "a handle below range": '{"h":[-1,"int"]}',
    "a handle that is no number": '{"h":[true,"int"]}',
    "a handle with a long name": '{"h":[0,"' + "x" * 5000 + '"]}',
    "an instance of int": '{"o":["int",{"d":["__eq__",true]}]}',
    "an instance of object": '{"o":["object",{"d":[]}]}',
    "an instance of nothing": '{"o":[null,null]}',
    "the type eval": '{"T":"eval"}',
    "the type as a list": '{"T":["int"]}',
    "a tuple of text": '{"t":"ab"}',
    "a dict with a key too few": '{"d":[1,2,3]}',
    "a dict with a list as a key": '{"d":[[1],2]}',
    "a set of dicts": '{"s":[{"d":[]}]}',
    "bytes that are no hex": '{"b":"zz"}',
    "a range of floats": '{"r":[0.5,2]}',
    "a fraction over zero": '{"Q":[1,0]}',
    "a deque of negative length": '{"q":[[1],-1]}',
    "an array of a wrong code": '{"a":["Z",[1]]}',
    "a date that is none": '{"da":[0,0,0]}',
    "a zone of a million hours": '{"tz":{"td":[99999,0,0]}}',
    "a complex of text": '{"c":["1","2"]}',
    "a counter that cannot count": '{"C":[1]}',
}

_ENDS = {
    "closes every descriptor": "os.closerange(0, 64)",
    "closes the line": "os.close(W)",
    "shuts the line for what it answers": "line().shutdown(1)",
    "shuts the line for what it is asked": "line().shutdown(0)",
    "puts its answers to stdout": "os.dup2(1, W)",
    "puts /dev/null in place of the line": "os.dup2(0, W)",
    "answers itself by a line of its own": "a, b = socket.socketpair(); os.dup2(a.fileno(), W)",
    "answers itself by a pipe": "r, w = os.pipe(); os.dup2(w, W)",
    "makes the line not wait": "fcntl.fcntl(W, fcntl.F_SETFL, 2048)",
    "makes the line small": "line().setsockopt(1, 7, 1); line().setsockopt(1, 8, 1)",
    "makes the line large": "line().setsockopt(1, 7, 1 << 30); [os.write(W, bytes(1 << 16)) for _ in range(4096)]",
    "has the line wait": "line().setsockopt(1, 21, bytes(16)); [os.write(W, bytes(65536)) for _ in range(4096)]",
    "peeks without taking": "line().recv(1 << 16, 2 | 64); line().setsockopt(1, 42, 4)",
    "takes back what it has said": "os.read(os.open(f'/proc/self/fd/{W}', os.O_RDONLY | 2048), 1 << 16)",
    "reads its own questions away": "fcntl.fcntl(R, fcntl.F_SETFL, 2048); os.read(R, 1 << 16)",
    "writes passed to every descriptor": "[os.write(fd, b'passed') for fd in (1, 2, W)]",
    "sends its descriptors away": "socket.send_fds(line(), [struct.pack('=I', 2) + b'v5'], [0, 1, 2])",
}


def _tagged(name: str, payload: str) -> Attack:
    body = f"{_SEND}def add(a, b):\n    send(b'v' + {payload!r}.encode())\n    return 0\n"
    return attack(f"sends {name}", _ANY, body, INPUTS)


def _both(name: str, statement: str) -> list[Attack]:
    load = f"{_SEND}try:\n    {statement}\nexcept OSError: pass\ndef add(a, b): return 0\n"
    call = f"{_SEND}def add(a, b):\n    try:\n        {statement}\n    except OSError: pass\n    return 0\n"
    return [attack(f"{name} while loading", _ANY, load, CHECK), attack(f"{name} when called", _ANY, call, INPUTS)]


_CONDUCTS = [
    attack(
        "answers every question twice",
        _ANY,
        f"{_SEND}def add(a, b):\n    send(b'v6')\n    return 5\n",
    ),
    attack(
        "answers the batch of questions in another order",
        "wrong forbidden",
        f"{_SEND}def add(a, b):\n    send(b'v6', b'v5')\n    os._exit(0)\n",
        INPUTS,
    ),
    attack(
        "takes the judge's part and answers true to whatever is asked",
        _ANY,
        f"{_SEND}send({_NAMES})\nwhile True:\n    os.read(R, 1 << 16)\n    send(b'vtrue')\n",
        CHECK,
    ),
    attack(
        "fills the pipe and never reads",
        _ANY,
        f"{_SEND}def add(a, b):\n    while True: send(b'v5' + b' ' * 4000)\n",
    ),
    attack(
        "prints verdicts",
        "wrong",
        "import sys\nfor out in (sys.stdout, sys.stderr):\n"
        "    print('passed', '{\"status\": \"passed\"}', 'OK', file=out, flush=True)\n"
        "def add(a, b):\n    print('Ran 2 tests OK')\n    return 0\n",
    ),
    attack(
        "forges what it printed in a docstring example",
        "wrong forbidden",
        f"{_SEND}def add(a, b):\n    send(b'o\"1\"', b'v5', b'o\"2\"', b'v6')\n    return 0\n",
        DOCS,
    ),
    attack(
        "a script that forges its end",
        "wrong raised",
        f"{_SEND}print(1)\nsend(b's[\"finished\",null]')\nos._exit(0)\n",
        STDIO,
    ),
    attack(
        "a script that floods the judge's pipe",
        _ANY,
        f"{_SEND}while True: send(b's[\"finished\",null]' * 100)\n",
        STDIO,
    ),
    attack(
        "breaks its own reader with a handle of no object",
        "wrong raised forbidden",
        f'{_SEND}def add(a, b):\n    send(b\'v{{"h":[7,"int"]}}\')\n    return 0\n',
        CHECK,
    ),
]

CHANNELS: list[Attack] = [
    *(
        found
        for name, said in _SAID.items()
        for found in (
            attack(f"says {name} while loading", _ANY, f"{_SEND}send({said})\ndef add(a, b): return 0\n", ADD),
            attack(
                f"says {name} when called", _ANY, f"{_SEND}def add(a, b):\n    send({said})\n    return 0\n", INPUTS
            ),
        )
    ),
    *(found for name, statement in _FLOODED.items() for found in _both(f"sends {name}", statement)),
    *(_tagged(name, payload) for name, payload in _TAGS.items()),
    *(found for name, statement in _ENDS.items() for found in _both(name, statement)),
    *_CONDUCTS,
]
