"""The exception tree.

::

    CommonWattError
    +-- SiteFileError          the site file or a file it names is not acceptable
    +-- ProfileError           a profile file does not fit
    +-- ProblemError           a dispatch problem is not finite or not consistent
    +-- BundleError            a planning bundle is damaged, or not of a form that is understood
    +-- SolverError            the solver or its worker failed; the next rung is used
    +-- PolicyError            the policy model is missing, corrupt, or answers outside its bounds
    +-- StoreError             the store could not be opened or written
    +-- SettlementError        a day cannot be settled, with what is missing
    +-- ClockError             the system clock cannot be right
    +-- DeviceError            a device is unknown, or a topic or setpoint breaks its contract
    +-- BrokerError            the broker cannot be used with these settings
"""

from __future__ import annotations

from config.errors import CommonWattError, SiteFileError

__all__ = [
    "BrokerError",
    "BundleError",
    "ClockError",
    "CommonWattError",
    "DeviceError",
    "PolicyError",
    "ProblemError",
    "ProfileError",
    "SettlementError",
    "SiteFileError",
    "SolverError",
    "StoreError",
]


class ProfileError(CommonWattError):
    """A file of profiles does not have the expected layout or values."""


class ProblemError(CommonWattError):
    """A dispatch problem has values that are not finite, or shapes and bounds that do not fit."""


class BundleError(CommonWattError):
    """A planning bundle is damaged, of another version, or holds what a bundle may not hold."""


class SolverError(CommonWattError):
    """The solver or its worker process failed."""


class PolicyError(CommonWattError):
    """The policy model is missing, corrupt, or does not answer within its bounds."""


class StoreError(CommonWattError):
    """The store could not be opened, read or written."""


class SettlementError(CommonWattError):
    """A day cannot be settled; the message says what is missing."""


class DeviceError(CommonWattError):
    """A device is unknown, or a topic or setpoint breaks its contract."""


class BrokerError(CommonWattError):
    """The broker cannot be used with these settings."""


class ClockError(CommonWattError):
    """The system clock cannot be right."""
