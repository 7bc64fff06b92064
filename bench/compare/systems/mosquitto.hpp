// Mosquitto's raw protocol, for systems/mosquitto.cpp.
#pragma once

#include <memory>

#include "raw.hpp"

namespace leveret::compare {

/// MQTT 3.1.1 with quality of service 0.
[[nodiscard]] std::unique_ptr<RawProtocol> make_mqtt_protocol(const Work& work);

}  // namespace leveret::compare
