#include "subscription_manager/native/native_manager.hpp"

namespace leveret {
namespace {

/// Header, name, settings and figures take less than this; the least frame_bytes_max is 4096.
constexpr std::size_t description_bytes_besides_positions = 1024;

}  // namespace

NativeManager::Handled NativeManager::describe_topic(const native::Frame& frame) {
    const auto request = native::TopicName::decode(frame.body);
    if (!request) {
        return Refusal(request.error());
    }
    const auto found = named_topic(request->name);
    if (!found) {
        return Refusal(found.error());
    }
    const TopicController& topic = **found;
    const TopicFigures figures = topic.figures();
    native::TopicDescription description{.name = topic.name(),
                                         .id = topic.id(),
                                         .epoch = topic.epoch(),
                                         .first = figures.first,
                                         .next = figures.next,
                                         .settings = topic.settings(),
                                         .figures = {{"bytes", figures.bytes},
                                                     {"records", figures.records},
                                                     {"blocks", figures.blocks},
                                                     {"log_segments", figures.log_segments},
                                                     {"log_synced", figures.log_synced},
                                                     {"log_pending_bytes", figures.log_pending_bytes},
                                                     {"buffer_bytes", figures.buffer_bytes},
                                                     {"window_keys", figures.window_keys},
                                                     {"window_bytes", figures.window_bytes},
                                                     {"waiting_readers", figures.waiters},
                                                     {"published", figures.published},
                                                     {"duplicates", figures.duplicates},
                                                     {"evicted", figures.evicted},
                                                     {"expired", figures.expired},
                                                     {"missed", figures.missed}},
                                         .positions = {}};
    const auto positions = topic.positions();
    description.positions.reserve(positions.size());
    // What the frame can hold, behind all that is before the list.
    std::size_t bytes_left = context_.environment.limits.frame_bytes_max - description_bytes_besides_positions;
    for (const auto& [name, offset] : positions) {
        const std::size_t bytes = sizeof(std::uint16_t) + name.size() + sizeof(std::uint64_t);
        if (bytes > bytes_left) {
            break;
        }
        bytes_left -= bytes;
        description.positions.push_back({name, offset});
    }
    answer(native::FrameType::topic_description, description, frame.header.correlation);
    return {};
}

}  // namespace leveret
