#!/usr/bin/env python3
"""Writes tests/fixtures/statistics/golden.json: what scipy 1.14.1, autorank 1.3.0 and baycomp 1.0.3 say of fixed numbers.

usage: pip install scipy==1.14.1 autorank==1.3.0 baycomp==1.0.3 && python3 tests/statistics/golden.py
"""
import json
import pathlib
import warnings

import numpy
import pandas
import scipy.stats
from autorank import autorank
from baycomp import SignedRankTest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

warnings.simplefilter("ignore")
random = numpy.random.default_rng(7)


def ranked(blocks):
    """Of methods in columns, the larger the better, without any assumption about their distribution."""
    frame = pandas.DataFrame(blocks, columns=[f"m{i}" for i in range(blocks.shape[1])])
    answer = autorank(frame, alpha=0.05, force_mode="nonparametric", order="descending", approach="frequentist")
    order = list(frame.columns)
    ranks = [float(answer.rankdf.loc[name, "meanrank"]) for name in order]
    friedman = scipy.stats.friedmanchisquare(*blocks.T) if blocks.shape[1] > 2 else None
    return {
        "blocks": blocks.tolist(),
        "omnibus": answer.omnibus,
        "p": float(answer.pvalue),
        "mean_ranks": ranks,
        "critical_difference": float(answer.cd) if answer.cd is not None else None,
        "friedman": [float(friedman.statistic), float(friedman.pvalue)] if friedman else None,
    }


def posterior(first, second, rope):
    """What baycomp's Bayesian signed-rank test says, which autorank calls for each pair of methods."""
    answer = SignedRankTest.probs(first, second, rope=rope, nsamples=200000, random_state=3)
    better, same, worse = answer if rope > 0 else (answer[0], 0.0, answer[1])
    return {"first": first.tolist(), "second": second.tolist(), "rope": rope,
            "better": float(better), "same": float(same), "worse": float(worse)}


def main():
    golden = {"ranked": [], "wilcoxon": [], "mcnemar": [], "holm": [], "studentised_range": [], "t": [], "posterior": []}
    for methods, blocks, spread in ((3, 8, 0.02), (4, 12, 0.01), (6, 20, 0.05), (10, 15, 0.02), (2, 9, 0.02)):
        values = 0.7 + spread * random.standard_normal((blocks, methods)) + 0.01 * numpy.arange(methods)
        golden["ranked"].append(ranked(values.round(6)))
    tied = (0.7 + 0.05 * random.standard_normal((11, 4))).round(1)
    golden["ranked"].append(ranked(tied))
    for count, digits in ((6, 6), (20, 6), (50, 6), (51, 6), (30, 1)):
        first = random.standard_normal(count).round(digits)
        second = (first + 0.3 + random.standard_normal(count)).round(digits)
        # Equal differences of rounded numbers are equal: scipy alone would rank them by their last bits.
        answer = scipy.stats.wilcoxon((first - second).round(12))
        golden["wilcoxon"].append({"first": first.tolist(), "second": second.tolist(),
                                   "statistic": float(answer.statistic), "p": float(answer.pvalue)})
    for one, other in ((0, 0), (1, 0), (5, 5), (3, 12), (40, 71), (0, 30), (500, 430)):
        p = float(mcnemar([[10, one], [other, 10]], exact=True).pvalue) if one + other else 1.0
        golden["mcnemar"].append([one, other, p])
    for p in ([0.01, 0.04, 0.03, 0.005], [0.5], [0.9, 0.8, 0.7], [0.001, 0.001, 0.02]):
        golden["holm"].append({"p": p, "corrected": multipletests(p, method="holm")[1].tolist()})
    for methods in range(2, 21):
        golden["studentised_range"].append(
            [methods, float(scipy.stats.studentized_range.ppf(0.95, methods, numpy.inf)),
             float(scipy.stats.studentized_range.sf(2.0, methods, numpy.inf))])
    for degrees in (1, 2, 9, 100):
        golden["t"].append([degrees, float(scipy.stats.t.ppf(0.975, degrees))])
    # Draws of their own, so that the numbers above stay what they were.
    own = numpy.random.default_rng(11)
    for count, apart, rope in ((8, 0.02, 0.01), (20, 0.01, 0.01), (20, 0.0, 0.02), (5, 0.05, 0.01), (40, 0.004, 0.0),
                               (12, -0.02, 0.015), (300, 0.003, 0.002)):
        first = (0.7 + 0.02 * own.standard_normal(count)).round(6)
        second = (first - apart + 0.02 * own.standard_normal(count)).round(6)
        golden["posterior"].append(posterior(first, second, rope))
    ties = (0.7 + 0.03 * own.standard_normal((15, 2))).round(2)
    golden["posterior"].append(posterior(ties[:, 0], ties[:, 1], 0.02))
    path = pathlib.Path(__file__).resolve().parents[1] / "fixtures/statistics/golden.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")


main()
