// What goes wrong, in words a user can act on. Every message answers, in this order: what failed, where, what was
// found, what was expected, what to do. The first line is a whole sentence; details follow on indented lines.
#pragma once

#include <stdexcept>
#include <string>

#include <espalier/export.h>

namespace espalier {

// What both programs exit with.
enum class ExitCode : int {
  Done = 0,
  NegativeVerdict = 1,  // done, but a cell failed or a verdict is negative
  Usage = 2,            // command line or experiment file
  Plugin = 3,           // a plugin that cannot be loaded or misbehaves
  Store = 4,            // the database or its folder
  Input = 5,            // checkpoint, data, mask, score or input file
  Interrupted = 130,
};

// Base of everything Espalier throws on purpose; subclasses only where a caller acts differently.
class ESPALIER_WORDS_API Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message);
  ~Error() override;
  ExitCode exit_code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

// The command line or the experiment file asks for something that cannot be.
class ESPALIER_WORDS_API SettingsError : public Error {
 public:
  explicit SettingsError(const std::string& message);
  ~SettingsError() override;
};

// A plugin cannot be loaded, or broke its contract.
class ESPALIER_WORDS_API PluginError : public Error {
 public:
  explicit PluginError(const std::string& message);
  ~PluginError() override;
};

// The database, or the folder it lives in.
class ESPALIER_WORDS_API StoreError : public Error {
 public:
  explicit StoreError(const std::string& message);
  ~StoreError() override;
};

// A checkpoint, data, mask, score or input file is missing, unreadable or malformed, or does not fit the others.
class ESPALIER_WORDS_API InputError : public Error {
 public:
  explicit InputError(const std::string& message);
  ~InputError() override;
};

}  // namespace espalier
