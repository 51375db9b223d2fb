"""The site's description: what one YAML file may say, checked before anything starts.

Reading order: ``sensitive`` (values that must never be printed), ``errors`` (the root of all errors, findings),
``base`` (shared field types), ``tariff``, ``members``, ``gateways``, ``operation``, ``schema`` (the whole site),
``currency``; then from file to site with every error at once: ``load``, which reads the YAML (``document``), checks
shape and range (``validation``, with words from ``json_schema``, ``accepted`` and ``slips``) and whether the parts fit
together (``consistency``, ``timing``, ``plausibility``), each adding to a list of ``flaw``. ``secrets`` (passwords and
tokens), ``composition`` (invented communities), ``sites`` (examples).

Bottom layer: imports nothing of the project.
"""
