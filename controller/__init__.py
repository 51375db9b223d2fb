"""The controller: the loop, its record, and the programs that people start.

Rooms: ``loop`` (timer, state store, cycle, planner, solver process, fallback, dispatcher), ``record``
(the SQLite store, outbox and forwarder), ``apps`` (command line, wiring, demo, report). Top layer: may
import ``devices``, ``models`` and ``config``.
"""
