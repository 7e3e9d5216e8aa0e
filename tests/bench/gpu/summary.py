"""The table of a trial: rates side by side, the ratio, and what was to be reached.

Usage: OUT=DIR python summary.py, DIR holding results.jsonl; trial.py ends with it.
"""
from facts import *

# question, compute, at least so many times the rate of transformers' fastest variant whose name begins so
TARGETS = [*(("minilm-masks", compute, ratio, "") for compute, ratio in (("float32", 2.2), ("tf32", 4), ("bfloat16", 4), ("float16", None))),
           *(("bertbase-masks", compute, 1.3, "SDPA") for compute in ("float32", "tf32", "bfloat16", "float16")),
           ("minilm-fisher", "float32", 1, "hooks"), ("bertbase-fisher", "float32", 1, "hooks"),
           *(("minilm-training", compute, 1.5, "") for compute in ("float32", "tf32", "bfloat16")),
           ("whisper-greedy", "float16", 1, ""), ("whisper-greedy", "float32", None, ""),
           *(("ast-masks", compute, 1.8, "eager") for compute in ("float32", "tf32", "bfloat16")),
           *(("ast-masks", compute, None, "sdpa") for compute in ("float32", "tf32", "bfloat16"))]


def fastest(rates, question, side, compute, begin=""):
    return max((rate for rate in rates if rate["question"] == question and rate["side"] == side and rate["compute"] == compute and
                rate["variant"].startswith(begin) and "on the CPU" not in rate["variant"]),
               key=lambda rate: rate["rate"], default=None)


def main():
    everything = kept()
    rates = [entry for entry in everything if entry["kind"] == "rate"]
    for entry in everything:
        if entry["kind"] in ("machine", "peer"):
            print("  ".join(f"{key} {value}" for key, value in entry.items() if key != "kind"))
    print(f"\n{'question':17s}{'compute':10s}{'Espalier':>10s}  {'transformers':>12s}  {'ratio':>6s}  {'target':>6s}        unit/s, repeats, variant")
    missed = 0
    for question, compute, target, begin in TARGETS:
        ours, peer = fastest(rates, question, "espalier", compute), fastest(rates, question, "transformers", compute, begin)
        if not ours and not peer:
            continue
        ratio = ours["rate"] / peer["rate"] if ours and peer else None
        verdict = "" if target is None or ratio is None else "met" if ratio >= target else "MISSED"
        missed += verdict == "MISSED"
        known = ours or peer
        number = lambda value, form="10.1f": format(value, form) if value is not None else "-".rjust(int(form.split(".")[0]))
        print(f"{question:17s}{compute:10s}{number(ours and ours['rate'])}  {number(peer and peer['rate'], '12.1f')}  {number(ratio, '6.2f')}  "
              f"{number(target, '6.1f')} {verdict:6s} {known['unit']}, {ours['repeats'] if ours else 0} and {peer['repeats'] if peer else 0}, "
              f"{peer['variant'] if peer else 'not measured'}")
    others = [rate for rate in rates if rate["question"] == "minilm-together" or "on the CPU" in rate["variant"]]
    for rate in others:
        print(f"  {rate['side']:12s} {rate['question']:16s} {rate['compute']:9s} {rate['variant']:28s} {rate['rate']:8.1f} {rate['unit']}/s")
    for side in ("espalier", "transformers"):
        starts = [rate["start_seconds"] for rate in rates if rate["side"] == side and "start_seconds" in rate]
        if starts:
            print(f"{side}: a process takes {sorted(starts)[len(starts) // 2]:.1f} s beside its evaluations")
    print()
    unequal = 0
    for entry in everything:
        if entry["kind"] in ("check", "tests"):
            unequal += not entry["passed"]
            print(f"{'passed' if entry['passed'] else 'FAILED'}  {entry['what']}: {entry['found']}")
    for question in ("minilm-masks", "bertbase-masks"):
        ours, peer = fastest(rates, question, "espalier", "float32"), fastest(rates, question, "transformers", "float32")
        if ours and peer:
            count = min(len(ours["accuracy"]), len(peer["accuracy"]))
            same = sum(abs(a - b) < 1e-9 for a, b in zip(ours["accuracy"], peer["accuracy"]))
            print(f"{question}: {same} of {count} masks have the peer's accuracy in float32")
    print(f"{missed} targets missed, {unequal} checks failed" + (", TINY: the figures mean nothing" if TINY else ""))


if __name__ == "__main__":
    main()
