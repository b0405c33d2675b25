#!/usr/bin/env python3
"""Reads the case files with nothing of Perdure's own code: Python's standard library, and the tables of the pages beside this file.

    python3 protocol/check.py            every case; exits with 1 when one is read otherwise than it says

A second implementation of the codecs in small: whoever writes a real one can begin here. Verifying and opening (cases of identity, logs,
sealing, notices) need Ed25519, X25519 and AES-256-GCM, which the standard library has not; those files are counted as not read.
"""

import glob
import hashlib
import hmac
import json
import os
import re
import sys
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_NUMBER = 2**53 - 1
MOST_NESTING = 8
MOST_ITEMS = 1024
MOST_EXTENSION_BYTES = 65536


class Refused(Exception):
    """What the format says no to; its text is the error code."""


def malformed():
    raise Refused("malformed")


# ---- the tables of the pages -------------------------------------------------------------------------------------------------


def read_tables():
    """Shapes by name: their fields as (name, form), and how many bytes they may take."""
    shapes = {}
    for path in sorted(glob.glob(os.path.join(HERE, "*.md"))):
        with open(path, encoding="utf-8") as page:
            for name, body in re.findall(r"<!-- table: ([a-z -]+) -->\n(.*?)<!-- end of table -->", page.read(), re.S):
                most = re.search(r"At most ([0-9,]+) bytes\.", body)
                if most is None:
                    continue
                rows = re.findall(r"^\| \d+ \| (\w+) \| (.*?) \|", body, re.M)
                shapes[name] = ([(field, read_form(form)) for field, form in rows], int(most.group(1).replace(",", "")))
    return shapes


def read_form(text):
    """A form as the tables write it, as a tuple that begins with its kind."""
    form, rest = parse_form(text)
    if rest != "":
        raise ValueError(f"a form goes on with {rest!r}: {text!r}")
    return form


def parse_form(text):
    inner = re.match(r"(list of|nothing or) \(", text)
    if inner is not None:
        end = closing(text, inner.end() - 1)
        item = read_form(text[inner.end() : end])
        rest = text[end + 1 :]
        if inner.group(1) == "nothing or":
            return ("optional", item), rest
        most = re.match(r", at most (\d+)", rest)
        return ("list", item, int(most.group(1))), rest[most.end() :]
    for pattern, kind in ((r"uint$", "uint"), (r"extensions \[\[code, bytes\], \.\.\.\] sorted by code$", "extensions")):
        if re.match(pattern, text):
            return (kind,), ""
    sized = re.match(r"(\d+) bytes$", text)
    if sized:
        return ("fixed", int(sized.group(1))), ""
    most = re.match(r"(bytes|text), at most (\d+)(?: bytes)?$", text)
    if most:
        return (most.group(1), int(most.group(2))), ""
    if text == "0 or 1":
        return ("flag",), ""
    if re.match(r"0 \S", text):
        return ("choice", [re.sub(r"^\d+ ", "", word) for word in text.split(", ")]), ""
    return ("shape", text), ""


def closing(text, opening):
    depth = 0
    for at in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise ValueError(f"a bracket is not closed: {text!r}")


# ---- deterministic CBOR arrays -----------------------------------------------------------------------------------------------


def read_cbor(data):
    value, end = read_item(data, 0, 0)
    if end != len(data):
        malformed()
    return value


def read_item(data, at, depth):
    if at >= len(data):
        malformed()
    major, low = data[at] >> 5, data[at] & 31
    if major not in (0, 2, 3, 4) or low > 27:
        malformed()
    width = 0 if low < 24 else 1 << (low - 24)
    start = at + 1 + width
    if start > len(data):
        malformed()
    number = low if width == 0 else int.from_bytes(data[at + 1 : start], "big")
    if width > 0 and number < {1: 24, 2: 2**8, 4: 2**16, 8: 2**32}[width]:
        raise Refused("not-deterministic")
    if major == 0:
        if number > MOST_NUMBER:
            malformed()
        return number, start
    if major == 4:
        if number > 0 and depth == MOST_NESTING:
            malformed()
        items = []
        for _ in range(number):
            item, start = read_item(data, start, depth + 1)
            items.append(item)
        return items, start
    if number > len(data) - start:
        malformed()
    content = data[start : start + number]
    return (content if major == 2 else read_text(content)), start + number


def read_text(content):
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("not-deterministic") from None
    if text.startswith("\ufeff"):
        raise Refused("not-deterministic")
    return text


def decode(shapes, name, data):
    """The value of a shape, as the case files write values."""
    if len(data) > shapes[name][1]:
        raise Refused("too-large")
    return read_value(shapes, ("shape", name), read_cbor(data))


def read_value(shapes, form, plain):
    kind = form[0]
    if kind == "uint":
        return plain if isinstance(plain, int) else malformed()
    if kind == "flag":
        return plain == 1 if isinstance(plain, int) and plain in (0, 1) else malformed()
    if kind == "fixed":
        return plain.hex() if isinstance(plain, bytes) and len(plain) == form[1] else malformed()
    if kind == "bytes":
        return plain.hex() if isinstance(plain, bytes) and len(plain) <= form[1] else malformed()
    if kind == "text":
        fits = isinstance(plain, str) and len(plain.encode("utf-8")) <= form[1] and unicodedata.normalize("NFC", plain) == plain
        return plain if fits else malformed()
    if kind == "choice":
        return form[1][plain] if isinstance(plain, int) and plain < len(form[1]) else malformed()
    if not isinstance(plain, list):
        return malformed()
    if kind == "list":
        return [read_value(shapes, form[1], each) for each in plain] if len(plain) <= form[2] else malformed()
    if kind == "optional":
        return malformed() if len(plain) > 1 else read_value(shapes, form[1], plain[0]) if plain else None
    if kind == "extensions":
        return read_extensions(plain)
    fields = shapes[form[1]][0]
    if len(plain) != len(fields):
        malformed()
    return {name: read_value(shapes, of, each) for (name, of), each in zip(fields, plain)}


def read_extensions(plain):
    if len(plain) > MOST_ITEMS:
        malformed()
    last, read = -1, []
    for pair in plain:
        if not isinstance(pair, list) or len(pair) != 2:
            malformed()
        code, content = pair
        if not isinstance(code, int) or not isinstance(content, bytes) or len(content) > MOST_EXTENSION_BYTES or code <= last:
            malformed()
        if code % 2 == 0:
            raise Refused("needs-newer-version")
        last = code
        read.append([code, content.hex()])
    return read


# ---- fixed layouts -----------------------------------------------------------------------------------------------------------


def number_at(data, at, size=8):
    number = int.from_bytes(data[at : at + size], "big")
    return number if number <= MOST_NUMBER else malformed()


def decode_envelope(data):
    if len(data) < 1:
        malformed()
    if data[0] != 1 and len(data) >= 1:
        raise Refused("needs-newer-version" if data[0] > 1 else "needs-older-version")
    if len(data) < 128 or data[1] > 2 or data[2:4] != b"\0\0":
        malformed()
    body = number_at(data, 4, 4)
    if body > 320 * 1024:
        raise Refused("too-large")
    if len(data) != 128 + body:
        malformed()
    seq, expires = number_at(data, 80), number_at(data, 88)
    if seq == 0 or expires == 0 or data[106:112] != bytes(6):
        malformed()
    suite = number_at(data, 104, 2)
    if suite > 1:
        raise Refused("needs-newer-version")
    name = ("mail", "receipt", "notice")[data[1]]
    if (suite == 0) != (name == "notice") or (suite == 0 and data[96:104] != bytes(8)):
        malformed()
    return {
        "class": name,
        "from": data[8:40].hex(),
        "to": data[40:72].hex(),
        "stream": data[72:80].hex(),
        "seq": seq,
        "expiresAtMs": expires,
        "inboxKeyId": data[96:104].hex(),
        "suite": suite,
        "digest": data[112:128].hex(),
        "body": data[128:].hex(),
    }


def digest_of(data):
    return hashlib.sha256(b"perdure/digest/1" + data[:112] + data[128:]).digest()[:16]


def frame_types():
    with open(os.path.join(HERE, "frames-and-session.md"), encoding="utf-8") as page:
        body = re.search(r"<!-- table: frame types -->\n(.*?)<!-- end of table -->", page.read(), re.S).group(1)
    return {int(number): name for number, name in re.findall(r"^\| (\d+) \| `([\w-]+)` \|", body, re.M)}


def decode_transport(types, data, counter, key):
    if len(data) > 512 * 1024:
        raise Refused("too-large")
    if len(data) < 2:
        malformed()
    if data[0] != 1:
        raise Refused("needs-newer-version" if data[0] > 1 else "needs-older-version")
    if data[1] != (0 if key is None else 1):
        malformed()
    at = 2
    if key is not None:
        at = 18
        if len(data) < at:
            malformed()
        tag = hmac.new(key, counter.to_bytes(8, "big") + data[at:], hashlib.sha256).digest()[:16]
        if not hmac.compare_digest(tag, data[2:18]):
            raise Refused("bad-mac")
    frames = []
    while at < len(data):
        if len(data) - at < 8 or data[at] not in types or data[at + 1] != 0:
            malformed()
        end = at + 8 + number_at(data, at + 4, 4)
        if end > len(data):
            malformed()
        frames.append({"name": types[data[at]], "channel": number_at(data, at + 2, 2), "payload": data[at + 8 : end].hex()})
        at = end
    return frames or malformed()


def decode_mail(data):
    if len(data) < 16:
        malformed()
    seq = number_at(data, 0)
    if seq == 0 or data[9] > 1 or data[10:16] != bytes(6):
        malformed()
    start = 48 if data[9] == 1 else 16
    if len(data) < start:
        malformed()
    value = {"linkSeq": seq, "hopLimit": data[8], "envelope": data[start:].hex()}
    return {**value, "home": data[16:48].hex()} if start == 48 else value


def decode_deliver(data):
    if len(data) < 24:
        malformed()
    position, stored = number_at(data, 8), number_at(data, 16)
    if position == 0:
        malformed()
    return {"generation": data[:8].hex(), "position": position, "storedAtMs": stored, "envelope": data[24:].hex()}


def decode_ack(data):
    return number_at(data, 0) if len(data) == 8 else malformed()


# ---- the case files ----------------------------------------------------------------------------------------------------------


def bytes_of(said):
    """Hexadecimal, or a list of [hexadecimal, how often]."""
    return bytes.fromhex(said) if isinstance(said, str) else b"".join(bytes.fromhex(piece) * times for piece, times in said)


class Tally:
    def __init__(self):
        self.valid = self.invalid = 0
        self.wrong = []

    def check(self, cases, read, where):
        for case in cases["valid"]:
            self.valid += 1
            self.compare(where, case, lambda case=case: read(case), case.get("value", case.get("frames")))
        for case in cases["invalid"]:
            self.invalid += 1
            self.compare(where, case, lambda case=case: read(case), Refused(case["error"]))

    def compare(self, where, case, read, expected):
        try:
            got = read()
        except Refused as refused:
            got = refused
        same = str(got) == str(expected) if isinstance(got, Refused) or isinstance(expected, Refused) else got == expected
        if not same:
            self.wrong.append(f"{where}, {case['name']}: read {shown(got)}, expected {shown(expected)}")


def shown(value):
    return f"refused({value})" if isinstance(value, Refused) else json.dumps(value)[:200]


def main():
    shapes, types, tally, unread = read_tables(), frame_types(), Tally(), []
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.json"))):
        name = os.path.basename(path)[: -len(".json")]
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        if name.startswith("shapes-"):
            for shape, cases in content.items():
                tally.check(cases, lambda case, shape=shape: decode(shapes, shape, bytes_of(case["bytes"])), f"{name} {shape}")
        elif name == "envelope":
            tally.check(content, lambda case: decode_envelope(bytes_of(case["bytes"])), name)
            for case in content["wrongDigest"]:
                data = bytes_of(case["bytes"])
                tally.valid += 1
                if digest_of(data) == data[112:128]:
                    tally.wrong.append(f"{name}, {case['name']}: its digest is right")
            for case in content["valid"]:
                data = bytes_of(case["bytes"])
                if digest_of(data) != data[112:128]:
                    tally.wrong.append(f"{name}, {case['name']}: its digest is wrong")
        elif name == "frames":
            key_of = lambda case: bytes.fromhex(case["key"]) if "key" in case else None
            tally.check(
                content["transport"],
                lambda case: decode_transport(types, bytes_of(case["bytes"]), case.get("counter", 0), key_of(case)),
                "transport",
            )
            for frame, read in (("mail", decode_mail), ("deliver", decode_deliver), ("ack", decode_ack)):
                tally.check(content[frame], lambda case, read=read: read(bytes_of(case["bytes"])), frame)
        else:
            unread.append(name)
    for line in tally.wrong:
        print(line)
    print(f"{tally.valid} valid and {tally.invalid} invalid cases read, {len(tally.wrong)} otherwise than they say")
    print(f"not read, for want of cryptography: {', '.join(unread)}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
