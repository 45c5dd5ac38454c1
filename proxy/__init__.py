"""stablehand: the sidecar that watches a deployed model and leads traffic back when it must."""

__version__ = "0.1.0"
