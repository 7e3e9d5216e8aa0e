// How probable it is that one method is better than another, or that the two are practically the same.
#pragma once

#include <cstdint>
#include <vector>

namespace espalier::statistics {

struct Posterior {
  double first_better = 0, same = 0, second_better = 0;  // together 1
};

// The Bayesian signed-rank test of Benavoli et al., ICML 2014, with the prior of baycomp: a pseudo-observation of no
// difference with strength 1/2. `rope` is half the region of practical equivalence, in units of the values; 0: there is
// none, and `same` is 0. Values are paired, of one length, not empty; the larger, the better. Of `samples` draws from the
// posterior each votes for its most probable outcome: the standard error is at most 0.5 / sqrt(samples). Equal `seed`,
// equal answer.
Posterior signed_rank_posterior(const std::vector<double>& first, const std::vector<double>& second, double rope,
                                std::uint64_t seed, int samples = 100000);

}  // namespace espalier::statistics
