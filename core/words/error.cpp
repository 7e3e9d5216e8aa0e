#include <espalier/error.h>

namespace espalier {

Error::Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
Error::~Error() = default;

SettingsError::SettingsError(const std::string& message) : Error(ExitCode::Usage, message) {}
SettingsError::~SettingsError() = default;

PluginError::PluginError(const std::string& message) : Error(ExitCode::Plugin, message) {}
PluginError::~PluginError() = default;

StoreError::StoreError(const std::string& message) : Error(ExitCode::Store, message) {}
StoreError::~StoreError() = default;

InputError::InputError(const std::string& message) : Error(ExitCode::Input, message) {}
InputError::~InputError() = default;

}  // namespace espalier
