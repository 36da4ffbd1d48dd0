"""The work of `cargo xtask bench --rows` in scikit-learn. Usage: scikit_learn.py TRAIN TEST

TRAIN and TEST are safetensors files that `differnet features --out` wrote. Reads the name of a piece of
work from each line of the standard input, does it once and prints the seconds that it took; `peak` prints
the largest resident memory in bytes instead. What is fitted is fitted to the training rows, what scores
scores the test rows. Needs numpy, scikit-learn and safetensors, all on PyPI.
"""
import resource
import sys
import time

import numpy as np
from safetensors.numpy import load_file
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM


def rows(path):
    features = load_file(path)["features"]
    return features.reshape(-1, features.shape[-1]).astype(np.float64)


class Work:
    def __init__(self, train, test):
        self.train, self.test = rows(train), rows(test)
        self.models = {}

    def fitted(self, name, size):
        if name not in self.models:
            getattr(self, f"{name}_fit")(size)
        return self.models[name]

    def nearest_fit(self, components):
        reduce = make_pipeline(StandardScaler(), PCA(components, svd_solver="full"))
        points = reduce.fit_transform(self.train)
        nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points)
        self.models["nearest"] = reduce, nearest

    def nearest_score(self, components):
        reduce, nearest = self.fitted("nearest", components)
        return lambda: nearest.kneighbors(reduce.transform(self.test))

    def svm_fit(self, count):
        count = min(count, len(self.train))
        chosen = np.random.default_rng(1).choice(len(self.train), count, replace=False)
        scaler = StandardScaler().fit(self.train)
        svm = OneClassSVM().fit(scaler.transform(self.train[chosen]))
        self.models["svm"] = scaler, svm

    def svm_score(self, count):
        scaler, svm = self.fitted("svm", count)
        return lambda: svm.decision_function(scaler.transform(self.test))


work = Work(*sys.argv[1:])
for line in sys.stdin:
    name, *size = line.split()
    if name == "peak":
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
        continue
    method, size = getattr(work, name.replace("-", "_")), int(size[0])
    run = method(size) if name.endswith("score") else lambda: method(size)
    start = time.perf_counter()
    run()
    print(time.perf_counter() - start, flush=True)
