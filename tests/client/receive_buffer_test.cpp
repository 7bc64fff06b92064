// Bytes in at the back, frames out at the front.
#include "receive_buffer.hpp"

#include <cstring>
#include <thread>

#include "fake_server.hpp"

using namespace leveret;
using namespace leveret::test;
using client_side::ReceiveBuffer;

namespace {

constexpr std::size_t frame_bytes_max = 8U << 20U;

/// Puts in as much as fits; says how much that was.
std::size_t fill(ReceiveBuffer& buffer, Bytes bytes) {
    const auto space = buffer.space();
    const std::size_t count = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), count);
    buffer.received(count);
    return count;
}

/// Feeds `bytes` in pieces and gives back the bodies that came out.
std::vector<std::string> bodies_of(ReceiveBuffer& buffer, Bytes bytes, std::size_t piece_bytes) {
    std::vector<std::string> bodies;
    while (!bytes.empty()) {
        bytes = bytes.subspan(fill(buffer, bytes.first(std::min(piece_bytes, bytes.size()))));
        while (const auto frame = buffer.next_frame(frame_bytes_max).value()) {
            bodies.emplace_back(as_text(frame->body));
        }
    }
    return bodies;
}

std::vector<std::byte> frames_with(const std::vector<std::string>& bodies) {
    std::vector<std::byte> bytes;
    for (const std::string& body : bodies) {
        native::append_frame(bytes, native::FrameType::pong, native::RawBody{as_bytes(body)}, {});
    }
    return bytes;
}

}  // namespace

TEST_CASE("ReceiveBuffer: frames come out the same, whatever pieces they came in") {
    const std::vector<std::string> bodies{"a", "", std::string(700, 'b'), "c"};
    const auto bytes = frames_with(bodies);
    for (std::size_t piece_bytes = 1; piece_bytes <= bytes.size(); ++piece_bytes) {
        ReceiveBuffer buffer;
        REQUIRE(bodies_of(buffer, bytes, piece_bytes) == bodies);
    }
}

TEST_CASE("ReceiveBuffer: frames that lie across the end of a block, and frames larger than one") {
    std::vector<std::string> bodies;
    for (const std::size_t size : {400'000U, 300'000U, 3'000'000U, 1U, 600'000U}) {
        bodies.emplace_back(size, static_cast<char>('a' + bodies.size()));
    }
    ReceiveBuffer buffer;
    REQUIRE(bodies_of(buffer, frames_with(bodies), 100'000) == bodies);
}

TEST_CASE("ReceiveBuffer: a length that is only claimed takes no memory") {
    ReceiveBuffer buffer;
    auto bytes = frames_with({"a"});
    const std::uint32_t claimed = frame_bytes_max;
    std::memcpy(bytes.data(), &claimed, sizeof claimed);
    fill(buffer, bytes);
    REQUIRE_FALSE(buffer.next_frame(frame_bytes_max).value().has_value());
    REQUIRE(buffer.space().size() <= client_side::ReceiveBlockPool::block_bytes);
}

TEST_CASE("ReceiveBuffer: a length over the limit is an error at once") {
    ReceiveBuffer buffer;
    auto bytes = frames_with({"a"});
    const std::uint32_t claimed = frame_bytes_max + 1;
    std::memcpy(bytes.data(), &claimed, sizeof claimed);
    fill(buffer, bytes);
    REQUIRE(buffer.next_frame(frame_bytes_max).error() == Error::frame_too_large);
}

TEST_CASE("ReceiveBuffer: memory that has an owner stays as it is, also when that owner is on another thread") {
    ReceiveBuffer buffer;
    const std::string body(200'000, 'k');
    const auto bytes = frames_with({body});
    for (Bytes left(bytes); !left.empty();) {
        left = left.subspan(fill(buffer, left));
    }
    const auto frame = buffer.next_frame(frame_bytes_max).value();
    bool unchanged = false;
    std::thread reader([&, kept = frame->body, owner = buffer.owner()] { unchanged = as_text(kept) == body; });
    const std::vector<std::string> others(20, std::string(100'000, 'x'));
    const auto came_out = bodies_of(buffer, frames_with(others), 64U << 10U);
    reader.join();
    REQUIRE(unchanged);
    REQUIRE(came_out == others);
}

TEST_CASE("ReceiveBuffer: begins at the front of its memory again once all owners have gone, not before") {
    ReceiveBuffer buffer;
    const std::byte* const front = buffer.space().data();
    const auto bytes = frames_with({std::string(1000, 'a')});
    const auto take_frame = [&] {
        fill(buffer, bytes);
        REQUIRE(buffer.next_frame(frame_bytes_max).value().has_value());
    };
    take_frame();
    REQUIRE(buffer.space().data() == front);  // nobody asked for an owner
    take_frame();
    auto first = buffer.owner();
    REQUIRE(buffer.space().data() == front + bytes.size());
    take_frame();
    auto second = buffer.owner();
    REQUIRE(buffer.owner() == second);
    second.reset();
    REQUIRE(buffer.space().data() == front + 2 * bytes.size());
    first.reset();
    REQUIRE(buffer.space().data() == front);
}

TEST_CASE("ReceiveBuffer: the beginning of a frame moves to the front where it is small beside what was taken") {
    ReceiveBuffer buffer;
    const std::byte* const front = buffer.space().data();
    const std::vector<std::string> bodies{std::string(1000, 'a'), std::string(100, 'b')};
    const auto bytes = frames_with(bodies);
    constexpr std::size_t lacking_bytes = 20;
    fill(buffer, Bytes(bytes).first(bytes.size() - lacking_bytes));
    REQUIRE(as_text(buffer.next_frame(frame_bytes_max).value()->body) == bodies[0]);
    REQUIRE_FALSE(buffer.next_frame(frame_bytes_max).value().has_value());
    REQUIRE(buffer.space().data() < front + bodies[0].size());
    fill(buffer, Bytes(bytes).last(lacking_bytes));
    REQUIRE(as_text(buffer.next_frame(frame_bytes_max).value()->body) == bodies[1]);
}
