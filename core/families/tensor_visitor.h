// The tensors of a family's weights under their names, in the order they are trained, changed and counted in.
#pragma once

#include <string>

#include "nn/attention.h"
#include "nn/layers.h"
#include "nn/network.h"
#include "nn_names.h"

namespace espalier::families {

// Shows the tensors of layers to visit(name, tensor, role). A bias that is not there is not shown.
template <typename Visit>
class TensorVisitor {
 public:
  using Role = Network::Role;
  explicit TensorVisitor(Visit& visit) : visit_(visit) {}

  template <typename Tensor>
  void tensor(const std::string& name, Tensor& tensor, Role role) const {
    visit_(name, tensor, role);
  }
  template <typename Layer>
  void linear(const std::string& name, Layer& layer, Role weight = Role::Weight, Role bias = Role::Plain) const {
    visit_(name + ".weight", layer.weight, weight);
    if (layer.bias.defined()) visit_(name + ".bias", layer.bias, bias);
  }
  template <typename Norm>
  void norm(const std::string& name, Norm& layer) const {
    visit_(name + ".weight", layer.weight, Role::Plain);
    visit_(name + ".bias", layer.bias, Role::Plain);
  }
  // Q, K and V of a site are one, under this name.
  template <typename Site>
  void site(const std::string& qkv, const std::string& output, Site& site) const {
    linear(qkv, site.qkv, Role::SiteWeight, Role::SiteBias);
    linear(output, site.output, Role::SiteWeight, Role::SiteBias);
  }

 private:
  Visit& visit_;
};

}  // namespace espalier::families
