// Every frame of the native dialect through its own decoder and encoder, by its type.
#pragma once

#include <vector>

#include "protocol/native.hpp"

namespace leveret::test {

/// Decodes `body` as a frame of `type` has it and encodes what came out.
[[nodiscard]] Result<std::vector<std::byte>> reencode_body(native::FrameType type, Bytes body);

/// The same for a whole frame: its header too. `frame` is exactly one frame.
[[nodiscard]] Result<std::vector<std::byte>> reencode_frame(Bytes frame);

/// Every type there is, in the order of their numbers: those that have a name.
[[nodiscard]] std::vector<native::FrameType> all_frame_types();

/// An encoded body.
template <class Body>
std::vector<std::byte> encoded(const Body& body) {
    std::vector<std::byte> bytes;
    if constexpr (requires { body.write_prefix(bytes.data()); }) {
        bytes.resize(Body::prefix_bytes);
        body.write_prefix(bytes.data());
        bytes.insert(bytes.end(), body.records.begin(), body.records.end());
    } else {
        WireWriter out(bytes);
        body.encode(out);
    }
    return bytes;
}

}  // namespace leveret::test
