"""The equity policy: how much each member counts in the next dispatch.

Reading order: ``observation`` (what the policy sees, as named columns), ``rule`` (weight follows burden, in numpy),
``projection`` (limit of the step, and the weights' mean of 1 within their bounds), ``onnx_policy`` (a policy from an
ONNX file, checked at load and at every call), ``weights`` (which weights are in force, and what happens when the
policy fails). ``training`` writes ``equity_policy.onnx``, its manifest and its card. May import ``config`` and
``models.domain``.
"""
