// tests/vectors/zaichik.json holds the original broker's bytes; this is what its "about" promises of them.
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "project_file.hpp"
#include "protocol/allocation_counter.hpp"
#include "protocol/hex.hpp"
#include "protocol/wire.hpp"
#include "protocol/zaichik.hpp"

namespace leveret::zaichik {
namespace {

using nlohmann::json;
using test::from_hex;
using test::to_hex;

constexpr std::size_t frame_bytes_max = 8U << 20U;

const json& vectors() {
    static const json document = json::parse(test::project_file("tests/vectors/zaichik.json"));
    return document;
}

/// A list of the document that must not be empty: a test over no vectors would always pass.
const json& vectors(const char* list) {
    const json& items = vectors().at(list);
    REQUIRE_FALSE(items.empty());
    return items;
}

std::vector<std::byte> bytes_of(const json& vector) {
    return from_hex(vector.at("hex").get<std::string>());
}

/// The frame that a vector describes, field by field. Keeps what the frame's views point to.
class Described {
  public:
    explicit Described(const json& frame) : type_(frame.at("type")), topic_(frame.value("topic", "")) {
        if (frame.contains("key") && !frame.at("key").is_null()) {
            key_ = frame.at("key").get<std::string>();
        }
        payload_ = frame.contains("payload_hex") ? from_hex(frame.at("payload_hex").get<std::string>()) : utf8(frame);
        retention_ttl_ms_ = frame.value("retention_ttl", std::uint64_t{0});
        compaction_window_ms_ = frame.value("compaction_window", std::uint64_t{0});
    }

    [[nodiscard]] Frame frame() const {
        if (type_ == "CreateTopic") {
            return CreateTopic{topic_, retention_ttl_ms_, compaction_window_ms_};
        }
        if (type_ == "Publish") {
            return Publish{topic_, key_, payload_};
        }
        if (type_ == "Subscribe") {
            return Subscribe{topic_};
        }
        if (type_ == "Unsubscribe") {
            return Unsubscribe{topic_};
        }
        return type_ == "Commit" ? Frame{Commit{}} : Frame{CloseConnection{}};
    }

  private:
    static std::vector<std::byte> utf8(const json& frame) {
        const auto text = frame.value("payload_utf8", "");
        const Bytes bytes = as_bytes(text);
        return {bytes.begin(), bytes.end()};
    }

    std::string type_;
    std::string topic_;
    std::optional<std::string> key_;
    std::vector<std::byte> payload_;
    std::uint64_t retention_ttl_ms_ = 0;
    std::uint64_t compaction_window_ms_ = 0;
};

/// As the document writes frames in its sequences: "Publish hello/None/a".
struct Sentence {
    std::string operator()(const CreateTopic& frame) const { return "CreateTopic " + std::string(frame.topic); }
    std::string operator()(const Publish& frame) const {
        return "Publish " + std::string(frame.topic) + "/" + std::string(frame.key.value_or("None")) + "/" +
               std::string(as_text(frame.payload));
    }
    std::string operator()(const Subscribe& frame) const { return "Subscribe " + std::string(frame.topic); }
    std::string operator()(const Unsubscribe& frame) const { return "Unsubscribe " + std::string(frame.topic); }
    std::string operator()(const CloseConnection&) const { return "CloseConnection"; }
    std::string operator()(const Commit&) const { return "Commit"; }
};

/// Frames by value: their views are compared by what they show, not by where they point.
bool same(const Frame& left, const Frame& right) {
    std::vector<std::byte> left_bytes;
    std::vector<std::byte> right_bytes;
    encode(left, left_bytes);
    encode(right, right_bytes);
    return left.index() == right.index() && left_bytes == right_bytes;
}

/// Decoding fails, whatever the error, without an allocation.
void expect_refused(Bytes bytes) {
    const std::size_t before = test::allocations();
    const auto decoded = decode(bytes, frame_bytes_max);
    const std::size_t after = test::allocations();
    CHECK_FALSE(decoded.has_value());
    CHECK(after == before);
}

TEST_CASE("zaichik vectors: each frame encodes to its bytes", "[zaichik]") {
    for (const json& vector : vectors("frames")) {
        INFO(vector.at("name"));
        std::vector<std::byte> bytes;
        encode(Described(vector.at("frame")).frame(), bytes);
        CHECK(to_hex(bytes) == vector.at("hex"));
    }
}

TEST_CASE("zaichik vectors: each frame decodes from its bytes, all of them, and allocates nothing", "[zaichik]") {
    for (const json& vector : vectors("frames")) {
        INFO(vector.at("name"));
        const auto bytes = bytes_of(vector);
        const std::size_t before = test::allocations();
        const auto decoded = decode(bytes, frame_bytes_max);
        const std::size_t after = test::allocations();
        REQUIRE((decoded && *decoded));
        CHECK((*decoded)->bytes == bytes.size());
        CHECK(same((*decoded)->frame, Described(vector.at("frame")).frame()));
        CHECK(after == before);
    }
}

TEST_CASE("zaichik vectors: every proper prefix of a frame needs more bytes", "[zaichik]") {
    for (const json& vector : vectors("frames")) {
        const auto bytes = bytes_of(vector);
        for (std::size_t length = 0; length < bytes.size(); ++length) {
            INFO(vector.at("name") << ", " << length << " bytes of it");
            // A copy of its own, so that a sanitizer sees a read beyond.
            const std::vector<std::byte> prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
            const auto decoded = decode(prefix, frame_bytes_max);
            REQUIRE(decoded.has_value());
            CHECK_FALSE(decoded->has_value());
        }
    }
}

TEST_CASE("zaichik vectors: what is malformed is an error and allocates nothing", "[zaichik]") {
    for (const json& vector : vectors("malformed")) {
        INFO(vector.at("name"));
        expect_refused(bytes_of(vector));
    }
}

TEST_CASE("zaichik vectors: what breaks a limit of ours is refused", "[zaichik]") {
    std::size_t described = 0;
    for (const json& vector : vectors("refused")) {
        INFO(vector.at("name"));
        if (vector.contains("hex")) {
            expect_refused(bytes_of(vector));
        } else {
            ++described;
        }
    }
    CHECK(described == 2);
}

TEST_CASE("zaichik vectors: key_65536_bytes is refused", "[zaichik]") {
    std::vector<std::byte> bytes;
    encode(Publish{"hello", std::string(65'536, 'k'), {}}, bytes);
    expect_refused(bytes);
}

TEST_CASE("zaichik vectors: payload_over_limit is refused at once", "[zaichik]") {
    auto bytes = from_hex("01000000 0500000000000000 68656c6c6f 00");
    WireWriter(bytes).number(std::uint64_t{frame_bytes_max} + 1);
    expect_refused(bytes);
}

TEST_CASE("zaichik vectors: one read that holds several frames gives them one after another", "[zaichik]") {
    for (const json& vector : vectors("sequences")) {
        const auto bytes = bytes_of(vector);
        Bytes left = bytes;
        for (const json& expected : vector.at("frames")) {
            INFO(vector.at("name") << ": " << expected);
            const auto decoded = decode(left, frame_bytes_max);
            REQUIRE((decoded && *decoded));
            CHECK_THAT(expected.get<std::string>(), Catch::StartsWith(std::visit(Sentence{}, (*decoded)->frame)));
            left = left.subspan((*decoded)->bytes);
        }
        CHECK(left.empty());
    }
}

}  // namespace
}  // namespace leveret::zaichik
