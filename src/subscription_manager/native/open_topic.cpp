#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

namespace {
// An open topic's entries in two tables, and the allocator's share.
constexpr std::size_t open_topic_bytes = 96;
}  // namespace

NativeManager::Handled NativeManager::open_topic(const native::Frame& frame) {
    const auto request = native::TopicName::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    const bool may_create =
        context_.permissions.auto_create_topics && (frame.header.flags & native::flags::no_create) == 0;
    const auto topic = may_create ? context_.registry.find_or_create(request->name) : named_topic(request->name);
    if (!topic) {
        return refused_creation(topic.error(), {});
    }
    if (const std::error_code error = (*topic)->opening_error()) {
        return Refusal(error);
    }
    auto known = handles_.find(topic->get());
    if (known == handles_.end()) {
        if (opened_.size() >= context_.environment.limits.open_topics_per_connection_max) {
            context_.environment.counters.opens_refused.add();
            return Refusal(Error::too_many_open_topics);
        }
        if (!charge_for_client(context_, opened_charge_, (opened_.size() + 1) * open_topic_bytes)) {
            return Refusal(Error::memory_full, "the server's memory limit is reached: no more open topics for now");
        }
        opened_.push_back(*topic);
        known = handles_.emplace(topic->get(), static_cast<std::uint32_t>(opened_.size())).first;
    }
    const TopicFigures figures = (*topic)->figures();
    answer(native::FrameType::topic_opened,
           native::TopicOpened{.id = (*topic)->id(),
                               .epoch = (*topic)->epoch(),
                               .first = figures.first,
                               .next = figures.next,
                               .settings = (*topic)->settings()},
           frame.header.correlation, known->second);
    return {};
}

}  // namespace leveret
