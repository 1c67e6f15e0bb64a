"""Models of PyTorch and scikit-learn: those in `graphs/models`, and those of the judge.

`python -m tests.peers.exports` makes the shipped files anew; it needs the extra `peers`. The files
that ship were made with Python 3.11, torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2, scikit-learn
1.9.1 and skl2onnx 1.20.0.
"""
