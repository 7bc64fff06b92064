// What a native client sends, frame by frame, and the frames it gets back: for tests that speak to the broker in bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/native.hpp"

namespace leveret::test {

using ByteVector = std::vector<std::byte>;

inline void append(ByteVector& to, Bytes bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

template <class Body>
ByteVector frame(native::FrameType type, const Body& body, std::uint32_t correlation = 0, std::uint32_t handle = 0,
                 std::uint8_t flags = 0) {
    ByteVector bytes;
    native::append_frame(bytes, type, body, Correlation{correlation}, handle, flags);
    return bytes;
}

/// A frame that is only a header.
inline ByteVector bodiless(native::FrameType type, std::uint32_t correlation = 0, std::uint32_t handle = 0) {
    return frame(type, native::RawBody{}, correlation, handle);
}

/// The magic bytes and Hello.
inline ByteVector opening() {
    const Bytes magic = std::as_bytes(std::span(native::magic));
    ByteVector bytes(magic.begin(), magic.end());
    append(bytes, frame(native::FrameType::hello, native::Hello{.client_name = "test", .mechanism = {}}));
    return bytes;
}

inline ByteVector open_topic(std::string_view name, std::uint32_t correlation = 0) {
    return frame(native::FrameType::open_topic, native::TopicName{.name = name}, correlation);
}

/// The records of one Publish frame.
class DraftedRecords {
  public:
    DraftedRecords() = default;
    explicit DraftedRecords(std::string_view payload) { add({.payload = as_bytes(payload)}); }

    DraftedRecords& add(const RecordDraft& draft) {
        if (count_ > 0) {
            set_more_in_batch(bytes_.data() + last_, true);
        }
        last_ = bytes_.size();
        bytes_.resize(last_ + record_bytes(draft));
        write_record(bytes_.data() + last_, draft, false);
        ++count_;
        return *this;
    }
    DraftedRecords& add(std::string_view payload) { return add({.payload = as_bytes(payload)}); }
    DraftedRecords& add(std::string_view key, std::string_view payload) {
        return add({.payload = as_bytes(payload), .key = key});
    }

    [[nodiscard]] const ByteVector& bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }

  private:
    ByteVector bytes_;
    std::size_t last_ = 0;
    std::uint32_t count_ = 0;
};

inline ByteVector publish(std::uint32_t handle, const DraftedRecords& records, std::uint32_t correlation = 0,
                          std::uint8_t flags = 0) {
    ByteVector body(native::Publish::prefix_bytes);
    native::Publish{.record_count = records.count()}.write_prefix(body.data());
    append(body, records.bytes());
    return frame(native::FrameType::publish, native::RawBody{body}, correlation, handle, flags);
}

inline ByteVector publish_one_way(std::uint32_t handle, const DraftedRecords& records) {
    return publish(handle, records, 0, native::flags::one_way);
}

inline ByteVector subscribe(std::uint32_t handle, const native::Subscribe& request, std::uint32_t correlation = 0) {
    return frame(native::FrameType::subscribe, request, correlation, handle);
}

inline native::Start start_at(native::Start::Kind kind, std::uint64_t value = 0, std::string_view position = {}) {
    return {.kind = kind, .value = value, .position = position};
}
inline native::Subscribe from_earliest() {
    return {.start = start_at(native::Start::Kind::earliest)};
}
inline native::Start at_offset(std::uint64_t offset) {
    return start_at(native::Start::Kind::offset, offset);
}

/// One frame that the broker sent.
struct ReceivedFrame {
    native::FrameHeader header;
    ByteVector body;

    template <class Body>
    [[nodiscard]] Body as() const {
        return Body::decode(body).value();
    }
    /// Of a Deliver: the records' payloads, a space behind each.
    [[nodiscard]] std::string payloads() const {
        std::string text;
        for (const RecordView record : Records(as<native::Deliver>().records)) {
            text += std::string(record.payload_text()) + ' ';
        }
        return text;
    }
};

/// Takes the whole frames off the front of `bytes`. Throws where what is there is no frame.
inline std::vector<ReceivedFrame> take_frames(ByteVector& bytes) {
    constexpr std::size_t frame_bytes_max = 1U << 30U;
    std::vector<ReceivedFrame> frames;
    std::size_t taken = 0;
    while (const auto found = native::decode(Bytes(bytes).subspan(taken), frame_bytes_max).value()) {
        frames.push_back({found->header, {found->body.begin(), found->body.end()}});
        taken += found->header.length;
    }
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
    return frames;
}

}  // namespace leveret::test
