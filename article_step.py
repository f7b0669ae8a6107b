import numpy as np


def step(X, y, syn0, syn1):
    l1 = 1 / (1 + np.exp(-np.maximum(X.dot(syn0), -709.0)))  # (4, 4)
    l2 = 1 / (1 + np.exp(-np.maximum(l1.dot(syn1), -709.0)))  # (4, 1)
    l2_delta = (y - l2) * (l2 * (1 - l2))  # (4, 1)
    l1_delta = l2_delta.dot(syn1.T) * (l1 * (1 - l1))  # (4, 4)
    syn1 += l1.T.dot(l2_delta)
    syn0 += X.T.dot(l1_delta)
