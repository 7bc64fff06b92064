#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/native.hpp"
#include "protocol/zaichik.hpp"
#include "systems/leveret.hpp"

namespace leveret::compare {
namespace {

constexpr std::size_t frame_bytes_max = 16U << 20U;
/// Of one Publish frame, as the client library's default.
constexpr std::size_t publish_frame_bytes = 64U << 10U;
constexpr Correlation request{1};
/// How far the server may be ahead of a subscriber, granted anew in quarters, as the client library does. More only
/// piles up in sockets: with many subscribers far more than the processor's cache holds.
constexpr std::uint64_t credit_bytes = 1U << 20U;

class NativeProtocol final : public RawProtocol {
  public:
    explicit NativeProtocol(const Work& work) : work_(work) {}

    void greet_publisher(Socket& socket) override {
        std::vector<std::byte> out;
        const Bytes magic = std::as_bytes(std::span(native::magic));
        out.assign(magic.begin(), magic.end());
        native::append_frame(out, native::FrameType::hello, native::Hello{.client_name = "compare", .mechanism = {}},
                             request);
        for (const std::string& topic : work_.topics) {
            native::append_frame(out, native::FrameType::open_topic, native::TopicName{topic}, request);
        }
        socket.write(out);
        static_cast<void>(expect(socket, native::FrameType::welcome));
        for (std::size_t i = 0; i < work_.topics.size(); ++i) {
            handles_.push_back(expect(socket, native::FrameType::topic_opened));
        }
    }

    void greet_subscriber(Socket& socket) override {
        greet_publisher(socket);
        std::vector<std::byte> out;
        native::Subscribe subscribe;
        subscribe.start.kind = native::Start::Kind::earliest;
        subscribe.credit_bytes = credit_bytes;
        for (const std::uint32_t handle : handles_) {
            native::append_frame(out, native::FrameType::subscribe, subscribe, request, handle);
        }
        socket.write(out);
        for (std::size_t i = 0; i < handles_.size(); ++i) {
            const std::uint32_t subscription = expect(socket, native::FrameType::subscribed);
            owed_bytes_.resize(std::max<std::size_t>(owed_bytes_.size(), subscription + 1));
        }
    }

    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (std::size_t begin = 0, end = 0; begin < messages.size(); begin = end) {
            std::size_t bytes = 0;
            while (end < messages.size() && messages[end].topic == messages[begin].topic &&
                   bytes < publish_frame_bytes) {
                bytes += record_bytes(draft_of(messages[end++]));
            }
            append_frame(out, messages.subspan(begin, end - begin), bytes);
        }
    }

    /// Records are taken as they come, also out of the middle of a frame: what is kept for the next read is less than
    /// one, as with the other systems.
    std::size_t take(Bytes received, Sink& sink, Socket& socket) override {
        std::size_t taken = 0;
        for (std::size_t more = 1; more > 0; taken += more) {
            const Bytes rest = received.subspan(taken);
            more = deliver_left_bytes_ > 0 ? take_records(rest, sink, socket) : begin_deliver(rest);
        }
        return taken;
    }

  private:
    static RecordDraft draft_of(const RawMessage& message) { return {.payload = message.payload}; }

    void append_frame(std::vector<std::byte>& out, std::span<const RawMessage> messages, std::size_t records_bytes) {
        const std::size_t start = out.size();
        const std::size_t prefix = native::header_bytes + native::Publish::prefix_bytes;
        out.resize(start + prefix + records_bytes);
        std::byte* at = out.data() + start;
        native::write_header(at, {.length = static_cast<std::uint32_t>(prefix + records_bytes),
                                  .type = native::FrameType::publish,
                                  .flags = native::flags::one_way,
                                  .correlation = {},
                                  .handle = handles_[messages.front().topic]});
        native::Publish publish;
        publish.record_count = static_cast<std::uint32_t>(messages.size());
        publish.write_prefix(at + native::header_bytes);
        at += prefix;
        for (const RawMessage& message : messages) {
            const RecordDraft draft = draft_of(message);
            write_record(at, draft, &message != &messages.back());
            at += record_bytes(draft);
        }
    }

    /// The head of a Deliver frame; 0 while it is not whole.
    std::size_t begin_deliver(Bytes received) {
        constexpr std::size_t head_bytes = native::header_bytes + native::Deliver::prefix_bytes;
        const auto header = native::decode_header(received, frame_bytes_max);
        if (!header) {
            throw std::runtime_error("leveret: " + header.error().message());
        }
        if (!*header || received.size() < head_bytes) {
            return 0;
        }
        if ((*header)->type != native::FrameType::deliver) {
            throw std::runtime_error("leveret: unexpected frame " +
                                     std::string(native::frame_type_name((*header)->type)));
        }
        if ((*header)->length < head_bytes) {
            throw std::runtime_error("leveret: a deliver frame that ends in its head");
        }
        subscription_ = (*header)->handle;
        deliver_left_bytes_ = (*header)->length - head_bytes;
        return head_bytes;
    }

    /// The whole records at the front, of the frame that has begun. Bytes.
    std::size_t take_records(Bytes received, Sink& sink, Socket& socket) {
        const Bytes records = received.first(std::min(received.size(), deliver_left_bytes_));
        std::size_t taken = 0;
        while (records.size() - taken >= record_layout::header_bytes) {
            const RecordView record(records.data() + taken);
            if (record.size() < record_layout::header_bytes) {
                throw std::runtime_error("leveret: a record shorter than its header");
            }
            if (record.size() > records.size() - taken) {
                break;
            }
            sink.take(record.payload());
            taken += record.size();
        }
        deliver_left_bytes_ -= taken;
        give_credit_back(subscription_, taken, socket);
        return taken;
    }

    void give_credit_back(std::uint32_t subscription, std::uint64_t bytes, Socket& socket) {
        std::uint64_t& owed = owed_bytes_.at(subscription);
        owed += bytes;
        if (owed * 4 >= credit_bytes) {
            std::vector<std::byte> out;
            native::append_frame(out, native::FrameType::grant, native::Grant{.bytes = std::exchange(owed, 0)}, {},
                                 subscription, native::flags::one_way);
            socket.write(out);
        }
    }

    /// Reads one frame, which has to be of this type; answers its handle.
    static std::uint32_t expect(Socket& socket, native::FrameType type) {
        std::vector<std::byte> bytes = socket.read_exactly(native::header_bytes);
        std::uint32_t length = 0;
        std::memcpy(&length, bytes.data(), sizeof length);
        const std::vector<std::byte> body = socket.read_exactly(length - native::header_bytes);
        bytes.insert(bytes.end(), body.begin(), body.end());
        const auto frame = native::decode(bytes, frame_bytes_max);
        if (!frame || !*frame || (*frame)->header.type != type) {
            throw std::runtime_error("leveret: no " + std::string(native::frame_type_name(type)) + " came");
        }
        return (*frame)->header.handle;
    }

    const Work work_;
    std::vector<std::uint32_t> handles_;     // by topic
    std::vector<std::uint64_t> owed_bytes_;  // by subscription
    std::uint32_t subscription_ = 0;         // of the Deliver frame that has begun
    std::size_t deliver_left_bytes_ = 0;     // of its records, still to come
};

class ZaichikProtocol final : public RawProtocol {
  public:
    explicit ZaichikProtocol(const Work& work) : work_(work) { zaichik::encode(zaichik::Commit{}, commit_); }

    void greet_publisher(Socket& /*socket*/) override {}

    /// This dialect confirms nothing.
    void greet_subscriber(Socket& socket) override {
        std::vector<std::byte> out;
        for (const std::string& topic : work_.topics) {
            zaichik::encode(zaichik::Subscribe{topic}, out);
        }
        socket.write(out);
    }

    void append(std::vector<std::byte>& out, std::span<const RawMessage> messages) override {
        for (const RawMessage& message : messages) {
            zaichik::encode(zaichik::Publish{work_.topics[message.topic], std::nullopt, message.payload}, out);
        }
    }

    std::size_t take(Bytes received, Sink& sink, Socket& socket) override {
        const auto decoded = zaichik::decode(received, frame_bytes_max);
        if (!decoded) {
            throw std::runtime_error("leveret: " + decoded.error().message());
        }
        if (!*decoded) {
            return 0;
        }
        sink.take(std::get<zaichik::Publish>((*decoded)->frame).payload);
        socket.write(commit_);
        return (*decoded)->bytes;
    }

  private:
    const Work work_;
    std::vector<std::byte> commit_;
};

}  // namespace

std::unique_ptr<RawProtocol> make_native_protocol(const Work& work) {
    return std::make_unique<NativeProtocol>(work);
}
std::unique_ptr<RawProtocol> make_zaichik_protocol(const Work& work) {
    return std::make_unique<ZaichikProtocol>(work);
}

}  // namespace leveret::compare
