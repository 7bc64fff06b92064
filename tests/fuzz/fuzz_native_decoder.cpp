// The native decoder: a run of frames, and behind a first byte of 0xFF a body of the type that the second byte names.
// Whatever decodes encodes to the same bytes.
#include "fuzz/fuzzing.hpp"
#include "protocol/native.hpp"
#include "protocol/native_bodies.hpp"

using namespace leveret;
using leveret::test::require;

namespace {

constexpr std::size_t frame_bytes_max = 1U << 20U;
constexpr std::byte body_follows{0xFF};

void check_body(native::FrameType type, Bytes bytes) {
    const auto body = test::exact_copy(bytes);
    const auto encoded = test::reencode_body(type, body);
    require(!encoded || std::equal(encoded->begin(), encoded->end(), body.begin(), body.end()),
            "a body encodes to itself");
}

void check_frames(Bytes bytes) {
    while (true) {
        const auto frame = native::decode(bytes, frame_bytes_max);
        if (!frame || !frame->has_value()) {
            return;
        }
        const native::FrameHeader& header = (*frame)->header;
        require(header.length == native::header_bytes + (*frame)->body.size(), "a length is header and body");
        check_body(header.type, (*frame)->body);
        std::array<std::byte, native::header_bytes> written{};
        native::write_header(written.data(), header);
        require(std::equal(written.begin(), written.end(), bytes.begin()), "a header is written as it was read");
        bytes = bytes.subspan(header.length);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes bytes = test::input_bytes(data, size);
    if (bytes.size() >= 2 && bytes[0] == body_follows) {
        check_body(static_cast<native::FrameType>(bytes[1]), bytes.subspan(2));
    } else {
        check_frames(bytes);
    }
    return 0;
}
