#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "stored_system.hpp"

namespace leveret::compare {

const std::vector<std::unique_ptr<System>>& all_systems() {
    static const auto systems = [] {
        std::vector<std::unique_ptr<System>> made;
        made.push_back(make_leveret());
        made.push_back(make_leveret_no_polling());
        made.push_back(make_nats());
        made.push_back(make_redis());
        made.push_back(make_redis_streams());
        made.push_back(make_mosquitto());
        made.push_back(make_bare());
        return made;
    }();
    return systems;
}

const std::vector<std::unique_ptr<StoredSystem>>& stored_systems() {
    static const auto systems = [] {
        std::vector<std::unique_ptr<StoredSystem>> made;
        made.push_back(make_leveret_stored(Store::file));
        made.push_back(make_leveret_stored(Store::rocksdb));
        for (const Tuning tuning : {Tuning::as_the_others, Tuning::best}) {
            made.push_back(make_jetstream(tuning));
            made.push_back(make_redis_aof(tuning));
        }
        return made;
    }();
    return systems;
}

std::unique_ptr<RawProtocol> StoredSystem::raw_protocol(const Work& /*work*/) const {
    throw std::logic_error(name() + " is driven by way of its library only");
}

std::string output_of(const std::string& command) {
    std::string output;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen((command + " 2>&1").c_str(), "re"), ::pclose);
    std::array<char, 256> part{};
    while (pipe && std::fgets(part.data(), part.size(), pipe.get()) != nullptr) {
        output += part.data();
    }
    while (!output.empty() && output.back() == '\n') {
        output.pop_back();
    }
    return output;
}

}  // namespace leveret::compare
