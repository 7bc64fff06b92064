// Frames of both dialects around a BenchBatch.
#pragma once

#include "bench_topic.hpp"
#include "protocol/native.hpp"
#include "protocol/zaichik.hpp"
#include "support/native_frames.hpp"

namespace leveret::bench {

using test::ByteVector;

/// As the library's default publish_frame_bytes_max: records of a Publish frame that is full.
constexpr std::size_t full_frame_bytes = 64U << 10U;

/// Of a message with this payload.
constexpr std::size_t record_bytes_of(std::size_t payload_bytes) noexcept {
    return record_layout::header_bytes + payload_bytes;
}

inline ByteVector publish_frame(std::uint32_t topic_handle, const Batch& batch, std::uint8_t flags = 0,
                                std::uint32_t correlation = 0) {
    ByteVector body(native::Publish::prefix_bytes);
    native::Publish{.record_count = batch.record_count}.write_prefix(body.data());
    test::append(body, batch.records);
    return test::frame(native::FrameType::publish, native::RawBody{body}, correlation, topic_handle, flags);
}

/// With the batch's records stamped, offsets counted up from 0.
inline ByteVector deliver_frame(std::uint32_t subscription_handle, const Batch& batch) {
    ByteVector body(native::Deliver::prefix_bytes);
    native::Deliver{.epoch = Epoch{1}}.write_prefix(body.data());
    test::append(body, batch.records);
    std::uint64_t offset = 0;
    for (const RecordView record : Records(Bytes(body).subspan(native::Deliver::prefix_bytes))) {
        stamp_record(const_cast<std::byte*>(record.bytes().data()), Offset{offset++}, Timestamp{});
    }
    return test::frame(native::FrameType::deliver, native::RawBody{body}, 0, subscription_handle);
}

inline ByteVector zaichik_frame(const zaichik::Frame& command) {
    ByteVector bytes;
    zaichik::encode(command, bytes);
    return bytes;
}

}  // namespace leveret::bench
