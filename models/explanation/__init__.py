"""Why a figure is as it is, from what was computed.

Reading order: ``setpoint`` (reason codes of a plan's first step). May import ``config`` and every other
package of ``models``.
"""
