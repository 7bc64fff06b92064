// NATS's raw protocol, for systems/nats.cpp.
#pragma once

#include <memory>

#include "raw.hpp"

namespace leveret::compare {

/// The text protocol, without the confirmations of its "verbose" mode.
[[nodiscard]] std::unique_ptr<RawProtocol> make_nats_protocol(const Work& work);

}  // namespace leveret::compare
