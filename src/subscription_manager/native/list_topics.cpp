#include <algorithm>

#include "subscription_manager/native/native_manager.hpp"

namespace leveret {

namespace {
constexpr std::size_t page_topics_max = 1000;
constexpr std::size_t entry_bytes_max = name_bytes_max + 64;  // a name and the fields beside it
}  // namespace

NativeManager::Handled NativeManager::list_topics(const native::Frame& frame) {
    const auto request = native::ListTopics::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    const std::size_t most =
        std::min(page_topics_max, context_.environment.limits.frame_bytes_max / entry_bytes_max - 1);
    const std::size_t limit = request->limit == 0 ? most : std::min<std::size_t>(request->limit, most);
    // One more than asked for tells whether there are more.
    auto topics = context_.registry.list(request->after, limit + 1);
    native::TopicList list;
    if (topics.size() > limit) {
        list.more = 1;
        topics.pop_back();
    }
    list.topics.reserve(topics.size());
    for (const TopicPtr& topic : topics) {
        const TopicFigures figures = topic->figures();
        list.topics.push_back({.name = topic->name(),
                               .id = topic->id(),
                               .epoch = topic->epoch(),
                               .first = figures.first,
                               .next = figures.next,
                               .bytes = figures.bytes});
    }
    answer(native::FrameType::topic_list, list, frame.header.correlation);
    return {};
}

}  // namespace leveret
