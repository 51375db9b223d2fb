"""Making policies: the one place in ``models`` that may write files, and that needs the extra ``train``.

Reading order: ``export_rule`` (the burden rule as an ONNX graph with manifest and card). May import all of ``models``.
"""
