// Two pages for whoever reads a paper and gets its bundle: what was asked, on what it was computed, what it took, what is in the
// archive and what is not, and the commands that repeat it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bundle/bundle.h"
#include "crate/ro_crate.h"

namespace espalier::bundle {

std::string appendix_markdown(const BundleContents& contents, const std::vector<PackedFile>& files);
// A page without scripts and without a network.
std::string appendix_html(const BundleContents& contents, const std::vector<PackedFile>& files);

}  // namespace espalier::bundle
