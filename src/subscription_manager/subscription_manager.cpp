#include "subscription_manager/subscription_manager.hpp"

#include <cstring>

#include "protocol/native.hpp"
#include "protocol/zaichik.hpp"
#include "subscription_manager/native/native_manager.hpp"
#include "subscription_manager/zaichik/zaichik_manager.hpp"

namespace leveret {

bool charge_for_client(const ManagerContext& context, MemoryCharge& charge, std::uint64_t bytes) {
    if (charge_or_reclaim([&] { return charge.resize(bytes); }, [&] { return context.registry.reclaim(bytes); })) {
        return true;
    }
    context.environment.counters.memory_full.add();
    return false;
}

Result<std::unique_ptr<SubscriptionManager>> make_subscription_manager(Bytes bytes, const ManagerContext& context,
                                                                       std::size_t* opening_bytes) {
    std::uint32_t first_word = 0;
    if (bytes.size() < sizeof first_word) {
        return nullptr;
    }
    std::memcpy(&first_word, bytes.data(), sizeof first_word);
    if (zaichik::opens_with(first_word)) {
        *opening_bytes = 0;  // the word is the first frame's own
        return std::make_unique<ZaichikManager>(context);
    }
    if (std::memcmp(bytes.data(), native::magic.data(), native::magic.size()) == 0) {
        *opening_bytes = native::magic.size();
        return std::make_unique<NativeManager>(context);
    }
    return fail(Error::unknown_dialect);
}

}  // namespace leveret
