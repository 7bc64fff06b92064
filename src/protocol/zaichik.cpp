#include "protocol/zaichik.hpp"

#include <limits>

#include "protocol/identity.hpp"
#include "protocol/wire.hpp"

namespace leveret::zaichik {
namespace {

enum class Variant : std::uint32_t { create_topic, publish, subscribe, unsubscribe, close_connection, commit };

constexpr std::size_t key_bytes_max = std::numeric_limits<std::uint16_t>::max();

/// Takes fields off the front of some bytes until one is not there yet or is wrong; after that, every field is empty.
class FieldReader {
  public:
    FieldReader(Bytes bytes, std::size_t frame_bytes_max) noexcept : bytes_(bytes), frame_bytes_max_(frame_bytes_max) {}

    template <std::integral T>
    T number() noexcept {
        T value{};
        if (const Bytes field = take(sizeof value); !field.empty()) {
            std::memcpy(&value, field.data(), sizeof value);
        }
        return value;
    }

    std::string_view topic() noexcept {
        const std::string_view name = as_text(counted(name_bytes_max, Error::bad_topic_name));
        if (is_reading() && !is_valid_name(name)) {
            stop(Error::bad_topic_name);
        }
        return name;
    }

    std::optional<std::string_view> key() noexcept {
        const auto tag = number<std::uint8_t>();
        if (tag == 0) {
            return std::nullopt;
        }
        if (tag != 1) {
            stop(Error::bad_frame);
        }
        const std::string_view text = as_text(counted(key_bytes_max, Error::bad_record));
        if (is_reading() && !is_utf8(text)) {
            stop(Error::bad_frame);
        }
        return text;
    }

    Bytes payload() noexcept { return counted(frame_bytes_max_, Error::frame_too_large); }

    void stop(Error error) noexcept {
        if (is_reading()) {
            error_ = error;
        }
    }

    /// The frame, where all its fields were there. Built where it is returned: copying it costs as much as reading it.
    template <class Command>
    Result<std::optional<Decoded>> finish(const Command& command) const noexcept {
        Result<std::optional<Decoded>> result;
        if (error_) {
            result = fail(*error_);
        } else if (!is_short_) {
            Decoded& decoded = result->emplace();
            decoded.frame.emplace<Command>(command);
            decoded.bytes = position_;
        }
        return result;
    }

  private:
    [[nodiscard]] bool is_reading() const noexcept { return !is_short_ && !error_; }

    /// Compares without adding, so that no declared length can overflow.
    Bytes take(std::uint64_t count) noexcept {
        if (!is_reading()) {
            return {};
        }
        if (position_ > frame_bytes_max_ || count > frame_bytes_max_ - position_) {
            stop(Error::frame_too_large);
            return {};
        }
        if (count > bytes_.size() - position_) {
            is_short_ = true;
            return {};
        }
        const Bytes taken = bytes_.subspan(position_, count);
        position_ += count;
        return taken;
    }

    /// A length of 8 bytes, then that many bytes; more than `bytes_max` is `too_long` without waiting for them.
    Bytes counted(std::size_t bytes_max, Error too_long) noexcept {
        const auto count = number<std::uint64_t>();
        if (count > bytes_max) {
            stop(too_long);
        }
        return take(count);
    }

    Bytes bytes_;
    std::size_t frame_bytes_max_;
    std::size_t position_ = 0;
    bool is_short_ = false;
    std::optional<Error> error_;
};

void put_text(WireWriter& out, std::string_view text) {
    out.number<std::uint64_t>(text.size());
    out.bytes(as_bytes(text));
}

struct Encoder {
    WireWriter& out;

    void operator()(const CreateTopic& frame) const {
        put_text(out, frame.topic);
        out.number(frame.retention_ttl_ms);
        out.number(frame.compaction_window_ms);
    }
    void operator()(const Publish& frame) const {
        put_text(out, frame.topic);
        out.number<std::uint8_t>(frame.key ? 1 : 0);
        if (frame.key) {
            put_text(out, *frame.key);
        }
        put_text(out, as_text(frame.payload));
    }
    void operator()(const Subscribe& frame) const { put_text(out, frame.topic); }
    void operator()(const Unsubscribe& frame) const { put_text(out, frame.topic); }
    void operator()(const CloseConnection&) const {}
    void operator()(const Commit&) const {}
};

}  // namespace

Result<std::optional<Decoded>> decode(Bytes bytes, std::size_t frame_bytes_max) noexcept {
    FieldReader in(bytes, frame_bytes_max);
    switch (static_cast<Variant>(in.number<std::uint32_t>())) {
        case Variant::create_topic: {
            CreateTopic frame;
            frame.topic = in.topic();
            frame.retention_ttl_ms = in.number<std::uint64_t>();
            frame.compaction_window_ms = in.number<std::uint64_t>();
            return in.finish(frame);
        }
        case Variant::publish: {
            Publish frame;
            frame.topic = in.topic();
            frame.key = in.key();
            frame.payload = in.payload();
            return in.finish(frame);
        }
        case Variant::subscribe:
            return in.finish(Subscribe{in.topic()});
        case Variant::unsubscribe:
            return in.finish(Unsubscribe{in.topic()});
        case Variant::close_connection:
            return in.finish(CloseConnection{});
        case Variant::commit:
            return in.finish(Commit{});
    }
    return fail(Error::bad_frame);
}

void encode(const Frame& frame, std::vector<std::byte>& out) {
    WireWriter writer(out);
    writer.number(static_cast<std::uint32_t>(frame.index()));
    std::visit(Encoder{writer}, frame);
}

}  // namespace leveret::zaichik
