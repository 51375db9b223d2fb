"""The site's description: what one YAML file may say, checked before anything starts.

Reading order: ``sensitive`` (values that must never be printed), ``base`` (shared field types),
``tariff``, ``members``, ``gateways``, ``operation``, ``schema`` (the whole site), ``load``
(file to site, with every error at once).

Bottom layer: imports nothing of the project.
"""
