"""More than a hundred payloads that must not get past the door, each with the reason it is counted under."""

from __future__ import annotations

import json

import pytest

from devices.market_messages import decode_market
from devices.messages import decode_acknowledgement, decode_setpoint, decode_telemetry
from devices.topics import MarketChannel
from devices.wire import Rejection
from models.domain.telemetry import Drop
from tests.devices.example_site import BATTERY

CANARY = "canary-7f3a"
STAMP = '"2026-06-12T10:00:00Z"'

WITH = '{"schema":1,"ts_utc":"2026-06-12T10:00:00Z","seq":5,"power_w":%s}'
BAD_POWERS = [
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1e308",
    "2.1e7",
    "-2.1e7",
    "9" * 400,
    "-" + "9" * 400,
    "true",
    "false",
    '"5"',
    '""',
    '"NaN"',
    '"1 kW"',
    "[5]",
    "[]",
    "{}",
    '{"value":5}',
    "[[[[5]]]]",
]
BROKEN_NUMBERS = ["nan", "inf", "0x10", "1_000", "+5", "05", ".5", "5.", "1e", "--5", "5 5", "", "5,", "undefined"]
BAD_SCHEMAS = ["0", "2", "1.5", "-1", "true", "null", '"1"', "[1]", "1e3", "9" * 30]
BAD_STAMPS = [
    '"1970-01-01T00:00:00Z"',
    '"1999-12-31T23:59:59Z"',
    '"2101-01-01T00:00:00Z"',
    '"9999-12-31T23:59:59Z"',
    '"0001-01-01T00:00:00+14:00"',
    '"2026-06-12T10:00:00"',
    '"2026-06-12"',
    '"2026-06-12 10:00:00Z"',
    '"2026-06-12T10:00Z"',
    '"2026-06-12T24:00:00Z"',
    '"2026-06-12T23:59:60Z"',
    '"2026-02-30T10:00:00Z"',
    '"2026-13-01T10:00:00Z"',
    '"2026-06-12T10:00:00+99:00"',
    '"2026-06-12T10:00:00.1234567Z"',
    '"2026-06-12T10:00:00Z\\n"',
    '"\\u0662026-06-12T10:00:00Z"',
    '"٢٠٢٦-06-12T10:00:00Z"',
    '"1781258400"',
    '"-1"',
    '""',
    '"now"',
    "1781258400",
    "1781258400000",
    "2147483648",
    "1e308",
    "-1",
    "0",
    "null",
    "true",
    "[]",
]
BAD_COUNTS = ["-1", "1.5", "1.0", "true", '"5"', "null", "9007199254740993", "1e400", "NaN", "[]"]
BAD_FIELDS = [
    '"import_wh_total":-0.1',
    '"import_wh_total":1.1e12',
    '"import_wh_total":NaN',
    '"export_wh_total":-1',
    '"export_wh_total":"12"',
    '"soc_pct":100.1',
    '"soc_pct":-0.1',
    '"soc_pct":true',
    '"soc_pct":1e999',
    '"available_w":-1',
    '"available_w":Infinity',
    '"is_plugged":1',
    '"is_plugged":"true"',
    '"is_plugged":"yes"',
    '"energy_needed_wh":-1',
    '"energy_needed_wh":3e8',
    '"departure_utc":"1999-01-01T00:00:00Z"',
    '"departure_utc":5',
    '"is_requested":0',
    '"is_running":"no"',
    '"remaining_s":-1',
    '"remaining_s":604801',
    '"latest_end_utc":"2200-01-01T00:00:00Z"',
    '"owner":"m1"',
    f'"{CANARY}":1',
    '"power_kw":1',
    '"Power_w":1',
    '"__proto__":{}',
]

TELEMETRY = [
    *((WITH % value, Drop.SCHEMA) for value in BAD_POWERS if value != "-NaN"),
    (WITH % "-NaN", Drop.NOT_JSON),
    *((WITH % value, Drop.NOT_JSON) for value in BROKEN_NUMBERS),
    *((f'{{"schema":{value},"ts_utc":{STAMP},"seq":5,"power_w":1}}', Drop.SCHEMA) for value in BAD_SCHEMAS),
    *((f'{{"schema":1,"ts_utc":{value},"seq":5,"power_w":1}}', Drop.SCHEMA) for value in BAD_STAMPS),
    *((f'{{"schema":1,"ts_utc":{STAMP},"seq":{value},"power_w":1}}', Drop.SCHEMA) for value in BAD_COUNTS),
    *((f'{{"schema":1,"ts_utc":{STAMP},"seq":5,{field}}}', Drop.SCHEMA) for field in BAD_FIELDS),
    (f'{{"ts_utc":{STAMP},"seq":5,"power_w":1}}', Drop.SCHEMA),
    ('{"schema":1,"seq":5,"power_w":1}', Drop.SCHEMA),
    (f'{{"schema":1,"ts_utc":{STAMP},"power_w":1}}', Drop.SCHEMA),
    (f'{{"schema":1,"ts_utc":{STAMP},"seq":5}}', Drop.SCHEMA),
    (f'{{"schema":1,"ts_utc":{STAMP},"seq":5,"power_w":1,"power_w":2}}', Drop.SCHEMA),
    (f'{{"schema":1,"ts_utc":{STAMP},"seq":5,"power_w":1,"power_w":1}}', Drop.SCHEMA),
    (f'{{"schema":1,"schema":1,"ts_utc":{STAMP},"seq":5,"power_w":1}}', Drop.SCHEMA),
    (f'{{"schema":1,"ts_utc":{STAMP},"seq":5,"power_w":{{"a":1}},"power_w":1}}', Drop.SCHEMA),
    (f'{{"schema":1,"ts_utc":{STAMP},"seq":5,"power_w":1,"power_\\u0077":2}}', Drop.SCHEMA),
    (f'{{"schema":1,"ts_utc":{STAMP},"seq":5,"power_w":{"9" * 4300}}}', Drop.TOO_LARGE),
    (WITH % (" " * 4096 + "1"), Drop.TOO_LARGE),
    ("[" * 100_000, Drop.TOO_LARGE),
    ("[" * 4000, Drop.NOT_JSON),
    ('{"schema":' * 400, Drop.NOT_JSON),
    ("", Drop.NOT_JSON),
    (" ", Drop.NOT_JSON),
    ("null", Drop.SCHEMA),
    ("true", Drop.SCHEMA),
    ("5", Drop.SCHEMA),
    ('"text"', Drop.SCHEMA),
    ("[]", Drop.SCHEMA),
    ("[{}]", Drop.SCHEMA),
    ("{}", Drop.SCHEMA),
    ("\ufeff" + WITH % "1", Drop.NOT_JSON),
    (WITH % "1" + "x", Drop.NOT_JSON),
    (WITH % "1" + WITH % "1", Drop.NOT_JSON),
    (WITH.replace('"', "'") % "1", Drop.NOT_JSON),
    ("<xml/>", Drop.NOT_JSON),
    ("online", Drop.NOT_JSON),
]
RAW = [
    b"\x00",
    b"\xff\xfe",
    b"\x80\x81",
    (WITH % "1").encode("utf-16"),
    (WITH % "1").encode("utf-32"),
    b'{"schema":1,"ts_utc":"\xc3\x28","seq":5,"power_w":1}',
    b'{"schema":1,"\xed\xa0\x80":1}',
]


def _check(rejection: object, drop: Drop) -> None:
    assert isinstance(rejection, Rejection)
    assert rejection.drop is drop
    assert rejection.detail
    assert CANARY not in rejection.detail
    assert len(rejection.detail) < 120


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(TELEMETRY) + len(RAW) >= 130


@pytest.mark.parametrize("payload, drop", TELEMETRY)
def test_bad_telemetry_is_dropped_with_its_reason(payload: str, drop: Drop) -> None:
    _check(decode_telemetry(payload.encode(), BATTERY), drop)


@pytest.mark.parametrize("payload", RAW)
def test_bytes_that_are_no_text_are_no_json(payload: bytes) -> None:
    _check(decode_telemetry(payload, BATTERY), Drop.NOT_JSON)


SETPOINT: dict[str, object] = {
    "schema": 1,
    "setpoint_id": "sp-1",
    "epoch": 3,
    "seq": 9,
    "power_w": 1500.0,
    "not_before_utc": "2026-06-12T10:00:00Z",
    "expires_utc": "2026-06-12T10:01:00Z",
    "reason": "charge_cheap",
}
ACKNOWLEDGEMENT: dict[str, object] = {
    "schema": 1,
    "setpoint_id": "sp-1",
    "epoch": 3,
    "seq": 9,
    "is_accepted": True,
    "applied_w": 1500.0,
    "ts_utc": "2026-06-12T10:00:01Z",
}


def test_the_models_of_the_two_tables_below_are_good() -> None:
    assert not isinstance(decode_setpoint(json.dumps(SETPOINT).encode(), BATTERY), Rejection)
    assert not isinstance(decode_acknowledgement(json.dumps(ACKNOWLEDGEMENT).encode(), BATTERY), Rejection)


@pytest.mark.parametrize(
    "change",
    [
        {"setpoint_id": ""},
        {"setpoint_id": "a" * 65},
        {"setpoint_id": "a b"},
        {"setpoint_id": "a\n"},
        {"setpoint_id": 5},
        {"epoch": -1},
        {"epoch": 1.5},
        {"seq": None},
        {"power_w": None},
        {"power_w": "1500"},
        {"power_w": 1e9},
        {"reason": "because"},
        {"reason": ""},
        {"reason": 1},
        {"reason": CANARY},
        {"expires_utc": "2026-06-12T10:00:00Z"},
        {"expires_utc": "2026-06-12T09:59:59Z"},
        {"expires_utc": "2026-06-13T10:00:01Z"},
        {"expires_utc": "never"},
        {"not_before_utc": "2026-06-31T10:00:00Z"},
        {"not_before_utc": 0},
        {"schema": 2},
        {CANARY: 1},
    ],
)
def test_a_bad_setpoint_is_dropped_as_not_of_the_schema(change: dict[str, object]) -> None:
    _check(decode_setpoint(json.dumps(SETPOINT | change).encode(), BATTERY), Drop.SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        {"is_accepted": 1},
        {"is_accepted": "true"},
        {"is_accepted": False},
        {"is_accepted": False, "applied_w": None},
        {"is_accepted": False, "applied_w": None, "refusal": ""},
        {"is_accepted": False, "applied_w": None, "refusal": "x" * 201},
        {"is_accepted": False, "applied_w": None, "refusal": "line\nbreak"},
        {"is_accepted": False, "applied_w": None, "refusal": "\u202egnol oot"},
        {"is_accepted": False, "refusal": CANARY},
        {"refusal": "but why"},
        {"applied_w": None},
        {"applied_w": "0"},
        {"applied_w": -3e7},
        {"setpoint_id": "../etc"},
        {"epoch": True},
        {"ts_utc": "2026-06-12"},
        {"ts_utc": "2026-00-12T10:00:00Z"},
        {"schema": 0},
    ],
)
def test_a_bad_acknowledgement_is_dropped_as_not_of_the_schema(change: dict[str, object]) -> None:
    _check(decode_acknowledgement(json.dumps(ACKNOWLEDGEMENT | change).encode(), BATTERY), Drop.SCHEMA)


MARKET = '{"schema":1,"ts_utc":"2026-06-12T10:00:00Z","valid_from_utc":"2026-06-12T11:00:00Z","values":%s}'


@pytest.mark.parametrize(
    "channel, values",
    [
        (MarketChannel.PRICE, '{"import_eur_per_kwh":NaN,"export_eur_per_kwh":0.1}'),
        (MarketChannel.PRICE, '{"import_eur_per_kwh":1000.1,"export_eur_per_kwh":0.1}'),
        (MarketChannel.PRICE, '{"import_eur_per_kwh":-1000.1,"export_eur_per_kwh":0.1}'),
        (MarketChannel.PRICE, '{"import_eur_per_kwh":0.3}'),
        (MarketChannel.PRICE, '{"import_eur_per_kwh":"0.3","export_eur_per_kwh":0.1}'),
        (MarketChannel.PRICE, '{"import_eur_per_kwh":0.3,"export_eur_per_kwh":0.1,"import_eur_per_kwh":0.4}'),
        (MarketChannel.PRICE, '{"import_eur_per_kwh":{"a":1},"import_eur_per_kwh":0.3,"export_eur_per_kwh":0.1}'),
        (MarketChannel.PRICE, "[0.3,0.1]"),
        (MarketChannel.PRICE, "null"),
        (MarketChannel.PRICE, f'{{"{CANARY}":0.3}}'),
        (MarketChannel.PRICE, '{"import_w":1,"export_w":1}'),
        (MarketChannel.LIMIT, '{"import_w":-1,"export_w":null}'),
        (MarketChannel.LIMIT, '{"import_w":5000}'),
        (MarketChannel.LIMIT, '{"import_w":true,"export_w":null}'),
        (MarketChannel.LIMIT, '{"import_w":1e999,"export_w":null}'),
        (MarketChannel.EVENT, '{"kind":"","start_utc":"2026-06-12T12:00:00Z","end_utc":"2026-06-12T13:00:00Z"}'),
        (MarketChannel.EVENT, '{"kind":"Shed!","start_utc":"2026-06-12T12:00:00Z","end_utc":"2026-06-12T13:00:00Z"}'),
        (MarketChannel.EVENT, '{"kind":"shed","start_utc":"2026-06-12T13:00:00Z","end_utc":"2026-06-12T13:00:00Z"}'),
        (MarketChannel.EVENT, '{"kind":"shed","start_utc":"soon","end_utc":"2026-06-12T13:00:00Z"}'),
        (MarketChannel.EVENT, '{"kind":"shed","start_utc":"2026-06-12T12:00:00Z"}'),
    ],
)
def test_a_bad_message_of_the_market_is_dropped_as_not_of_the_schema(channel: MarketChannel, values: str) -> None:
    _check(decode_market((MARKET % values).encode(), channel), Drop.SCHEMA)
