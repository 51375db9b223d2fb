"""The devices layer: time, the broker, the messages, and what speaks through them.

Reading order: ``clock`` (the only file that knows the time), ``measured_loop``, ``outstanding_work`` and
``virtual_loop`` (time that passes as fast as the machine works); ``topics``, ``wire``, ``messages`` and
``market_messages`` (between the wire's units and ours); ``protocols`` (ports), ``broker_address``,
``backoff``, ``connection_journal``, ``message_router``, ``mqtt`` (the connection), ``broker`` (an embedded one),
``fake_bus`` (one in memory); ``registry`` (who may say what), ``telemetry_listener``, ``setpoint_tracker``,
``setpoint_publisher``; then ``adapters`` (what is already in homes) and ``simulator`` (simulated homes).

May import ``config`` and ``models``.
"""
