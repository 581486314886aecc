#!/usr/bin/env python3
"""A second implementation of the session protocol of docs/PROTOCOL.md (section 2), written from the document alone.

    client.py --vectors tests/vectors/session.json        checks all test vectors
    client.py --talk HOST:PORT --nick NICK [TEXT]         posts TEXT, waits until the server has it
              [--aes] [--present] [--fetch N] [--key FILE] [--invite TOKEN] [-v]

It needs Python 3.11 and the package `cryptography`. Numbers in comments are sections of PROTOCOL.md.
"""
import argparse
import base64
import contextlib
import hashlib
import hmac
import ipaddress
import json
import os
import random
import socket
import struct
import sys
import time
from typing import Any, Callable, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

VERSION, DATAGRAM_MAX, HEAD, TAG = 2, 1200, 13, 16
HELLO, ANSWER, FINISH, PACKET, UNKNOWN, WRONG_VERSION, KNOCK = range(0xF8, 0xFF)
CHACHA, AES = 0, 1
NO_INVITATION = bytes(16)


class Malformed(Exception):
    """Bytes that the document does not allow."""


# ---- Primitives: hashes, Noise, packets ------------------------------------------------------------------------------

def blake2s(data):
    """BLAKE2s-256 without a key."""
    return hashlib.blake2s(data).digest()


def hmac_blake2s(key, data):
    """HMAC (RFC 2104) with BLAKE2s, as Noise wants it."""
    return hmac.new(key, data, hashlib.blake2s).digest()


def noise_hkdf(chaining_key, material):
    """Noise's HKDF with two outputs."""
    temp = hmac_blake2s(chaining_key, material)
    first = hmac_blake2s(temp, b"\x01")
    return first, hmac_blake2s(temp, first + b"\x02")


def aes_key(noise_key):
    """The AES-256-GCM key of a direction (2.5): HKDF-SHA-256 without a salt, one block of output."""
    extracted = hmac.new(bytes(32), noise_key, hashlib.sha256).digest()
    return hmac.new(extracted, b"udpchat 2 AES-256-GCM\x01", hashlib.sha256).digest()


def public_key(secret):
    """The X25519 public key of a secret."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def diffie_hellman(secret, public):
    """X25519."""
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def nonce(number, cipher=CHACHA):
    """Four zero bytes and the packet number: little-endian for ChaCha20-Poly1305, big-endian for AES-GCM (2.5)."""
    return bytes(4) + number.to_bytes(8, "big" if cipher == AES else "little")


class Direction:
    """One direction of a session: seals or opens packets."""

    def __init__(self, noise_key, cipher):
        self.cipher = cipher
        self.aead = AESGCM(aes_key(noise_key)) if cipher == AES else ChaCha20Poly1305(noise_key)

    def seal(self, session_id, number, plaintext):
        """A whole packet: FB, the receiver's id, the packet number, the ciphertext."""
        return struct.pack(">BIQ", PACKET, session_id, number) + self.aead.encrypt(
            nonce(number, self.cipher), plaintext, b"")

    def open(self, packet):
        """The packet number and the plaintext. Raises InvalidTag for a packet that is not authentic."""
        number = int.from_bytes(packet[5:HEAD], "big")
        return number, self.aead.decrypt(nonce(number, self.cipher), packet[HEAD:], b"")


class Noise:
    """A Noise handshake (revision 34) of 25519, ChaChaPoly and BLAKE2s, for the patterns XX and K."""

    PATTERNS = {"XX": (("e",), ("e", "ee", "s", "es"), ("s", "se")), "K": (("e", "es", "ss"),)}

    def __init__(self, pattern, initiator, static, ephemeral=None, remote_static=None, prologue=b""):
        self.messages = list(self.PATTERNS[pattern])
        self.initiator, self.s, self.e = initiator, static, ephemeral or os.urandom(32)
        self.rs, self.re = remote_static, None
        name = f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2s".encode()
        self.h = name.ljust(32, b"\0") if len(name) <= 32 else blake2s(name)
        self.ck, self.k, self.n = self.h, None, 0
        self.mix_hash(prologue)
        if pattern == "K":  # Both static keys are known before: first the initiator's, then the responder's.
            ours = public_key(static)
            for key in (ours, remote_static) if initiator else (remote_static, ours):
                self.mix_hash(key)

    def mix_hash(self, data):
        """Adds something to the handshake hash."""
        self.h = blake2s(self.h + data)

    def mix_key(self, material):
        """Adds a shared secret to the keys."""
        self.ck, self.k = noise_hkdf(self.ck, material)
        self.n = 0

    def encrypt(self, plaintext):
        """Noise's EncryptAndHash."""
        out = plaintext
        if self.k is not None:
            out = ChaCha20Poly1305(self.k).encrypt(nonce(self.n), plaintext, self.h)
            self.n += 1
        self.mix_hash(out)
        return out

    def decrypt(self, data):
        """Noise's DecryptAndHash."""
        out = data
        if self.k is not None:
            out = ChaCha20Poly1305(self.k).decrypt(nonce(self.n), data, self.h)
            self.n += 1
        self.mix_hash(data)
        return out

    def mix_dh(self, token):
        """`es` is the initiator's ephemeral and the responder's static key, and so on."""
        ours, theirs = token if self.initiator else token[::-1]
        self.mix_key(diffie_hellman(self.e if ours == "e" else self.s, self.re if theirs == "e" else self.rs))

    def write(self, payload):
        """The next message."""
        out = b""
        for token in self.messages.pop(0):
            if token == "e":
                out += public_key(self.e)
                self.mix_hash(public_key(self.e))
            elif token == "s":
                out += self.encrypt(public_key(self.s))
            else:
                self.mix_dh(token)
        return out + self.encrypt(payload)

    def read(self, message):
        """Takes the other end's next message and returns its payload."""
        for token in self.messages.pop(0):
            if token == "e":
                self.re, message = message[:32], message[32:]
                self.mix_hash(self.re)
            elif token == "s":
                length = 32 if self.k is None else 32 + TAG
                self.rs, message = self.decrypt(message[:length]), message[length:]
            else:
                self.mix_dh(token)
        return self.decrypt(message)

    def split(self, cipher):
        """What seals our packets and what opens the other end's: the initiator sends with the first key."""
        first, second = noise_hkdf(self.ck, b"")
        ours, theirs = (first, second) if self.initiator else (second, first)
        return Direction(ours, cipher), Direction(theirs, cipher)


def address_bytes(address):
    """An address for a token: the IP in 16 bytes, IPv4 mapped, and the port."""
    host, _, port = address.rpartition(":")
    ip = ipaddress.ip_address(host.strip("[]"))
    packed = bytes(10) + b"\xff\xff" + ip.packed if ip.version == 4 else ip.packed
    return packed + int(port).to_bytes(2, "big")


def make_token(secret, slot, address):
    """The proof of address of 2.3: 66 bits, so 11 characters of base64url."""
    digest = hashlib.blake2s(slot.to_bytes(8, "big") + address_bytes(address), key=secret).digest()
    return b"\x06" + base64.urlsafe_b64encode(digest[:9])[:11]


# ---- Postcard: a codec reads a value from a Reader, and writes it as bytes -------------------------------------------

class Reader:
    """Bytes that are taken from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        """How many bytes there are still."""
        return len(self.data) - self.at

    def take(self, count):
        """The next `count` bytes."""
        if count > self.left():
            raise Malformed(f"{count} bytes wanted, {self.left()} left")
        self.at += count
        return self.data[self.at - count:self.at]


class Codec(NamedTuple):
    """How a value is read and written, and what stands for it where it is missing."""
    read: Callable
    write: Callable
    zero: Any = None


def uint(bits):
    """A varint of at most so many bits, low bits first; not necessarily the shortest form."""
    def read(r):
        value = 0
        for shift in range(0, bits, 7):
            byte = r.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80 and not value >> bits:
                return value
        raise Malformed(f"a varint of more than {bits} bits")

    def write(value):
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes(out) + bytes([value])
    return Codec(read, write, 0)


def read_bool(r):
    """One byte, 0 or 1."""
    byte = r.take(1)[0]
    if byte > 1:
        raise Malformed(f"a {byte} that should be 0 or 1")
    return byte == 1


def read_str(r):
    """UTF-8 behind its length."""
    try:
        return BYTES.read(r).decode()
    except UnicodeDecodeError as error:
        raise Malformed("a string that is not UTF-8") from error


U32, U64 = uint(32), uint(64)
NOTHING = Codec(lambda r: None, lambda value: b"")
BOOL = Codec(read_bool, lambda value: bytes([value]), False)
BYTES = Codec(lambda r: r.take(U64.read(r)), lambda value: U64.write(len(value)) + value)
STR = Codec(read_str, lambda value: BYTES.write(value.encode()), "")
REST = Codec(lambda r: r.take(r.left()), bytes, b"")
ID8, ID16, KEY = (Codec(lambda r, n=n: r.take(n), bytes, bytes(n)) for n in (8, 16, 32))


def nested(inner):
    """Something behind its length in bytes; whatever follows it in there is ignored."""
    return Codec(lambda r: decode(inner, BYTES.read(r)), lambda value: BYTES.write(inner.write(value)))


def counted(item, most):
    """A count and so many items, at most `most`."""
    def read(r):
        count = U64.read(r)
        if count > most:
            raise Malformed(f"a list of {count}, at most {most}")
        return [item.read(r) for _ in range(count)]
    return Codec(read, lambda value: U64.write(len(value)) + b"".join(map(item.write, value)))


def to_end(item):
    """Items that fill the rest of the body."""
    def read(r):
        items = []
        while r.left():
            items.append(item.read(r))
        return items
    return Codec(read, lambda value: b"".join(map(item.write, value)))


def choice(*cases):
    """A variant number and what belongs to it, as a pair. Of an unknown variant the second is the rest of the bytes."""
    def read(r):
        variant = U32.read(r)
        return variant, cases[variant].read(r) if variant < len(cases) else r.take(r.left())

    def write(value):
        variant, content = value
        return U32.write(variant) + (cases[variant].write(content) if variant < len(cases) else content)
    return Codec(read, write)


def optional(codec):
    """0, or 1 and a value."""
    return choice(NOTHING, codec)


def record(missing=0, **fields):
    """Named fields in their order, as a dict. The last `missing` of them may be missing and are zero then."""
    def read(r):
        out, needed = {}, len(fields) - missing
        for name, codec in fields.items():
            out[name] = codec.read(r) if len(out) < needed or r.left() else codec.zero
        return out
    return Codec(read, lambda value: b"".join(codec.write(value[name]) for name, codec in fields.items()))


def decode(codec, data):
    """Decodes a body or a payload; receivers ignore bytes behind the known fields."""
    return codec.read(Reader(data))


# ---- What the document lists: payloads, entries, records, frames -----------------------------------------------------

OFFER = record(id=U32, ciphers=U32, missing=1)  # {id} of 2.4
JOIN = record(instance=ID8, nick=STR, present=BOOL, place=optional(record(log=ID16, next=U64)),
              history=choice(U64, U64), token=ID16, quiet=BOOL, cipher=U32, missing=3)
LETTER = record(recipient=KEY, nick=STR, to_nick=STR, sealed=BYTES)  # 2.19
PERSON = choice(ID8, U32)
BLOCK = record(blocker=ID8, blocked=ID8)
NAME = choice(NOTHING, ID8, ID8, STR, ID16, STR, BLOCK)
RECORD = choice(
    record(owner=optional(record(who=ID8, key=KEY)), closed=BOOL, expiry=U64, topic=STR),
    record(key=KEY, role=U32, nick=STR, since=U64),
    record(key=KEY, nick=STR, muted_until=U64, out_until=U64, ban=BOOL, by=STR, why=STR),
    record(by=STR, by_who=ID8, uses=U64, until=U64, nick=STR, operator=BOOL),
    record(nick=STR),
    record(nick=STR))

CLAIM = record(key=KEY, tables=U64, first=STR, second=STR)
TERMS = record(key=KEY, hash=ID16, number=U64, operator=BOOL)
ENTRIES = (  # 2.7: the kind, its fields, and what may follow the time
    ("line", record(text=STR), None),
    ("said", record(who=ID8, nick=STR, text=STR), None),
    ("joined", record(who=ID8, nick=STR), CLAIM),
    ("left", record(who=ID8, nick=STR, reason=U32), None),
    ("did", record(who=ID8, nick=STR, text=STR), None),
    ("renamed", record(who=ID8, nick=STR, new=STR), CLAIM),
    ("acted", record(who=ID8, nick=STR, what=U32, whom=ID8, of=STR, until=U64, why=STR), TERMS),
    ("private", record(who=ID8, whom=ID8, nick=STR, to_nick=STR, instance=ID8, counter=U64, sealed=BYTES),
     record(key=KEY)))
KINDS = [kind for kind, _, _ in ENTRIES]


def read_entry(r):
    """An entry: its kind, its fields, its time and, if there is one, its tail. Of an unknown kind only the bytes."""
    variant = U32.read(r)
    if variant >= len(ENTRIES):
        return {"kind": variant, "rest": r.take(r.left())}
    kind, fields, tail = ENTRIES[variant]
    entry = {"kind": kind} | fields.read(r) | {"time": U64.read(r)}
    if tail and r.left() and entry.get("what") != 0:
        entry["tail"] = tail.read(r)
    return entry


def write_entry(entry):
    """The bytes of an entry."""
    if "rest" in entry:
        return U32.write(entry["kind"]) + entry["rest"]
    variant = KINDS.index(entry["kind"])
    _, fields, tail = ENTRIES[variant]
    out = U32.write(variant) + fields.write(entry) + U64.write(entry["time"])
    return out + (tail.write(entry["tail"]) if "tail" in entry else b"")


ENTRY = Codec(read_entry, write_entry)
PAIR = record(skip=U64, run=U64)
FRAMES = {  # 2.6
    0x01: ("ack", record(largest=U64, delay=U32, run=U64, pairs=counted(PAIR, 8))),
    0x02: ("ping", record(stamp=U64)),
    0x03: ("pong", record(stamp=U64)),
    0x04: ("challenge", record(data=ID8)),
    0x05: ("response", record(data=ID8)),
    0x06: ("bye", record(reason=U32)),
    0x10: ("welcome", record(log=ID16, first=U64, behind=U64, remembered=BOOL, nick=STR, program=STR,
                             role=U32, closed=U32, topic=STR, reach=STR, missing=4)),
    0x11: ("entries", record(first=U64, entries=to_end(nested(ENTRY)))),
    0x12: ("gap", record(first=U64, many=U64, why=U32)),
    0x13: ("have", record(next=U64, room=U32, held=counted(PAIR, 16))),
    0x14: ("post", record(counter=U64, settled=U64, post=choice(STR, STR, STR, STR, STR, nested(LETTER)))),
    0x15: ("settled", record(counter=U64, outcome=choice(U64, U32))),
    0x16: ("ask", record(behind=optional(PERSON))),
    0x17: ("people", record(behind=optional(PERSON), more=BOOL,
                            people=to_end(nested(record(nick=STR, person=PERSON, print=REST))))),
    0x18: ("held", record(nick=STR, who=ID8, since=U64)),
    0x19: ("barred", record(until=U64, by=STR, why=STR)),
    0x1A: ("list", record(behind=optional(NAME))),
    0x1B: ("listed", record(behind=optional(NAME), state=U32,
                            records=to_end(nested(record(name=NAME, record=RECORD))))),
    0x1C: ("find", record(name=STR)),
    0x1D: ("found", record(name=STR, whose=U32, nick=STR, key=KEY)),
    0x1E: ("fetch", record(id=U64, where=U32, number=U64, many=U32)),
    0x1F: ("page", record(id=U64, first=U64, behind=U64, oldest=U64)),
    0x20: ("watch", record(number=U64, what=choice(NOTHING, NOTHING, NOTHING, ID8))),
    0x21: ("received", record(number=U64, count=U64, of=U64, what=choice(NOTHING, NOTHING, to_end(ID8), ID8))),
    0x22: ("read", record(number=U64)),
    0x23: ("end", record(number=U64)),
    0x24: ("skip", record(number=U64))}
TYPES = {name: number for number, (name, _) in FRAMES.items()}
NO_ACK = {"ack", "bye", "have"}


def encode_frame(name, /, **fields):
    """A frame: type, length of the body, body."""
    body = FRAMES[TYPES[name]][1].write(fields)
    return struct.pack(">BH", TYPES[name], len(body)) + body


def decode_frames(plaintext):
    """All frames of a packet as pairs of name and fields; padding is left out, and so are unknown types."""
    r, frames = Reader(plaintext), []
    while r.left():
        kind = r.take(1)[0]
        if kind == 0:
            continue
        body = r.take(int.from_bytes(r.take(2), "big"))
        if kind in FRAMES:
            name, codec = FRAMES[kind]
            frames.append((name, decode(codec, body)))
    return frames


# ---- Private messages (2.19) -----------------------------------------------------------------------------------------

def letter_prologue(log, author, recipient, instance, counter, nick, to_nick):
    """What a private message is bound to."""
    out = b"udpchat private message 1" + log + author + recipient + instance + counter.to_bytes(8, "big")
    for name in (nick.encode(), to_nick.encode()):
        out += len(name).to_bytes(4, "big") + name
    return out


def seal_letter(static, recipient, prologue, plaintext):
    """Noise K: one message, the ephemeral key and the ciphertext."""
    return Noise("K", True, static, remote_static=recipient, prologue=prologue).write(plaintext)


def open_letter(static, author, prologue, sealed):
    """The other end of `seal_letter`."""
    return Noise("K", False, static, remote_static=author, prologue=prologue).read(sealed)


def pad_letter(number, run, action, text):
    """What is sealed: number and two bits, the text, 0x80, zeros up to a step of length."""
    data = U64.write(4 * number + 2 * run + action) + text.encode() + b"\x80"
    return data.ljust(next(step for step in (64, 128, 256, 512, 964) if len(data) <= step), b"\0")


def unpad_letter(plaintext):
    """The number, whether it is a run's, whether it is an action, and the text."""
    r = Reader(plaintext)
    head = U64.read(r)
    text = r.take(r.left()).rstrip(b"\0")
    if text[-1:] != b"\x80":
        raise Malformed("a private message without its end")
    return head >> 2, head >> 1 & 1, head & 1, text[:-1].decode()


# ---- Test vectors ----------------------------------------------------------------------------------------------------

class Difference(Exception):
    """A vector that this program computes otherwise."""


def same(what, ours, theirs):
    """Fails with a clear message if two values differ."""
    if ours != theirs:
        show = [value.hex() if isinstance(value, bytes) else repr(value) for value in (ours, theirs)]
        raise Difference(f"{what}:\n  computed {show[0]}\n  the file {show[1]}")


@contextlib.contextmanager
def authentic(what):
    """Says what could not be opened."""
    try:
        yield
    except InvalidTag as error:
        raise Difference(f"{what}: does not open") from error


def unhex(end):
    """An object of hexadecimal strings, as bytes."""
    return {name: bytes.fromhex(value) for name, value in end.items()}


def check_keys(v):
    """Public keys and their hashes."""
    for name in ("client", "server"):
        end = unhex(v[name])
        for kind in ("static", "ephemeral"):
            same(f"{name}, {kind} key", public_key(end[f"{kind}_secret"]), end[f"{kind}_public"])
        same(f"{name}, hash of its key", blake2s(end["static_public"]), end["blake2s_of_public"])
    return "2 ends: static and ephemeral keys, hashes"


def check_token(v):
    """The proof of address."""
    t = v["token"]
    same("token", make_token(bytes.fromhex(t["server_secret"]), t["slot"], t["client_address"]),
         bytes.fromhex(t["token"]))
    return "1"


class Conversation:
    """Checks one list of datagrams, both ends of it; a method for each kind of datagram."""

    def __init__(self, v, key):
        self.v, self.key, self.token = v, key, bytes.fromhex(v["token"]["token"])
        self.ends = {name: unhex(v[name]) for name in ("client", "server")}
        self.ids, self.numbers, self.count = {}, [], {}

    def run(self):
        """Goes through all datagrams."""
        for at, datagram in enumerate(self.v[self.key]):
            sender, what, plain = datagram["from"], datagram["what"], datagram["plaintext"]
            self.where, self.sender = f"{self.key}[{at}], the {sender}'s {what}", sender
            self.receiver = "server" if sender == "client" else "client"
            self.count[what] = self.count.get(what, 0) + 1
            check = getattr(self, f"check_{what}", None)
            same(f"{self.where}: known", check is not None, True)
            with authentic(self.where):
                check(bytes.fromhex(datagram["bytes"]), None if plain is None else bytes.fromhex(plain))
        return f"cipher {self.cipher}, " + ", ".join(f"{count} {what}" for what, count in self.count.items())

    def check_probe(self, data, _):
        """Text, without a plaintext."""
        same(self.where, b"SIGNUP_TAG:" + self.v["nick"].encode() + b"\x06", data)

    def check_token(self, data, _):
        """The token of the file."""
        same(self.where, self.token, data)

    def check_hello(self, data, plain):
        """The first message begins the handshake of both ends."""
        self.ids["client"] = int.from_bytes(data[2:6], "big")
        self.noise = {name: Noise("XX", name == "client", end["static_secret"], end["ephemeral_secret"],
                                  prologue=data[:18]) for name, end in self.ends.items()}
        head = struct.pack(">BBI", HELLO, VERSION, self.ids["client"]) + self.token
        same(self.where, (head + self.noise["client"].write(b"")).ljust(DATAGRAM_MAX, b"\0"), data)
        same(self.where + ", opened", self.noise["server"].read(data[18:50]), plain)

    def message(self, kind, codec, data, plain):
        """The second or third message, from our payload and from theirs."""
        payload = decode(codec, plain)
        same(self.where + ", payload", codec.write(payload), plain)
        head = struct.pack(">BI", kind, self.ids[self.receiver])
        same(self.where, head + self.noise[self.sender].write(plain), data)
        same(self.where + ", opened", self.noise[self.receiver].read(data[5:]), plain)
        return payload

    def check_answer(self, data, plain):
        """The server's id and ciphers."""
        payload = self.message(ANSWER, OFFER, data, plain)
        self.ids["server"], self.offered = payload["id"], payload["ciphers"]

    def check_finish(self, data, plain):
        """The join payload; from here on there are keys for packets."""
        join = self.message(FINISH, JOIN, data, plain)
        self.cipher = join["cipher"]
        same(self.where + ", cipher", self.cipher, self.offered & 1)
        same(self.where + ", instance", join["instance"].hex(), self.v["instance"])
        same(self.where + ", nick", join["nick"], self.v["nick"])
        self.keys = {name: noise.split(self.cipher) for name, noise in self.noise.items()}

    def check_packet(self, data, plain):
        """Opens to the plaintext, is sealed to the same bytes, and its frames are encoded to the same plaintext."""
        number, opened = self.keys[self.receiver][1].open(data)
        same(self.where + ", opened", opened, plain)
        same(self.where, self.keys[self.sender][0].seal(self.ids[self.receiver], number, plain), data)
        frames = decode_frames(plain)
        same(self.where + ", frames", b"".join(encode_frame(name, **f) for name, f in frames).ljust(
            len(plain) if len(data) == DATAGRAM_MAX else 0, b"\0"), plain)
        for name, fields in frames:
            if name == "welcome":
                same(self.where + ", log", fields["log"].hex(), self.v["log"])
        self.numbers.append((self.ids[self.receiver], number))

    def check_unknown(self, data, _):
        """Names a packet that was sent before."""
        kind, *answered = struct.unpack(">BIQ", data)
        same(self.where, kind, UNKNOWN)
        same(self.where + ", answers a packet", tuple(answered) in self.numbers, True)
        self.numbers.remove(tuple(answered))


W7, W8, K9, AT, T8 = b"\x77" * 8, b"\x88" * 8, b"\x09" * 32, 1_700_000_000_123, b"\x08" * 16
ORDER = "2\tann\t600\t0\t\t0\tloud"
EXPECTED = {  # The single frames: what each means, field by field in the order of the document.
    "ack, nothing missing": (300, 25000, 2, ()),
    "ack, 3 missing below 298, 1 received, 2 missing, 4 received": (300, 25000, 2, ((3, 1), (2, 4))),
    "ping": (2**40,), "pong": (2**40,),
    "challenge": (bytes(range(1, 9)),), "response": (bytes(range(1, 9)),),
    "bye, the server ends": (6,), "bye, a reason that nobody knows": (200,),
    "welcome, of a log that may have forgotten posts":
        (b"U" * 16, 7, 300, False, "jane", "x", 2, 1, "tea", "chat.example:9999"),
    "gap, gone": (300, 128, 0), "gap, cannot be read": (300, 1, 1), "gap, without effect": (300, 1, 5),
    "have, nothing held": (128, 4096, ()),
    "have, 1 missing, 2 held, 3 missing, 4 held": (128, 4096, ((1, 2), (3, 4))),
    "post, said": (200, 190, (0, "hey")), "post, done": (200, 190, (1, "waves")),
    "post, rename": (200, 190, (2, "jane")), "post, release": (200, 190, (3, "jane")),
    "post, order to mute ann for ten minutes": (200, 190, (4, ORDER)),
    "post, private": (200, 190, (5, (K9, "jack", "jill", b"\xab" * 112))),
    "settled, entry 300": (5, (0, 300)), "settled, refused: full": (5, (1, 0)),
    "settled, refused: the kind is not known": (5, (1, 7)),
    "settled, refused: a reason that nobody knows": (5, (1, 99)),
    "settled, refused: the nick is not the author's": (5, (1, 9)),
    "settled, refused: no right": (5, (1, 10)), "settled, refused: blocked": (5, (1, 15)),
    "ask, from the beginning": ((0, None),), "ask, behind a key": ((1, (0, W7)),),
    "ask, behind a text member": ((1, (1, 300)),),
    "people, behind a key, with more": ((1, (0, W7)), True, (("jane", (0, W7), bytes([0x78]) * 8), ("al", (1, 300), b""))),
    "held, since a time": ("jane", W7, AT), "barred, by ann until a time": (AT, "ann", "spam"),
    "list, from the beginning": ((0, None),), "list, behind a known key": ((1, (1, W7)),),
    "list, behind what is blocked": ((1, (6, (W7, bytes(8)))),),
    "listed, a known key and an invitation":
        ((0, None), 0, (((1, W7), (1, (K9, 2, "ann", AT))), ((4, T8), (3, ("ann", W7, 5, AT, "", False))))),
    "listed, what is blocked": ((0, None), 0, (((6, (W7, W8)), (5, ("al",))),)),
    "find, a nick": ("jill",), "found, a key": ("jill", 0, "Jill", K9),
    "found, a text member": ("jill", 3, "", bytes(32)),
    "fetch, 128 before 300": (5, 0, 300, 128), "fetch, 10 around 300": (6, 1, 300, 10), "page": (5, 172, 300, 150),
    "read, everything before 300": (300,), "end": (4000,), "skip, everything before 4000": (4000,),
    "gap, skipped": (300, 3700, 6),
    "watch, how many": (300, (1, None)), "watch, a key": (300, (3, W7)),
    "received, by one of three": (300, 1, 3, (2, (W7,))), "received, by a key": (300, 1, 1, (3, W7)),
    "received, not the author's": (300, 0, 0, (0, None))}


def values(decoded):
    """A decoded value without the names of its fields: nested tuples, as in EXPECTED."""
    if isinstance(decoded, dict):
        decoded = decoded.values()
    elif not isinstance(decoded, (list, tuple)):
        return decoded
    return tuple(map(values, decoded))


def check_frames(v):
    """Single frames: decoded, compared with what they mean, and encoded again."""
    for vector in v["frames"]:
        what, data = vector["what"], bytes.fromhex(vector["bytes"])
        decoded = decode_frames(data)
        same(f"frame '{what}', type", [name for name, _ in decoded], [what.split(",")[0]])
        name, fields = decoded[0]
        same(f"frame '{what}'", encode_frame(name, **fields), data)
        same(f"frame '{what}', known", what in EXPECTED, True)
        same(f"frame '{what}', fields", EXPECTED[what], values(fields))
    return f"{len(v['frames'])}, field by field"


def check_joins(v):
    """Payloads of the finish: decoded, compared with their descriptions, and encoded again."""
    histories = {"the last 50 messages": (0, 50), "all of it": (0, 2**64 - 1), "of the last hour": (1, 3600)}
    for vector in v["joins"]:
        what, data = vector["what"], bytes.fromhex(vector["bytes"])
        join = decode(JOIN, data)
        same(f"join '{what}'", JOIN.write(join), data)
        place = what.startswith("with a place")
        same(f"join '{what}', fields", {
            "instance": bytes.fromhex(v["instance"]), "nick": v["nick"], "present": True,
            "place": (1, {"log": bytes.fromhex(v["log"]), "next": 300}) if place else (0, None),
            "history": (0, 50) if place else histories.get(what.split(", ")[-1], (0, 0)),
            "token": b"\x07" * 16 if what == "with an invitation" else NO_INVITATION,
            "quiet": what == "without receipts", "cipher": int(what == "with AES")}, join)
    return str(len(v["joins"]))


def check_letters(v):
    """Private messages from the client's key to the server's."""
    author, secret = bytes.fromhex(v["client"]["static_public"]), bytes.fromhex(v["server"]["static_secret"])
    recipient = public_key(secret)
    for vector in v["letters"]:
        what, data = vector["what"], bytes.fromhex(vector["entry"])
        plain = bytes.fromhex(vector["plaintext"])
        entry = decode(ENTRY, data)
        same(f"letter '{what}', entry", ENTRY.write(entry), data)
        same(f"letter '{what}', keys", (entry["who"], entry["whom"], entry["tail"]["key"]),
             (blake2s(author)[:8], blake2s(recipient)[:8], author))
        prologue = letter_prologue(bytes.fromhex(v["log"]), author, recipient, bytes.fromhex(v["instance"]),
                                   entry["counter"], entry["nick"], entry["to_nick"])
        same(f"letter '{what}', prologue", prologue, bytes.fromhex(vector["prologue"]))
        same(f"letter '{what}', instance", entry["instance"].hex(), v["instance"])
        same(f"letter '{what}', time", entry["time"], AT)
        with authentic(f"letter '{what}'"):
            same(f"letter '{what}', opened", open_letter(secret, author, prologue, entry["sealed"]), plain)
        same(f"letter '{what}', padding", pad_letter(*unpad_letter(plain)), plain)
        sealed = seal_letter(bytes.fromhex(v["client"]["static_secret"]), recipient, prologue, plain)
        same(f"letter '{what}', sealed anew", open_letter(secret, author, prologue, sealed), plain)
    return str(len(v["letters"]))


def check_vectors(path):
    """Checks the whole file; 0 if nothing differs."""
    with open(path, encoding="utf-8") as file:
        v = json.load(file)
    checks = {"keys": check_keys, "token": check_token, "conversation": lambda v: Conversation(v, "datagrams").run(),
              "conversation with AES": lambda v: Conversation(v, "aes").run(), "frames": check_frames,
              "joins": check_joins, "letters": check_letters}
    for name, check in checks.items():
        try:
            print(f"ok  {name}: {check(v)}")
        except (Difference, Malformed, ValueError, KeyError, IndexError) as error:
            print(f"DIFFERENT  {name}: {type(error).__name__}: {error}")
            return 1
    return 0


# ---- A small client --------------------------------------------------------------------------------------------------

BYE = {0: "left", 1: "timed out", 2: "replaced by a newer session", 3: "nick taken", 4: "room full",
       5: "too many sessions of this key", 6: "the server ends", 7: "the protocol was violated",
       8: "this key is refused for some minutes", 9: "nobody may have this nick", 10: "another key has the same who",
       11: "kicked", 12: "banned", 13: "only known keys may come in", 14: "the invitation is none",
       15: "the invitation is for another nick", 16: "muted"}


class Ended(Exception):
    """There is no session, or none any more."""


def exchange(sock, datagram, wanted):
    """Sends a datagram after 0, 0.5, 1, 2 and 4 s until `wanted` makes something of an answer (2.4)."""
    for pause in (0.5, 1, 2, 4, 4):
        sock.send(datagram)
        until = time.monotonic() + pause * random.uniform(0.75, 1.25)
        while (left := until - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                result = wanted(sock.recv(2048))
            except (TimeoutError, ConnectionRefusedError):
                continue
            if result is not None:
                return result
    raise Ended("no answer")


def is_token(data):
    """Whether a datagram is a token."""
    return len(data) == 12 and data[0] == 0x06


class Session:
    """A session with a server, on loopback: it repeats what is lost, but has no congestion control."""

    def __init__(self, sock, static, nick, want_aes, present, invitation=NO_INVITATION, verbose=False):
        self.sock, self.verbose = sock, verbose
        self.received, self.next_number, self.ended = set(), 0, False
        self.entries, self.wanted, self.welcome, self.frames, self.counter = {}, None, None, [], 0
        self.static, self.nick, self.instance = static, nick, os.urandom(8)
        noise = self.hello()
        join = {"instance": self.instance, "nick": nick, "present": present, "place": (0, None), "history": (0, 0),
                "token": invitation, "quiet": True, "cipher": AES if want_aes and self.offered & 1 else CHACHA}
        finish = struct.pack(">BI", FINISH, self.server_id) + noise.write(JOIN.write(join))
        self.ours, self.theirs = noise.split(join["cipher"])
        self.cipher, self.server_key = join["cipher"], noise.rs
        exchange(sock, finish, lambda data: self.take(data) or None)
        self.until(lambda: self.welcome)

    def hello(self):
        """Probe, token, hello and answer. Returns the handshake, which still has to write its third message."""
        probe = b"SIGNUP_TAG:" + self.nick.encode() + b"\x06"
        token = exchange(self.sock, probe, lambda data: data if is_token(data) else None)
        for _ in range(8):
            self.client_id = int.from_bytes(os.urandom(4), "big")
            head = struct.pack(">BBI", HELLO, VERSION, self.client_id) + token
            answer = exchange(self.sock, (head + (noise := Noise("XX", True, self.static, prologue=head)).write(b""))
                              .ljust(DATAGRAM_MAX, b"\0"), lambda data: self.is_answer(data, token))
            if not is_token(answer):
                offer = decode(OFFER, noise.read(answer[5:]))
                self.server_id, self.offered = offer["id"], offer["ciphers"]
                return noise
            token = answer
        raise Ended("too many tokens")

    def is_answer(self, data, token):
        """An answer to our hello, or another token than the one in it."""
        if is_token(data) and data != token:
            return data
        if data[:1] == bytes([WRONG_VERSION]) and data[1:5] == self.client_id.to_bytes(4, "big"):
            raise Ended(f"the server speaks version {data[5]}")
        return data if data[:5] == struct.pack(">BI", ANSWER, self.client_id) else None

    def send(self, *frames, full=False):
        """Seals frames into a packet, behind what acknowledges everything received. A full one is padded."""
        plaintext = b"".join((*self.acks(), *frames))
        if full:
            plaintext = plaintext.ljust(DATAGRAM_MAX - HEAD - TAG, b"\0")
        self.sock.send(self.ours.seal(self.server_id, self.next_number, plaintext))
        self.next_number += 1

    def acks(self):
        """An ack frame of the packets received and a have frame of the entries."""
        if self.received:
            runs = runs_of(self.received)[-9:][::-1]  # from the highest down
            pairs = [{"skip": upper[0] - lower[1] - 1, "run": lower[1] - lower[0] + 1}
                     for upper, lower in zip(runs, runs[1:])]
            yield encode_frame("ack", largest=runs[0][1], delay=0, run=runs[0][1] - runs[0][0], pairs=pairs)
        if self.wanted is not None:
            at, held = self.wanted, []
            for first, last in runs_of(n for n in self.entries if n > at)[:16]:
                held.append({"skip": first - at, "run": last - first + 1})
                at = last + 1
            yield encode_frame("have", next=self.wanted, room=4096, held=held)

    def take(self, data):
        """Handles a datagram; true if it is an authentic packet of this session."""
        head = struct.pack(">BI", PACKET, self.client_id)
        if len(data) == HEAD and data[:5] == struct.pack(">BI", UNKNOWN, self.server_id) \
                and self.next_number - 100 <= int.from_bytes(data[5:], "big") < self.next_number:
            self.ended = True
            raise Ended("the server does not know the session")
        if data[:5] != head or int.from_bytes(data[5:HEAD], "big") in self.received:
            return False
        try:
            number, plaintext = self.theirs.open(data)
        except InvalidTag:
            return False
        self.received.add(number)
        try:
            frames = decode_frames(plaintext)
        except Malformed as error:
            self.send(encode_frame("bye", reason=7))
            raise Ended(f"the server sent what is malformed: {error}") from error
        for name, fields in frames:
            if self.verbose:
                print(f"< {number} {name} {fields}", file=sys.stderr)
            self.handle(name, fields)
        if any(name not in NO_ACK for name, _ in frames):
            self.send()
        return True

    def handle(self, name, f):
        """What a frame of the server does."""
        if name == "welcome" and self.welcome is None:
            self.welcome, self.wanted = f, f["first"]
        elif name == "ping":
            self.send(encode_frame("pong", stamp=f["stamp"]))
        elif name == "challenge":
            self.send(encode_frame("response", data=f["data"]), full=True)
        elif name == "bye":
            self.ended = True
            raise Ended(f"the server says: {BYE.get(f['reason'], f['reason'])} ({f['reason']})")
        elif name == "entries":
            for number, entry in enumerate(f["entries"], f["first"]):
                self.entries[number] = entry
        elif name == "gap":
            for number in range(f["first"], f["first"] + min(f["many"], 4096)):
                self.entries.setdefault(number, {"kind": "gap", "why": f["why"]})
            if self.wanted is not None and f["first"] <= self.wanted < f["first"] + f["many"]:
                self.wanted = f["first"] + f["many"]
        else:
            self.frames.append((name, f))
        while self.wanted in self.entries:
            self.wanted += 1

    def until(self, done, again=None, timeout=10):
        """Receives until `done` returns something, and sends the frame `again` once a second."""
        end, repeat = time.monotonic() + timeout, 0
        while not (result := done()):
            if time.monotonic() >= end:
                raise Ended("no answer in time")
            if again and time.monotonic() >= repeat:
                self.send(again)
                repeat = time.monotonic() + 1
            self.sock.settimeout(0.2)
            try:
                self.take(self.sock.recv(2048))
            except (TimeoutError, ConnectionRefusedError):
                pass
        return result

    def reply(self, name, **match):
        """The newest frame of that name with these fields."""
        return next((f for n, f in reversed(self.frames) if n == name and match.items() <= f.items()), None)

    def post(self, kind, content):
        """Posts something and waits until it is settled: the entry's number."""
        counter, self.counter = self.counter, self.counter + 1
        frame = encode_frame("post", counter=counter, settled=counter, post=(kind, content))
        outcome, number = self.until(lambda: self.reply("settled", counter=counter), frame)["outcome"]
        if outcome != 0:
            raise Ended(f"the post was refused: {number}")
        return number

    def fetch(self, count):
        """The last entries of the log, as pairs of number and entry (2.20), in pages of 128."""
        numbers, before, page_id = [], 2**64 - 1, 0
        while count > 0:
            page_id += 1
            ask = encode_frame("fetch", id=page_id, where=0, number=before, many=min(count, 128))
            page = self.until(lambda: self.reply("page", id=page_id), ask)
            here = range(page["first"], page["behind"])
            self.until(lambda: all(number in self.entries for number in here), ask)
            numbers = [*here, *numbers]
            count, before = count - len(here), page["first"]
            if not here or before <= page["oldest"]:
                break
        return [(number, self.entries[number]) for number in numbers]

    def bye(self):
        """Ends the session; repeated until the server does not know it any more, at most 3 times."""
        for _ in range(3):
            self.send(encode_frame("bye", reason=0))
            try:
                self.until(lambda: False, timeout=0.2)
            except Ended:
                if self.ended:
                    return


def runs_of(numbers):
    """Pairs of the first and the last number of each run, upwards."""
    runs = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def render(entry):
    """What a text peer is sent of an entry (2.7)."""
    kind, nick = entry["kind"], entry.get("nick", "")
    match kind:
        case "line":
            return entry["text"]
        case "said":
            return f"{nick}: {entry['text']}"
        case "did":
            return f"* {nick} {entry['text']}"
        case "joined":
            return f"{nick} joined!"
        case "left":
            why = BYE.get(entry["reason"], str(entry["reason"]))
            return f"{nick} left" + (f" ({why})" if entry["reason"] else "")
        case "renamed":
            return f"{nick} is now {entry['new']}"
        case "acted":
            return f"({nick or 'the owner'}: act {entry['what']}, {entry['of']!r}, {entry['why']!r})"
        case "private":
            return f"(private: {nick} to {entry['to_nick']})"
    return f"({kind})"


def static_key(path):
    """Our static secret: the one in the file, which is made if it is not there; or a new one for this run."""
    if not path:
        return os.urandom(32)
    if not os.path.exists(path):
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(os.urandom(32))
    with open(path, "rb") as file:
        return file.read(32)


def talk(args):
    """The client of the command line."""
    host, _, port = args.talk.rpartition(":")
    family, kind, proto, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
    invitation = base64.urlsafe_b64decode(args.invite + "==") if args.invite else NO_INVITATION
    with socket.socket(family, kind, proto) as sock:
        sock.connect(address)
        try:
            session = Session(sock, static_key(args.key), args.nick, args.aes, args.present, invitation, args.verbose)
            welcome = session.welcome
            print(f"in the room of {welcome['program']} as {welcome['nick']}, cipher {session.cipher}, "
                  f"server's key {base64.urlsafe_b64encode(session.server_key).decode().rstrip('=')}")
            if args.text is not None:
                print(f"accepted: entry {session.post(0, args.text)}")
            for number, entry in session.fetch(args.fetch):
                print(f"{number:6} {render(entry)}")
            session.bye()
        except Ended as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Checks test vectors of udpchat, or talks to a server.")
    parser.add_argument("--vectors", metavar="PATH")
    parser.add_argument("--talk", metavar="HOST:PORT")
    parser.add_argument("--nick", default="snake")
    parser.add_argument("--aes", action="store_true", help="take AES-256-GCM if the server offers it")
    parser.add_argument("--present", action="store_true", help="join the room instead of only posting")
    parser.add_argument("--fetch", type=int, default=0, metavar="N", help="print the last N entries")
    parser.add_argument("--key", metavar="FILE", help="32 bytes, made if missing")
    parser.add_argument("--invite", metavar="TOKEN", help="the part of a link behind the dot")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the server's frames")
    parser.add_argument("text", nargs="?")
    args = parser.parse_args()
    if args.vectors:
        return check_vectors(args.vectors)
    if args.talk:
        return talk(args)
    parser.error("--vectors or --talk")


if __name__ == "__main__":
    sys.exit(main())
