// The zaichik decoder: whatever decodes encodes to the same bytes, and needs every one of them.
#include "fuzz/fuzzing.hpp"
#include "protocol/zaichik.hpp"

using namespace leveret;
using leveret::test::require;

namespace {

constexpr std::size_t frame_bytes_max = 4096;

void check_frame(Bytes bytes, const zaichik::Decoded& decoded) {
    require(decoded.bytes > 0 && decoded.bytes <= bytes.size(), "a frame takes some of the bytes that are there");
    require(decoded.bytes <= frame_bytes_max, "a frame is within its limit");
    std::vector<std::byte> encoded;
    zaichik::encode(decoded.frame, encoded);
    const Bytes frame = bytes.first(decoded.bytes);
    require(std::equal(encoded.begin(), encoded.end(), frame.begin(), frame.end()), "a frame encodes to itself");
    const auto cut = test::exact_copy(frame.first(frame.size() - 1));
    const auto from_cut = zaichik::decode(cut, frame_bytes_max);
    require(from_cut && !from_cut->has_value(), "a frame without its last byte is waited for");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes bytes = test::input_bytes(data, size);
    while (true) {
        const auto decoded = zaichik::decode(bytes, frame_bytes_max);
        if (!decoded || !decoded->has_value()) {
            return 0;
        }
        check_frame(bytes, **decoded);
        bytes = bytes.subspan((*decoded)->bytes);
    }
}
