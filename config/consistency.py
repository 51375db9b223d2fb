"""Do the parts of a site fit together: ids, owners, devices, shares, by-law, tariff.

Times and magnitudes have files of their own: ``timing`` and ``plausibility``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from config.errors import Severity
from config.flaw import Flaw, Location
from config.gateways import Device
from config.members import Battery, CurtailableLoad, Ev, Member, ShiftableLoad
from config.plausibility import check_plausibility
from config.schema import Site
from config.slips import hint_choice
from config.timing import check_timing

RESERVED_GATEWAYS = ("market",)
"""Topic level that the market's messages use."""
ASSET_LISTS = {
    "battery": "batteries",
    "ev": "evs",
    "shiftable_load": "shiftable_loads",
    "curtailable_load": "curtailable_loads",
}
"""Device kind to the member's list that its asset stands in."""
_SHARE_TOLERANCE_FRAC = 1e-6


def check_consistency(site: Site) -> list[Flaw]:
    """Everything that does not fit together, errors and warnings, in the order of the file."""
    flaws = [
        *_check_ids(site),
        *_check_devices(site),
        *_check_members_have_devices(site),
        *_check_sharing(site),
        *_check_by_law(site),
        *_check_connections(site),
        *check_timing(site),
        *check_plausibility(site),
    ]
    return sorted(flaws, key=lambda flaw: flaw.severity)


def _check_ids(site: Site) -> Iterator[Flaw]:
    yield from _find_repeated([(("members", i, "id"), member.id) for i, member in enumerate(site.members)], "member")
    yield from _find_repeated([(("gateways", i, "id"), one.id) for i, one in enumerate(site.gateways)], "gateway")
    for i, member in enumerate(site.members):
        assets = [(("members", i, name, k, "id"), one.id) for name, k, one in _assets(member)]
        yield from _find_repeated(assets, "asset of this member")
    for g, gateway in enumerate(site.gateways):
        devices = [(("gateways", g, "devices", d, "id"), one.id) for d, one in enumerate(gateway.devices)]
        yield from _find_repeated(devices, "device of this gateway")
        if gateway.id in RESERVED_GATEWAYS:
            yield Flaw(location=("gateways", g, "id"), found=repr(gateway.id), accepted="an id that is not reserved")


def _find_repeated(ids: Iterable[tuple[Location, str]], noun: str) -> Iterator[Flaw]:
    first: dict[str, Location] = {}
    for location, one in ids:
        if one in first:
            accepted = f"an id that no other {noun} has"
            yield Flaw(location=location, found=f"{one!r} a second time", accepted=accepted, concerns=(first[one],))
        first.setdefault(one, location)


def _assets(member: Member) -> Iterator[tuple[str, int, Battery | Ev | ShiftableLoad | CurtailableLoad]]:
    for name in ASSET_LISTS.values():
        for k, asset in enumerate(getattr(member, name)):
            yield name, k, asset


def _devices(site: Site) -> Iterator[tuple[Location, Device]]:
    for g, gateway in enumerate(site.gateways):
        for d, device in enumerate(gateway.devices):
            yield ("gateways", g, "devices", d), device


def _check_devices(site: Site) -> Iterator[Flaw]:
    members = {member.id: (i, member) for i, member in enumerate(site.members)}
    seen: dict[tuple[str | None, str, str | None], Location] = {}
    for location, device in _devices(site):
        i, owner = members.get(device.member or "", (-1, None))
        if owner is None and device.kind != "community_meter":
            hint = hint_choice(device.member, {"enum": list(members)})
            accepted = f"the id of one of the {len(members)} members"
            yield Flaw(location=(*location, "member"), found=repr(device.member), accepted=accepted, hint=hint)
            continue
        if device.kind == "meter":
            continue
        key = (device.member, device.kind, device.asset)
        if key in seen:
            what = device.asset or device.kind
            found, accepted = f"a second device for {what}", f"one {device.kind} device for each"
            yield Flaw(location=location, found=found, accepted=accepted, concerns=(seen[key],))
        seen.setdefault(key, location)
        if owner is not None:
            yield from _check_owned(location, device, owner, ("members", i))


def _check_owned(location: Location, device: Device, owner: Member, place: Location) -> Iterator[Flaw]:
    if device.kind == "pv" and owner.pv_kwp == 0.0:
        found = f"a PV device of {owner.id}, whose pv_kwp is 0"
        accepted = "a PV device only where pv_kwp is above 0"
        yield Flaw(location=location, found=found, accepted=accepted, concerns=((*place, "pv_kwp"),))
    if device.kind in ASSET_LISTS:
        known = [asset.id for asset in getattr(owner, ASSET_LISTS[device.kind])]
        if device.asset not in known:
            name = ASSET_LISTS[device.kind]
            accepted = f"the id of one of {owner.id}'s {name}: {', '.join(known) or 'it has none'}"
            concerns = ((*place, name),)
            yield Flaw(location=(*location, "asset"), found=repr(device.asset), accepted=accepted, concerns=concerns)


def _check_members_have_devices(site: Site) -> Iterator[Flaw]:
    present = Counter((device.member, str(device.kind)) for _, device in _devices(site))
    linked = Counter((device.member, str(device.kind), device.asset) for _, device in _devices(site))
    for i, member in enumerate(site.members):
        if not present[member.id, "meter"]:
            accepted = "a device of kind meter for every member, under gateways"
            yield Flaw(location=("members", i), found="no meter", accepted=accepted, concerns=(("gateways",),))
        if member.pv_kwp > 0.0 and not present[member.id, "pv"]:
            accepted = "a device of kind pv, or the meter alone sees the generation and nothing can curtail it"
            yield Flaw(
                location=("members", i, "pv_kwp"),
                found="PV without a device",
                accepted=accepted,
                severity=Severity.WARNING,
                concerns=(("gateways",),),
            )
        for kind, name in ASSET_LISTS.items():
            for k, asset in enumerate(getattr(member, name)):
                if not linked[member.id, kind, asset.id]:
                    accepted = f"one device of kind {kind} with asset: {asset.id}, under gateways"
                    place = ("members", i, name, k)
                    yield Flaw(location=place, found="no device", accepted=accepted, concerns=(("gateways",),))


def _check_sharing(site: Site) -> Iterator[Flaw]:
    shares, place = site.sharing.static_shares, ("sharing", "static_shares")
    if site.sharing.key != "static":
        if shares is not None:
            accepted = "static_shares only with key: static; they are not used"
            found = f"static_shares with key: {site.sharing.key}"
            yield Flaw(location=place, found=found, accepted=accepted, severity=Severity.WARNING)
        return
    if shares is None:
        accepted = "a share for each member, summing to 1"
        yield Flaw(location=place, found="nothing", accepted=accepted, hint="key: static needs static_shares")
        return
    known = [member.id for member in site.members]
    for unknown in [one for one in shares if one not in known]:
        hint = hint_choice(unknown, {"enum": known})
        yield Flaw(location=(*place, unknown), found=repr(unknown), accepted="the id of a member", hint=hint)
    absent = [one for one in known if one not in shares]
    if absent:
        found = f"no share for {', '.join(absent[:5])}" + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        yield Flaw(location=place, found=found, accepted="a share for each member, 0 for none")
    total = sum(shares.values())
    if abs(total - 1.0) > _SHARE_TOLERANCE_FRAC:
        yield Flaw(location=place, found=f"shares that sum to {total:.6g}", accepted="shares that sum to 1")


def _check_by_law(site: Site) -> Iterator[Flaw]:
    law = site.by_law
    for tier, weight in enumerate(law.tier_weights):
        if not law.weight_min <= weight <= law.weight_max:
            accepted = f"a weight from weight_min {law.weight_min:g} to weight_max {law.weight_max:g}"
            yield Flaw(location=("by_law", "tier_weights", tier), found=f"{weight:g}", accepted=accepted)
    if list(law.tier_weights) != sorted(law.tier_weights):
        yield Flaw(
            location=("by_law", "tier_weights"),
            found="weights that fall from one tier to the next",
            accepted="weights that rise with the tier, for a higher tier means more need",
            severity=Severity.WARNING,
        )
    if list(law.reference_cost_eur_per_month) != sorted(law.reference_cost_eur_per_month):
        yield Flaw(
            location=("by_law", "reference_cost_eur_per_month"),
            found="costs that fall from one number of persons to a larger one",
            accepted="costs that rise with the number of persons",
            severity=Severity.WARNING,
        )


def _check_connections(site: Site) -> Iterator[Flaw]:
    broker = site.broker
    if broker.password_file is not None and broker.password_env is not None:
        found = "password_file and password_env"
        yield Flaw(location=("broker", "password_env"), found=found, accepted="one of the two")
    if broker.username is not None and broker.password_file is None and broker.password_env is None:
        accepted = "password_file or password_env with a username"
        yield Flaw(location=("broker", "username"), found="no password", accepted=accepted, severity=Severity.WARNING)
    if broker.tls is None and broker.host not in {"127.0.0.1", "localhost", "::1"}:
        accepted = "tls: for a broker on another machine; without it passwords travel in the clear"
        yield Flaw(location=("broker", "host"), found="no TLS", accepted=accepted, severity=Severity.WARNING)
    if broker.tls is not None and (broker.tls.certificate_file is None) != (broker.tls.key_file is None):
        found = "certificate_file or key_file without the other"
        yield Flaw(location=("broker", "tls"), found=found, accepted="both or neither")
    if any(character in broker.host for character in ":/@ ") and broker.host != "::1":
        yield Flaw(
            location=("broker", "host"),
            found="an address with more than a host name in it",
            accepted="the host name or IP address alone",
            hint="port, username and password have keys of their own",
        )
    influxdb = site.influxdb
    if influxdb is not None and "@" in influxdb.url:
        accepted = "an address without user and password; use token_file or token_env"
        yield Flaw(location=("influxdb", "url"), found="a secret in the address", accepted=accepted)
    if influxdb is not None and influxdb.token_file is not None and influxdb.token_env is not None:
        yield Flaw(location=("influxdb", "token_env"), found="token_file and token_env", accepted="one of the two")
