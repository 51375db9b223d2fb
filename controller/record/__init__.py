"""The store: what was metered, decided, sent and shared, durable in SQLite, and its view in InfluxDB.

Reading order: ``records`` (the values that go in and come out), ``outcomes`` (what is known after dispatch),
``quantities`` (exact integers for time, energy and money), ``schema`` and ``migrations`` (tables and their versions),
``connection`` (durable SQLite), ``lock`` (one controller at a time), ``texts`` (canonical JSON that refuses sensitive
keys), ``writer`` and ``setpoint_rows`` (records to rows), ``pseudonyms``, ``live_caps``, ``reader`` (rows to records),
``store`` (the one writer, asynchronous), ``line_protocol`` and ``points`` (records to lines), ``outbox`` (lines
waiting, bounded), ``influx`` (the only file that knows the InfluxDB client), ``read_back`` (does the server really
have it), ``forwarder`` (the thread that empties the outbox), ``bundles`` (planning bundles in a folder beside the
store), ``catalogues`` (languages), ``day_explanations`` (a settled day, told to each member), ``day_digests`` and
``ledger_audit`` (what ties them to the ledger), ``operator_file`` and ``meter_import`` (validated meter values),
``true_up`` and ``true_up_rows`` (a month's invoice).

May import ``config``, ``models`` and ``devices``.
"""
