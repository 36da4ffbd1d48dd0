"""Times scikit-learn on the rows of `differnet features`. Usage: scikit_learn.py TRAIN TEST [ROWS]

TRAIN and TEST are safetensors files that `differnet features --out` wrote. Prints seconds of fitting
and of scoring for the nearest neighbour in 64 principal components and for the one-class SVM with
its defaults; the SVM is fitted to ROWS of the training rows, 8000 unless told otherwise.

Needs numpy, scikit-learn and safetensors, all on PyPI. The same from Rust: `cargo bench --bench
baselines`, which needs no data.
"""
import sys
import time

import numpy as np
from safetensors.numpy import load_file
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM


def seconds(what, run):
    start = time.perf_counter()
    result = run()
    print(f"{what:<28} {time.perf_counter() - start:8.2f} s")
    return result


def rows(path):
    features = load_file(path)["features"]
    return features.reshape(-1, features.shape[-1]).astype(np.float64)


train, test = rows(sys.argv[1]), rows(sys.argv[2])
most = int(sys.argv[3]) if len(sys.argv) > 3 else 8000
print(f"{len(train)} training rows, {len(test)} test rows")

reduce = make_pipeline(StandardScaler(), PCA(64, svd_solver="full"))
points = seconds("1nn fit", lambda: reduce.fit_transform(train))
nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points)
seconds("1nn score", lambda: nearest.kneighbors(reduce.transform(test)))

scaler = StandardScaler().fit(train)
chosen = np.random.default_rng(1).choice(len(train), min(most, len(train)), replace=False)
svm = OneClassSVM()
seconds(f"ocsvm fit, {len(chosen)} rows", lambda: svm.fit(scaler.transform(train[chosen])))
seconds("ocsvm score", lambda: svm.decision_function(scaler.transform(test)))
