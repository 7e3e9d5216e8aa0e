// The message of the error that a call throws; a test failure when it throws none or another one.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace espalier::test {

template <typename ExpectedError, typename Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const ExpectedError& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace espalier::test
