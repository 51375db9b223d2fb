"""Gateways (one broker connection each) and the devices that speak through them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from config.base import Identifier, Part

DeviceKind = Literal["meter", "community_meter", "pv", "battery", "ev", "shiftable_load", "curtailable_load"]
ASSET_KINDS = ("battery", "ev", "shiftable_load", "curtailable_load")
"""Devices that are one of several assets a member may have."""


class Device(Part):
    """One device: who owns it is said here and nowhere else, never in a topic or payload."""

    id: Identifier
    kind: DeviceKind
    member: Identifier | None = None
    """Owner; unset only for the community's own grid meter."""
    asset: Identifier | None = None
    """Id of the member's battery, EV, shiftable load or curtailable load that this device is."""

    @model_validator(mode="after")
    def _owner_fits_kind(self) -> Device:
        if (self.member is None) != (self.kind == "community_meter"):
            message = "member is needed for every device but a community_meter, which has none"
            raise ValueError(message)
        if (self.asset is None) == (self.kind in ASSET_KINDS):
            message = "asset is needed for battery, ev, shiftable_load and curtailable_load devices, and only for them"
            raise ValueError(message)
        return self


class Gateway(Part):
    """One connection to the broker with a credential of its own; a home has one or more."""

    id: Identifier
    devices: tuple[Device, ...] = Field(min_length=1)
